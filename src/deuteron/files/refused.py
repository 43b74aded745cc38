"""What is refused, in a sentence with the command that mends it."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from shlex import quote
from typing import Final

from deuteron.errors import HostError
from deuteron.files.purpose import Rule

_TYPES: Final = {
    stat.S_IFREG: "a regular file",
    stat.S_IFDIR: "a directory",
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
}

#: Others may write.
WRITABLE: Final = stat.S_IWGRP | stat.S_IWOTH


def link_on_the_way(path: Path) -> HostError:
    """``unsafe-link``: what should be a directory leads elsewhere."""
    return HostError(
        "unsafe-link",
        f"{path} is a symbolic link, and none is followed here; name the directory that it leads to"
        f" (realpath {quote(str(path))})",
    )


def unsafe_parent(found: os.stat_result, path: Path, *, owned: bool) -> HostError:
    """``unsafe-parent``: others may replace what is in a directory."""
    problem = "can be written by others" if owned else f"belongs to uid {found.st_uid}"
    commands = [] if owned else [f"chown {os.geteuid()} {quote(str(path))}"]
    if found.st_mode & WRITABLE:
        commands.append(f"chmod go-w {quote(str(path))}")
    return HostError(
        "unsafe-parent",
        f"the directory {path} {problem}, who can replace what is in it;"
        f" mend it: {' && '.join(commands)}; or name another path{_or_run_as(found, owned=owned)}",
    )


def _or_run_as(found: os.stat_result, *, owned: bool) -> str:
    return "" if owned or os.geteuid() == 0 else f"; or run as uid {found.st_uid}, whose it is"


def unsafe_file(found: os.stat_result, path: Path, rule: Rule, *, owned: bool) -> HostError:
    """``unsafe-file``: its owner or its mode."""
    mode = stat.S_IMODE(found.st_mode)
    wrong = [] if owned else [f"belongs to uid {found.st_uid}"]
    commands = [] if owned else [f"chown {os.geteuid()} {quote(str(path))}"]
    if mode & rule.forbidden:
        wrong.append(f"has mode {mode:04o}")
    if mode & rule.forbidden or not owned:
        commands.append(f"chmod {rule.mode:o} {quote(str(path))}")
    return HostError(
        "unsafe-file",
        f"the {rule.name} {path} {' and '.join(wrong)}, so that others decide what is in it or read it;"
        f" look at what it says, then mend it: {' && '.join(commands)}",
    )


def many_names(found: os.stat_result, path: Path) -> HostError:
    """``unsafe-link``: a file with hard links."""
    name, new = quote(str(path)), quote(f"{path}.new")
    return HostError(
        "unsafe-link",
        f"the file {path} has {found.st_nlink} names (hard links), so that it can be changed by"
        f" another one; mend it: cp -p {name} {new} && mv {new} {name}",
    )


def wrong_type(found: os.stat_result, path: Path, rule: Rule) -> HostError:
    """``unsafe-link`` or ``unsafe-type``: not what its purpose asks for."""
    if stat.S_ISLNK(found.st_mode):
        name = quote(str(path))
        return HostError(
            "unsafe-link",
            f"the {rule.name} {path} is a symbolic link, and none is followed here;"
            f" name what it leads to (realpath {name}), or take it away: rm {name}",
        )
    return HostError(
        "unsafe-type",
        f"the {rule.name} {path} is {_type(found)}; it has to be {_TYPES[rule.type]}:"
        f" move it away (mv {quote(str(path))} {quote(f'{path}.old')}), or name another path",
    )


def _type(found: os.stat_result) -> str:
    return _TYPES.get(stat.S_IFMT(found.st_mode), "something else")
