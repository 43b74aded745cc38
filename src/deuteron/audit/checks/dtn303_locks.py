"""DTN-303."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from deuteron.audit.check import Check, Verdict, verdict
from deuteron.audit.facts import Facts


def _run(facts: Facts) -> Verdict:
    files = {"state lock": facts.places.state_dir / "lock", "host lock": facts.places.run_dir / "host.lock"}
    ghosts = {f"{path} (deleted)": role for role, path in files.items()}
    held = [
        name for pid in _holders(facts.places.proc) for name in _open(facts.places.proc / str(pid) / "fd")
    ]
    lines = [f"{ghosts[name]}: held on a file that is not there any more" for name in held if name in ghosts]
    return verdict(lines, "end the process that holds it (`deuteron status`), and start it again")


def _holders(proc: Path) -> list[int]:
    """Who holds a flock(2) lock: ``/proc/locks`` (proc_locks(5)); 0 and below is of another PID namespace."""
    rows = [line.split() for line in (proc / "locks").read_text().splitlines()]
    return sorted({int(row[4]) for row in rows if row[1] == "FLOCK" and int(row[4]) > 0})


def _open(directory: Path) -> Iterator[str]:
    try:
        numbers = os.listdir(directory)  # noqa: PTH208 -- only the names
    except (FileNotFoundError, PermissionError):
        return
    for number in numbers:
        try:
            yield str((directory / number).readlink())
        except FileNotFoundError:
            continue


CHECK = Check(
    id="DTN-303",
    title="who holds a lock holds the file that is there",
    broken="a lock is held on a file that was removed",
    consideration=3,
    help="A lock file that was removed is locked for its holder and free for the next one: two would write.",
    run=_run,
)
