"""Frames that the rows are made of."""

from __future__ import annotations

from ipaddress import IPv6Address
from typing import Any

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, ICMPv6ND_NS, ICMPv6NDOptSrcLLAddr, IPv6
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Raw

from tests.packets.probe import Frames, Shot, Stage
from tests.packets.reference import FAR4, FAR6

BROADCAST = "ff:ff:ff:ff:ff:ff"


def four(stage: Stage, src: str, dst: str, **more: Any) -> Any:
    """A UDP datagram with the token."""
    ip = IP(src=src, dst=dst, **more)
    return stage.ether4() / ip / UDP(sport=stage.port, dport=9) / Raw(stage.token)


def six(stage: Stage, src: str, dst: str, **more: Any) -> Any:
    """The same for IPv6."""
    ip = IPv6(src=src, dst=dst, **more)
    return stage.ether6() / ip / UDP(sport=stage.port, dport=9) / Raw(stage.token)


def echo4(stage: Stage, src: str, dst: str, *, mac: str = "", **more: Any) -> Any:
    """A ping with the token."""
    link = stage.ether4(dst=mac) if mac else stage.ether4()
    return link / IP(src=src, dst=dst, **more) / ICMP(id=stage.port) / Raw(stage.token)


def echo6(stage: Stage, src: str, dst: str, *, mac: str = "", **more: Any) -> Any:
    """The same for IPv6."""
    link = stage.ether6(dst=mac) if mac else stage.ether6()
    return link / IPv6(src=src, dst=dst, **more) / ICMPv6EchoRequest(id=stage.port) / Raw(stage.token)


def syn4(stage: Stage, dst: str, port: int) -> Any:
    """A TCP connection is asked for."""
    return stage.ether4() / IP(src=stage.ip4, dst=dst) / TCP(sport=stage.port, dport=port, flags="S")


def syn6(stage: Stage, src: str, dst: str, port: int) -> Any:
    """The same for IPv6."""
    return stage.ether6() / IPv6(src=src, dst=dst) / TCP(sport=stage.port, dport=port, flags="S")


def who_has(stage: Stage, address: str) -> Any:
    """An ARP request of the sender."""
    ask = ARP(op=1, hwsrc=stage.mac, psrc=stage.asker4, pdst=address, hwdst="00:00:00:00:00:00")
    return Ether(src=stage.mac, dst=BROADCAST) / ask


def solicit(stage: Stage, address: str, *, hop_limit: int = 255) -> Any:
    """A neighbour solicitation of the sender, to the address's group (RFC 4861, 4.3)."""
    ask = ICMPv6ND_NS(tgt=address) / ICMPv6NDOptSrcLLAddr(lladdr=stage.mac)
    low = IPv6Address(address).packed[13:]
    link = Ether(src=stage.mac, dst="33:33:ff:" + low.hex(":"))
    group = IPv6Address(IPv6Address("ff02::1:ff00:0").packed[:13] + low)
    return link / IPv6(src=stage.asker6, dst=str(group), hlim=hop_limit) / ask


def from4(source: str) -> Shot:
    """To the internet from a source address."""
    return lambda stage: [four(stage, source, FAR4)]


def from6(source: str) -> Shot:
    """The same for IPv6."""
    return lambda stage: [six(stage, source, FAR6)]


def right4(stage: Stage) -> Frames:
    """To the internet as oneself."""
    return [four(stage, stage.ip4, FAR4)]


def right6(stage: Stage) -> Frames:
    """The same for IPv6."""
    return [six(stage, stage.ip6, FAR6)]


def in4(stage: Stage) -> Frames:
    """From the internet to a floating IP."""
    return [four(stage, FAR4, stage.floating4)]


def in6(stage: Stage) -> Frames:
    """From the internet to an address that may be reached."""
    return [six(stage, FAR6, stage.more["open6"])]


def ping4(stage: Stage) -> Frames:
    """A ping to the target."""
    return [echo4(stage, stage.ip4, stage.them.ip4)]


def ping6(stage: Stage) -> Frames:
    """The same for IPv6."""
    return [echo6(stage, stage.ip6, stage.them.ip6)]
