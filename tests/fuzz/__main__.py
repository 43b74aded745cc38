"""``python -m tests.fuzz --seconds N --seed S``: every parser, round by round, until the time is over."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from tests.fuzz.run import Tally, fuzz
from tests.fuzz.targets import TARGETS
from tests.support.sandbox import enter_once

#: How many codes a row of the table names.
_FEW: Final = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; 0 where every input was a value or one of our errors."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument(
        "--seconds", type=float, default=60.0, help="for all of them; a round is always ended"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the first round; the next has the next one")
    parser.add_argument("--only", action="append", choices=sorted(TARGETS), help="only these")
    asked = parser.parse_args(arguments)
    enter_once()  # the broker's side may do what it likes in there
    names = asked.only or list(TARGETS)
    tallies = {name: Tally() for name in names}
    wrong: dict[str, str] = {}
    end = time.monotonic() + asked.seconds
    number = asked.seed
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("fuzz", total=asked.seconds)
        while True:
            for name in names:
                progress.update(task, description=f"{name}, seed {number}")
                if name not in wrong and (sentence := _round(name, number, tallies[name])):
                    wrong[name] = sentence
                progress.update(task, completed=asked.seconds - max(0.0, end - time.monotonic()))
            number += 1
            if time.monotonic() >= end or len(wrong) == len(names):
                break
    Console(width=120).print(_table(tallies))
    for name, sentence in wrong.items():
        print(f"\n{name} is broken:\n{sentence}")
    print(f"\nseeds {asked.seed} to {number - 1}; {len(wrong)} of {len(names)} are broken")
    return bool(wrong)


def _round(name: str, number: int, tally: Tally) -> str:
    """What went wrong in a round, "" where nothing did."""
    with tempfile.TemporaryDirectory(dir=_memory()) as scratch:
        try:
            fuzz(TARGETS[name], number=number, scratch=Path(scratch), tally=tally)
        except (Exception, SystemExit, BaseExceptionGroup):
            return traceback.format_exc()
    return ""


def _memory() -> Path | None:
    """Where files cost nothing; ``None`` where there is no such place."""
    path = Path("/dev/shm")
    return path if path.is_dir() else None


def _table(tallies: dict[str, Tally]) -> Table:
    made = Table("parser", box=None)
    for column in ("inputs", "values", "refused", "a second", "slowest, ms"):
        made.add_column(column, justify="right")
    made.add_column("mostly as")
    for name, one in tallies.items():
        rate = f"{one.inputs / one.seconds:.0f}" if one.seconds else ""
        mostly = ", ".join(code for code, _ in one.errors.most_common(_FEW))
        counts = (one.inputs, one.values, one.errors.total())
        made.add_row(name, *map(str, counts), rate, f"{one.slowest * 1000:.0f}", mostly)
    return made


if __name__ == "__main__":
    sys.exit(main())
