"""Packets of a shape that no honest sender gives them: options, routing headers, fragments, tags."""

from __future__ import annotations

from typing import Any, Final

from scapy.layers.inet import IP, TCP, UDP, IPOption_LSRR, IPOption_SSRR
from scapy.layers.inet6 import (
    IPv6,
    IPv6ExtHdrFragment,
    IPv6ExtHdrRouting,
    IPv6ExtHdrSegmentRouting,
)
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Raw

from tests.packets.probe import Frames, Heard, Row, Shot, Stage, carried, passed_on
from tests.packets.reference import FAR4, FAR6, INTERNET
from tests.packets.shapes import in4, in6, right4, right6
from tests.packets.stages import FLOATING_SIDE, TENANT_SIDE

_INSIDE = (*TENANT_SIDE, *FLOATING_SIDE)
_THROUGH: Final = (*_INSIDE, "fip", "gateway")
_SPOOF: Final = ("OSSA-2016-009",)


def _ends4(stage: Stage) -> tuple[str, str]:
    """Who may talk to whom here."""
    return (FAR4, stage.floating4) if stage.me[0] == INTERNET else (stage.ip4, FAR4)


def _ends6(stage: Stage) -> tuple[str, str]:
    return (FAR6, stage.more["open6"]) if stage.me[0] == INTERNET else (stage.ip6, FAR6)


def _right4(stage: Stage) -> Frames:
    return in4(stage) if stage.me[0] == INTERNET else right4(stage)


def _right6(stage: Stage) -> Frames:
    return in6(stage) if stage.me[0] == INTERNET else right6(stage)


def _optioned(stage: Stage, dst: str, option: Any) -> Any:
    src, _ = _ends4(stage)
    ip = IP(src=src, dst=dst, options=[option])
    return stage.ether4() / ip / UDP(sport=stage.port, dport=9) / Raw(stage.token)


def _optioned_to_inside(stage: Stage) -> Any:
    return _optioned(stage, stage.them.ip4, IPOption_LSRR(routers=[stage.inside4]))


def _routed(stage: Stage, dst: str, header: Any) -> Any:
    src, _ = _ends6(stage)
    ip = IPv6(src=src, dst=dst)
    return stage.ether6() / ip / header / UDP(sport=stage.port, dport=9) / Raw(stage.token)


def _segment(last: str) -> Any:
    return IPv6ExtHdrSegmentRouting(addresses=[last, last], segleft=1, lastentry=1)


def _old(kind: int, last: str) -> Any:
    return IPv6ExtHdrRouting(type=kind, addresses=[last], segleft=1)


def _with_header(kind: int) -> Shot:
    return lambda stage: [_routed(stage, _ends6(stage)[1], _old(kind, FAR6))]


def _body(stage: Stage) -> bytes:
    """32 octets of UDP with the token, without a checksum."""
    head = stage.port.to_bytes(2, "big") + b"\x00\x09" + (32).to_bytes(2, "big") + b"\x00\x00"
    return head + stage.token


