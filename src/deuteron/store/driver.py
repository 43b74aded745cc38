"""The one place that runs SQL: written in SQLAlchemy Core, compiled once, run by SQLite's driver.

A statement that has been compiled costs the driver some 7 us, and SQLAlchemy's own execution 40 us
more; a POST is some fifteen of them, on the one thread that writes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy.dialects.sqlite import pysqlite
from sqlalchemy.sql.elements import ClauseElement

from deuteron import edge
from deuteron.errors import DeuteronError

Row = tuple[Any, ...]

#: What turns statements into SQLite's words.
DIALECT: Final = pysqlite.dialect(paramstyle="qmark")

#: Seconds that a connection waits for another process's lock.
_BUSY: Final = 10.0
#: A list of 1,000 ports is on some 1,500 pages of 4 KiB, three times what SQLite keeps by itself.
_CACHE: Final = "PRAGMA cache_size=-8000"
_READ: Final = ("PRAGMA query_only=ON", "PRAGMA temp_store=MEMORY", _CACHE)
_WRITE: Final = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA wal_autocheckpoint=2000",
)


class ConstraintError(DeuteronError):
    """``store-constraint``: the tables forbid it.

    Args:
        constraint: the name in ``tables.py`` (``uq_ports_mac``), ``foreign key``, or what SQLite says.
    """

    def __init__(self, constraint: str) -> None:
        super().__init__(
            code="store-constraint",
            message=f"the store refuses the change by its constraint {constraint}: take a value that is "
            "free, or remove what refers to this first",
        )
        self.constraint = constraint


class Statement:
    """A statement, compiled: its text, the names of its parameters in order, and those that never change."""

    __slots__ = ("constants", "names", "text")

    def __init__(self, clause: ClauseElement) -> None:
        compiled = clause.compile(dialect=DIALECT)
        self.text = str(compiled)
        self.names: tuple[str, ...] = tuple(getattr(compiled, "positiontup", None) or ())
        self.constants = {name: value for name, value in compiled.params.items() if value is not None}

    def arguments(self, values: Mapping[str, Any]) -> Row:
        """The parameters in the order of the text; one that is given nowhere is NULL."""
        constants = self.constants
        if not constants:
            return tuple([values.get(name) for name in self.names])
        return tuple([values[name] if name in values else constants.get(name) for name in self.names])


class Connection:
    """One connection, of one thread at a time; in autocommit until ``begin``.

    Attributes:
        statements: how many were run.
        changes: how many rows they wrote.
    """

    def __init__(self, path: Path, *, write: bool) -> None:
        with edge.crossing("sqlite.open"):
            self._raw = sqlite3.connect(
                f"file:{quote(str(path))}?mode={'rwc' if write else 'ro'}",
                uri=True,
                timeout=_BUSY,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=512,
            )
        self.statements = 0
        for pragma in _WRITE if write else _READ:
            self._raw.execute(pragma)

    @property
    def changes(self) -> int:
        """Rows written since the connection was opened."""
        return self._raw.total_changes

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open: SQLite ends one by itself when the disk is full."""
        return self._raw.in_transaction

    def rows(self, statement: Statement, values: Mapping[str, Any]) -> list[Row]:
        """Run a statement and take all of its rows."""
        self.statements += 1
        return self._raw.execute(statement.text, statement.arguments(values)).fetchall()

    def first(self, statement: Statement, values: Mapping[str, Any]) -> Row | None:
        """Run a statement and take its first row."""
        self.statements += 1
        row: Row | None = self._raw.execute(statement.text, statement.arguments(values)).fetchone()
        return row

    def run(self, statement: Statement, values: Mapping[str, Any]) -> int:
        """Run a statement that writes.

        Returns:
            How many rows it changed.

        Raises:
            ConstraintError: the tables forbid it.
        """
        self.statements += 1
        try:
            return self._raw.execute(statement.text, statement.arguments(values)).rowcount
        except sqlite3.IntegrityError as error:
            raise ConstraintError(constraint_of(str(error))) from error

    def run_many(self, statement: Statement, many: Iterable[Mapping[str, Any]]) -> None:
        """Run one statement for each of ``many``; it counts as one.

        Raises:
            ConstraintError: the tables forbid it.
        """
        self.statements += 1
        try:
            self._raw.executemany(statement.text, [statement.arguments(values) for values in many])
        except sqlite3.IntegrityError as error:
            raise ConstraintError(constraint_of(str(error))) from error

    def word(self, text: str) -> None:
        """A word of transaction control; no data."""
        self._raw.execute(text)

    def commit(self) -> None:
        """End the transaction; it is on the disk when this returns."""
        with edge.crossing("sqlite.commit"):
            self._raw.execute("COMMIT")

    def close(self) -> None:
        """Close it; what was not committed is gone."""
        self._raw.close()


def constraint_of(said: str) -> str:
    """The constraint's name from SQLite's sentence, which names columns instead."""
    from deuteron.store.tables import UNIQUE

    if said.startswith("FOREIGN KEY"):
        return "foreign key"
    _, _, columns = said.partition(": ")
    if columns.startswith("index "):  # one on expressions
        return columns.removeprefix("index ").strip("'")
    return UNIQUE.get(frozenset(columns.split(", ")), columns or said)
