"""Persistent tap devices: made by /dev/net/tun (linux/if_tun.h), since netlink cannot make one."""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from deuteron import edge

_TUNSETIFF: Final = 0x4004_54CA
_TUNSETPERSIST: Final = 0x4004_54CB
_IFF_TAP: Final = 0x0002
_IFF_NO_PI: Final = 0x1000
#: Fail with EBUSY where a tap of that name exists, instead of attaching to it.
_IFF_TUN_EXCL: Final = 0x8000


@contextmanager
def new_tap(name: str) -> Iterator[None]:
    """Make a tap in the calling thread's network namespace, to be furnished in the block.

    It stays when the block has ended well.  Until then it hangs on a descriptor of this process,
    so that a process that is killed here leaves no tap without a mark.

    Raises:
        OSError: refused; EBUSY where the name is taken.
    """
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    try:
        request = struct.pack("16sH22x", name.encode(), _IFF_TAP | _IFF_NO_PI | _IFF_TUN_EXCL)
        edge.before("tap.make")
        fcntl.ioctl(fd, _TUNSETIFF, request)
        yield
        try:
            fcntl.ioctl(fd, _TUNSETPERSIST, 1)
            edge.after("tap.make")
        except OSError:
            fcntl.ioctl(fd, _TUNSETPERSIST, 0)  # it ends with the descriptor
            raise
    finally:
        os.close(fd)
