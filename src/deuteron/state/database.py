"""The SQLite file of a state directory: opened, checked, migrated, read and written here alone.

Every row bears a BLAKE2b digest (RFC 7693) of its cells, and SQLite's own check of the
structure runs at each opening: one bit that has flipped is found before anything is decided by it.
The file gets its name only when it is whole, so one that is empty or short is a damaged one.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Final, NamedTuple

from deuteron.edge import crossing
from deuteron.errors import HostError
from deuteron.state.place import checked, make_directory, make_file, refuse_another

#: ``user_version`` of the database.
SCHEMA_VERSION: Final = 2

Cell = str | int | bytes
Row = tuple[Cell, ...]


class Table(NamedTuple):
    """A table: its columns as they are declared, the first ones being its key, and its constraints."""

    columns: dict[str, str]
    constraints: str


TABLES: Final = {
    "meta": Table({"key": "TEXT", "value": "TEXT"}, "PRIMARY KEY (key)"),
    "committed": Table(
        {"id": "INTEGER", "view": "TEXT", "source": "TEXT", "at": "TEXT"}, "PRIMARY KEY (id), CHECK (id = 1)"
    ),
    "pending": Table(
        {
            "id": "INTEGER",
            "verb": "TEXT",
            "view": "TEXT",
            "source": "TEXT",
            "at": "TEXT",
            "allocations": "TEXT",
        },
        "PRIMARY KEY (id), CHECK (id = 1)",
    ),
    "document": Table({"id": "TEXT", "content": "BLOB"}, "PRIMARY KEY (id)"),
    "intent": Table({"position": "INTEGER", "unit": "TEXT", "content": "BLOB"}, "PRIMARY KEY (position)"),
    "allocation": Table(
        {"kind": "TEXT", "scope": "TEXT", "key": "TEXT", "value": "TEXT"},
        "PRIMARY KEY (kind, scope, key), UNIQUE (kind, scope, value)",
    ),
    "ruleset": Table({"netns": "TEXT", "content": "BLOB"}, "PRIMARY KEY (netns)"),
    "quarantine": Table({"unit": "TEXT", "content": "BLOB"}, "PRIMARY KEY (unit)"),
    "history": Table({"unit": "TEXT", "content": "BLOB"}, "PRIMARY KEY (unit)"),
}

#: Checked when they are read: they save time, are large, and decide nothing until then.
_LATER: Final = ("ruleset",)

_MAGIC: Final = b"SQLite format 3\0"
_HEADER: Final = 100
#: Bytes 18 and 19 of the header: 1 is a rollback journal, 2 a write-ahead log; there is no other.
_FORMATS: Final = (1, 2)

_DIGEST: Final = 16
#: Up to how many keys rows are asked for one by one.
_FEW: Final = 16


class Database:
    """The database of a state directory; the directory and the file are made where they are not there.

    Args:
        file: ``state.sqlite``; the directory gets mode 0700, the file 0600.

    Raises:
        HostError: ``state-unusable``, ``state-permissions``, ``state-corrupt``, ``state-newer``, or
            ``unsafe-file`` and its like.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        with readable(file):
            directory = make_directory(file.parent)
            make_file(file, directory, _empty)
            found = checked(file)
            _refuse_header(file)
            with crossing("sqlite.open"):
                self._connection = sqlite3.connect(file, isolation_level=None)
            try:
                refuse_another(file, found)
                self._open()
            except BaseException:  # interrupted too: nobody else could close it
                self._connection.close()
                raise

    def _open(self) -> None:
        self._run("PRAGMA journal_mode = WAL")
        self._run("PRAGMA synchronous = FULL")
        ((version,),) = self._run("PRAGMA user_version")
        if isinstance(version, int) and version > SCHEMA_VERSION:
            raise HostError(
                "state-newer",
                f"{self.file} was written by a newer version of deuteron (schema {version}, this one knows"
                f" {SCHEMA_VERSION}); use that version, or another --state-dir",
            )
        for (answer,) in self._run("PRAGMA quick_check(1)"):
            if answer != "ok":
                raise sqlite3.DatabaseError(str(answer).splitlines()[-1])
        if version == 1:
            self._migrate()
        for table in TABLES:
            if table not in _LATER:
                self._rows(table)

    def _migrate(self) -> None:
        """From schema 1, which had no digests, no journal and nothing but what was committed."""
        committed = self._run("SELECT view, source, at FROM committed")
        allocations = self._run("SELECT kind, scope, key, value FROM allocation")
        with self.transaction():
            for table in ("committed", "allocation", "ruleset"):
                self._run(f"DROP TABLE {table}")
            for statement in _schema():
                self._run(statement)
            self._put("meta", [("id", secrets.token_hex(16))])
            self._put("allocation", allocations)
            for view, source, at in committed:
                content = view if isinstance(view, bytes) else b""
                self._put("document", [(identity(content), content)])
                self._put("committed", [(1, identity(content), source, at)])

    def rows(self, table: str, keys: Collection[Row] | None = None) -> list[Row]:
        """All rows, or those that begin so, in the order of their keys.

        Raises:
            HostError: ``state-corrupt``, one does not have its digest; or it cannot be read.
        """
        with readable(self.file):
            if keys is None or len(keys) > _FEW:
                chosen = None if keys is None else set(keys)
                return [row for row in self._rows(table) if chosen is None or row[:1] in chosen]
            return [row for key in sorted(keys, key=repr) for row in self._rows(table, key)]

    def keys(self, table: str) -> set[Row]:
        """The first column of all rows.

        Raises:
            HostError: it cannot be read.
        """
        with readable(self.file):
            return set(self._run(_words("SELECT", next(iter(TABLES[table].columns)), "FROM", table)))

    def put(self, table: str, rows: Iterable[Row]) -> None:
        """Write rows, in the place of those that have their keys.

        Raises:
            HostError: the disk or the database refuses.
        """
        with readable(self.file):
            self._put(table, rows)

    def drop(self, table: str, keys: Iterable[Row] | None = None) -> None:
        """Remove the rows that begin so, or all.

        Raises:
            HostError: the disk or the database refuses.
        """
        with readable(self.file):
            if keys is None:
                self._run(_words("DELETE FROM", table))
                return
            for key in keys:
                names = list(TABLES[table].columns)[: len(key)]
                condition = " AND ".join(f"{name} = ?" for name in names)
                self._run(_words("DELETE FROM", table, "WHERE", condition), key)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written inside, or nothing; on the disk when it ends.

        Raises:
            HostError: the disk or the database refuses; nothing was written, but where the answer
                to the last word was lost.
        """
        with readable(self.file):
            try:
                self._run("BEGIN IMMEDIATE")
                yield
                with crossing("sqlite.commit"):
                    self._connection.execute("COMMIT")
            except BaseException:  # interrupted too: all of it is written, or nothing
                if self._connection.in_transaction:  # SQLite itself goes back where the disk is full
                    self._connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Close it; what is in the write-ahead log goes into the file."""
        self._connection.close()

    def _rows(self, table: str, key: Row = ()) -> list[Row]:
        names = list(TABLES[table].columns)
        condition = _words("WHERE", names[0], "= ?") if key else ""
        order = "ORDER BY 1, 2"
        found = self._run(
            _words("SELECT", ", ".join([*names, "digest"]), "FROM", table, condition, order), key
        )
        rows = [row[:-1] for row in found]
        for row, (*_cells, digest) in zip(rows, found, strict=True):
            if digest != _digest(table, row):
                raise sqlite3.DatabaseError(f"a row of {table} is not as it was written")
        return rows

    def _put(self, table: str, rows: Iterable[Row]) -> None:
        marks = ", ".join("?" * (len(TABLES[table].columns) + 1))
        statement = _words("INSERT OR REPLACE INTO", table, "VALUES", f"({marks})")
        if table == "allocation":  # that a value has two owners must not be mended by forgetting one
            statement = statement.replace("OR REPLACE ", "")
        with crossing("sqlite.execute"):
            self._connection.executemany(statement, [(*row, _digest(table, row)) for row in rows])

    def _run(self, statement: str, values: Sequence[Cell] = ()) -> list[Row]:
        with crossing("sqlite.execute"):
            return self._connection.execute(statement, values).fetchall()


