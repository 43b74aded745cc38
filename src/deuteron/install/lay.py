"""What ``deuteron install`` lays down: which file where, with which content."""

from __future__ import annotations

import os
import re
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Final, Literal

import msgspec

from deuteron.errors import InputError
from deuteron.install.defaults import apart

UNIT: Final = "deuteron-watch.service"
API_UNIT: Final = "deuteron-api.service"
AGENT_UNIT: Final = "deuteron-agent.service"
#: Who runs the watch, or the agent; sysusers.conf makes it. And who runs the API.
USER: Final = "deuteron"
API_USER: Final = "deuteron-api"
CONFIG_DIR: Final = Path("/etc/deuteron")
LOG_DIR: Final = Path("/var/log/deuteron")
#: Of the API alone: its database, its log, its socket.
API_DIRS: Final = (
    Path("/var/lib/deuteron-api"),
    Path("/var/log/deuteron-api"),
    Path("/run/deuteron-api"),
)
#: What ``systemctl enable`` makes for the units' ``WantedBy=``, by unit.
ENABLED: Final = {
    unit: Path("/etc/systemd/system/multi-user.target.wants") / unit for unit in (UNIT, API_UNIT, AGENT_UNIT)
}

#: What is made a service: ``apply --watch``, or the two processes of ``serve``.
Kind = Literal["watch", "serve"]
#: Its units, in the order of their start.
UNITS: Final[dict[Kind, tuple[str, ...]]] = {"watch": (UNIT,), "serve": (API_UNIT, AGENT_UNIT)}

DEFAULT: Final[tuple[Kind, ...]] = ("watch",)
_RUNS: Final = {UNIT: "runs the watch", API_UNIT: "answers requests", AGENT_UNIT: "programs this host"}

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


def lay(program: Path, kind: Kind = "watch") -> tuple[Item, ...]:
    """What belongs where.

    Args:
        program: ``deuteron`` itself, as the units start it.
        kind: what is to be a service.

    Raises:
        InputError: ``bad-usage``, the unit cannot name such a path.
    """
    if not _PLAIN.fullmatch(str(program)):
        raise InputError(
            "bad-usage",
            f"the unit cannot start {str(program)!r}; name an absolute path of letters, digits"
            " and . _ + @ : ~ - (--program PATH)",
        )
    watch = kind == "watch"
    suffix = "" if watch else "-serve"
    text = packaged("deuteron.toml")
    return (
        Item(
            path=Path("/etc/sysusers.d/deuteron.conf"),
            content=sealed(packaged(f"sysusers{suffix}.conf")),
            why=f"the user {USER}" if watch else f"the users {USER} and {API_USER}",
        ),
        Item(
            path=Path("/etc/tmpfiles.d/deuteron.conf"),
            content=sealed(packaged(f"tmpfiles{suffix}.conf")),
            why=f"{'its' if watch else 'their'} directories, also after a reboot",
        ),
        Item(
            path=CONFIG_DIR / "deuteron.toml",
            content=sealed(text if watch else apart(text.decode()).encode()),
            mode=0o640 if watch else 0o644,
            owner=f"root:{USER}",
            why="the configuration, yours to change",
            operators=True,
            directory_mode=0o750 if watch else 0o751,
        ),
        *(_unit(name, program) for name in UNITS[kind]),
    )


def laid(program: Path, root: Path) -> tuple[Item, ...]:
    """What may be there of the kinds that are there, each path once; of none: as if it were the watch.

    Args:
        program: as :func:`lay`.
        root: the directory that stands for ``/``.
    """
    units = root / "etc/systemd/system"
    kinds = [kind for kind, names in UNITS.items() if any(os.path.lexists(units / one) for one in names)]
    every = {item.path: item for kind in kinds or DEFAULT for item in lay(program, kind)}
    return tuple(every.values())


def _unit(name: str, program: Path) -> Item:
    return Item(
        path=Path("/etc/systemd/system") / name,
        content=sealed(packaged(name).replace(b"@PROGRAM@", str(program).encode())),
        why=_RUNS[name],
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


def commands(root: Path, kind: Kind = "watch") -> tuple[str, ...]:
    """What is to be run once the files are there; systemd's work, as root."""
    units = " ".join(UNITS[kind])
    if root == Path("/"):
        return (
            "systemd-sysusers deuteron.conf",
            "systemd-tmpfiles --create deuteron.conf",
            "systemctl daemon-reload",
            f"systemctl enable --now {units}",
        )
    return (
        f"systemd-sysusers --root={root} deuteron.conf",
        f"systemd-tmpfiles --root={root} --create deuteron.conf",
        f"systemctl --root={root} enable {units}",
    )
