"""Every place that bytes of ours get to, what of them may tell of a tenant and why, and the search.

All that is not declared here is searched whole: names of files, contents, targets of links.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

import msgspec

from tests.canary.canaries import Canaries, Hit

#: Files beyond that are no log and no remains of ours.
_LARGEST: Final = 64 << 20
#: Links to what the kernel calls by a number, and files of /proc that a process has of itself.
_OF_PROCESS: Final = ("cmdline", "comm", "environ", "status", "stat", "maps", "limits", "wchan", "syscall")
#: Those of which each thread has one of its own.
_OF_THREAD: Final = ("comm", "status", "stat", "wchan", "syscall")

#: Forms of which a page of the kernel's own numbers has one now and then, by chance.
_NUMBERS: Final = ("number", "hex", "hex, little end first")

_NETNS: Final = Path("/run/netns")


class Declared(msgspec.Struct, frozen=True):
    """Where a canary may be.

    Attributes:
        place: a pattern of paths below the room, or a verb whose own output it is.
        why: the reason.
        mode: that such a file has to have, ``None`` where it is no file of ours.
    """

    place: str
    why: str
    mode: int | None = None


#: Files that may tell.  ``state`` is the state directory, itself 0700.
FILES: Final = (
    Declared("state/state.sqlite", "the state is what tells of the tenants", 0o600),
    Declared("state/state.sqlite-wal", "what of it is not written back yet", 0o600),
    Declared("state/state.sqlite-journal", "what is being written to it", 0o600),
    Declared("state/sentences.json", "what an error said, for `deuteron explain`", 0o600),
    Declared("state/.sentences.json.new-*", "the same, where the process was killed as it wrote it", 0o600),
    Declared("state/defects/*.txt", "tracebacks, for the owner alone", 0o600),
    Declared("state/defects/.*.txt.new-*", "one that was not finished", 0o600),
    Declared("state/api/api.sqlite", "the API's store is what tells of the tenants", 0o600),
    Declared("state/api/api.sqlite-wal", "what of it is not written back yet", 0o600),
    Declared("state/api/api.sqlite-shm", "where to look in that", 0o600),
    Declared("state/api/defects/*.txt", "tracebacks, for the owner alone", 0o600),
    Declared("inputs/*", "what the operator has written"),
)

#: Verbs whose own standard output and error answer, in clear, the person who asked for it.
ANSWERS: Final = (
    Declared("plan", "it says what would be done to which thing"),
    Declared("apply", "without --watch: it ends, and says what it did"),
    Declared("destroy", "the same"),
    Declared("recover", "the same"),
    Declared("show", "it prints the host as it is"),
    Declared("status", "it says what is wrong with what"),
    Declared("verify", "it prints differences"),
    Declared("doctor", "it says what is wrong with what, and mends it"),
    Declared("serve", "its first line: where it listens, and the bridges that whoever has started it named"),
    Declared("port", "it names the port that it was given"),
    Declared("reveal", "that is what it is for; it is on record first"),
    Declared("explain", "the last sentence of that code, for who may read the state directory"),
    Declared("policy", "it prints the operator's own reasons"),
    Declared("config", "it prints the operator's own configuration"),
)

#: Verbs that answer by pseudonym, in which a path of the operator's own files may stand all the same.
MENDS: Final = (Declared("audit", "a mend is a command, as in `chmod 600 FILE` (docs/audit.md)"),)

#: Where the kernel itself says what things are called; none of it is written by us.
KERNEL: Final = (
    Declared("/run/netns/*", "a namespace's name is a file's name there, as Neutron calls it"),
    Declared("/proc/PID/mountinfo", "these files are mounts"),
    Declared("/proc/PID/fd", "a watch holds the files of namespaces open; links to nothing else may tell"),
    Declared("/proc/PID/cmdline", "FILE, as the operator has called it"),
    Declared("/dev/kmsg", "the kernel tells of a bridge's ports by name, as Neutron calls devices"),
)


class Found(msgspec.Struct, frozen=True):
    """A canary where it must not be."""

    place: str
    hit: Hit

    def __str__(self) -> str:
        return f"{self.place}: {self.hit}"


def in_bytes(canaries: Canaries, place: str, content: bytes, *without: str) -> Iterator[Found]:
    """What is in there."""
    yield from (Found(place, hit) for hit in canaries.find(content, without=without))


def in_tree(canaries: Canaries, root: Path, without: Path | None = None) -> Iterator[Found]:
    """What is in files that are not declared, in names of files, and in what links lead to.

    Args:
        canaries: all of them.
        root: the directory.
        without: one in it that is searched by itself.
    """
    for path in _below(root):
        if declared(path, root) or (without is not None and path.is_relative_to(without)):
            continue
        yield from in_bytes(canaries, f"{path} (its name)", os.fsencode(path.relative_to(root)))
        yield from in_bytes(canaries, str(path), content_of(path))


def _below(root: Path) -> Iterator[Path]:
    """All that is below a directory, but for what is mounted there."""
    for top, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not (Path(top) / name).is_mount())
        yield from (Path(top) / name for name in sorted([*folders, *files]))


def content_of(path: Path) -> bytes:
    """Of a file its bytes, of a link where it leads to, of anything else nothing."""
    about = path.lstat()
    if stat.S_ISLNK(about.st_mode):
        return os.fsencode(path.readlink())
    return path.read_bytes() if stat.S_ISREG(about.st_mode) and about.st_size < _LARGEST else b""


def declared(path: Path, root: Path) -> Declared | None:
    """Which of the files that may tell it is, if any."""
    relative = str(path.relative_to(root))
    return next((one for one in FILES if fnmatch(relative, one.place)), None) if path.is_file() else None


def wrong_modes(root: Path) -> list[str]:
    """Files that may tell, and that somebody else could read."""
    wrong = [
        f"{path}: {oct(mode)}, not {oct(one.mode)}"
        for path in root.rglob("*")
        if (one := declared(path, root)) is not None
        and one.mode is not None
        and (mode := path.stat().st_mode & 0o7777) != one.mode
    ]
    private = ("state/defects", "state/run", "state/api", "state/api/defects")
    folders = [root / one for one in private if (root / one).is_dir()]
    wrong += [f"{path}: open" for path in folders if path.stat().st_mode & 0o077]
    # The API's group may pass, to its own directory.
    shut = 0o067 if (root / "state" / "api").is_dir() else 0o077
    return wrong + [
        f"{path}: open" for path in [root / "state"] if path.exists() and path.stat().st_mode & shut
    ]


def in_process(canaries: Canaries, pid: int) -> Iterator[Found]:
    """What others may see of a process and of each of its threads."""
    process = Path("/proc") / str(pid)
    tasks = [(process, _OF_PROCESS), *((task, _OF_THREAD) for task in (process / "task").iterdir())]
    for task, names in tasks:
        for name in names:
            # FILE is on the command line, because the operator has put it there.
            without = ("file",) if name == "cmdline" else ()
            yield from in_bytes(canaries, f"{task}/{name}", _read(task / name), *without, *_NUMBERS)
    for link in list((process / "fd").iterdir()):
        with suppress(FileNotFoundError):  # closed since, as the one that has listed them
            target = link.readlink()
            if target.parent != _NETNS:
                yield from in_bytes(canaries, str(link), os.fsencode(target))
    for name in ("unix", "netlink", "packet"):
        yield from in_bytes(canaries, f"{process}/net/{name}", _read(process / "net" / name))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except PermissionError:  # what a confined process keeps from its own user
        return b""


def children(pid: int) -> list[int]:
    """The processes that a process has begun."""
    text = (Path("/proc") / str(pid) / "task" / str(pid) / "children").read_text()
    return [int(one) for one in text.split()]


class KernelLog:
    """What the kernel says from now on, as far as this process may read it."""

    def __init__(self, file: Path = Path("/dev/kmsg")) -> None:
        try:
            self._descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            os.lseek(self._descriptor, 0, os.SEEK_END)
        except OSError:
            self._descriptor = -1

    @property
    def readable(self) -> bool:
        return self._descriptor >= 0

    def said(self) -> bytes:
        """Since the last time."""
        lines = []
        while self.readable:
            try:
                line = os.read(self._descriptor, 1 << 13)
            except BlockingIOError:
                break
            except BrokenPipeError:  # overrun: some were lost, it goes on with the oldest that is left
                continue
            if not line:
                break
            lines.append(line)
        return b"\n".join(lines)

    def close(self) -> None:
        if self.readable:
            os.close(self._descriptor)
