"""What stands in the way: a watch that runs or will, routers that are still there, a program out of reach."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from deuteron.install.lay import ENABLED, UNIT, USER
from deuteron.install.put import under
from deuteron.kernel.linux.confine.inspect import processes
from deuteron.state import State

_DATABASE: Final = "state.sqlite"
_OWN_NETNS: Final = Path("/proc/self/ns/net")


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What a host still has of ours.

    Attributes:
        watches: the numbers of the processes that watch it, or serve.
        enabled: the units that systemd starts at boot.
        committed: something is applied.
    """

    watches: tuple[int, ...]
    enabled: tuple[str, ...]
    committed: bool


def standing(root: Path, state_dir: Path) -> Standing:
    """What a host still has of ours.

    Args:
        root: the directory that stands for ``/``; only of ``/`` itself processes can be told.
        state_dir: its state directory, from its own root.

    Raises:
        HostError: the state cannot be read.
    """
    return Standing(
        watches=_watches() if root == Path("/") else (),
        enabled=enabled(root),
        committed=_is_committed(under(root, state_dir)),
    )


def enabled(root: Path) -> tuple[str, ...]:
    """The units of ours that systemd starts at boot."""
    return tuple(unit for unit, link in ENABLED.items() if os.path.lexists(under(root, link)))


def is_roots(root: Path, state_dir: Path) -> bool:
    """Whether root has written state before there was a service, which the service could not read."""
    try:
        return (under(root, state_dir) / _DATABASE).lstat().st_uid == 0
    except OSError:
        return False


def out_of_reach(program: Path) -> Iterator[str]:
    """Why the service's user cannot run a program, or who else decides what it runs: sentences."""
    for what in dict.fromkeys((program, program.resolve(), Path(sys.executable).resolve(), _package())):
        for one in (what, *what.parents):
            if sentence := _fault(what, one):
                yield sentence
                break


def _fault(what: Path, one: Path) -> str:
    try:
        found = one.stat()
    except OSError as error:
        return f"{what} is not there ({error.strerror}); the unit cannot start it"
    needed = stat.S_IXOTH if stat.S_ISDIR(found.st_mode) or one == what else 0
    if found.st_mode & needed != needed:
        return (
            f"the user {USER} cannot get to {what}, as {one} has mode {stat.S_IMODE(found.st_mode):04o};"
            " install Deuteron where everybody can read it, such as /opt/deuteron"
        )
    writable = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not found.st_mode & stat.S_ISVTX
    if found.st_uid != 0 or writable:
        return (
            f"{one} can be written by others than root, who then decide what {UNIT} runs;"
            f" mend it: chown root {one} && chmod go-w {one}"
        )
    return ""


def _package() -> Path:
    return Path(__file__).resolve().parents[1]


def _watches() -> tuple[int, ...]:
    """The watches and servers of this host: those in the caller's network namespace."""
    own = _OWN_NETNS.stat().st_ino
    return tuple(one.pid for one in processes() if one.role in ("watch", "api") and _netns(one.pid) == own)


def _netns(pid: int) -> int:
    try:
        return Path(f"/proc/{pid}/ns/net").stat().st_ino
    except OSError:
        return 0  # it has ended, or is nobody's business of ours


def _is_committed(state_dir: Path) -> bool:
    try:
        if not (state_dir / _DATABASE).exists():
            return False
    except OSError:
        return False  # not ours to see: then not ours to destroy either
    with State(state_dir) as state:
        return state.committed() is not None or bool(state.intents())
