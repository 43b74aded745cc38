"""The edge of the process: each effect on the kernel or on a disk passes here, twice.

Nothing happens here by itself.  A test installs a guard, which may refuse an effect, lose
its answer or end the process at that very point; so ``n``-th call fails, for every ``n``,
is asked of the real kernel and the real disk, not of a stand-in.  Without a guard a
passage costs one comparison.

Every verb, and what it stands for::

    netlink.socket   a socket is opened            netns.unshare  a namespace is made
    netlink.batch    messages are sent             netns.enter    a thread goes into one
    netlink.request  one object is asked for       netns.mount    a namespace is mounted on its file
    netlink.dump     a table is asked for          netns.umount   and taken off it
    nft.commit       a transaction is run          netns.file     the file is made
    nft.list         a ruleset is asked for        netns.unlink   and removed
    sysctl.write     a parameter is written        tap.make       a tap is made
    sysctl.read      a parameter is read           announce.send  frames are sent
    sqlite.open      a database is opened          file.open      a file is opened or made
    sqlite.execute   a statement is run            file.write     bytes are written
    sqlite.commit    a transaction is committed    file.sync      a file is forced to the disk
    lock.take        a lock is taken               file.rename    a file gets another name
                                                   file.unlink    a file is removed
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import Final, Protocol

#: All verbs; stable.
VERBS: Final = (
    "netlink.socket",
    "netlink.batch",
    "netlink.request",
    "netlink.dump",
    "nft.commit",
    "nft.list",
    "sysctl.write",
    "sysctl.read",
    "netns.unshare",
    "netns.enter",
    "netns.mount",
    "netns.umount",
    "netns.file",
    "netns.unlink",
    "tap.make",
    "announce.send",
    "sqlite.open",
    "sqlite.execute",
    "sqlite.commit",
    "file.open",
    "file.write",
    "file.sync",
    "file.rename",
    "file.unlink",
    "lock.take",
)


class Guard(Protocol):
    """Who stands at the edge; any thread may pass."""

    def before(self, verb: str) -> None:
        """The effect is about to happen.

        Raises:
            OSError: it is refused: nothing of it happens.
        """
        ...

    def after(self, verb: str) -> None:
        """The effect has happened, its answer is not believed yet.

        Raises:
            OSError: the answer is lost (ETIMEDOUT).
        """
        ...

    def spoiled(self, verb: str, count: int) -> tuple[int, int] | None:
        """Of a batch of ``count`` messages, the one that the kernel is to refuse, and with which errno."""
        ...


_guard: Guard | None = None


def before(verb: str) -> None:
    """An effect is about to happen.

    Raises:
        OSError: a guard refuses it.
    """
    if _guard is not None:
        _guard.before(verb)


def after(verb: str) -> None:
    """An effect has happened.

    Raises:
        OSError: a guard says that its answer is lost.
    """
    if _guard is not None:
        _guard.after(verb)


def spoiled(verb: str, count: int) -> tuple[int, int] | None:
    """Which of ``count`` messages the kernel is to refuse, and with which errno; ``None``: none of them."""
    return _guard.spoiled(verb, count) if _guard is not None else None


class _Crossing:
    """A guard before and after one effect: where that raises, there is nothing to happen afterwards."""

    __slots__ = ("_guard", "_verb")

    def __init__(self, guard: Guard | None, verb: str) -> None:
        self._guard = guard
        self._verb = verb

    def __enter__(self) -> None:
        if self._guard is not None:
            self._guard.before(self._verb)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._guard is not None and kind is None:
            self._guard.after(self._verb)


_OPEN: Final = _Crossing(None, "")


def crossing(verb: str) -> AbstractContextManager[None]:
    """Around one effect; hundreds for a router, so that without a guard it is next to nothing.

    Raises:
        OSError: on entry, a guard refuses it; on leaving, it says that the answer is lost.
    """
    return _OPEN if _guard is None else _Crossing(_guard, verb)


@contextmanager
def guarded(guard: Guard) -> Iterator[None]:
    """Have ``guard`` stand at the edge, for every thread of the process; the one before it comes back."""
    global _guard
    previous, _guard = _guard, guard
    try:
        yield
    finally:
        _guard = previous
