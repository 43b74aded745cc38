"""Processor time of processes and of all below them: what holds on a busy machine, where times do not."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

Usage = dict[str, float]

_TICK: Final = os.sysconf("SC_CLK_TCK")


def usage(pids: Mapping[str, int]) -> Usage:
    """Seconds so far of each process with those below it, by name.

    What runs below another one that is named is that one's, and not both's.
    """
    parents: dict[int, int] = {}
    seconds: dict[int, float] = {}
    for one in Path("/proc").iterdir():
        if one.name.isdecimal():
            _read(one, parents, seconds)
    named = {pid: name for name, pid in pids.items()}
    found = dict.fromkeys(pids, 0.0)
    for pid, used in seconds.items():
        at = pid
        while at not in named and at in parents:
            at = parents[at]
        if at in named:
            found[named[at]] += used
    return found


def _read(one: Path, parents: dict[int, int], seconds: dict[int, float]) -> None:
    try:
        said = (one / "stat").read_text().rpartition(")")[2].split()
    except OSError:  # it has ended
        return
    parents[int(one.name)] = int(said[1])
    seconds[int(one.name)] = sum(map(int, said[11:15])) / _TICK


def below(pid: int) -> list[int]:
    """The children of a process."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(one) for one in children.read_text().split()]