def identity(content: bytes) -> str:
    """The name of a document: the BLAKE2b digest of its content, in hexadecimal."""
    return blake2b(content, digest_size=_DIGEST).hexdigest()


def _digest(table: str, row: Row) -> bytes:
    small = [cell if not isinstance(cell, bytes) else len(cell) for cell in row]
    made = blake2b(repr((table, small)).encode(), digest_size=_DIGEST)
    for cell in row:
        if isinstance(cell, bytes):
            made.update(cell)
    return made.digest()


def _words(*words: str) -> str:
    return " ".join(words)


def _schema() -> Iterator[str]:
    for name, table in TABLES.items():
        columns = ", ".join(f"{column} {kind} NOT NULL" for column, kind in table.columns.items())
        yield f"CREATE TABLE {name} ({columns}, digest BLOB NOT NULL, {table.constraints}) STRICT"
    yield f"PRAGMA user_version = {SCHEMA_VERSION}"


def _empty() -> bytes:
    """A database with nothing in it but an identity of its own."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        for statement in _schema():
            connection.execute(statement)
        row = ("id", secrets.token_hex(16))
        connection.execute("INSERT INTO meta VALUES (?, ?, ?)", (*row, _digest("meta", row)))
        return connection.serialize()
    finally:
        connection.close()


def _refuse_header(file: Path) -> None:
    """What SQLite would take for an empty database, or for one that may only be read."""
    with crossing("file.open"), file.open("rb") as stream:
        header = stream.read(_HEADER)
    if len(header) < _HEADER or not header.startswith(_MAGIC) or not set(header[18:20]) <= set(_FORMATS):
        raise sqlite3.DatabaseError("it does not begin as a database does")
    size = int.from_bytes(header[60:64], "big")
    if not size:
        raise sqlite3.DatabaseError("it has no schema")


@contextmanager
def readable(file: Path) -> Iterator[None]:
    """Turn what the disk and SQLite have to say into an error that can be acted on.

    Raises:
        HostError: ``state-unusable``, ``state-conflict`` or ``state-corrupt``.
    """
    try:
        yield
    except OSError as error:
        raise HostError(
            "state-unusable",
            f"{error.filename or file}: {error.strerror or error}; mend it, or use another --state-dir",
        ) from error
    except sqlite3.ProgrammingError:
        raise  # of ours, not of the file
    except sqlite3.IntegrityError as error:
        raise HostError(
            "state-conflict", f"{file}: two owners of one allocation ({error}); nothing was written"
        ) from error
    except (sqlite3.DatabaseError, ValueError, RecursionError) as error:  # what decoders say is a ValueError
        if isinstance(error, sqlite3.OperationalError) and not _means_damage(error):
            raise HostError(
                "state-unusable", f"{file}: {error}; mend it, or use another --state-dir"
            ) from error
        raise HostError(
            "state-corrupt",
            f"{file} is damaged ({error}); what is in the kernel is known by its marks,"
            " not from this file: take it up from there with `deuteron doctor --adopt`",
        ) from error


def _means_damage(error: sqlite3.OperationalError) -> bool:
    """Whether it is about what the file says, not about the disk.

    That is a table that is not there; and text that is no UTF-8, of which Python itself says so,
    without an error number of SQLite's.
    """
    return getattr(error, "sqlite_errorname", "SQLITE_ERROR") == "SQLITE_ERROR"
