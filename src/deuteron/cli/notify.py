"""What a service manager is told: that the watch has begun, reads its files, is alive, ends; sd_notify(3).

A datagram of ``NAME=VALUE`` lines to the socket that ``NOTIFY_SOCKET`` names.  A confined process can
make no such socket: it is made and connected before.  No value tells of the host.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from typing import Final

#: Seconds that a manager which does not read may keep the watch.
_PATIENCE: Final = 1.0
#: How many intervals without a sign of life are a defect.
_MISSED: Final = 3


class Manager:
    """Who started this process, or nobody.

    Args:
        wire: connected to it; ``None`` where nobody wants to know.
        watchdog: microseconds without a sign of life after which it restarts us; 0: it does not.
    """

    def __init__(self, wire: socket.socket | None = None, watchdog: int = 0) -> None:
        self._wire = wire
        self._watchdog = watchdog

    def ready(self, interval: float) -> None:
        """What was asked for is applied, and is looked at from now on, at least each ``interval`` seconds."""
        lines = ["READY=1"]
        if self._watchdog:
            lines.append(f"WATCHDOG_USEC={max(self._watchdog, int(_MISSED * interval * 1e6))}")
        self._say(*lines)

    def alive(self) -> None:
        """A look is over, or a unit is done."""
        if self._watchdog:
            self._say("WATCHDOG=1")

    def stopping(self) -> None:
        """The watch is about to end."""
        self._say("STOPPING=1")

    @contextmanager
    def reloading(self) -> Iterator[None]:
        """The block reads configuration and input again."""
        self._say("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
        try:
            yield
        finally:
            self._say("READY=1")

    def _say(self, *lines: str) -> None:
        if self._wire is None:
            return
        # A manager that is gone or does not read must not end the watch; it has its own time limits.
        with suppress(OSError):
            self._wire.send("\n".join(lines).encode())


@contextmanager
def manager(environment: Mapping[str, str] | None = None) -> Iterator[Manager]:
    """The service manager that the environment names.

    Raises:
        OSError: its socket cannot be reached.
    """
    environment = os.environ if environment is None else environment
    address = environment.get("NOTIFY_SOCKET", "")
    if address[:1] not in ("/", "@"):
        yield Manager()
        return
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)) as wire:
        wire.settimeout(_PATIENCE)
        wire.connect("\0" + address[1:] if address[0] == "@" else address)
        watchdog = environment.get("WATCHDOG_USEC", "")
        yield Manager(wire, int(watchdog) if watchdog.isdecimal() else 0)
