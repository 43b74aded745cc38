"""A steady sender: numbered echoes at a fixed rate to several addresses, and how many are never answered."""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Final

from deuteron.lab import frames, probe
from deuteron.lab.inside import NETNS_DIR, inside

#: Seconds that an answer may take before its question counts as lost.
GRACE: Final = 1.0
_REPLY: Final = 0
_ROUND: Final = 0x10000


class Prober:
    """Pings ``targets`` from inside ``netns`` in turn, ``rate`` packets a second each, by one thread.

    ::

        with Prober("internet", ["203.0.113.60"]) as prober:
            begun = prober.mark()
            ...
            assert prober.lost(begun) == {}
    """

    def __init__(self, netns: str, targets: Sequence[str], *, rate: int = 250) -> None:
        self._targets = tuple(targets)
        self._pause = 1.0 / rate
        self._wire = inside(NETNS_DIR / netns, _wire)
        self._idents = {next(_IDENTS): target for target in targets}
        self._sent = dict.fromkeys(targets, 0)
        #: The numbers that are not answered yet, by target.
        self._open: dict[str, set[int]] = {target: set() for target in targets}
        self._refused = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="prober", daemon=True)

    def __enter__(self) -> Prober:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._wire.close()

    def mark(self) -> dict[str, int]:
        """How many were sent to each so far."""
        return dict(self._sent)

    def sent(self, since: dict[str, int]) -> int:
        """How many were sent to all since ``since``."""
        return sum(self._sent.values()) - sum(since.values())

    def lost(self, since: dict[str, int]) -> dict[str, list[int]]:
        """The numbers sent since ``since`` that are never answered, by target; waits for late answers."""
        until = self.mark()
        deadline = time.monotonic() + GRACE
        while True:
            lost = {
                target: sorted(number for number in waiting if since[target] < number <= until[target])
                for target, waiting in ((target, self._open[target].copy()) for target in self._targets)
            }
            lost = {target: numbers for target, numbers in lost.items() if numbers}
            if not lost or time.monotonic() > deadline:
                return lost
            time.sleep(0.002)

    def wait(self, packets: int) -> None:
        """Until so many more were sent to each, or tried to be."""
        until = {target: number + packets for target, number in self._sent.items()}
        deadline = time.monotonic() + 10
        while any(self._sent[target] < number for target, number in until.items()):
            assert time.monotonic() < deadline, "the prober does not send"
            time.sleep(self._pause)

    def steady(self, packets: int = 20) -> None:
        """Wait until that many in a row were answered by each: ARP is done, bridges have learned."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            begun = self.mark()
            time.sleep(packets * self._pause)
            if self.sent(begun) and not self.lost(begun):
                return
        raise AssertionError(f"no steady answers from {self._targets}")

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._wire, select.POLLIN)
        due = time.monotonic()
        while not self._stop.is_set():
            for ident, target in self._idents.items():
                self._send(ident, target)
            # Late by much (another process had the processor): go on from now, no burst.
            due = max(due + self._pause, time.monotonic())
            while poll.poll(max(0.0, (due - time.monotonic()) * 1000)):
                self._hear()

    def _send(self, ident: int, target: str) -> None:
        number = self._sent[target] + 1
        self._open[target].add(number)
        self._sent[target] = number
        try:
            self._wire.sendto(frames.echo_request(4, ident, number % _ROUND, 16), (target, 0))
        except OSError:  # no way out: never answered, and so lost
            self._refused += 1

    def _hear(self) -> None:
        raw, peer = self._wire.recvfrom(2048)
        message = raw[(raw[0] & 15) * 4 :]
        target = self._idents.get(int.from_bytes(message[4:6], "big"))
        if message[0] != _REPLY or target is None or peer[0] != target:
            return
        number = int.from_bytes(message[6:8], "big")
        self._open[target].discard(self._sent[target] - (self._sent[target] - number) % _ROUND)


_IDENTS = iter(range(0x6000, 0x7000))


def _wire() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    made.setblocking(False)
    return made


def answers(netns: str, targets: Sequence[str], patience: float = 1.5) -> set[str]:
    """Which of ``targets`` answer a ping from ``netns``."""
    return {
        target
        for target in targets
        if any(probe.ping(netns, target, patience=patience / 3).ok for _ in range(3))
    }
