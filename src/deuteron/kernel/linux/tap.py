"""Persistent tap devices: made by /dev/net/tun (linux/if_tun.h), since netlink cannot make one."""

from __future__ import annotations

import fcntl
import os
import struct
from typing import Final

_TUNSETIFF: Final = 0x4004_54CA
_TUNSETPERSIST: Final = 0x4004_54CB
_IFF_TAP: Final = 0x0002
_IFF_NO_PI: Final = 0x1000
#: Fail with EBUSY where a tap of that name exists, instead of attaching to it.
_IFF_TUN_EXCL: Final = 0x8000


def make_tap(name: str) -> None:
    """Make a tap in the calling thread's network namespace that stays when this process ends.

    Raises:
        OSError: refused; EBUSY where the name is taken.
    """
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    try:
        request = struct.pack("16sH22x", name.encode(), _IFF_TAP | _IFF_NO_PI | _IFF_TUN_EXCL)
        fcntl.ioctl(fd, _TUNSETIFF, request)
        fcntl.ioctl(fd, _TUNSETPERSIST, 1)
    finally:
        os.close(fd)
