"""Whose host this is: one process writes at a time, and always with the same state directory.

Two state directories on one host would take each other's namespaces for leaks.  What is
written here is below ``/run``, which a reboot empties as it empties the kernel.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from deuteron.edge import crossing
from deuteron.errors import HostError
from deuteron.files import Purpose, check_directory, read_checked, replace
from deuteron.locks import Rank
from deuteron.state.file_lock import lock_file

#: Beside ``/run/netns``.
RUN_DIR: Final = Path("/run/deuteron")

_LOCK: Final = "host.lock"
_OWNER: Final = "owner.json"


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """The state directory that this host is programmed from.

    Attributes:
        state_id: see :attr:`deuteron.state.directory.State.id`.
        path: where it is.
    """

    state_id: str
    path: str


class Claim:
    """This process is the one that may write to this host."""

    def __init__(self, run_dir: Path, mine: Owner) -> None:
        self._run_dir = run_dir
        self._mine = mine

    def hold(self) -> None:
        """From now on the host is programmed from this state directory, and no other one may be used.

        Raises:
            HostError: ``host-lock-unusable``.
        """
        if owner_of_host(self._run_dir) != self._mine:
            _record(self._run_dir, self._mine)

    def release(self) -> None:
        """Nothing of ours is left on this host: let any other state directory have it.

        Raises:
            HostError: ``host-lock-unusable``.
        """
        with _usable(self._run_dir), crossing("file.unlink"):
            (self._run_dir / _OWNER).unlink(missing_ok=True)


def run_dir_for(netns_dir: Path) -> Path:
    """Where whose host it is stands, for namespaces named in ``netns_dir``."""
    return netns_dir.parent / RUN_DIR.name


def owner_of_host(run_dir: Path = RUN_DIR) -> Owner | None:
    """Whose host this is, ``None`` where it is nobody's.

    Raises:
        HostError: ``host-lock-unusable``.
    """
    with _usable(run_dir):
        try:
            content = read_checked(run_dir / _OWNER, Purpose.STATE)
        except FileNotFoundError:
            return None
    try:
        return msgspec.json.decode(content, type=Owner)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None  # we never leave half of one; what is not ours names nobody


def taken(run_dir: Path, state_id: str, state_path: Path) -> HostError | None:
    """Why :func:`claim` would refuse this state directory, ``None`` where it would not; nothing is locked.

    Raises:
        HostError: ``host-lock-unusable``.
    """
    owner = owner_of_host(run_dir)
    mine = Owner(state_id=state_id, path=str(state_path.absolute()))
    return _taken(owner, mine) if owner is not None and _still_there(owner, mine) else None


@contextmanager
def claim(run_dir: Path, state_id: str, state_path: Path, *, take_over: bool = False) -> Iterator[Claim]:
    """Be the one that may write to this host, with this state directory, until the end of the block.

    The lock dies with the process.  Whose host it is changes only by :meth:`Claim.hold`.

    Args:
        run_dir: see :func:`run_dir_for`.
        state_id: of the state directory.
        state_path: where it is.
        take_over: make the host this directory's, whosever it was (``deuteron doctor --adopt``).

    Raises:
        HostError: ``host-locked``, another process is at it; ``host-taken``, the host is programmed
            from another state directory; ``host-lock-unusable``.
    """
    with _locked(run_dir, state_path):
        owner = owner_of_host(run_dir)
        mine = Owner(state_id=state_id, path=str(state_path.absolute()))
        if owner is not None and owner != mine and not take_over and _still_there(owner, mine):
            raise _taken(owner, mine)
        claimed = Claim(run_dir, mine)
        if take_over:
            claimed.hold()
        yield claimed


def _still_there(owner: Owner, mine: Owner) -> bool:
    """Whether the other directory can still be used; one that was deleted is no reason to wait for it."""
    same = owner.state_id == mine.state_id or owner.path == mine.path  # moved, or made anew
    return not same and _may_be(Path(owner.path) / "state.sqlite")


def _may_be(path: Path) -> bool:
    """Whether there may be such a file; who may not look has to take it for one."""
    try:
        return path.exists()
    except OSError as error:
        return error.errno != errno.ENAMETOOLONG


def _taken(owner: Owner, mine: Owner) -> HostError:
    return HostError(
        "host-taken",
        f"this host is programmed from the state directory {owner.path}, not from {mine.path}:"
        f" use that one (--state-dir {owner.path}), or take all of it away first"
        f" (deuteron destroy --state-dir {owner.path}), or take it over (deuteron doctor --adopt)",
    )


@contextmanager
def _locked(run_dir: Path, state_path: Path) -> Iterator[None]:
    with _usable(run_dir):
        # Where root works for a service, the service has to find its way in here afterwards.
        owner = state_path.stat().st_uid if state_path.exists() else None
        check_directory(run_dir, make=True, owner=owner)
    busy = HostError(
        "host-locked", "another deuteron is applying on this host; wait for it to end and try again"
    )
    with lock_file(run_dir / _LOCK, Rank.HOST, lambda: _usable(run_dir), busy):
        yield


def _record(run_dir: Path, owner: Owner) -> None:
    with _usable(run_dir):
        replace(run_dir / _OWNER, msgspec.json.encode(owner), Purpose.STATE)


@contextmanager
def _usable(run_dir: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise HostError(
            "host-lock-unusable",
            f"{error.filename or run_dir}: {error.strerror or error}; deuteron notes there who programs"
            " this host: make it writable for this user",
        ) from error
