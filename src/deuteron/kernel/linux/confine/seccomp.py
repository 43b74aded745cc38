"""The system call filter: a list of what may be called, all else answers EPERM (seccomp(2)).

Made by libseccomp, which knows the numbers of each architecture.  Where arguments are compared
they are integers: a filter sees no memory, so ``clone3(2)``, whose flags are in memory, answers
ENOSYS, and the C library starts its threads by ``clone(2)``.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterable
from enum import IntEnum
from typing import Final

import msgspec

from deuteron.errors import HostError

_LIBRARY: Final = "libseccomp.so.2"

# seccomp.h
_ACT_ALLOW: Final = 0x7FFF_0000
_ACT_ERRNO: Final = 0x0005_0000
_FLTATR_ACT_BADARCH: Final = 2
_FLTATR_CTL_NNP: Final = 3
_FLTATR_CTL_TSYNC: Final = 4
_FLTATR_CTL_OPTIMIZE: Final = 8
_UNKNOWN: Final = -1
_BINARY_TREE: Final = 2


class Compare(IntEnum):
    """enum scmp_compare."""

    EQUAL = 4
    MASKED = 7


class Condition(msgspec.Struct, frozen=True):
    """On one argument: ``argument == value``, or with a mask ``argument & mask == value``."""

    argument: int
    value: int
    mask: int | None = None


class Call(msgspec.Struct, frozen=True):
    """A system call that may be made where all conditions hold; several of one name are alternatives."""

    name: str
    conditions: tuple[Condition, ...] = ()


class _Argument(ctypes.Structure):
    """struct scmp_arg_cmp."""

    _fields_ = (
        ("arg", ctypes.c_uint),
        ("op", ctypes.c_int),
        ("datum_a", ctypes.c_uint64),
        ("datum_b", ctypes.c_uint64),
    )


def load() -> ctypes.CDLL:
    """The library.

    Raises:
        HostError: ``no-libseccomp``.
    """
    try:
        library = ctypes.CDLL(_LIBRARY, use_errno=True)
    except OSError as error:
        message = f"{_LIBRARY} is not there; install it (Debian: libseccomp2, Fedora: libseccomp)"
        raise HostError("no-libseccomp", message) from error
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_init.argtypes = [ctypes.c_uint32]
    library.seccomp_release.argtypes = [ctypes.c_void_p]
    library.seccomp_load.argtypes = [ctypes.c_void_p]
    library.seccomp_attr_set.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_uint32]
    library.seccomp_syscall_resolve_name.argtypes = [ctypes.c_char_p]
    library.seccomp_rule_add_array.argtypes = [
        ctypes.c_void_p,
        ctypes.c_uint32,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.POINTER(_Argument),
    ]
    return library


def allow_only(calls: Iterable[Call], *, absent: Iterable[str] = ()) -> None:
    """Let all threads of this process make these calls and no others; ``no_new_privs`` comes before.

    Args:
        calls: what may be called; names that this kernel's architecture has not got are left out.
        absent: what answers ENOSYS, as if the kernel had not got it.

    Raises:
        HostError: ``no-libseccomp``.
        OSError: refused.
    """
    library = load()
    context = library.seccomp_init(_ACT_ERRNO | errno.EPERM)
    if not context:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), "seccomp")
    try:
        # Calls by the numbers of another architecture (int 0x80, x32) are refused like the rest.
        for attribute, value in (
            (_FLTATR_ACT_BADARCH, _ACT_ERRNO | errno.EPERM),
            (_FLTATR_CTL_NNP, 0),
            (_FLTATR_CTL_TSYNC, 1),
            (_FLTATR_CTL_OPTIMIZE, _BINARY_TREE),
        ):
            _checked(library.seccomp_attr_set(context, attribute, value))
        for call in calls:
            _add(library, context, _ACT_ALLOW, call)
        for name in absent:
            _add(library, context, _ACT_ERRNO | errno.ENOSYS, Call(name))
        _checked(library.seccomp_load(context))
    finally:
        library.seccomp_release(context)


def _add(library: ctypes.CDLL, context: int, action: int, call: Call) -> None:
    number = library.seccomp_syscall_resolve_name(call.name.encode())
    if number <= _UNKNOWN:  # negative: another architecture's
        return
    conditions = [_argument(one) for one in call.conditions]
    array = (_Argument * max(1, len(conditions)))(*conditions)
    _checked(library.seccomp_rule_add_array(context, action, number, len(conditions), array))


def _argument(one: Condition) -> _Argument:
    if one.mask is None:
        return _Argument(one.argument, Compare.EQUAL, one.value, 0)
    return _Argument(one.argument, Compare.MASKED, one.mask, one.value)


def _checked(result: int) -> None:
    if result < 0:
        raise OSError(-result, os.strerror(-result), "seccomp")
