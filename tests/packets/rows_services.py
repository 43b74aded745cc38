"""Our own addresses: they answer a ping, and offer nothing."""

from __future__ import annotations

from typing import Final

from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.inet6 import ICMPv6MLQuery, IPv6, IPv6ExtHdrHopByHop, RouterAlert
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from tests.packets.probe import Frames, Heard, Row, Stage, answered, carried
from tests.packets.shapes import BROADCAST, echo4, echo6, ping4, syn4, syn6
from tests.packets.stages import TENANT_SIDE

#: ``fip`` is missing: there the target is a floating IP, whose services are the instance's.
_OWN: Final = (*TENANT_SIDE, "gateway", "snat")

_ALERT: Final = IPv6ExtHdrHopByHop(options=[RouterAlert(value=0)])
_TCP = (21, 22, 53, 80, 179, 443, 3306, 5672, 6640, 8775, 9697)
_UDP = (53, 67, 68, 69, 123, 161, 546, 547, 1985, 3784, 4789, 5353, 6081)
_PROTOCOLS = (2, 4, 33, 41, 47, 50, 51, 88, 89, 103, 112, 115, 132, 137, 253)


def _tcp(stage: Stage, port: int) -> Frames:
    return [
        syn4(stage, stage.them.ip4, port),
        syn6(stage, stage.ip6, stage.them.ip6, port),
        syn6(stage, stage.ll6, stage.them.ll6, port),
    ]


def _udp4(stage: Stage, port: int) -> Frames:
    ip = IP(src=stage.ip4, dst=stage.them.ip4)
    return [stage.ether4() / ip / UDP(sport=stage.port, dport=port) / Raw(stage.token)]


def _udp6(stage: Stage, port: int) -> Frames:
    udp = UDP(sport=stage.port, dport=port) / Raw(stage.token)
    return [
        stage.ether6() / IPv6(src=stage.ip6, dst=stage.them.ip6) / udp,
        stage.ether6() / IPv6(src=stage.ll6, dst=stage.them.ll6) / udp.copy(),
    ]


def _raw4(stage: Stage, protocol: int) -> Frames:
    ip = IP(src=stage.ip4, dst=stage.them.ip4, proto=protocol)
    return [stage.ether4() / ip / Raw(b"\x00" * 4 + stage.token + b"\x00" * 8)]


def _raw6(stage: Stage, protocol: int) -> Frames:
    ip = IPv6(src=stage.ip6, dst=stage.them.ip6, nh=protocol)
    return [stage.ether6() / ip / Raw(b"\x00" * 4 + stage.token + b"\x00" * 8)]


def _discover(stage: Stage) -> Frames:
    mac = bytes.fromhex(stage.mac.replace(":", ""))
    ask = BOOTP(chaddr=mac, xid=stage.port) / DHCP(options=[("message-type", "discover"), "end"])
    ports = UDP(sport=68, dport=67)
    return [
        Ether(src=stage.mac, dst=BROADCAST) / IP(src="0.0.0.0", dst="255.255.255.255") / ports / ask,
        stage.ether4() / IP(src=stage.ip4, dst=stage.them.ip4) / ports.copy() / ask.copy() / Raw(stage.token),
    ]


def _dhcp_answer(stage: Stage, heard: Heard) -> bool:
    """An offer, or what a host without a server says to the unicast one."""
    offer = heard.raw[12:14] == b"\x08\x00" and heard.raw[23] == 17 and heard.raw[36:38] == b"\x00\x44"
    quoted = heard.raw[23] == 1 and b"\x00\x44\x00\x43" in heard.raw[42:80]
    return heard.ear == stage.me and (offer or quoted)


def _mld_query(stage: Stage) -> Frames:
    query = IPv6(src=stage.ll6, dst="ff02::1", hlim=1) / _ALERT.copy() / ICMPv6MLQuery(mrd=0)
    return [Ether(src=stage.mac, dst="33:33:00:00:00:01") / query]


def _timestamp(stage: Stage) -> Frames:
    ip = IP(src=stage.ip4, dst=stage.them.ip4)
    return [stage.ether4() / ip / ICMP(type=13, id=stage.port, ts_ori=1, ts_rx=0, ts_tx=0)]


def _echo_to(destination: str) -> Row:
    return Row(
        name=f"a ping to {destination} is not answered",
        stages=_OWN,
        shot=lambda s: [echo4(s, s.ip4, destination, mac=BROADCAST)],
        seen=answered,
        advisories=("OSSN-0027",),
    )


ROWS = (
    Row(
        name="TCP ports are closed without a word",
        stages=_OWN,
        shot=lambda s: [frame for port in _TCP for frame in _tcp(s, port)],
        seen=answered,
    ),
    Row(
        name="UDP ports are closed without a word",
        stages=_OWN,
        shot=lambda s: [frame for port in _UDP for frame in (*_udp4(s, port), *_udp6(s, port))],
        seen=carried,
    ),
    Row(
        name="no other IP protocol is answered",
        stages=_OWN,
        shot=lambda s: [frame for number in _PROTOCOLS for frame in (*_raw4(s, number), *_raw6(s, number))],
        seen=carried,
    ),
    Row(name="the time is not told", stages=_OWN, shot=_timestamp, seen=answered),
    _echo_to("255.255.255.255"),
    _echo_to("224.0.0.1"),
    Row(
        name="a ping to the subnet's broadcast address is not answered",
        stages=TENANT_SIDE,
        shot=lambda s: [echo4(s, s.ip4, s.more["broadcast"], mac=BROADCAST)],
        twin=ping4,
        seen=answered,
    ),
    Row(
        name="a ping in a frame for all is not answered",
        stages=_OWN,
        shot=lambda s: [echo4(s, s.ip4, s.them.ip4, mac=BROADCAST)],
        seen=answered,
    ),
    Row(
        name="a ping to all nodes or routers is not answered",
        stages=_OWN,
        shot=lambda s: [
            echo6(s, s.ll6, "ff02::1", mac="33:33:00:00:00:01"),
            echo6(s, s.ll6, "ff02::2", mac="33:33:00:00:00:02"),
        ],
        seen=answered,
        advisories=("OSSN-0069",),
    ),
    Row(
        name="DHCP is neither answered nor relayed",
        stages=_OWN,
        shot=_discover,
        seen=_dhcp_answer,
        advisories=("OSSA-2016-009", "OSSN-0082"),
    ),
    Row(
        name="a multicast listener query is not answered",
        stages=_OWN,
        shot=_mld_query,
        seen=lambda s, h: (
            h.ear == s.me
            and h.raw[12:14] == b"\x86\xdd"
            and h.raw[20] in (0, 58)
            and (h.raw[62:63] in (b"\x83", b"\x8f"))
        ),
    ),
)
