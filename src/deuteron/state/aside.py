"""A damaged database is set aside, never removed: somebody may still read something out of it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Final

from deuteron.edge import crossing
from deuteron.errors import HostError
from deuteron.state.database import readable
from deuteron.state.directory import State, lock_directory
from deuteron.state.place import sync_directory

#: The database and what SQLite keeps beside it: a log of another database must not meet a new one.
_PARTS: Final = ("", "-wal", "-shm")


def set_aside_damaged(path: Path, now: datetime) -> Path | None:
    """Rename the database of a state directory where it is damaged.

    Args:
        path: the state directory.
        now: UTC, for the new name.

    Returns:
        The new name; ``None`` where there is no database, or a sound one.

    Raises:
        HostError: ``state-locked``, ``state-unusable``, ``state-newer`` or ``state-permissions``.
    """
    file = path / "state.sqlite"
    with readable(file):
        if not file.exists():
            return None
    with lock_directory(path):
        try:
            State(path).close()
        except HostError as damage:
            if damage.code != "state-corrupt":
                raise
            return _rename(file, f"{file.name}.damaged-{now:%Y%m%dT%H%M%SZ}")
    return None


def _rename(file: Path, name: str) -> Path:
    aside, number = file.with_name(name), 1
    with readable(file):
        while aside.exists():  # a second one within a second
            number += 1
            aside = file.with_name(f"{name}-{number}")
        # What goes with the database goes first: killed in between, it is still a damaged one.
        for part in reversed(_PARTS):
            there = file.with_name(file.name + part)
            if there.exists():
                with crossing("file.rename"):
                    there.rename(aside.with_name(aside.name + part))
        sync_directory(file.parent)
    return aside
