"""Connection tracking and the translation that rides on it, as Linux does it.

A flow is a pair of tuples.  ``original`` is the first packet as it came; ``reply`` is
what its answer will look like on the wire, so translation is nothing but a reply tuple
that is not the mirror of the original one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from deuteron.kernel.fake.packet import Packet

#: ICMP messages that ask, and what answers them.
_ANSWERS: Final = {"echo-request": "echo-reply", "echo-reply": "echo-request"}

Direction = Literal["original", "reply"]


class Tuple(NamedTuple):
    """What a flow is known by; an echo's identifier is its ``sport``."""

    src: str
    dst: str
    proto: str
    sport: int
    dport: int
    icmp_type: str

    def mirrored(self) -> Tuple:
        """The tuple of the answer where nobody translates."""
        if self.icmp_type:
            return self._replace(
                src=self.dst, dst=self.src, icmp_type=_ANSWERS.get(self.icmp_type, self.icmp_type)
            )
        return Tuple(self.dst, self.src, self.proto, self.dport, self.sport, "")


@dataclass
class Flow:
    """A tracked connection.

    Attributes:
        status: ``snat`` and ``dnat`` where it is translated, ``seen-reply`` once answered.
        settled: the directions of translation that were decided, also for "none".
    """

    original: Tuple
    reply: Tuple
    status: set[str] = field(default_factory=set)
    settled: set[str] = field(default_factory=set)
    confirmed: bool = False


@dataclass
class Track:
    """What connection tracking says of one packet: its state, its flow, its direction."""

    state: Literal["new", "established", "related", "invalid", "untracked"]
    flow: Flow | None = None
    direction: Direction = "original"


def tuple_of(packet: Packet) -> Tuple:
    """The tuple of a packet as it is now."""
    return Tuple(packet.src, packet.dst, packet.proto, packet.sport, packet.dport, packet.icmp_type)


def track(flows: Iterable[Flow], packet: Packet) -> Track:
    """Find the packet's flow, or begin one."""
    seen = tuple_of(packet)
    for flow in flows:
        if seen == flow.original:
            state: Literal["new", "established"] = "established" if "seen-reply" in flow.status else "new"
            return Track(state, flow)
        if seen == flow.reply:
            flow.status.add("seen-reply")
            return Track("established", flow, "reply")
    if packet.icmp_type and packet.icmp_type != "echo-request":
        return Track("invalid")
    return Track("new", Flow(original=seen, reply=seen.mirrored()))


def translate_destination(track: Track, packet: Packet) -> Packet:
    """What the prerouting and output hooks do to a packet of a translated flow."""
    flow = track.flow
    if flow is None:
        return packet
    if track.direction == "original" and "dnat" in flow.status:
        return _with_destination(packet, flow.reply.src, flow.reply.sport)
    if track.direction == "reply" and "snat" in flow.status:
        return _with_destination(packet, flow.original.src, flow.original.sport)
    return packet


def translate_source(track: Track, packet: Packet) -> Packet:
    """What the postrouting and input hooks do to a packet of a translated flow."""
    flow = track.flow
    if flow is None:
        return packet
    if track.direction == "original" and "snat" in flow.status:
        return packet.replace(src=flow.reply.dst, sport=_own(packet, flow.reply.dport, flow.reply.sport))
    if track.direction == "reply" and "dnat" in flow.status:
        return packet.replace(
            src=flow.original.dst, sport=_own(packet, flow.original.dport, flow.original.sport)
        )
    return packet


def _own(packet: Packet, port: int, identifier: int) -> int:
    # An echo has one identifier and no second port.
    return identifier if packet.icmp_type else port


def _with_destination(packet: Packet, dst: str, port: int) -> Packet:
    if packet.icmp_type:
        return packet.replace(dst=dst, sport=port)
    return packet.replace(dst=dst, dport=port)


def set_destination(flow: Flow, address: str, port: int | None) -> None:
    """``dnat``: from now on the flow goes to ``address`` (and ``port``)."""
    flow.status.add("dnat")
    reply = flow.reply._replace(src=address)
    flow.reply = reply if port is None or reply.icmp_type else reply._replace(sport=port)


def set_source(flow: Flow, flows: Iterable[Flow], address: str) -> None:
    """``snat``: from now on the flow comes from ``address``, on a port that no other flow has."""
    flow.status.add("snat")
    taken = {other.reply for other in flows} | {other.original for other in flows}
    reply = flow.reply._replace(dst=address)
    port = 1024
    while reply in taken:
        reply = reply._replace(sport=port) if reply.icmp_type else reply._replace(dport=port)
        port += 1
    flow.reply = reply


def belongs_to(flow: Flow, address: str) -> bool:
    """Whether the flow's original direction comes from or goes to ``address``."""
    return address in (flow.original.src, flow.original.dst)
