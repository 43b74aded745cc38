"""Starts a program as systemd starts a unit: ``python -m tests.install.as_unit UNIT UID CALLS COMMAND...``.

What of the unit is the kernel's to hold and takes no process 1: the user, the capabilities, no_new_privs,
the filters of system calls, address families and namespaces, memory, limits, umask, environment.
CALLS is a file with the names of the calls that ``SystemCallFilter=`` lets through, or ``-``.
"""

from __future__ import annotations

import ctypes
import os
import resource
import socket
import sys
from pathlib import Path
from typing import Final

from deuteron.kernel.linux.confine.seccomp import Call, Condition, allow_only
from tests.install.unit import settings

_CAPABILITIES: Final = {"CAP_NET_BROADCAST": 11, "CAP_NET_ADMIN": 12, "CAP_NET_RAW": 13, "CAP_SYS_ADMIN": 21}
_KEEPCAPS, _BOUND_OFF, _NO_NEW_PRIVS, _AMBIENT, _RAISE = 8, 24, 38, 47, 2
_EXEC, _WRITE, _SHM_EXEC = 4, 2, 0o100000
_CLONE_NEWNET = 0x4000_0000
_OTHER_NAMESPACES = 0x7E02_0080 & ~_CLONE_NEWNET
_SET_ID, _CREATE = 0o6000, os.O_CREAT
_HANDED: Final = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "PATH")


def main(file: str, uid: str, calls: str, *command: str) -> None:
    unit = settings(Path(file).read_text())
    assert unit["CapabilityBoundingSet"] == unit["AmbientCapabilities"]
    environment = {key: value for key, value in os.environ.items() if key in _HANDED}
    environment |= dict(one.split("=", 1) for line in unit["Environment"] for one in line.split())
    names = [] if calls == "-" else Path(calls).read_text().split()
    granted = [_CAPABILITIES[name] for name in unit["AmbientCapabilities"][0].split()]
    become(int(uid), granted)
    os.umask(int(unit["UMask"][0], 8))
    os.chdir("/")
    resource.setrlimit(resource.RLIMIT_CORE, (int(unit["LimitCORE"][0]),) * 2)
    if names:
        allow_only(filtered(names, unit), absent=["clone3"])
    os.execve(command[0], command, environment)


def become(uid: int, granted: list[int]) -> None:
    """Another user, with these capabilities and a bounding set of no others."""
    libc = ctypes.CDLL(None, use_errno=True)
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text())
    for one in set(range(last + 1)) - set(granted):
        _checked(libc.prctl(_BOUND_OFF, one, 0, 0, 0))
    _checked(libc.prctl(_KEEPCAPS, 1, 0, 0, 0))
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    mask = sum(1 << one for one in granted)
    header, data = (ctypes.c_uint32 * 2)(0x2008_0522, 0), (ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0)
    _checked(libc.capset(header, data))
    for one in granted:
        _checked(libc.prctl(_AMBIENT, _RAISE, one, 0, 0))
    _checked(libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0))


def filtered(names: list[str], unit: dict[str, list[str]]) -> list[Call]:
    """``SystemCallFilter=``, with the arguments that the unit's other settings judge."""
    conditions = _by_argument(unit)
    plain = [Call(name) for name in names if name not in conditions]
    return plain + [
        Call(name, one) for name, alternatives in conditions.items() if name in names for one in alternatives
    ]


def _by_argument(unit: dict[str, list[str]]) -> dict[str, list[tuple[Condition, ...]]]:
    for name in ("MemoryDenyWriteExecute", "LockPersonality", "RestrictRealtime", "RestrictSUIDSGID"):
        assert unit[name] == ["yes"]
    kinds = {"net": _OTHER_NAMESPACES, "yes": _OTHER_NAMESPACES | _CLONE_NEWNET}[
        unit["RestrictNamespaces"][0]
    ]
    families = [getattr(socket, name) for name in unit["RestrictAddressFamilies"][0].split()]
    made = {"openat": 2, "open": 1}
    return {
        "mmap": [(_clear(2, _EXEC),), (_clear(2, _WRITE),)],
        "mprotect": [(_clear(2, _EXEC),)],
        "pkey_mprotect": [(_clear(2, _EXEC),)],
        "shmat": [(_clear(2, _SHM_EXEC),)],
        "socket": [(Condition(0, family),) for family in families],
        "socketpair": [(Condition(0, family),) for family in families],
        "unshare": [(_clear(0, kinds),)],
        "clone": [(_clear(0, kinds),)],
        "setns": [(Condition(1, _CLONE_NEWNET),)] if kinds == _OTHER_NAMESPACES else [],
        "sched_setscheduler": [(Condition(1, 0),)],
        "chmod": [(_clear(1, _SET_ID),)],
        "fchmod": [(_clear(1, _SET_ID),)],
        "fchmodat": [(_clear(2, _SET_ID),)],
        **{name: [(_clear(at, _CREATE),), (_clear(at + 1, _SET_ID),)] for name, at in made.items()},
    }


def _clear(argument: int, bits: int) -> Condition:
    return Condition(argument, 0, bits)


def _checked(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


if __name__ == "__main__":
    main(*sys.argv[1:])
