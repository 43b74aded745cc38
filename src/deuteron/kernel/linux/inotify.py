"""Changes of files and directories: inotify(7), which Python's library lacks.

A watch is on an inode.  Below ``/proc/sys`` each network namespace has inodes of its own, found
by the thread that is inside; a watch on a directory there tells of each write to a file in
it, whoever writes, as long as it goes through the same mount of proc.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from struct import Struct
from typing import Final

import msgspec

# include/uapi/linux/inotify.h
IN_MODIFY: Final = 0x0000_0002
IN_CLOSE_WRITE: Final = 0x0000_0008
IN_MOVED_FROM: Final = 0x0000_0040
IN_MOVED_TO: Final = 0x0000_0080
IN_CREATE: Final = 0x0000_0100
IN_DELETE: Final = 0x0000_0200
IN_Q_OVERFLOW: Final = 0x0000_4000
IN_IGNORED: Final = 0x0000_8000
IN_ONLYDIR: Final = 0x0100_0000

#: inotify_event: watch, mask, cookie, length of the name that follows.
_EVENT: Final = Struct("=iIII")
_BUFFER: Final = 64 << 10

_LIBC = ctypes.CDLL(None, use_errno=True)


class Event(msgspec.Struct, frozen=True, gc=False):
    """One event.

    Attributes:
        watch: what :meth:`Inotify.add` gave; -1 where events were lost.
        mask: ``IN_*``.
        name: of the file in the directory watched, or "".
    """

    watch: int
    mask: int
    name: str


class Inotify:
    """One queue of events.

    Raises:
        OSError: EMFILE, there are too many (fs.inotify.max_user_instances).
    """

    def __init__(self) -> None:
        self._fd = _checked(_LIBC.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC), "inotify")

    def fileno(self) -> int:
        """The descriptor, to wait on."""
        return self._fd

    def add(self, path: str, mask: int) -> int:
        """Watch ``path``; the watch's number, the same again where its inode is watched already.

        Raises:
            OSError: ENOENT, there is no such path; ENOSPC, there are too many watches
                (fs.inotify.max_user_watches).
        """
        return _checked(
            _LIBC.inotify_add_watch(self._fd, os.fsencode(path), ctypes.c_uint32(mask | IN_ONLYDIR)), path
        )

    def remove(self, watch: int) -> None:
        """End a watch; no error where it has ended by itself."""
        _LIBC.inotify_rm_watch(self._fd, watch)

    def read(self) -> Iterator[Event]:
        """The events that wait, as many as one read gives; none where there are none."""
        try:
            data = os.read(self._fd, _BUFFER)
        except BlockingIOError:
            return
        offset = 0
        while offset < len(data):
            watch, mask, _cookie, size = _EVENT.unpack_from(data, offset)
            offset += _EVENT.size
            yield Event(watch, mask, os.fsdecode(data[offset : offset + size].rstrip(b"\0")))
            offset += size

    def close(self) -> None:
        """End all watches."""
        os.close(self._fd)


def _checked(result: int, place: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), place)
    return result
