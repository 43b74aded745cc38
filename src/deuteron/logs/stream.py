"""A stream that nobody may be reading: a record that has no room there is refused, and nobody waits for it.

A pipe that its reader has left standing takes 64 KiB and then holds whoever writes.  One loop answers all
requests, so it must not be held.  ``O_NONBLOCK`` belongs to the open file, which the shell and other
processes have too, so it is set on one of our own: ``/proc/self/fd`` opens a pipe or terminal anew.
"""

from __future__ import annotations

import os
import select
import stat
from collections.abc import Callable
from contextlib import suppress
from errno import EAGAIN
from functools import partial
from socket import MSG_DONTWAIT, fromfd, socket
from typing import Final, TextIO, cast
from weakref import finalize

#: Octets that a pipe takes as a whole or not at all (``PIPE_BUF``, pipe(7)), and has room for where it is
#: ready to be written to.
_WHOLE: Final = select.PIPE_BUF

#: Writes some octets, and tells how many; ``BlockingIOError`` where there is no room for one.
Put = Callable[[bytes], int]


class Flowing:
    """Writes at once or not at all; what was begun is ended before anything else is written.

    Args:
        put: writes.
    """

    def __init__(self, put: Put) -> None:
        self._put = put
        self._rest = b""

    def write(self, text: str) -> int:
        """Write a record.

        Raises:
            BlockingIOError: there is no room for it; nothing of it was written.
            OSError: as write(2).
        """
        self._end()
        said = text.encode("utf-8", "backslashreplace")
        self._rest = said[self._put(said) :]
        with suppress(BlockingIOError):
            self._end()
        return len(text)

    def _end(self) -> None:
        while self._rest:
            self._rest = self._rest[self._put(self._rest) :]

    def flush(self) -> None:
        """Nothing is held back that could be written."""

    def close(self) -> None:
        """The stream belongs to others."""


def unblocked(stream: TextIO) -> TextIO:
    """The stream, so that writing to it never waits; a file, and what is no descriptor's, as it is.

    To be called before the process gives up the rights to open the stream anew.
    """
    made = None if isinstance(stream, Flowing) else _flowing(stream)
    return stream if made is None else cast("TextIO", made)


def _flowing(stream: TextIO) -> Flowing | None:
    try:
        descriptor = stream.fileno()
        mode = os.fstat(descriptor).st_mode
    except OSError:  # io.UnsupportedOperation is one
        return None
    if stat.S_ISSOCK(mode):
        own = fromfd(descriptor, -1, -1)
        return _closed_with(Flowing(partial(_send, own)), own.close)
    pipe = stat.S_ISFIFO(mode)
    if not pipe and not os.isatty(descriptor):
        return None
    flags = os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
    try:
        anew = os.open(f"/proc/self/fd/{descriptor}", flags)
    except OSError:  # another user's, or /proc is not there
        return Flowing(partial(_if_ready, descriptor)) if pipe else None
    return _closed_with(Flowing(partial(os.write, anew)), partial(os.close, anew))


def _closed_with(made: Flowing, close: Callable[[], None]) -> Flowing:
    """Have what is its own closed when nobody has it any more."""
    finalize(made, close).atexit = False
    return made


def _send(one: socket, said: bytes) -> int:
    return one.send(said, MSG_DONTWAIT)


def _if_ready(descriptor: int, said: bytes) -> int:
    """Only where there is room: two who write at the same moment may still wait for a reader, once."""
    ready = select.poll()
    ready.register(descriptor, select.POLLOUT)
    if not ready.poll(0):
        raise BlockingIOError(EAGAIN, os.strerror(EAGAIN))
    return os.write(descriptor, said[:_WHOLE])
