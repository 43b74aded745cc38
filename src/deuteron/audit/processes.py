"""Processes as ``/proc`` tells of them (proc_pid(5)); one that ends meanwhile is left out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """One process.

    Attributes:
        pid: its number.
        directory: below ``/proc``.
        words: its command line.
    """

    pid: int
    directory: Path
    words: tuple[str, ...]

    @property
    def ours(self) -> bool:
        """Whether it is this program: run by its name, or as a module of it."""
        match self.words:
            case [_, "-m", module, *_]:
                return module.partition(".")[0] == "deuteron"
            case _:
                return "deuteron" in (Path(word).name for word in self.words[:2])


def processes(proc: Path) -> Iterator[Process]:
    """All that can be seen."""
    with os.scandir(proc) as entries:
        numbers = sorted(int(entry.name) for entry in entries if entry.name.isdecimal())
    for pid in numbers:
        directory = proc / str(pid)
        try:
            content = (directory / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        words = tuple(word.decode("utf-8", "replace") for word in content.split(b"\0") if word)
        yield Process(pid=pid, directory=directory, words=words)


def others(proc: Path) -> Iterator[Process]:
    """Those of this program but for this one: that is being looked at by whoever started it."""
    return (one for one in processes(proc) if one.ours and one.pid != os.getpid())
