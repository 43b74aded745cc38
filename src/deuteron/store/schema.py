"""The file and its schema: made mode 0600, brought to the present by Alembic's steps, or refused."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Final

from sqlalchemy import column, select, table

from deuteron.errors import HostError
from deuteron.store.driver import Connection, Statement

#: The newest step in ``migrations/versions``.
HEAD: Final = "0001"

_VERSION: Final = Statement(select(column("version_num")).select_from(table("alembic_version")))


def opened(path: Path) -> Connection:
    """The writing connection of a store that has the present schema.

    Raises:
        HostError: ``store-failed``: the file cannot be opened or is not a store; ``store-newer``.
    """
    try:
        _make(path)
        db = Connection(path, write=True)
    except (OSError, sqlite3.Error) as error:
        raise HostError(
            "store-failed",
            f"{path}: the store cannot be opened ({error}): see that its directory is there and writable",
        ) from error
    if (found := version(db)) != HEAD:
        _upgrade(path, found)
    return db


def version(db: Connection) -> str:
    """The step that a file is at; empty for a new one."""
    try:
        row = db.first(_VERSION, {})
    except sqlite3.OperationalError:
        return ""
    return "" if row is None else str(row[0])


def is_present(path: Path) -> bool:
    """Whether a store is there and has the present schema; nothing is made or changed."""
    try:
        db = Connection(path, write=False)
        try:
            return version(db) == HEAD
        finally:
            db.close()
    except sqlite3.Error:  # who opens it to write says what is the matter
        return False


def _make(path: Path) -> None:
    """Make the file for its owner alone; SQLite gives its other files the same mode."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    os.close(fd)


def _upgrade(path: Path, found: str) -> None:
    """Run the steps; Alembic is imported only here, for it costs a start some 0.2 s."""
    from deuteron.store.migrations import run

    if found not in ("", *run.known()):
        raise HostError(
            "store-newer",
            f"{path}: the store is at step {found}, which is newer than this program: run the newer one",
        )
    run.upgrade(path)
