"""A steady stream of echo requests, and how many of them were answered."""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

from deuteron.lab import frames, probe
from deuteron.lab.scene import INTERNET

_IDENT: Final = 0x0D2
#: Seconds that an answer may take; a queue at a neighbour that has to be resolved takes one.
_LATEST: Final = 3.0
_ECHO_REPLY: Final = 0
_ROOM: Final = 1 << 20


class Traffic:
    """Sends ``count`` echo requests from the internet to ``addresses`` in turn; a context manager.

    Args:
        addresses: where to.
        count: how many, at most 65535: each has a sequence number of its own.
        rate: how many a second.
    """

    def __init__(self, addresses: Sequence[str], count: int, rate: float) -> None:
        self.sent = 0
        self._count, self._rate = count, rate
        self._addresses = addresses
        self._answered: set[int] = set()
        self._wire = probe.open_socket(INTERNET, socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        self._wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _ROOM)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._stream, name="traffic")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join()
        self._wire.close()

    @property
    def flowing(self) -> bool:
        """Whether there is more to send."""
        return self._thread.is_alive() and self.sent < self._count

    def lost(self) -> list[int]:
        """The sequence numbers that were never answered, once all is sent and late answers are in."""
        self._thread.join()
        return sorted(set(range(1, self.sent + 1)) - self._answered)

    def _stream(self) -> None:
        begun = time.monotonic()
        for number in range(1, self._count + 1):
            if self._end.is_set():
                return
            address = self._addresses[number % len(self._addresses)]
            self._wire.sendto(frames.echo_request(4, _IDENT, number, 16), (address, 0))
            self.sent = number
            self._hear(begun + number / self._rate)
        latest = time.monotonic() + _LATEST
        while len(self._answered) < self.sent and time.monotonic() < latest:
            self._hear(time.monotonic() + 0.05)

    def _hear(self, until: float) -> None:
        """Take the answers that come until then."""
        while (left := until - time.monotonic()) > 0:
            ready, _, _ = select.select([self._wire], [], [], left)
            if not ready:
                return
            packet = self._wire.recv(2048)
            message = packet[(packet[0] & 15) * 4 :]
            if message[0] == _ECHO_REPLY and int.from_bytes(message[4:6], "big") == _IDENT:
                self._answered.add(int.from_bytes(message[6:8], "big"))
