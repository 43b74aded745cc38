"""What a unit and a tmpfiles.d file say, read by the tests themselves."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from deuteron.install.lay import Kind, packaged


def settings(text: str) -> dict[str, list[str]]:
    """Every setting of a unit with its values, in order."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


class Line(NamedTuple):
    """Of tmpfiles.d."""

    type: str
    path: Path
    mode: int
    user: str
    group: str


def tmpfiles(kind: Kind = "watch") -> list[Line]:
    name = "tmpfiles.conf" if kind == "watch" else f"tmpfiles-{kind}.conf"
    lines = [one.split() for one in packaged(name).decode().splitlines()]
    return [Line(of[0], Path(of[1]), int(of[2], 8), of[3], of[4]) for of in lines if of and of[0][0] != "#"]


def make(place: Callable[[Path], Path], service: int, kind: Kind = "watch", api: int = 0) -> None:
    """What systemd-tmpfiles does with the packaged file.

    Args:
        place: where a path lies in the test.
        service: the uid and the gid of the service.
        kind: what was installed.
        api: as ``service``, of the API's.
    """
    ids = {"root": 0, "deuteron": service, "deuteron-api": api}
    for line in tmpfiles(kind):
        path = place(line.path)
        if line.type == "d":
            path.mkdir(parents=True, exist_ok=True)
        os.chown(path, ids[line.user], ids[line.group])
        path.chmod(line.mode)


def why_no_systemd() -> str:
    """Why what systemd says cannot be asked, "" where it can."""
    missing = [
        one for one in ("systemd-analyze", "systemd-sysusers", "systemd-tmpfiles") if not shutil.which(one)
    ]
    return f"not installed: {', '.join(missing)}" if missing else ""


def system_calls(unit: dict[str, list[str]]) -> list[str]:
    """What ``SystemCallFilter=`` lets through, by systemd's own sets."""
    allowed: set[str] = set()
    for value in unit["SystemCallFilter"]:
        names = {name for word in value.removeprefix("~").split() for name in _expanded(word)}
        allowed = allowed - names if value.startswith("~") else allowed | names
    return sorted(allowed)


@lru_cache
def _expanded(word: str) -> frozenset[str]:
    if not word.startswith("@"):
        return frozenset({word})
    told = subprocess.run(
        ["systemd-analyze", "syscall-filter", word], capture_output=True, text=True, check=True, timeout=20
    )
    words = [line.strip() for line in told.stdout.splitlines()[1:]]
    return frozenset(name for one in words if one and one[0] != "#" for name in _expanded(one))


def nobody_knows(name: str) -> bool:
    """Whether this machine has no such user."""
    try:
        pwd.getpwnam(name)
    except KeyError:
        return True
    return False
