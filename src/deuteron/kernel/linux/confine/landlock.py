"""Landlock: what of the file system this process may open, for itself and its threads (landlock(7)).

A rule is on an inode and holds for all beneath it.  A process under Landlock may not change
mounts either, and from ABI 6 on it signals only those that are under the same rules.  What Landlock
leaves alone (modes, owners, ``connect(2)`` to a socket's path) the system call filter forbids.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from collections.abc import Iterable
from enum import IntFlag
from pathlib import Path
from struct import Struct
from typing import Final

import msgspec

# The same numbers on every architecture.
_NR_CREATE_RULESET: Final = 444
_NR_ADD_RULE: Final = 445
_NR_RESTRICT_SELF: Final = 446
_CREATE_RULESET_VERSION: Final = 1
_RULE_PATH_BENEATH: Final = 1

#: landlock_ruleset_attr: handled_access_fs, handled_access_net, scoped.
_RULESET: Final = Struct("=QQQ")
#: landlock_path_beneath_attr, packed: allowed_access, parent_fd.
_BENEATH: Final = Struct("=Qi")

_LIBC = ctypes.CDLL(None, use_errno=True)


class Access(IntFlag):
    """include/uapi/linux/landlock.h, LANDLOCK_ACCESS_FS_*."""

    EXECUTE = 1 << 0
    WRITE_FILE = 1 << 1
    READ_FILE = 1 << 2
    READ_DIR = 1 << 3
    REMOVE_DIR = 1 << 4
    REMOVE_FILE = 1 << 5
    MAKE_CHAR = 1 << 6
    MAKE_DIR = 1 << 7
    MAKE_REG = 1 << 8
    MAKE_SOCK = 1 << 9
    MAKE_FIFO = 1 << 10
    MAKE_BLOCK = 1 << 11
    MAKE_SYM = 1 << 12
    REFER = 1 << 13
    TRUNCATE = 1 << 14
    IOCTL_DEV = 1 << 15


#: Which accesses an ABI knows; bits of the later ones are refused by an earlier kernel.
_KNOWN: Final = {3: Access.IOCTL_DEV - 1, 5: (1 << 16) - 1}
#: LANDLOCK_ACCESS_NET_BIND_TCP and _CONNECT_TCP, ABI 4; LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET and
#: _SIGNAL, ABI 6.
_NET_ABI: Final = 4
_NET: Final = 0b11
_NET_BIND: Final = 0b01
_SCOPE_ABI: Final = 6
_SCOPE: Final = 0b11
#: TRUNCATE, Linux 6.2: without it a file may be emptied that may not be written.
LEAST_ABI: Final = 3

_OF_FILES: Final = Access.EXECUTE | Access.WRITE_FILE | Access.READ_FILE | Access.TRUNCATE | Access.IOCTL_DEV
READ: Final = Access.READ_FILE | Access.READ_DIR
#: Files come, go, are renamed and written; nothing but plain files and directories.
WRITE: Final = (
    READ
    | Access.WRITE_FILE
    | Access.TRUNCATE
    | Access.REMOVE_FILE
    | Access.REMOVE_DIR
    | Access.MAKE_REG
    | Access.MAKE_DIR
    | Access.REFER
)
DEVICE: Final = Access.READ_FILE | Access.WRITE_FILE | Access.IOCTL_DEV


class Rule(msgspec.Struct, frozen=True):
    """What may be done with one file or directory, and all beneath it.

    Attributes:
        place: a path, or a descriptor of what has none.
    """

    place: Path | int
    access: Access


def abi() -> int:
    """The kernel's version of Landlock; 0 where it has none, or it is switched off."""
    return max(0, int(_LIBC.syscall(_NR_CREATE_RULESET, None, 0, _CREATE_RULESET_VERSION)))


def restrict(rules: Iterable[Rule], *, connects: bool = False) -> int:
    """Leave this thread, and those that it starts, nothing but what the rules name; the ABI.

    ``no_new_privs`` comes before.  What a rule names and does not exist is left out.

    Args:
        rules: what of the file system stays.
        connects: whether it may still connect by TCP; it binds to no port in any case.

    Raises:
        OSError: refused; EOPNOTSUPP where there is no Landlock, or one from before :data:`LEAST_ABI`.
    """
    version = abi()
    if version < LEAST_ABI:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP), "landlock")
    handled = _KNOWN[max(known for known in _KNOWN if known <= version)]
    network = (_NET_BIND if connects else _NET) if version >= _NET_ABI else 0
    scope = _SCOPE if version >= _SCOPE_ABI else 0
    attributes = _RULESET.pack(handled, network, scope)
    # An older kernel takes the longer structure, as the rest of it is zero.
    ruleset = _called(_NR_CREATE_RULESET, attributes, len(attributes), 0)
    try:
        for rule in rules:
            _add(ruleset, rule, handled)
        _called(_NR_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
    return version


def _add(ruleset: int, rule: Rule, handled: int) -> None:
    try:
        fd = (
            os.dup(rule.place)
            if isinstance(rule.place, int)
            else os.open(rule.place, os.O_PATH | os.O_CLOEXEC)
        )
    except FileNotFoundError:
        return
    try:
        access = rule.access & handled
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            access &= _OF_FILES
        _called(_NR_ADD_RULE, ruleset, _RULE_PATH_BENEATH, _BENEATH.pack(access, fd), 0)
    finally:
        os.close(fd)


def _called(number: int, *arguments: int | bytes) -> int:
    result = int(_LIBC.syscall(number, *arguments))
    if result < 0:
        refused = ctypes.get_errno()
        raise OSError(refused, os.strerror(refused), "landlock")
    return result
