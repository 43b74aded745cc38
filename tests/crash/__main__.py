"""``python -m tests.crash --kills N --seed S``: the storm for as long as is asked."""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.support.sandbox import enter_once, private_host, why_not


def main() -> int:
    """Kill as often as is asked; 1 with the seed and the history where something was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=1000, help="how many processes are killed")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1 << 31), help="repeats a run")
    arguments = parser.parse_args()
    # Before anything starts a thread: a user namespace is made by a process of one thread.
    enter_once()
    if why_not():
        print(f"no kernel to kill on: {why_not()}", file=sys.stderr)
        return 1
    return _storm(arguments.kills, arguments.seed)


def _storm(kills: int, seed: int) -> int:
    # Only now: it imports what starts sockets and reads the namespaces that it finds.
    from tests.crash.place import Place
    from tests.crash.process import Program
    from tests.crash.storm import Storm

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    start = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="deuteron-crash-") as folder,
        private_host() as host,
        Program() as program,
        Progress(*columns, console=console, disable=not console.is_terminal) as bar,
    ):
        place = Place(host, program, Path(folder))
        place.furnish()
        storm = Storm(place, seed)
        task = bar.add_task(f"seed {seed}", total=kills)
        try:
            storm.run(kills, lambda done: bar.update(task, completed=done))
        except AssertionError as wrong:
            print(wrong, file=sys.stderr)
            return 1
    seconds = time.monotonic() - start
    print(f"seed {seed}: {storm.kills} kills, {dict(storm.tally)}, nothing left behind, {seconds:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
