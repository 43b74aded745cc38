"""Floods: many frames in little time, and what came of them."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterable
from pathlib import Path

from deuteron.lab import frames, probe
from deuteron.lab.inside import NETNS_DIR, inside

#: asm-generic/socket.h.
_SO_RCVBUFFORCE = 33
_COUNT = Path("/proc/sys/net/netfilter/nf_conntrack_count")


class Wire:
    """A packet socket on a guest's link: what is sent there, and all that comes."""

    def __init__(self, netns: str, dev: str = "eth0") -> None:
        self._socket = probe.packet_socket(netns, dev)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 1 << 24)
        self.mac = frames.mac_text(self._socket.getsockname()[4])

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def flood(self, sent: Iterable[bytes]) -> float:
        """Send them as fast as it goes; how many seconds that took."""
        begun = time.monotonic()
        for frame in sent:
            self._socket.send(frame)
        return time.monotonic() - begun

    def heard(self, patience: float = 0.3) -> list[bytes]:
        """All that came, until nothing has for ``patience`` seconds (at most 5 in all)."""
        found: list[bytes] = []
        end = time.monotonic() + 5
        while time.monotonic() < end and select.select([self._socket], [], [], patience)[0]:
            frame, where = self._socket.recvfrom(2048)
            if where[2] != socket.PACKET_OUTGOING:
                found.append(frame)
        return found


def connections(netns: str) -> int:
    """How many connections the kernel remembers in a namespace of ours."""
    return inside(NETNS_DIR / netns, lambda: int(_COUNT.read_text()))
