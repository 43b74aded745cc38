"""Capabilities of the calling thread, by number (capabilities(7)); threads that it starts have the same."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterable
from enum import IntEnum
from pathlib import Path
from struct import Struct
from typing import Final

_LIBC = ctypes.CDLL(None, use_errno=True)

# include/uapi/linux/prctl.h
_PR_CAPBSET_READ: Final = 23
_PR_CAPBSET_DROP: Final = 24
_PR_CAP_AMBIENT: Final = 47
_PR_CAP_AMBIENT_CLEAR_ALL: Final = 4

#: __user_cap_header_struct: _LINUX_CAPABILITY_VERSION_3, the calling thread.
_HEADER: Final = Struct("=Ii").pack(0x2008_0522, 0)
#: __user_cap_data_struct, twice: effective, permitted, inheritable; low halves first.
_DATA: Final = Struct("=IIIIII")
_MOST: Final = 63


class Capability(IntEnum):
    """include/uapi/linux/capability.h: those that we keep."""

    NET_ADMIN = 12
    NET_RAW = 13
    SYS_ADMIN = 21


#: All that a watch needs: links, addresses, rules; frames of announcements; network namespaces.
KEPT: Final = frozenset(Capability)
#: All that its broker needs: mounts, and kernel parameters of network namespaces.
BROKERS: Final = frozenset({Capability.NET_ADMIN, Capability.SYS_ADMIN})


def keep(kept: Iterable[Capability]) -> None:
    """Give up every capability but these, for good; the bounding set too, where that is allowed.

    Raises:
        OSError: EPERM, the thread has not got all of them.
    """
    mask = sum(1 << one for one in set(kept))
    _checked(_LIBC.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0))
    for number in range(_MOST + 1):
        if not mask >> number & 1 and not _bound_off(number):
            break
    low, high = mask & 0xFFFF_FFFF, mask >> 32
    _checked(_LIBC.capset(_HEADER, _DATA.pack(low, low, 0, high, high, 0)))


def unbind() -> None:
    """Empty the bounding set, where that is allowed: what comes after has nothing to get back."""
    for number in range(_MOST + 1):
        if not _bound_off(number):
            break


def effective() -> int:
    """The calling thread's effective capabilities, a bit each.

    Raises:
        OSError: refused.
    """
    data = ctypes.create_string_buffer(_DATA.size)
    _checked(_LIBC.capget(_HEADER, data))
    low, _, _, high, _, _ = _DATA.unpack(data.raw)
    return int(low | high << 32)


def missing(wanted: Iterable[Capability]) -> list[Capability]:
    """Those of ``wanted`` that the calling thread has not got."""
    have = effective()
    return sorted(one for one in set(wanted) if not have >> one & 1)


def names(mask: int) -> tuple[str, ...]:
    """What a mask of ``/proc/PID/status`` stands for; those that we never keep by their numbers."""
    known = {int(one): f"CAP_{one.name}" for one in Capability}
    return tuple(known.get(number, str(number)) for number in range(_MOST + 1) if mask >> number & 1)


def whole() -> int:
    """All that this kernel knows, as a mask."""
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text())
    return (1 << last + 1) - 1


def _bound_off(number: int) -> bool:
    """Take it out of the bounding set; false where there is none of that number, or no right to.

    Who may not (no CAP_SETPCAP, as a service of a user of its own) is bounded by whoever
    started it; with no_new_privs and without execve(2) the set can give nothing back.
    """
    if _LIBC.prctl(_PR_CAPBSET_READ, number, 0, 0, 0) <= 0:
        return number <= int(Path("/proc/sys/kernel/cap_last_cap").read_text())
    if _LIBC.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0) == 0:
        return True
    if (refused := ctypes.get_errno()) != errno.EPERM:
        raise OSError(refused, os.strerror(refused), "capabilities")
    return False


def _checked(result: int) -> None:
    if result != 0:
        refused = ctypes.get_errno()
        raise OSError(refused, os.strerror(refused), "capabilities")
