"""Who has asked what a pseudonym stands for: a line each, only added to, on the disk before the answer."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from deuteron.edge import crossing
from deuteron.errors import HostError
from deuteron.files import Purpose, check_directory, open_checked

#: In the state directory.
TRAIL_FILE: Final = "reveal.log"
#: What the kernel shows for a process that nobody has logged in for ((uid_t)-1).
_NOBODY: Final = 0xFFFFFFFF


class Who(msgspec.Struct, frozen=True, kw_only=True):
    """The person behind this process, as far as the kernel and sudo tell.

    Attributes:
        uid: effective.
        sudo_uid: whom sudo(8) says it runs for; ``None`` without it.
        login_uid: who has logged in (pam_loginuid(8)), whatever they became since; ``None`` for a service.
    """

    uid: int
    sudo_uid: int | None = None
    login_uid: int | None = None


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the trail.

    Attributes:
        what: ``reveal`` or ``rotate``.
        tokens: the pseudonyms asked for; what is none of ours is not written down.
    """

    at: datetime
    who: Who
    what: str
    tokens: tuple[str, ...] = ()


def who() -> Who:
    """Who runs this process."""
    sudo = os.environ.get("SUDO_UID", "")
    return Who(
        uid=os.geteuid(),
        sudo_uid=int(sudo) if sudo.isascii() and sudo.isdigit() else None,
        login_uid=_login(),
    )


def _login() -> int | None:
    try:
        found = int(Path("/proc/self/loginuid").read_text(encoding="ascii"))
    except FileNotFoundError:  # a kernel without CONFIG_AUDIT
        return None
    return found if found != _NOBODY else None


def note(path: Path, asked: Asked) -> None:
    """Add a line; it is on the disk when this returns.

    Raises:
        HostError: ``not-on-record``, or the file is not safe to use: no answer may be given then.
    """
    try:
        check_directory(path.parent, make=True)
        descriptor = open_checked(path, Purpose.STATE, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        with os.fdopen(descriptor, "ab") as trail:
            with crossing("file.write"):
                trail.write(msgspec.json.encode(asked) + b"\n")
                trail.flush()
            with crossing("file.sync"):
                os.fsync(trail.fileno())
    except OSError as error:
        raise HostError(
            "not-on-record",
            f"{path} cannot be written ({error.strerror}), and nothing is revealed without a record of it;"
            " make room, or run as the state directory's owner",
        ) from error
