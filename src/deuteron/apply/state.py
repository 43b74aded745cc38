"""The state directory: what was committed, in one SQLite database, and the lock of whoever applies.

The database holds the desired state, where it came from and when, and the allocations
that must stay the same between runs.  It is written in one transaction before the first
kernel write.  What is in the kernel is never taken from here: that is looked at.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import stat
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from deuteron.domain import HostView
from deuteron.errors import HostError
from deuteron.inputs.allocate import Allocation, Allocations
from deuteron.kernel.linux.memory import Ruleset

#: ``user_version`` of the database.
SCHEMA_VERSION: Final = 1

_SCHEMA: Final = """
BEGIN IMMEDIATE;
CREATE TABLE committed (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    view BLOB NOT NULL,
    source TEXT NOT NULL,
    at TEXT NOT NULL
) STRICT;
CREATE TABLE allocation (
    kind TEXT NOT NULL,
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (kind, scope, key),
    UNIQUE (kind, scope, value)
) STRICT, WITHOUT ROWID;
CREATE TABLE ruleset (
    netns TEXT PRIMARY KEY,
    content BLOB NOT NULL
) STRICT, WITHOUT ROWID;
PRAGMA user_version = 1;
COMMIT;
"""


class Committed(msgspec.Struct, frozen=True, kw_only=True):
    """The desired state that was last applied.

    Attributes:
        source: the path of the file that it came from.
        at: when, UTC.
    """

    view: HostView
    source: str
    at: datetime


def default_state_dir() -> Path:
    """``/var/lib/deuteron`` for root, else the user's state directory (XDG base directories)."""
    if os.geteuid() == 0:
        return Path("/var/lib/deuteron")
    home = os.environ.get("XDG_STATE_HOME", "")
    # The specification says to ignore a relative path.
    base = Path(home) if home.startswith("/") else Path.home() / ".local" / "state"
    return base / "deuteron"


class State:
    """A state directory; made, with mode 0700, where it does not exist.

    Args:
        path: the directory.

    Raises:
        HostError: ``state-unusable``, ``state-permissions``, ``state-corrupt`` or ``state-newer``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path / "state.sqlite"
        with _readable(self._file):
            _make_directory(path)
            # Made by us, so that the mode is right from the first moment; SQLite's
            # journal files take it over.
            os.close(os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._database = sqlite3.connect(self._file, isolation_level=None)
            try:
                self._open()
            except BaseException:
                self._database.close()
                raise

    def _open(self) -> None:
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        (version,) = self._database.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            raise HostError(
                "state-newer",
                f"{self._file} was written by a newer version of deuteron (schema {version}, this one knows"
                f" {SCHEMA_VERSION}); use that version, or another --state-dir",
            )
        if version == 0:
            self._database.executescript(_SCHEMA)

    def commit(self, view: HostView, source: str, allocations: Allocations | None = None) -> None:
        """Write the desired state and its allocations, in one transaction, to the disk.

        Args:
            view: what is about to be applied.
            source: where it came from.
            allocations: all of them; ``None`` leaves those that are there.

        Raises:
            HostError: the disk or the database refuses.
        """
        at = datetime.now(UTC).isoformat()
        with _readable(self._file), self._transaction() as database:
            database.execute(
                "INSERT OR REPLACE INTO committed (id, view, source, at) VALUES (1, ?, ?, ?)",
                (msgspec.json.encode(view), source, at),
            )
            if allocations is not None:
                database.execute("DELETE FROM allocation")
                rows = [(one.kind, one.scope, one.key, one.value) for one in allocations.entries]
                database.executemany(
                    "INSERT INTO allocation (kind, scope, key, value) VALUES (?, ?, ?, ?)", rows
                )

    def remember(self, rulesets: Iterable[Ruleset]) -> None:
        """Keep what a look has found for the next process; it saves time and decides nothing.

        Raises:
            HostError: the disk or the database refuses.
        """
        rows = [(one.netns, msgspec.msgpack.encode(one)) for one in rulesets]
        with _readable(self._file), self._transaction() as database:
            database.execute("DELETE FROM ruleset")
            database.executemany("INSERT INTO ruleset (netns, content) VALUES (?, ?)", rows)

    def rulesets(self) -> list[Ruleset]:
        """What was kept; empty where it cannot be read any more.

        Raises:
            HostError: the database cannot be read.
        """
        with _readable(self._file):
            rows = self._database.execute("SELECT content FROM ruleset").fetchall()
        decoder = msgspec.msgpack.Decoder(Ruleset)
        try:
            return [decoder.decode(content) for (content,) in rows]
        except msgspec.DecodeError:
            return []  # of another version: it is only listed anew

    def clear(self) -> None:
        """Forget the desired state and the allocations: nothing is wanted any more."""
        with _readable(self._file), self._transaction() as database:
            database.execute("DELETE FROM ruleset")
            database.execute("DELETE FROM committed")
            database.execute("DELETE FROM allocation")

    def committed(self) -> HostView | None:
        """The desired state that was last applied, or ``None``."""
        record = self.record()
        return record.view if record is not None else None

    def record(self) -> Committed | None:
        """The same with its source and time.

        Raises:
            HostError: it cannot be read.
        """
        with _readable(self._file):
            row = self._database.execute("SELECT view, source, at FROM committed").fetchone()
            if row is None:
                return None
            view = msgspec.json.decode(row[0], type=HostView)
            return Committed(view=view, source=row[1], at=datetime.fromisoformat(row[2]))

    def allocations(self) -> Allocations:
        """What has been allocated, sorted.

        Raises:
            HostError: it cannot be read.
        """
        with _readable(self._file):
            rows = self._database.execute("SELECT kind, scope, key, value FROM allocation").fetchall()
        entries = (
            Allocation(kind=kind, scope=scope, key=key, value=value) for kind, scope, key, value in rows
        )
        return Allocations(entries=tuple(sorted(entries)))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Exclude every other apply on this directory; the lock dies with the process.

        Raises:
            HostError: ``state-locked`` where another one holds it.
        """
        file = self.path / "lock"
        with _readable(file):
            descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with closing(os.fdopen(descriptor)):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise HostError(
                    "state-locked",
                    f"another deuteron is applying with the state directory {self.path};"
                    " wait for it to end, or use another --state-dir",
                ) from None
            yield

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield self._database
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _make_directory(path: Path) -> None:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = path.stat()
    if found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise HostError(
            "state-permissions",
            f"the state directory {path} belongs to another user or can be written by others;"
            f" mend it: chown {os.geteuid()} {path} && chmod 700 {path}",
        )


@contextmanager
def _readable(file: Path) -> Iterator[None]:
    """Turn what the disk and SQLite have to say into an error that can be acted on."""
    try:
        yield
    except OSError as error:
        raise HostError(
            "state-unusable", f"{error.filename or file}: {error.strerror}; use another --state-dir"
        ) from error
    except sqlite3.IntegrityError as error:
        raise HostError(
            "state-conflict", f"{file}: two owners of one allocation ({error}); nothing was written"
        ) from error
    except sqlite3.OperationalError as error:
        raise HostError("state-unusable", f"{file}: {error}; mend it, or use another --state-dir") from error
    except (sqlite3.DatabaseError, msgspec.DecodeError, ValueError) as error:
        raise HostError(
            "state-corrupt",
            f"{file} is damaged ({error}); move it away and apply again:"
            " what is in the kernel is known by its marks, not from this file",
        ) from error
