"""Confining this process, for good: what each step takes away, and in which order.

::

    umask 077, no core dumps, not dumpable   nothing of its memory reaches a disk or another process
    no_new_privs                             an execve(2), were there one, gives nothing
    capabilities                             the three that are needed; ambient and bounding set empty
    Landlock                                 files: those named; no mount(2); signals: to itself
    seccomp                                  system calls: those listed

Only the calling thread gets the first ones, so it must be the only one; what it starts inherits all.
"""

from __future__ import annotations

import ctypes
import os
import resource
import sys
import sysconfig
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, Literal

import msgspec

from deuteron.errors import HostError
from deuteron.kernel.linux.confine import calls, capabilities, landlock, seccomp
from deuteron.kernel.linux.confine.capabilities import Capability

#: ``require``: refuse to run where a mechanism is missing; ``best``: say what is missing, and run.
Mode = Literal["require", "best"]

_LIBC = ctypes.CDLL(None, use_errno=True)
# include/uapi/linux/prctl.h
_PR_SET_DUMPABLE: Final = 4
_PR_SET_NAME: Final = 15
_PR_SET_NO_NEW_PRIVS: Final = 38

#: Names of the processes, in ``/proc/PID/comm``; at most 15 bytes.
WATCH_NAME: Final = "deuteron-watch"
BROKER_NAME: Final = "deuteron-broker"
API_NAME: Final = "deuteron-api"
DIALER_NAME: Final = "deuteron-dialer"

#: What libraries read when they are used: nothing in it is secret.
_COMMON: Final = (
    "/usr",
    "/lib",
    "/lib64",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/iproute2",
    "/etc/protocols",
    "/etc/services",
    "/dev/null",
    "/dev/urandom",
)
#: Which descriptor is of which file: the state directory makes sure of that.
_OWN_DESCRIPTORS: Final = Path("/proc/self/fd")
_SYS: Final = Path("/proc/sys")
_TUN: Final = Path("/dev/net/tun")
#: Directories that hold other things than FILE: to read all beneath would be to read secrets.
BROAD: Final = frozenset(
    map(Path, ("/", "/etc", "/var", "/var/lib", "/run", "/root", "/home", "/usr", "/boot", "/dev", "/opt"))
)


class Allowed(msgspec.Struct, frozen=True, kw_only=True):
    """What of the file system stays within reach.

    Attributes:
        read: files, and directories with all beneath them.
        write: directories (state, run, log); files and directories may be made in them.
        descriptors: directories that are open, to read from.
    """

    read: tuple[Path, ...] = ()
    write: tuple[Path, ...] = ()
    descriptors: tuple[int, ...] = ()


class Confined(msgspec.Struct, frozen=True, kw_only=True):
    """What holds now.

    Attributes:
        capabilities: those kept.
        landlock: the kernel's ABI; 0: not in force.
        seccomp: whether the filter is in force.
        lacking: for each mechanism that is not in force, why.
    """

    capabilities: tuple[str, ...] = ()
    landlock: int = 0
    seccomp: bool = False
    lacking: tuple[str, ...] = ()


def readable(file: Path) -> Path:
    """What must be readable so that ``file`` may be read, and still when it has been replaced: its directory.

    Where its directory holds much else, the file alone, as it is now.
    """
    file = file.absolute()
    return file if file.parent in BROAD or file.parent.resolve() in BROAD else file.parent


