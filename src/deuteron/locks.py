"""Every lock for what threads or processes share: one total order, always a deadline.

A thread that holds a lock takes only locks that come later in the order ``(rank, name)``, so
there is no cycle to wait in::

    STATE      a state directory, between processes
    HOST       the host, between processes
    NAMESPACE  a network namespace, by name: its owner is who writes to it
    MEMORY     what a run remembers of the kernel
    LIBRARY    libnftables, which one thread may be in at a time
    ANNOUNCE   what is to be announced again
    BROKER     the broker process, which answers one request at a time

The test suite watches the order while it runs (``tests/support/lock_order.py``); in
production nobody does, and it costs a comparison with ``None``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from enum import IntEnum
from types import TracebackType
from typing import Final, Protocol, Self, TypeVar, cast

from deuteron.errors import DeuteronError

T = TypeVar("T")

#: Seconds after which a lock is given up.
DEADLINE: Final = 60.0


class Rank(IntEnum):
    """What a lock protects; see the module."""

    STATE = 10
    HOST = 20
    NAMESPACE = 30
    MEMORY = 40
    LIBRARY = 50
    ANNOUNCE = 60
    BROKER = 70


class LockTimeoutError(DeuteronError):
    """``lock-timeout``: somebody has held a lock for too long."""


Place = tuple[Rank, str]


class Observer(Protocol):
    """Who is told of every lock; called on the thread that takes it."""

    def acquired(self, place: Place, held: tuple[Place, ...]) -> None:
        """A lock was taken while ``held`` were held, the first taken first."""
        ...

    def released(self, place: Place) -> None:
        """A lock was given back."""
        ...

    def wrote(self, namespaces: frozenset[str], held: tuple[Place, ...]) -> None:
        """An owner (:func:`owning`) writes to these namespaces."""
        ...


class _OfThread(threading.local):
    """What the calling thread holds, and whether it writes as an owner."""

    def __init__(self) -> None:
        self.held: list[Place] = []
        self.owner = False


_OWN: Final = _OfThread()


class _Watch:
    """The observer installed, if any."""

    observer: Observer | None = None


class Lock:
    """A lock at its place in the order; not reentrant.

    Args:
        rank: what kind of thing it protects.
        name: which of them.
        deadline: seconds to wait at most.
    """

    def __init__(self, rank: Rank, name: str = "", *, deadline: float = DEADLINE) -> None:
        self.place: Place = (rank, name)
        self._deadline = deadline
        self._lock = threading.Lock()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take it; like :meth:`threading.Lock.acquire`, but waiting always ends.

        Args:
            blocking: whether to wait.
            timeout: seconds to wait, returning whether it was taken; negative: the deadline.

        Raises:
            LockTimeoutError: the deadline has passed.
        """
        if not blocking:
            taken = self._lock.acquire(blocking=False)
        else:
            taken = self._lock.acquire(timeout=self._deadline if timeout < 0 else timeout)
            if not taken and timeout < 0:
                raise _late(self.place, self._deadline)
        if taken:
            _note(self.place)
        return taken

    def release(self) -> None:
        """Give it back."""
        _forget(self.place)
        self._lock.release()

    def condition(self) -> threading.Condition:
        """A condition over this lock."""
        # Condition asks for nothing but acquire() and release().
        return threading.Condition(cast("threading.Lock", self))

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class Namespaces:
    """The locks of some network namespaces; the host's own is nobody's.

    Args:
        names: all that will be asked for.
        deadline: seconds to wait for one.
    """

    def __init__(self, names: Iterable[str], *, deadline: float = DEADLINE) -> None:
        self._locks = {name: Lock(Rank.NAMESPACE, name, deadline=deadline) for name in names if name}

    @contextmanager
    def owned(self, names: Iterable[str]) -> Iterator[None]:
        """Own these namespaces: their locks are taken in order, and whatever is written meanwhile is theirs.

        Raises:
            LockTimeoutError: another one keeps one of them.
        """
        with ExitStack() as held:
            for name in sorted(set(names)):
                if name:
                    held.enter_context(self._locks[name])
            with owning():
                yield


@contextmanager
def held(rank: Rank, name: str) -> Iterator[None]:
    """Take note of a lock of another kind, a file's, while the calling thread holds it."""
    _note((rank, name))
    try:
        yield
    finally:
        _forget((rank, name))


@contextmanager
def owning() -> Iterator[None]:
    """Every kernel write of this thread is from now on to a namespace whose lock it holds."""
    before, _OWN.owner = _OWN.owner, True
    try:
        yield
    finally:
        _OWN.owner = before


def wrote(namespaces: Callable[[], Iterable[str]]) -> None:
    """The calling thread is about to have a kernel write to these; asked only where somebody watches."""
    if _Watch.observer is not None and _OWN.owner:
        _Watch.observer.wrote(frozenset(namespaces()), tuple(_OWN.held))


def on_behalf(function: Callable[[], T]) -> Callable[[], T]:
    """The function for another thread, which runs it with all that the calling one holds and waits with."""
    if _Watch.observer is None:
        return function
    waiting = tuple(_OWN.held)

    def carrying() -> T:
        _OWN.held[:0] = waiting
        try:
            return function()
        finally:
            del _OWN.held[: len(waiting)]

    return carrying


@contextmanager
def observed(observer: Observer) -> Iterator[None]:
    """Have an observer told of everything; the one before comes back afterwards."""
    before, _Watch.observer = _Watch.observer, observer
    try:
        yield
    finally:
        _Watch.observer = before


def _note(place: Place) -> None:
    if _Watch.observer is not None:
        _Watch.observer.acquired(place, tuple(_OWN.held))
    _OWN.held.append(place)


def _forget(place: Place) -> None:
    _OWN.held.remove(place)
    if _Watch.observer is not None:
        _Watch.observer.released(place)


def _late(place: Place, seconds: float) -> LockTimeoutError:
    rank, name = place
    what = f"{rank.name.lower()} {name}".rstrip()
    return LockTimeoutError(
        "lock-timeout",
        f"the lock of {what} was not free within {seconds:g} s; a thread is stuck, restart this process",
    )
