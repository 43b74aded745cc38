"""From ``/`` to a file, through directories that nobody else can change."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from deuteron.files.purpose import Purpose
from deuteron.files.refused import (
    WRITABLE,
    link_on_the_way,
    many_names,
    unsafe_file,
    unsafe_parent,
    wrong_type,
)

#: To look at something without opening it.
LOOK: Final = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
#: How often a file may be replaced while it is looked at.
_TRIES: Final = 64
#: Others may go into a directory.
_SEARCHABLE: Final = stat.S_IXGRP | stat.S_IXOTH


class Place(NamedTuple):
    """A directory on the way.

    Attributes:
        fd: of it, ``O_PATH``.
        found: it, as it is.
        path: its name.
        trusted: whose things in it are accepted.
        pure: root alone decides what is in all directories above it.
    """

    fd: int
    found: os.stat_result
    path: Path
    trusted: frozenset[int]
    pure: bool


@contextmanager
def directory(path: Path, what: Purpose, owner: int | None) -> Iterator[Place]:
    """Walk to a directory; its descriptor lives as long as the block.

    Raises:
        HostError: ``unsafe-parent`` or ``unsafe-link``.
        OSError: it is not there, or something on the way is no directory.
    """
    fd = os.open("/", LOOK | os.O_DIRECTORY)
    try:
        trusted = frozenset({0, os.geteuid()} | ({owner} if owner is not None else set()))
        root = Path("/")
        place = Place(fd, os.fstat(fd), root, trusted, pure=True)
        place = _step(place, fd, root, last=root == path, what=what)
        parts = path.parts[1:]
        for number, name in enumerate(parts, start=1):
            following = look(name, fd, place.path / name)
            os.close(fd)
            fd = following
            place = _step(place, fd, place.path / name, last=number == len(parts), what=what)
        yield place
    finally:
        os.close(fd)


def look(name: str, fd: int, path: Path) -> int:
    """A descriptor for what has this name in a directory, a link itself included.

    Raises:
        OSError: it is not there; the error names ``path``.
    """
    with naming(path):
        return os.open(name, LOOK, dir_fd=fd)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Have what the system refuses name the path from ``/``, not a name in some directory."""
    try:
        yield
    except OSError as error:
        error.filename = str(path)
        raise


def _step(place: Place, fd: int, path: Path, *, last: bool, what: Purpose) -> Place:
    """Into the directory that ``fd`` is.

    Raises:
        HostError: ``unsafe-parent`` or ``unsafe-link``.
        OSError: it is no directory.
    """
    found = os.fstat(fd)
    if stat.S_ISLNK(found.st_mode):
        raise link_on_the_way(path)
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    others = found.st_mode & WRITABLE
    trusted = place.trusted
    if last and what.value.served and _is_given_away(found, pure=place.pure):
        trusted |= {found.st_uid}
    owned = found.st_uid in trusted or _is_root(found.st_uid)
    if not owned or (others and not found.st_mode & stat.S_ISVTX):
        raise unsafe_parent(found, path, owned=owned)
    pure = place.pure and _is_root(found.st_uid) and not others
    return Place(fd, found, path, trusted, pure)


def _is_given_away(found: os.stat_result, *, pure: bool) -> bool:
    """Whether root has given a directory to a service: nobody else could, where all above it are root's.

    Only the true root asks: to everybody else, also to root of a user namespace, where all whose owners
    are unknown look alike, a stranger's directory is a stranger's.
    """
    return os.geteuid() == 0 == _true_root() and pure and not found.st_mode & WRITABLE


def _is_root(uid: int) -> bool:
    """Whether an owner of a directory on the way is root, also as a user namespace without root shows it."""
    return uid == 0 or uid == _true_root()


def _true_root() -> int:
    """The uid as which the true root appears; see user_namespaces(7) on unmapped ids.

    The root of procfs is always the true root's (``GLOBAL_ROOT_UID``).
    """
    return Path("/proc").stat().st_uid


def found_good(place: Place, path: Path, what: Purpose) -> tuple[int, os.stat_result]:
    """Look at a file until what was looked at still has its name.

    Returns:
        Its descriptor, ``O_PATH``, the caller's to close; and it, as it is.

    Raises:
        HostError: it is not as its purpose asks.
        OSError: it is not there; or it is replaced all the time (EAGAIN).
    """
    for _ in range(_TRIES):
        fd = look(path.name, place.fd, path)
        try:
            found = os.fstat(fd)
            if _is_settled(found, place, path):
                _accept(found, place, path, what)
                return os.dup(fd), found
        finally:
            os.close(fd)
    raise BlockingIOError(errno.EAGAIN, "it is replaced all the time", str(path))


def _is_settled(found: os.stat_result, place: Place, path: Path) -> bool:
    """Whether a file has this name, and no other one.

    One call tells both: a hard link cannot lose one of its names in between.

    Raises:
        HostError: ``unsafe-link``, it has other names.
    """
    if not stat.S_ISREG(found.st_mode):
        return True
    try:
        named = os.stat(path.name, dir_fd=place.fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    # No name at all: it was replaced within the call itself.
    if not os.path.samestat(named, found) or named.st_nlink == 0:
        return False
    if named.st_nlink > 1:
        raise many_names(named, path)
    return True


def _accept(found: os.stat_result, place: Place, path: Path, what: Purpose) -> None:
    """Refuse what is not as its purpose asks.

    Raises:
        HostError: ``unsafe-type``, ``unsafe-link`` or ``unsafe-file``.
    """
    rule = what.value
    if stat.S_IFMT(found.st_mode) != rule.type:
        raise wrong_type(found, path, rule)
    trusted = place.trusted
    if rule.type == stat.S_IFDIR and rule.served and _is_given_away(found, pure=place.pure):
        trusted |= {found.st_uid}
    alone = rule.sheltered and not place.found.st_mode & _SEARCHABLE
    forbidden = rule.forbidden & WRITABLE if alone else rule.forbidden
    if found.st_uid not in trusted or found.st_mode & forbidden:
        raise unsafe_file(found, path, rule, owned=found.st_uid in trusted)


def absolute(path: Path) -> Path:
    """The path from ``/``, without ``.`` and ``..``; since no link is followed, it is the same file."""
    return Path(os.path.normpath(Path.cwd() / path))