def confine(allowed: Allowed, mode: Mode) -> Confined:
    """Confine this process, which has one thread, as the module says.

    Raises:
        HostError: ``not-confined``, a mechanism is missing and ``mode`` is ``require``.
    """
    harden(WATCH_NAME)
    # A rule is on an inode, and proc makes its inodes anew unless somebody holds on to them: for good.
    own = os.open(_OWN_DESCRIPTORS, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    rules = [*_rules(allowed), landlock.Rule(own, landlock.Access.READ_DIR)]
    rules += [landlock.Rule(os.open(_SYS, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC), landlock.READ)]
    return _apply(
        mode,
        capabilities.KEPT,
        lambda: landlock.restrict(rules),
        lambda: seccomp.allow_only(calls.of_the_watch(), absent=calls.ABSENT),
    )


def confine_broker(mode: Mode) -> Confined:
    """As :func:`confine`, for the process that mounts: Landlock would forbid it that.

    Raises:
        HostError: ``not-confined``.
    """
    harden(BROKER_NAME)
    return _apply(
        mode,
        capabilities.BROKERS,
        None,
        lambda: seccomp.allow_only(calls.of_the_broker(), absent=calls.ABSENT),
    )


def confine_api(allowed: Allowed, mode: Mode, *, connects: bool) -> Confined:
    """As :func:`confine`, for the process that serves the API: no capability, no device, no new socket.

    Args:
        allowed: what of the file system it reads, and where its store is.
        mode: what to do where a mechanism is missing.
        connects: whether it asks a Keystone.

    Raises:
        HostError: ``not-confined``.
    """
    harden(API_NAME)
    return _apply(
        mode,
        frozenset(),
        lambda: landlock.restrict(_places(allowed), connects=connects),
        lambda: seccomp.allow_only(calls.of_the_api(connects=connects), absent=calls.ABSENT),
    )


def confine_dialer(mode: Mode) -> Confined:
    """As :func:`confine`, for the process that connects a confined agent to the API: nothing else is left it.

    Raises:
        HostError: ``not-confined``.
    """
    harden(DIALER_NAME)
    return _apply(
        mode,
        frozenset(),
        lambda: landlock.restrict(_places(Allowed())),
        lambda: seccomp.allow_only(calls.of_the_dialer(), absent=calls.ABSENT),
    )


def become(uid: int, gid: int) -> None:
    """Be another user for good, in no group but one, with no capability that could come back.

    Raises:
        OSError: not allowed.
    """
    capabilities.unbind()
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def harden(name: str) -> None:
    """What needs no privilege and is there everywhere: see the module, down to no_new_privs.

    Raises:
        RuntimeError: there is more than one thread.
        OSError: refused.
    """
    if len(list(Path("/proc/self/task").iterdir())) != 1:
        raise RuntimeError("a process is confined before it starts threads")
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _prctl(_PR_SET_NAME, name.encode())
    _prctl(_PR_SET_DUMPABLE, 0)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def _apply(
    mode: Mode,
    kept: frozenset[Capability],
    restrict: Callable[[], int] | None,
    filter_calls: Callable[[], None],
) -> Confined:
    lacking: list[str] = []
    if absent := capabilities.missing(kept):
        raise HostError(
            "no-privilege",
            f"this process lacks {', '.join(f'CAP_{one.name}' for one in absent)}; run as root, or as a"
            " service whose unit grants them (AmbientCapabilities=)",
        )
    capabilities.keep(kept)
    held = capabilities.names(capabilities.effective())  # the filter lets nobody ask
    version = _tried("Landlock", restrict, lacking, mode) if restrict is not None else 0
    filtered = _tried("seccomp", filter_calls, lacking, mode) is not False
    return Confined(
        capabilities=held,
        landlock=version or 0,
        seccomp=filtered,
        lacking=tuple(lacking),
    )


def _tried(what: str, step: Callable[[], int | None], lacking: list[str], mode: Mode) -> int | None:
    """What the step gives; where it is refused, that is told, or the end."""
    try:
        return step()
    except (OSError, HostError) as error:
        reason = error.message if isinstance(error, HostError) else error.strerror or str(error)
        if mode == "require":
            raise HostError(
                "not-confined",
                f"{what} cannot confine this process: {reason}; mend that, or accept it with"
                ' mode = "best" in [confine] of the configuration',
            ) from error
        lacking.append(f"{what}: {reason}")
        return False


def _rules(allowed: Allowed) -> Iterable[landlock.Rule]:
    yield from _places(allowed)
    yield landlock.Rule(_TUN, landlock.DEVICE)


def _places(allowed: Allowed) -> Iterable[landlock.Rule]:
    for place in (*map(Path, _COMMON), *_python(), *allowed.read):
        yield landlock.Rule(place, landlock.READ)
    for place in allowed.write:
        yield landlock.Rule(place, landlock.WRITE)
    for descriptor in allowed.descriptors:
        yield landlock.Rule(descriptor, landlock.READ)
    yield landlock.Rule(Path(os.devnull), landlock.READ | landlock.Access.WRITE_FILE)


def _python() -> Iterable[Path]:
    """Where modules are loaded from, also late."""
    paths = sysconfig.get_paths()
    for key in ("stdlib", "platstdlib", "purelib", "platlib"):
        yield Path(paths[key])
    yield Path(sys.base_prefix) / "lib"
    yield Path(__file__).parents[3]


def _prctl(option: int, argument: int | bytes) -> None:
    value = argument if isinstance(argument, bytes) else ctypes.c_ulong(argument)
    if _LIBC.prctl(option, value, ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), "prctl")
