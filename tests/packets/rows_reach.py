"""Addresses that must not be reached: legs, other tenants', what is not declared."""

from __future__ import annotations

from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from tests.packets.probe import Frames, Heard, Row, Stage, carried
from tests.packets.reference import FAR4, FAR6, GREEN, INTERNET
from tests.packets.shapes import BROADCAST, echo4, echo6, four, in4, in6, right4, right6, six
from tests.packets.stages import ALL, FLOATING_SIDE, OUTSIDE, TENANT_SIDE

_INSIDE = (*TENANT_SIDE, *FLOATING_SIDE)


def _reached_a_tenant(stage: Stage, heard: Heard) -> bool:
    return stage.token in heard.raw and heard.ear not in (stage.me, (INTERNET, "ext0"))


def _to(name: str) -> Row:
    """A leg's address, which no one but the two ends of the leg may talk to."""
    title = {"leg": "its leg", "peer": "the other end of its leg", "other leg": "another router's leg"}[name]
    return Row(
        name=f"{title} is not reached",
        stages=("floating", "fip", "gateway", "snat"),
        shot=lambda s: [echo4(s, s.ip4, s.more[name]), four(s, s.ip4, s.more[name])],
        twin=_answered_ping,
        seen=_at_a_tenant_or_back,
    )


def _at_a_tenant_or_back(stage: Stage, heard: Heard) -> bool:
    """Not merely passed on to the internet by a default route."""
    return stage.token in heard.raw and (heard.ear == stage.me or heard.ear[0] != INTERNET)


def _got_there(stage: Stage, heard: Heard) -> bool:
    """An echo reply (or the request at somebody else's); an ICMPv6 error or redirect is right."""
    return stage.token in heard.raw and heard.raw[54] in (128, 129)


def _answered_ping(stage: Stage) -> Frames:
    return [echo4(stage, stage.ip4, stage.them.beacon)]


def _other_mac(stage: Stage) -> Frames:
    wrong = Ether(src=stage.mac, dst="02:00:00:00:00:99")
    return [wrong / IP(src=stage.ip4, dst=FAR4) / UDP(sport=stage.port, dport=9) / Raw(stage.token)]


def _to_all_macs(stage: Stage) -> Frames:
    frame = four(stage, stage.ip4, FAR4)
    frame.dst = BROADCAST
    return [frame]


ROWS = (
    Row(
        name="a fixed address is not reached from outside",
        stages=OUTSIDE,
        shot=lambda s: [four(s, FAR4, s.inside4), echo4(s, FAR4, s.inside4)],
        seen=carried,
    ),
    Row(
        name="an IPv6 address that no NDP proxy names is not reached from outside",
        stages=("fip", "snat"),
        shot=lambda s: [six(s, FAR6, s.inside6), echo6(s, FAR6, s.inside6)],
        seen=_reached_a_tenant,
    ),
    Row(
        name="another tenant's fixed address is not reached",
        stages=_INSIDE,
        shot=lambda s: [four(s, s.ip4, s.other4), four(s, s.ip4, GREEN.v4(6))],
        seen=_reached_a_tenant,
        advisories=("OSSN-0027",),
    ),
    Row(
        name="another tenant's IPv6 address is not reached past its proxies",
        stages=_INSIDE,
        shot=lambda s: [six(s, s.ip6, GREEN.v6(6))],
        seen=_reached_a_tenant,
    ),
    _to("leg"),
    _to("peer"),
    _to("other leg"),
    Row(
        name="the link-local ends of a leg are not reached",
        stages=_INSIDE + OUTSIDE,
        shot=lambda s: [echo6(s, s.ip6, "fe80::1"), echo6(s, s.ll6, "fe80::2")],
        twin=lambda s: [echo6(s, s.ip6, s.them.ip6)],
        seen=_got_there,
    ),
    Row(
        name="no address of the inside answers outside",
        stages=("gateway", "snat", "fip"),
        shot=lambda s: [echo4(s, s.ip4, s.them.foreign4), four(s, s.ip4, s.them.foreign4)],
        seen=carried,
    ),
    Row(
        name="a floating IP that is not there is answered by nobody",
        stages=("fip", "gateway"),
        shot=lambda s: [four(s, FAR4, "203.0.113.200"), echo4(s, FAR4, "203.0.113.200")],
        twin=in4,
        seen=carried,
    ),
    Row(
        name="a frame for another MAC address is not routed",
        stages=ALL,
        shot=_other_mac,
        twin=_answered_ping,
        seen=carried,
    ),
    Row(
        name="a packet for one in a frame for all is not routed",
        stages=TENANT_SIDE,
        shot=_to_all_macs,
        twin=right4,
        seen=carried,
    ),
    Row(
        name="a loopback destination is not reached",
        stages=ALL,
        shot=lambda s: [four(s, s.ip4, "127.0.0.1"), echo4(s, s.ip4, "127.0.0.1")],
        seen=carried,
    ),
    Row(
        name="the destination of all zeros is not reached",
        stages=TENANT_SIDE,
        shot=lambda s: [four(s, s.ip4, "0.0.0.0")],
        twin=right4,
        seen=carried,
    ),
    Row(
        name="the IPv6 loopback is not reached",
        stages=ALL,
        shot=lambda s: [six(s, s.ip6, "::1"), echo6(s, s.ip6, "::1")],
        twin=lambda s: [echo6(s, s.ip6, s.them.ip6)],
        seen=carried,
    ),
    Row(
        name="a multicast packet is not routed",
        stages=TENANT_SIDE,
        shot=lambda s: [four(s, s.ip4, "239.1.2.3")],
        twin=right4,
        seen=carried,
    ),
    Row(
        name="an IPv6 multicast packet is not routed",
        stages=TENANT_SIDE,
        shot=lambda s: [six(s, s.ip6, "ff0e::5"), six(s, s.ip6, "ff05::5")],
        twin=right6,
        seen=carried,
    ),
    Row(
        name="a multicast packet does not come in from outside",
        stages=("fip", "gateway"),
        shot=lambda s: [four(s, FAR4, "239.1.2.3"), six(s, FAR6, "ff0e::5")],
        twin=lambda s: [*in4(s), *in6(s)],
        seen=carried,
    ),
    Row(
        name="a broadcast to a subnet is not sent into it from outside",
        stages=OUTSIDE,
        shot=lambda s: [four(s, FAR4, s.more["broadcast"]), echo4(s, FAR4, s.more["broadcast"])],
        seen=carried,
    ),
    Row(
        name="a broadcast to the external network is not sent into it by a tenant",
        stages=_INSIDE,
        shot=lambda s: [four(s, s.ip4, "203.0.113.255")],
        seen=carried,
    ),
)
