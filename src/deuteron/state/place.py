"""The directory and the file of a database: made for their owner, and looked at before SQLite opens them.

SQLite opens by name, and follows a link in the place of its main file; that a name cannot be given to
anything else in between is what the walk to it has shown (:mod:`deuteron.files`).  What it opened is
compared all the same: in a service's directory the service itself could have done it, to root.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from deuteron.edge import crossing
from deuteron.errors import HostError
from deuteron.files import Purpose, adopt, check, check_directory

_NEW: Final = ".new-"


def make_directory(path: Path) -> os.stat_result:
    """Make the directory for its owner alone; refuse one that others can write.

    Root may use a service's: one that is in directories of root's alone, so that root gave it away.

    Returns:
        As it is; ``st_uid`` is whose the files in it are.

    Raises:
        HostError: ``state-permissions``; ``unsafe-parent`` or ``unsafe-link`` for what leads to it.
        OSError: it cannot be made.
    """
    try:
        found = check_directory(path, make=True)
    except HostError as error:
        if error.code != "unsafe-file":
            raise
        raise _not_ours_alone(path) from error
    if os.geteuid() not in (0, found.st_uid):
        raise _not_ours_alone(path)
    return found


def _not_ours_alone(path: Path) -> HostError:
    return HostError(
        "state-permissions",
        f"the state directory {path} belongs to another user or can be written by others;"
        f" mend it: chown {os.geteuid()} {path} && chmod 700 {path}",
    )


def make_file(file: Path, directory: os.stat_result, content: Callable[[], bytes]) -> None:
    """Make the file where there is none: whole from the moment at which it has its name.

    Whatever user makes it, it is the directory's owner's, and so is what SQLite makes beside it.

    Args:
        file: the database.
        directory: that it is in, as it is.
        content: what is in it.

    Raises:
        OSError: the disk refuses.
    """
    if file.exists():
        return
    for left in file.parent.glob(f"{file.name}{_NEW}*"):  # of a process that was killed here
        left.unlink(missing_ok=True)
    new = file.with_name(f"{file.name}{_NEW}{secrets.token_hex(8)}")
    try:
        _write(new, content(), directory)
        # Two processes at once: the first one's stays, and neither ever sees half of one.
        with suppress(FileExistsError), crossing("file.rename"):
            os.link(new, file)
    finally:
        with crossing("file.unlink"):
            new.unlink(missing_ok=True)
    sync_directory(file.parent)


def checked(file: Path) -> os.stat_result:
    """The database as it is, and what SQLite keeps beside it: nobody else's, and no link.

    Raises:
        HostError: ``unsafe-file`` and its like.
    """
    for part in ("-wal", "-shm"):
        with suppress(FileNotFoundError):
            check(file.with_name(file.name + part), Purpose.STATE)
    if file.lstat().st_nlink > 1:  # a process was killed, or is, between giving it its name and the last one
        for left in file.parent.glob(f"{file.name}{_NEW}*"):
            with suppress(FileNotFoundError):
                if left.samefile(file):
                    left.unlink(missing_ok=True)
    return check(file, Purpose.STATE)


def refuse_another(file: Path, found: os.stat_result) -> None:
    """Refuse to go on where SQLite, which opens by name, has not opened what was looked at.

    Raises:
        HostError: ``unsafe-link``.
    """
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            if os.path.samestat(descriptor.stat(), found):
                return
    raise HostError(
        "unsafe-link",
        f"{file} was replaced while it was opened; find out who writes in {file.parent}, and try again",
    )


def _write(file: Path, content: bytes, directory: os.stat_result) -> None:
    with crossing("file.open"):
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        adopt(descriptor, directory)
        with crossing("file.write"):
            stream.write(content)
            stream.flush()
        with crossing("file.sync"):
            os.fsync(descriptor)


def sync_directory(path: Path) -> None:
    """Force a directory's entries to the disk.

    Raises:
        OSError: refused.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with crossing("file.sync"):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
