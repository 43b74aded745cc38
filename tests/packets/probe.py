"""Shots and ears: frames sent as they are, and all that comes of them.

No test here waits for silence.  After the frames in question a ping goes the same way, and whatever
the frames were to set off has been set off when its answer is there: one queue serves both.
"""

from __future__ import annotations

import itertools
import os
import secrets
import select
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import msgspec
from scapy.layers.inet import ICMP, IP
from scapy.layers.l2 import Ether

from deuteron.lab.probe import packet_socket

#: Scapy's packets have no types.
Frames = list[Any]

_OUTGOING: Final = 4  # PACKET_OUTGOING of linux/if_packet.h
#: Seconds for what must come, and between two pings on the way there: the filter limits pings.
PATIENCE: Final = 15.0
_AGAIN: Final = 0.05
#: Seconds after the ping's answer for what asks somebody else before it goes on.
GRACE: Final = 0.02

_idents = itertools.count(0x4000)

Place = tuple[str, str]


class Heard(NamedTuple):
    """A frame that came in at an ear: namespace and link."""

    ear: Place
    raw: bytes

    @property
    def source_mac(self) -> str:
        """Of its sender on the last wire."""
        return self.raw[6:12].hex(":")


class Ears:
    """Sockets that see every frame that comes in by some links, and can send by them too."""

    def __init__(self, places: Iterable[Place]) -> None:
        self._sockets: dict[Place, socket.socket] = {}
        try:
            for place in places:
                self._sockets[place] = packet_socket(*place)
        except OSError:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening."""
        for each in self._sockets.values():
            each.close()
        self._sockets.clear()

    def send(self, place: Place, frames: Iterable[bytes]) -> None:
        """Send frames by a link, as they are."""
        for each in frames:
            self._sockets[place].send(each)

    def forget(self) -> None:
        """Throw away what came in so far."""
        for _ in self.hear(0.0):
            pass

    def hear(self, patience: float) -> Iterator[Heard]:
        """What comes in until nothing has come for ``patience`` seconds; 10,000 frames at most."""
        poll = select.poll()
        places = {}
        for place, each in self._sockets.items():
            poll.register(each, select.POLLIN)
            places[each.fileno()] = place
        for _ in range(10_000):
            ready = poll.poll(patience * 1000)
            if not ready:
                return
            for number, _event in ready:
                raw, address = self._sockets[places[number]].recvfrom(65535)
                if address[2] != _OUTGOING:
                    yield Heard(places[number], raw)


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Who is shot at: ours or the naive one; a router's IPv4 and IPv6 may be on different links.

    Attributes:
        foreign4: an address of its own, of another link than the one shot at.
        beacon: an address that answers pings by way of it, at ``mac4``.
        macs: of all its links, and of those that carry on for it.
    """

    mac4: str
    mac6: str
    ip4: str
    ip6: str
    ll6: str
    foreign4: str
    beacon: str
    macs: frozenset[str]


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """From where to whom.

    Attributes:
        name: of the place, for test ids.
        me: namespace and link of the sender.
        inside4: fixed address behind the target that nobody outside may reach.
        floating4: floating IP behind the target, "" where it has none.
        other4: a fixed address of another tenant.
        token: in every payload, and in nothing else on this host.
        port: the same, for what has no payload.
        more: facts that a few rows need, by name.
    """

    name: str
    me: Place
    mac: str
    ip4: str
    ip6: str
    ll6: str
    them: Target
    inside4: str
    inside6: str
    floating4: str
    other4: str
    other6: str
    token: bytes = b""
    port: int = 0
    more: Mapping[str, str] = {}

    @property
    def asker4(self) -> str:
        """Who asks by ARP: an address of the shot's own, since the sender's kernel asks too."""
        return f"{self.ip4.rpartition('.')[0]}.{130 + self.port % 64}"

    @property
    def asker6(self) -> str:
        """The same for IPv6."""
        return f"{self.ip6.partition('::')[0]}::{self.port:x}"

    def ether4(self, **more: Any) -> Any:
        """An Ethernet header to the target's link for IPv4."""
        return Ether(**{"src": self.mac, "dst": self.them.mac4, **more})

    def ether6(self, **more: Any) -> Any:
        """The same for IPv6."""
        return Ether(**{"src": self.mac, "dst": self.them.mac6, **more})


