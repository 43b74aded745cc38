"""Opening, making and replacing a file in a directory that was walked to."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

from deuteron.edge import crossing
from deuteron.errors import HostError
from deuteron.files.purpose import Purpose
from deuteron.files.walk import Place, absolute, directory, found_good, naming

#: How often a file may come and go between looking for it and making it.
_TRIES: Final = 16


def open_checked(
    path: Path, what: Purpose, flags: int = os.O_RDONLY, mode: int | None = None, *, owner: int | None = None
) -> int:
    """Open a file that is as its purpose asks; with ``O_CREAT`` it is made where it is not there.

    Args:
        path: absolute, or from the working directory.
        what: it is for.
        flags: of open(2); ``O_NOFOLLOW`` and ``O_CLOEXEC`` are added.
        mode: permission bits of one that is made, whatever the umask; by default those of the purpose.
        owner: another user whose files are accepted, where root looks: a state directory's.

    Returns:
        The descriptor, the caller's to close.

    Raises:
        HostError: ``unsafe-file``, its owner or its mode; ``unsafe-link``, it is a link, or there is a
            link on the way, or it has several names; ``unsafe-parent``; ``unsafe-type``.
        OSError: it is not there, or it cannot be opened.
    """
    path = absolute(path)
    with directory(path.parent, what, owner) as place, crossing("file.open"):
        return _open(place, path, what, flags, what.value.mode if mode is None else mode)


def check(path: Path, what: Purpose, *, owner: int | None = None) -> os.stat_result:
    """Look at a file as :func:`open_checked` does, without opening it (a socket; a database's file).

    Args:
        path: absolute, or from the working directory.
        what: it is for.
        owner: see :func:`open_checked`.

    Raises:
        HostError: as :func:`open_checked`.
        OSError: it is not there.
    """
    path = absolute(path)
    with directory(path.parent, what, owner) as place:
        fd, found = found_good(place, path, what)
        os.close(fd)
        return found


def check_directory(
    path: Path, what: Purpose = Purpose.DIRECTORY, *, make: bool = False, owner: int | None = None
) -> os.stat_result:
    """Look at a directory and all that lead to it.

    Args:
        path: absolute, or from the working directory.
        what: it is for.
        make: make it, and what leads to it, with mode 0700, where it is not there.
        owner: see :func:`open_checked`; and whose one is that root makes.

    Returns:
        As it is; ``st_uid`` is whose files are in it.

    Raises:
        HostError: as :func:`open_checked`.
        OSError: it is not there, or it cannot be made.
    """
    path = absolute(path)
    if make:
        _make(path, what, owner)
    if path == path.parent:
        return path.stat()
    return check(path, what, owner=owner)


def replace(
    path: Path, content: bytes, what: Purpose, mode: int | None = None, *, owner: int | None = None
) -> None:
    """Write a file whole, or leave the one that is there: on the disk under its name when it returns.

    Args:
        path: absolute, or from the working directory; its directory is there.
        content: all of it.
        what: it is for.
        mode: permission bits, whatever the umask; by default those of the purpose.
        owner: see :func:`open_checked`.

    Raises:
        HostError: ``unsafe-parent`` or ``unsafe-link``.
        OSError: the disk refuses; what was there still is.
    """
    path = absolute(path)
    mode = what.value.mode if mode is None else mode
    with directory(path.parent, what, owner) as place:
        new = f".{path.name}.new-{secrets.token_hex(8)}"
        try:
            with crossing("file.open"):
                fd = _new(place, new, os.O_WRONLY, mode)
            _write(fd, content)
            with crossing("file.rename"):
                os.rename(new, path.name, src_dir_fd=place.fd, dst_dir_fd=place.fd)
        except BaseException:  # interrupted too: what nobody will rename does not stay
            with suppress(FileNotFoundError), crossing("file.unlink"):
                os.unlink(new, dir_fd=place.fd)
            raise
        _sync(place)


def read_checked(path: Path, what: Purpose, *, owner: int | None = None, limit: int = 1 << 20) -> bytes:
    """All of a file that is as its purpose asks.

    Args:
        path: absolute, or from the working directory.
        what: it is for.
        owner: see :func:`open_checked`.
        limit: bytes that it may have.

    Raises:
        HostError: as :func:`open_checked`; ``unsafe-type`` where it is larger.
        OSError: it is not there, or it cannot be read.
    """
    with os.fdopen(open_checked(path, what, owner=owner), "rb") as stream:
        content = stream.read(limit + 1)
    if len(content) > limit:
        raise HostError(
            "unsafe-type",
            f"{path}: larger than {limit} bytes, which is no {what.value.name}; put the right one there",
        )
    return content


def adopt(fd: int, owner: os.stat_result) -> None:
    """Where root has made a file for somebody else, it is that one's.

    Args:
        fd: of a file that this process has made and nobody has opened since.
        owner: the directory that it is in, as it is.

    Raises:
        OSError: refused.
    """
    if os.geteuid() == 0 and owner.st_uid != 0:
        os.fchown(fd, owner.st_uid, owner.st_gid)


def _open(place: Place, path: Path, what: Purpose, flags: int, mode: int) -> int:
    for _ in range(_TRIES):
        try:
            fd, _found = found_good(place, path, what)
        except FileNotFoundError:
            if not flags & os.O_CREAT:
                raise
            with suppress(FileExistsError):  # somebody else has just made it
                return _new(place, path.name, flags, mode)
            continue
        try:
            return _again(fd, flags & ~(os.O_CREAT | os.O_EXCL), path)
        finally:
            os.close(fd)
    raise FileExistsError(f"{path} comes and goes")


def _again(fd: int, flags: int, path: Path) -> int:
    """Open what an ``O_PATH`` descriptor stands for: the same inode, whatever its name leads to now."""
    with naming(path):
        return os.open(f"/proc/self/fd/{fd}", flags | os.O_CLOEXEC)


def _new(place: Place, name: str, flags: int, mode: int) -> int:
    """Make a file; the directory's owner is its owner."""
    made = os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with naming(place.path / name):
        fd = os.open(name, flags | made, mode & 0o600, dir_fd=place.fd)
    try:
        os.fchmod(fd, mode)
        if place.found.st_uid in place.trusted:
            adopt(fd, place.found)
    except BaseException:  # interrupted too: nobody else could close it
        os.close(fd)
        raise
    return fd


def _write(fd: int, content: bytes) -> None:
    with os.fdopen(fd, "wb") as stream:
        with crossing("file.write"):
            stream.write(content)
            stream.flush()
        with crossing("file.sync"):
            os.fsync(fd)


def _sync(place: Place) -> None:
    """Force a directory's entries to the disk."""
    fd = _again(place.fd, os.O_RDONLY | os.O_DIRECTORY, place.path)
    try:
        with crossing("file.sync"):
            os.fsync(fd)
    finally:
        os.close(fd)


def _make(path: Path, what: Purpose, owner: int | None) -> None:
    """Make a directory, and those that lead to it, each in one that was looked at."""
    missing = [one for one in (path, *path.parents) if not os.path.lexists(one)]
    for one in reversed(missing):
        with directory(one.parent, what, owner) as place:
            with suppress(FileExistsError), crossing("file.open"), naming(one):
                os.mkdir(one.name, 0o700, dir_fd=place.fd)
            _adopt_directory(place, one.name, owner if one == path else None)


def _adopt_directory(place: Place, name: str, owner: int | None) -> None:
    uid = place.found.st_uid if owner is None else owner
    if os.geteuid() != 0 or uid == 0 or uid not in place.trusted:
        return
    fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=place.fd)
    try:
        os.fchown(fd, uid, -1 if owner is not None else place.found.st_gid)
    finally:
        os.close(fd)