def _piece4(stage: Stage, offset: int, data: bytes, *, more: bool, ident: int = 0) -> Any:
    """One fragment; the offset in octets."""
    src, dst = _ends4(stage)
    number = ident or stage.port
    ip = IP(src=src, dst=dst, proto=17, id=number, flags="MF" if more else 0, frag=offset // 8)
    return stage.ether4() / ip / Raw(data)


def _piece6(stage: Stage, offset: int, data: bytes, *, more: bool) -> Any:
    src, dst = _ends6(stage)
    fragment = IPv6ExtHdrFragment(nh=17, offset=offset // 8, m=int(more), id=stage.port)
    return stage.ether6() / IPv6(src=src, dst=dst) / fragment / Raw(data)


def _whole4(stage: Stage) -> Frames:
    body = _body(stage)
    return [_piece4(stage, 0, body[:8], more=True), _piece4(stage, 8, body[8:], more=False)]


def _whole6(stage: Stage) -> Frames:
    """The same; IPv6 has no datagrams without a checksum, so it goes by another protocol's."""
    src, dst = _ends6(stage)
    packet = IPv6(src=src, dst=dst) / UDP(sport=stage.port, dport=9) / Raw(stage.token)
    body = bytes(IPv6(bytes(packet)).payload)
    return [_piece6(stage, 0, body[:8], more=True), _piece6(stage, 8, body[8:], more=False)]


def _overlapping4(stage: Stage) -> Frames:
    body = _body(stage)
    return [
        _piece4(stage, 0, body[:24], more=True),
        _piece4(stage, 8, body[8:32], more=False),
    ]


def _overlapping6(stage: Stage) -> Frames:
    body = _body(stage)
    return [_piece6(stage, 0, body[:24], more=True), _piece6(stage, 8, body[8:32], more=False)]


def _tiny(stage: Stage) -> Frames:
    """The flags of a TCP segment in a fragment of their own (RFC 1858, 3)."""
    src, dst = _ends4(stage)
    segment = TCP(sport=stage.port, dport=9, flags="S") / Raw(stage.token)
    body = bytes(IP(bytes(IP(src=src, dst=dst) / segment)).payload)
    head = stage.ether4() / IP(src=src, dst=dst, proto=6, id=stage.port, flags="MF", frag=0)
    tail = stage.ether4() / IP(src=src, dst=dst, proto=6, id=stage.port, frag=1)
    return [head / Raw(body[:8]), tail / Raw(body[8:])]


def _broken(**fields: Any) -> Any:
    def shot(stage: Stage) -> Frames:
        src, dst = _ends4(stage)
        ip = IP(src=src, dst=dst, **fields)
        return [stage.ether4() / ip / UDP(sport=stage.port, dport=9) / Raw(stage.token)]

    return shot


def _tagged(stage: Stage, kind: int) -> Frames:
    src, dst = _ends4(stage)
    link = Ether(src=stage.mac, dst=stage.them.mac4, type=kind)
    datagram = IP(src=src, dst=dst) / UDP(sport=stage.port, dport=9) / Raw(stage.token)
    return [link / Dot1Q(vlan=vlan) / datagram for vlan in (1, 100)]


def _typed(link: Any, kind: int) -> Any:
    made = link.copy()
    made.type = kind
    return made


def _odd(stage: Stage) -> Frames:
    kinds = (0x22F0, 0x6558, 0x8035, 0x8137, 0x8863, 0x8864, 0x8847, 0x88CC, 0x88E5, 0x8906, 0x88B5)
    link = Ether(src=stage.mac, dst=stage.them.mac4)
    return [_typed(link, kind) / Raw(stage.token + bytes(40)) for kind in kinds]


def _amid_the_header(stage: Stage, heard: Heard) -> bool:
    """A reassembled segment is right."""
    return stage.token in heard.raw and int.from_bytes(heard.raw[20:22], "big") & 0x1FFF == 1


ROWS = (
    Row(
        name="a loose source route through us is not taken",
        stages=_INSIDE,
        shot=lambda s: [_optioned(s, s.them.ip4, IPOption_LSRR(routers=[FAR4]))],
        seen=carried,
    ),
    Row(
        name="a strict source route through us is not taken",
        stages=_INSIDE,
        shot=lambda s: [_optioned(s, s.them.ip4, IPOption_SSRR(routers=[FAR4]))],
        twin=_right4,
        seen=carried,
    ),
    Row(
        name="a packet with a source route is not passed on",
        stages=_THROUGH,
        shot=lambda s: [
            _optioned(s, _ends4(s)[1], IPOption_LSRR(routers=["203.0.113.1"])),
            _optioned(s, _ends4(s)[1], IPOption_SSRR(routers=["203.0.113.1"])),
        ],
        twin=_right4,
        seen=carried,
    ),
    Row(
        name="a source route does not lead from outside to a fixed address",
        stages=("fip", "gateway", "snat"),
        shot=lambda s: [_optioned_to_inside(s)],
        seen=carried,
    ),
    *(
        Row(
            name=f"a packet with a routing header of type {kind} is not passed on",
            stages=_THROUGH,
            shot=_with_header(kind),
            twin=_right6,
            seen=passed_on,
        )
        for kind in (0, 1, 2, 3)
    ),
    Row(
        name="a packet with a segment routing header is not passed on",
        stages=_THROUGH,
        shot=lambda s: [_routed(s, _ends6(s)[1], _segment(FAR6))],
        twin=_right6,
        seen=passed_on,
    ),
    Row(
        name="a segment routing header does not lead through us",
        stages=_INSIDE,
        shot=lambda s: [_routed(s, s.them.ip6, _segment(FAR6))],
        seen=passed_on,
    ),
    Row(
        name="a routing header of type 0 or 2 does not lead through us",
        stages=_INSIDE,
        shot=lambda s: [_routed(s, s.them.ip6, _old(0, FAR6)), _routed(s, s.them.ip6, _old(2, FAR6))],
        twin=_right6,
        seen=passed_on,
    ),
    Row(
        name="overlapping fragments are not passed on",
        stages=_THROUGH,
        shot=_overlapping4,
        twin=_whole4,
        seen=carried,
        advisories=_SPOOF,
    ),
    Row(
        name="overlapping IPv6 fragments are not passed on",
        stages=_THROUGH,
        shot=_overlapping6,
        twin=_whole6,
        seen=passed_on,
        advisories=_SPOOF,
    ),
    Row(
        name="a fragment that begins amid the TCP header is not passed on",
        stages=_INSIDE,
        shot=_tiny,
        seen=_amid_the_header,
        advisories=_SPOOF,
    ),
    Row(
        name="a fragment without its beginning is not passed on",
        stages=_THROUGH,
        shot=lambda s: [_piece4(s, 1480, _body(s), more=False), _piece4(s, 800, _body(s), more=True)],
        twin=_whole4,
        seen=carried,
    ),
    Row(
        name="an IPv6 fragment without its beginning is not passed on",
        stages=_THROUGH,
        shot=lambda s: [_piece6(s, 1440, _body(s), more=False)],
        twin=_whole6,
        seen=passed_on,
    ),
    Row(
        name="a fragment beyond the longest datagram is not passed on",
        stages=_THROUGH,
        shot=lambda s: [
            _piece4(s, 0, _body(s), more=True),
            _piece4(s, 65528, _body(s) * 2, more=False),
        ],
        twin=_whole4,
        seen=carried,
    ),
    *(
        Row(name=name, stages=_THROUGH, shot=_broken(**fields), twin=_right4, seen=carried)
        for name, fields in (
            ("a wrong header checksum is not passed on", {"chksum": 0x1234}),
            ("a header that is too short is not passed on", {"ihl": 4}),
            ("a header longer than its packet is not passed on", {"ihl": 15, "len": 40}),
            ("a length beyond the frame is not passed on", {"len": 1400}),
            ("IPv6 in an IPv4 frame is not passed on", {"version": 6}),
        )
    ),
    Row(
        name="a packet at its last hop is not passed on",
        stages=_INSIDE,
        shot=_broken(ttl=1),
        twin=_right4,
        seen=passed_on,
    ),
    Row(
        name="a tagged frame is not passed on",
        stages=_THROUGH,
        shot=lambda s: [*_tagged(s, 0x8100), *_tagged(s, 0x88A8)],
        twin=_right4,
        seen=carried,
        advisories=_SPOOF,
    ),
    Row(
        name="a frame of another protocol is neither passed on nor answered",
        stages=_THROUGH,
        shot=_odd,
        twin=_right4,
        seen=carried,
        advisories=_SPOOF,
    ),
)
