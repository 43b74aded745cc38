"""What ``deuteron install`` lays down: which file where, with which content."""

from __future__ import annotations

import re
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Final

import msgspec

from deuteron.errors import InputError

UNIT: Final = "deuteron-watch.service"
#: Who runs the watch; sysusers.conf makes it.
USER: Final = "deuteron"
CONFIG_DIR: Final = Path("/etc/deuteron")
LOG_DIR: Final = Path("/var/log/deuteron")
#: What ``systemctl enable`` makes for the unit's ``WantedBy=``.
ENABLED: Final = Path("/etc/systemd/system/multi-user.target.wants") / UNIT

#: systemd takes a path in ``ExecStart=`` as it is while it has none of the characters that it gives
#: a meaning to; systemd.service(5).
_PLAIN: Final = re.compile(r"/[\w./+@:~-]+", re.ASCII)
#: The first line of every file: by it a later version tells what was changed since from what was not.
_SEAL: Final = re.compile(
    rb"# Laid down by deuteron install; nobody has changed it while this is the SHA-256 of the rest: "
    rb"(?P<digest>[0-9a-f]{64})\n"
)


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One file.

    Attributes:
        path: where, from the root of the host.
        content: all of it.
        mode: permission bits that it is made with.
        owner: user and group, in the end; what is not root's is made so by tmpfiles.d.
        why: what it is for.
        operators: it is there to be changed.
        directory_mode: permission bits of its directory, where that has to be made.
    """

    path: Path
    content: bytes
    mode: int = 0o644
    owner: str = "root:root"
    why: str
    operators: bool = False
    directory_mode: int = 0o755


def lay(program: Path) -> tuple[Item, ...]:
    """What belongs where.

    Args:
        program: ``deuteron`` itself, as the unit starts it.

    Raises:
        InputError: ``bad-usage``, the unit cannot name such a path.
    """
    if not _PLAIN.fullmatch(str(program)):
        raise InputError(
            "bad-usage",
            f"the unit cannot start {str(program)!r}; name an absolute path of letters, digits"
            " and . _ + @ : ~ - (--program PATH)",
        )
    return (
        Item(
            path=Path("/etc/sysusers.d/deuteron.conf"),
            content=sealed(packaged("sysusers.conf")),
            why=f"the user {USER}",
        ),
        Item(
            path=Path("/etc/tmpfiles.d/deuteron.conf"),
            content=sealed(packaged("tmpfiles.conf")),
            why="its directories, also after a reboot",
        ),
        Item(
            path=CONFIG_DIR / "deuteron.toml",
            content=sealed(packaged("deuteron.toml")),
            mode=0o640,
            owner=f"root:{USER}",
            why="the configuration, yours to change",
            operators=True,
            directory_mode=0o750,
        ),
        Item(
            path=Path("/etc/systemd/system") / UNIT,
            content=sealed(packaged(UNIT).replace(b"@PROGRAM@", str(program).encode())),
            why="runs the watch",
        ),
    )


def packaged(name: str) -> bytes:
    """A file of this package."""
    return (files("deuteron.install") / name).read_bytes()


def sealed(content: bytes) -> bytes:
    """A file with the line in front that tells later whether somebody has changed it."""
    return (
        b"# Laid down by deuteron install; nobody has changed it while this is the SHA-256 of the rest: "
        + sha256(content).hexdigest().encode()
        + b"\n"
        + content
    )


def is_untouched(content: bytes) -> bool:
    """Whether a file is as some version of Deuteron has laid it down."""
    seal = _SEAL.match(content)
    return seal is not None and seal["digest"].decode() == sha256(content[seal.end() :]).hexdigest()


def commands(root: Path) -> tuple[str, ...]:
    """What is to be run once the files are there; systemd's work, as root."""
    if root == Path("/"):
        return (
            "systemd-sysusers deuteron.conf",
            "systemd-tmpfiles --create deuteron.conf",
            "systemctl daemon-reload",
            f"systemctl enable --now {UNIT}",
        )
    return (
        f"systemd-sysusers --root={root} deuteron.conf",
        f"systemd-tmpfiles --root={root} --create deuteron.conf",
        f"systemctl --root={root} enable {UNIT}",
    )
