"""The few system calls that Python 3.11 lacks: unshare, setns, mount, umount2."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import Final

# include/uapi/linux/sched.h
CLONE_NEWNS: Final = 0x0002_0000
CLONE_NEWUSER: Final = 0x1000_0000
CLONE_NEWNET: Final = 0x4000_0000

# include/uapi/linux/mount.h and include/linux/fs.h
MS_BIND: Final = 0x1000
MS_REC: Final = 0x4000
MS_PRIVATE: Final = 1 << 18
MS_SHARED: Final = 1 << 20
MNT_DETACH: Final = 2

# fsopen(2), fsconfig(2), fsmount(2): the same numbers on every architecture that Linux got since.
_NR_FSOPEN: Final = 430
_NR_FSCONFIG: Final = 431
_NR_FSMOUNT: Final = 432
_CLOEXEC: Final = 1
_FSCONFIG_CMD_CREATE: Final = 6
_MOUNT_ATTR_NOSUID_NODEV_NOEXEC: Final = 0x2 | 0x4 | 0x8

_LIBC = ctypes.CDLL(None, use_errno=True)


def _check(result: int, place: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), place)


def unshare(flags: int) -> None:
    """Give the calling thread (for a user namespace: the process) namespaces of its own."""
    _check(_LIBC.unshare(flags), "unshare")


def setns(fd: int, kind: int = CLONE_NEWNET) -> None:
    """Move the calling thread into the namespace that ``fd`` stands for."""
    _check(_LIBC.setns(fd, kind), "setns")


def mount(source: str, target: Path, kind: str, flags: int = 0, data: str = "") -> None:
    """Mount ``source``, or change how what is there propagates."""
    done = _LIBC.mount(
        source.encode(), os.fsencode(target), kind.encode(), ctypes.c_ulong(flags), data.encode() or None
    )
    _check(done, str(target))


def umount(target: Path, flags: int = MNT_DETACH) -> None:
    """Unmount what is on top of ``target``."""
    _check(_LIBC.umount2(os.fsencode(target), flags), str(target))


def detached_mount(kind: str) -> int:
    """A descriptor of the root of a new file system that is mounted nowhere; closing it ends it."""
    context = _descriptor(_LIBC.syscall(_NR_FSOPEN, kind.encode(), _CLOEXEC), kind)
    try:
        _descriptor(_LIBC.syscall(_NR_FSCONFIG, context, _FSCONFIG_CMD_CREATE, None, None, 0), kind)
        flags = _MOUNT_ATTR_NOSUID_NODEV_NOEXEC
        return _descriptor(_LIBC.syscall(_NR_FSMOUNT, context, _CLOEXEC, flags), kind)
    finally:
        os.close(context)


def _descriptor(result: int, place: str) -> int:
    if result < 0:
        _check(result, place)
    return result
