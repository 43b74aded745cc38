"""Packets, and what became of them."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from deuteron.kernel.fake.parsed import ip_address


class Packet(msgspec.Struct, frozen=True, kw_only=True):
    """A packet at the place where it enters the world.

    Attributes:
        netns: where it is sent, or where it arrives.
        dev: the link that it arrives on; "" where a program in ``netns`` sends it.
        src: source address; "" lets the kernel of ``netns`` choose one.
        proto: ``icmp``, ``icmpv6``, ``tcp`` or ``udp``.
        sport: source port, or the identifier of an echo.
        dport: destination port.
        icmp_type: nft's word for the ICMP message, ``echo-request``; "" for other protocols.
        size: bytes of the IP packet; never fragmented.
    """

    netns: str
    dst: str
    dev: str = ""
    src: str = ""
    proto: Literal["icmp", "icmpv6", "tcp", "udp"] = "icmp"
    sport: int = 40000
    dport: int = 0
    icmp_type: str = ""
    mark: int = 0
    ttl: int = 64
    size: int = 84

    def replace(self, **changes: Any) -> Packet:
        """The same packet, changed."""
        return msgspec.structs.replace(self, **changes)

    @property
    def family(self) -> int:
        """4 or 6."""
        return ip_address(self.dst).version


def normal(packet: Packet) -> Packet:
    """The packet with canonical addresses and the message of an ICMP packet filled in."""
    dst = str(ip_address(packet.dst))
    src = str(ip_address(packet.src)) if packet.src else ""
    proto: str = packet.proto
    if proto in ("icmp", "icmpv6"):
        proto = "icmpv6" if ":" in dst else "icmp"
        icmp_type = packet.icmp_type or "echo-request"
        return packet.replace(dst=dst, src=src, proto=proto, icmp_type=icmp_type, dport=0)
    return packet.replace(dst=dst, src=src, icmp_type="")


class Hop(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to the packet: where, and what, in words."""

    netns: str
    what: str


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """A packet's way.

    Attributes:
        verdict: ``delivered`` to a socket at ``netns``; ``dropped`` by a decision;
            ``unreachable`` where nobody is there or no route leads on.
        reason: stable word for the cause: ``delivered``, ``filter``, ``no-route``,
            ``no-neighbour``, ``not-forwarding``, ``too-big``, ``ttl``, ``link-down``,
            ``martian``, ``reverse-path``, ``no-source``, ``ipv6-disabled``.
        rule: comment of the filter rule that dropped it, or the chain whose policy did.
        netns: where it ended.
        dev: the link that it came in by last, "" for a packet that did not leave.
        address: destination address at the end.
        sent: the packet as it was sent.
        packet: the packet as it came out, or as it was when it ended.
    """

    verdict: Literal["delivered", "dropped", "unreachable"]
    reason: str
    rule: str = ""
    netns: str
    dev: str
    address: str
    sent: Packet
    packet: Packet
    hops: tuple[Hop, ...]

    @property
    def delivered(self) -> bool:
        """Whether somebody got it."""
        return self.verdict == "delivered"

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces it met, in order, each run of hops once."""
        met: list[str] = []
        for hop in self.hops:
            if not met or met[-1] != hop.netns:
                met.append(hop.netns)
        return tuple(met)

    def __str__(self) -> str:
        """The way as lines, the verdict last."""
        lines = [f"{hop.netns or 'host'}: {hop.what}" for hop in self.hops]
        end = f"{self.verdict} ({self.reason})" + (f" by {self.rule}" if self.rule else "")
        return "\n".join([*lines, f"{self.netns or 'host'}: {end}"])