Seen = Callable[[Stage, Heard], bool]
Shot = Callable[[Stage], Frames]


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of packet.

    Attributes:
        name: as behaviour: what must not happen.
        stages: names of the places to try it from.
        shot: the frames.
        seen: what must not be seen of them from a namespace of ours, and is seen in the control.
        twin: an allowed shot at the same target, of which the same is seen; ``None`` shoots the
            very frames at the naive router.
        careless: who that is.
        advisories: what it shows immunity to.
    """

    name: str
    stages: tuple[str, ...]
    shot: Shot
    seen: Seen
    twin: Shot | None = None
    careless: str = "naive"
    advisories: tuple[str, ...] = ()


@contextmanager
def one_cpu() -> Iterator[None]:
    """What this thread sends is handled on one CPU, in the order in which it was sent.

    A frame over a veth pair goes to the backlog queue of the sender's CPU (``netif_rx()``).
    """
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def fresh(stage: Stage) -> Stage:
    """The stage with a token and a port of its own."""
    number = next(_idents)
    token = f"{secrets.token_hex(8)}{number:08x}".encode()
    return msgspec.structs.replace(stage, token=token, port=20000 + number % 40000)


def arrives(ears: Ears, row: Row, stage: Stage, frames: Sequence[bytes]) -> bool:
    """Send frames; whether what the row looks for is seen of them in time."""
    ears.forget()
    ears.send(stage.me, frames)
    deadline = time.perf_counter() + PATIENCE
    while time.perf_counter() < deadline:
        for each in ears.hear(_AGAIN):
            if caught(row, stage, [each], frames):
                return True
    return False


def built(shot: Shot, stage: Stage) -> list[bytes]:
    """The frames of a shot as they go on the wire."""
    return [bytes(each) for each in shot(stage)]


def shoot(ears: Ears, stage: Stage, frames: Sequence[bytes]) -> list[Heard]:
    """Send frames, then a ping by the same way; all that came in until a little after its answer."""
    ears.forget()
    ears.send(stage.me, frames)
    heard: list[Heard] = []
    answered = False
    deadline = time.perf_counter() + PATIENCE
    while not answered:
        assert time.perf_counter() < deadline, f"{stage.name}: the ping after the frames is not answered"
        ident = next(_idents) & 0xFFFF
        ears.send(stage.me, [bytes(_beacon(stage, ident))])
        for each in ears.hear(_AGAIN):
            heard.append(each)
            if _is_answer(stage, each, ident):
                answered = True
                break
    heard += ears.hear(GRACE)
    return heard


def caught(row: Row, stage: Stage, heard: Iterable[Heard], frames: Sequence[bytes]) -> list[Heard]:
    """What was seen of a shot: sent on or answered by the target's own links."""
    return [
        each
        for each in heard
        if each.raw not in frames and each.source_mac in stage.them.macs and row.seen(stage, each)
    ]


def _beacon(stage: Stage, ident: int) -> Any:
    ip = IP(src=stage.ip4, dst=stage.them.beacon)
    return stage.ether4() / ip / ICMP(type="echo-request", id=ident, seq=1) / b"beacon"


def _is_answer(stage: Stage, heard: Heard, ident: int) -> bool:
    raw = heard.raw
    return (
        heard.ear == stage.me
        and raw[12:14] == b"\x08\x00"
        and raw[23] == 1
        and raw[34] == 0
        and int.from_bytes(raw[38:40], "big") == ident
    )


# What to look for.


def carried(stage: Stage, heard: Heard) -> bool:
    """Passed on, answered or quoted, wherever."""
    return stage.token in heard.raw


def passed_on(stage: Stage, heard: Heard) -> bool:
    """Passed on to somebody else; an ICMP error to the sender is right."""
    return stage.token in heard.raw and heard.ear != stage.me


def answered(stage: Stage, heard: Heard) -> bool:
    """Something comes back that has the token or is for the port."""
    if heard.ear != stage.me:
        return False
    return stage.token in heard.raw or stage.port.to_bytes(2, "big") in heard.raw[34:58]


def resolved(stage: Stage, heard: Heard) -> bool:
    """An ARP reply or a neighbour advertisement for the asker."""
    if heard.ear != stage.me:
        return False
    raw = heard.raw
    if raw[12:14] == b"\x08\x06":
        return raw[20:22] == b"\x00\x02" and raw[38:42] == socket.inet_aton(stage.asker4)
    asker = socket.inet_pton(socket.AF_INET6, stage.asker6)
    return raw[12:14] == b"\x86\xdd" and raw[20] == 58 and raw[54] == 136 and raw[38:54] == asker


def asks_for(told: Callable[[Stage], str]) -> Seen:
    """An ARP request or neighbour solicitation for an address that it was told to go by."""

    def seen(stage: Stage, heard: Heard) -> bool:
        raw, address = heard.raw, told(stage)
        four = ":" not in address
        packed = socket.inet_pton(socket.AF_INET if four else socket.AF_INET6, address)
        if four:
            return raw[12:14] == b"\x08\x06" and raw[38:42] == packed
        return raw[12:14] == b"\x86\xdd" and raw[20] == 58 and raw[54] == 135 and raw[62:78] == packed

    return seen
