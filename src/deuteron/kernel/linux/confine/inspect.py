"""The posture of our running processes, as ``/proc`` shows it to anybody."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from deuteron.kernel.linux.confine import capabilities
from deuteron.kernel.linux.confine.process import API_NAME, BROKER_NAME, DIALER_NAME, WATCH_NAME

_PROC: Final = Path("/proc")
_ROLES: Final = {WATCH_NAME: "watch", BROKER_NAME: "broker", API_NAME: "api", DIALER_NAME: "dialer"}
_SECCOMP: Final = ("none", "strict", "filter")
#: Words of a command line in which the program's name stands: the interpreter's options come first.
_FIRST_WORDS: Final = 4


class ThreadPosture(msgspec.Struct, frozen=True, kw_only=True):
    """One thread of a process.

    Attributes:
        tid: its number.
        effective, permitted, bounding, ambient: capabilities, a bit each.
        no_new_privs: whether it is set.
        seccomp: ``none``, ``strict`` or ``filter``.
    """

    tid: int
    effective: int
    permitted: int
    bounding: int
    ambient: int
    no_new_privs: bool
    seccomp: str


class ProcessPosture(msgspec.Struct, frozen=True, kw_only=True):
    """One process of ours.

    Attributes:
        role: ``watch``, ``broker``, ``api``, ``dialer``, or ``command`` for one that has not confined itself.
        threads: all of them.
        core_limit: bytes of a core dump at most, ``None`` for no limit.
        umask: as it is set.
    """

    pid: int
    role: str
    threads: tuple[ThreadPosture, ...]
    core_limit: int | None
    umask: int

    @property
    def capabilities(self) -> tuple[str, ...]:
        """What any of its threads may, by name."""
        mask = 0
        for thread in self.threads:
            mask |= thread.effective | thread.permitted
        return capabilities.names(mask)

    @property
    def confined(self) -> bool:
        """Whether every thread has no_new_privs, a filter, and no capability but those that we keep."""
        kept = sum(1 << one for one in capabilities.KEPT)
        return self.core_limit == 0 and all(
            thread.no_new_privs
            and thread.seccomp == "filter"
            and not (thread.effective | thread.permitted | thread.ambient) & ~kept
            for thread in self.threads
        )


def processes() -> list[ProcessPosture]:
    """Our processes that this one may see, by number; one that ends meanwhile is left out."""
    return sorted(_found(), key=lambda one: one.pid)


def posture(pid: int) -> ProcessPosture:
    """The posture of one process.

    Raises:
        OSError: there is none, or it may not be looked at.
    """
    place = _PROC / str(pid)
    threads = tuple(_threads(place))
    status = _status(place)
    if "Umask" not in status or not threads:  # a zombie: it has ended, and nobody has asked how
        raise ProcessLookupError(pid)
    return ProcessPosture(
        pid=pid,
        role=_role(status["Name"]),
        threads=threads,
        core_limit=_core_limit((place / "limits").read_text()),
        umask=int(status["Umask"], 8),
    )


def _found() -> Iterator[ProcessPosture]:
    for place in _PROC.iterdir():
        if not place.name.isdecimal():
            continue
        try:
            if _is_ours(place):
                yield posture(int(place.name))
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended


def _is_ours(place: Path) -> bool:
    if (place / "comm").read_text().strip() in _ROLES:
        return True
    words = (place / "cmdline").read_bytes().split(b"\0")[:_FIRST_WORDS]
    return any(word.rsplit(b"/", 1)[-1] == b"deuteron" for word in words[:2]) or b"deuteron" in words[1:]


def _role(name: str) -> str:
    return _ROLES.get(name, "command")


def _threads(place: Path) -> Iterator[ThreadPosture]:
    """By number; one that ends meanwhile is left out, and its process is not."""
    for task in sorted((place / "task").iterdir(), key=lambda one: int(one.name)):
        with suppress(FileNotFoundError, ProcessLookupError):
            yield _thread(task)


def _thread(task: Path) -> ThreadPosture:
    status = _status(task)
    return ThreadPosture(
        tid=int(task.name),
        effective=int(status["CapEff"], 16),
        permitted=int(status["CapPrm"], 16),
        bounding=int(status["CapBnd"], 16),
        ambient=int(status["CapAmb"], 16),
        no_new_privs=status["NoNewPrivs"] == "1",
        seccomp=_SECCOMP[int(status["Seccomp"])],
    )


def _status(place: Path) -> dict[str, str]:
    lines = (place / "status").read_text().splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def _core_limit(limits: str) -> int | None:
    for line in limits.splitlines():
        if line.startswith("Max core file size"):
            hard = line.split()[5]
            return None if hard == "unlimited" else int(hard)
    return None
