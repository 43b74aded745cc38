"""The store: one thread writes, a few read, and many units of work share one commit.

A commit waits for the disk; sixteen clients that wait for sixteen commits get a sixteenth of its speed.
So units that wait for the writer run one after the other within one transaction, each between a
savepoint and its release, and all are answered when the transaction is on the disk.  A unit that fails
is taken back to its savepoint and the others do not notice.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final, Generic, TypeVar, cast

from deuteron.errors import DeuteronError
from deuteron.store import changes, schema
from deuteron.store.driver import Connection, ConstraintError
from deuteron.store.query import Query
from deuteron.store.rendered import Rendered
from deuteron.store.unit import Unit

__all__ = ["ConstraintError", "Query", "Store", "StoreError", "Unit"]

T = TypeVar("T")

#: Units that share a commit at most, and the seconds for which one is held open for more.
_BATCH: Final = 128
_OPEN: Final = 0.05
_READERS: Final = 2
#: Changes between two looks at whether old ones are to be forgotten.
_TRIM_EVERY: Final = 4096
_PREFIX: Final = "sqlite:///"


class StoreError(DeuteronError):
    """``store-failed``: the disk or the file did not do it; nothing of the unit is kept."""


class _Task(Generic[T]):
    """A unit that waits for the writer, and who waits for it."""

    def __init__(self, work: Callable[[Unit], T], loop: asyncio.AbstractEventLoop) -> None:
        self.work = work
        self.loop = loop
        self.answer: asyncio.Future[T] = loop.create_future()
        self.result: T | None = None
        self.error: BaseException | None = None

    def run(self, unit: Unit) -> bool:
        """Do it; whether it is to be kept.

        Whatever it raises is handed to who asked, as a future of the standard library's executors does: what
        got past here would end the writer's thread, and everybody after would wait for ever.
        """
        try:
            self.result = self.work(unit)
            unit.seal()
        except BaseException as error:
            self.error = _told(error)
        return self.error is None

    def fail(self, error: BaseException) -> None:
        """It came to nothing, whatever it had reached."""
        self.error = self.error or _told(error)

    def settle(self) -> None:
        """Tell who waits; on its own loop."""
        if self.answer.done():
            return
        if self.error is not None:
            self.answer.set_exception(self.error)
        else:
            self.answer.set_result(cast("T", self.result))


class Store:
    """The resources of the API, on disk.

    Args:
        url: ``sqlite:///PATH``; the file is made, mode 0600, and brought to the present schema.
        clock: seconds since 1970.

    Raises:
        StoreError: the file cannot be opened, or belongs to a newer version.
    """

    def __init__(self, url: str, *, clock: Callable[[], float] = time.time) -> None:
        if not url.startswith(_PREFIX):
            raise StoreError("store-failed", "the store's URL is no sqlite:///PATH: name a file of SQLite")
        self.path = Path(url.removeprefix(_PREFIX))
        self._clock = clock
        self._db = schema.opened(self.path)
        self._rendered = Rendered()
        self._own = threading.local()
        self._readers: list[Connection] = []
        self._revision = changes.last(self._db)
        self._trimmed = self._revision
        self._waiting: set[asyncio.Future[None]] = set()
        self.commits = 0
        self._queue: SimpleQueue[_Task[Any] | None] = SimpleQueue()
        self._pool = ThreadPoolExecutor(_READERS, thread_name_prefix="store-read")
        self._writer = threading.Thread(target=self._serve, name="store-write", daemon=True)
        self._writer.start()

    # -- what is asked

    async def write(self, work: Callable[[Unit], T]) -> T:
        """Do a unit of work, whole or not at all; answered when it is on the disk.

        Raises:
            StoreError: the disk did not take it.
            Exception: what ``work`` raised; then nothing of it is kept.
        """
        loop = asyncio.get_running_loop()
        task = _Task(work, loop)
        self._queue.put(task)
        return await task.answer

    async def read(self, work: Callable[[Unit], T]) -> T:
        """Do a unit that only looks, at one moment's state, on a connection that cannot write."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self.look, work)

    def look(self, work: Callable[[Unit], T]) -> T:
        """:meth:`read`, on the calling thread."""
        db = self._reader()
        db.word("BEGIN")
        try:
            return work(Unit(db, self._clock(), self._rendered))
        except sqlite3.Error as error:
            raise _told(error) from error
        finally:
            db.word("ROLLBACK")

    async def changed(self, since: int, seconds: float) -> int:
        """Wait for a revision after ``since``, at most so many seconds.

        Returns:
            The present revision.
        """
        if self._revision > since:
            return self._revision
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(waiter)
        try:
            if self._revision <= since:
                await asyncio.wait_for(asyncio.shield(waiter), seconds)
        except TimeoutError:
            return self._revision
        finally:
            self._waiting.discard(waiter)
            waiter.cancel()
        return self._revision

    @property
    def revision(self) -> int:
        """The latest revision that is on the disk."""
        return self._revision

    @property
    def statements(self) -> int:
        """Statements run so far; words of transaction control are none."""
        return self._db.statements + sum(one.statements for one in self._readers)

    @property
    def written(self) -> int:
        """Rows written so far, by whomever of this store."""
        return self._db.changes + sum(one.changes for one in self._readers)

    def close(self) -> None:
        """Finish what is queued and close; nobody may ask afterwards."""
        self._queue.put(None)
        self._writer.join()
        self._pool.shutdown()
        for one in self._readers:
            one.close()
        self._db.close()

    def _reader(self) -> Connection:
        known: Connection | None = getattr(self._own, "db", None)
        if known is None:
            known = self._own.db = Connection(self.path, write=False)
            self._readers.append(known)
        return known

    # -- the writer's thread

    def _serve(self) -> None:
        going = True
        while going:
            first = self._queue.get()
            if first is None:
                return
            done, going = self._batch(first)
            self._settle(done)

    def _batch(self, first: _Task[Any]) -> tuple[list[_Task[Any]], bool]:
        """Run what waits and commit it.

        Returns:
            The units, and whether there is more to come.
        """
        done: list[_Task[Any]] = []
        task: _Task[Any] | None = first
        until = time.monotonic() + _OPEN
        revision = self._revision
        try:
            self._db.word("BEGIN IMMEDIATE")
            while task is not None:
                done.append(task)
                revision = self._one(task, revision)
                task = self._next(len(done), until)
            self._commit(revision)
        except (OSError, sqlite3.Error) as error:
            self._abandon(done or [first], error)
            return done or [first], True
        self._revision = revision
        return done, not self._ended

    _ended = False

    def _next(self, count: int, until: float) -> _Task[Any] | None:
        if count >= _BATCH or time.monotonic() > until:
            return None
        try:
            task = self._queue.get_nowait()
        except Empty:
            return None
        self._ended = task is None
        return task

    def _one(self, task: _Task[Any], revision: int) -> int:
        """Run a unit between a savepoint and its release.

        Returns:
            The revision after it.

        Raises:
            sqlite3.Error: the transaction is lost, and every unit in it.
        """
        self._db.word("SAVEPOINT unit")
        unit = Unit(self._db, self._clock(), self._rendered, revision)
        if task.run(unit):
            self._db.word("RELEASE unit")
            return unit.revision
        if not self._db.in_transaction:
            raise sqlite3.OperationalError("the transaction was taken back")
        self._db.word("ROLLBACK TO unit")
        self._db.word("RELEASE unit")
        return revision

    def _commit(self, revision: int) -> None:
        if revision - self._trimmed >= _TRIM_EVERY:
            changes.trim(self._db, revision)
            self._trimmed = revision
        self._db.commit()
        self.commits += 1

    def _abandon(self, tasks: list[_Task[Any]], error: BaseException) -> None:
        if self._db.in_transaction:
            self._db.word("ROLLBACK")
        for task in tasks:
            task.fail(error)

    def _settle(self, done: list[_Task[Any]]) -> None:
        loops: dict[asyncio.AbstractEventLoop, list[_Task[Any]]] = {}
        for task in done:
            loops.setdefault(task.loop, []).append(task)
        for loop, tasks in loops.items():
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._answer, tasks)

    def _answer(self, tasks: list[_Task[Any]]) -> None:
        for task in tasks:
            task.settle()
        for waiter in tuple(self._waiting):
            if not waiter.done():
                waiter.get_loop().call_soon_threadsafe(_wake, waiter)


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


def _told(error: BaseException) -> BaseException:
    """What who asked is told of an error; a future takes no ``StopIteration`` (PEP 479)."""
    if isinstance(error, StopIteration):
        told = RuntimeError("a unit of work raised StopIteration")
        told.__cause__ = error
        return told
    if isinstance(error, sqlite3.Error):
        return StoreError(
            "store-failed",
            f"the store did not take the change ({type(error).__name__}): look at the disk of the state "
            "directory, then ask again",
        )
    return error
