"""Control protocols from where they do not belong: ARP, neighbour discovery, redirects, ICMP errors."""

from __future__ import annotations

from typing import Final

from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.inet6 import (
    ICMPv6ND_RA,
    ICMPv6ND_Redirect,
    ICMPv6ND_RS,
    ICMPv6NDOptPrefixInfo,
    ICMPv6NDOptSrcLLAddr,
    ICMPv6PacketTooBig,
    IPv6,
)
from scapy.packet import Raw

from tests.packets.probe import Frames, Heard, Row, Shot, Stage, asks_for, carried, resolved
from tests.packets.reference import FAR4, FAR6, INTERNET, PLAIN
from tests.packets.shapes import echo4, echo6, four, in6, solicit, who_has
from tests.packets.stages import FLOATING_SIDE, OUTSIDE, TENANT_SIDE

_INSIDE = (*TENANT_SIDE, *FLOATING_SIDE)
_ND: Final = ("OSSA-2016-009", "CVE-2016-5363", "OSSA-2021-001", "CVE-2021-20267")
_ARP: Final = ("OSSN-0027", "OSSA-2021-004", "CVE-2021-38598")


# Addresses of each shot's own: what has been asked for in vain is not asked for again at once.


def _rogue4(stage: Stage) -> str:
    return f"203.0.113.{100 + stage.port % 90}"


def _rogue6(stage: Stage) -> str:
    return f"fe80::{stage.port:x}"


def _neighbour6(stage: Stage) -> str:
    return f"2001:db8:bad::{stage.port:x}"


def _redirect4(stage: Stage) -> Frames:
    """The gateway says that the internet is by somebody else; then an answer to the internet is due."""
    quoted = IP(src=stage.them.ip4, dst=FAR4) / ICMP(type="echo-reply", id=stage.port) / Raw(stage.token)
    head = stage.ether4() / IP(src=stage.ip4, dst=stage.them.ip4)
    redirect = ICMP(type="redirect", code=1, gw=_rogue4(stage))
    return [head / redirect / quoted, echo4(stage, FAR4, stage.them.ip4)]


def _redirect6(stage: Stage) -> Frames:
    head = stage.ether6() / IPv6(src=stage.ll6, dst=stage.them.ip6, hlim=255)
    return [head / ICMPv6ND_Redirect(tgt=_rogue6(stage), dst=FAR6), echo6(stage, FAR6, stage.them.ip6)]


def _advertisement(stage: Stage) -> Frames:
    """A router advertises a prefix as on the link; then somebody of that prefix asks."""
    head = stage.ether6() / IPv6(src=stage.ll6, dst="ff02::1", hlim=255)
    prefix = ICMPv6NDOptPrefixInfo(
        prefix="2001:db8:bad::", prefixlen=64, L=1, A=1, validlifetime=120, preferredlifetime=120
    )
    body = ICMPv6ND_RA(routerlifetime=0) / prefix / ICMPv6NDOptSrcLLAddr(lladdr=stage.mac)
    return [head / body, echo6(stage, _neighbour6(stage), stage.them.ip6)]


def _solicit_router(stage: Stage) -> Frames:
    ask = ICMPv6ND_RS() / ICMPv6NDOptSrcLLAddr(lladdr=stage.mac)
    return [stage.ether6() / IPv6(src=stage.ll6, dst="ff02::2", hlim=255) / ask]


def _any_advertisement(stage: Stage, heard: Heard) -> bool:
    advertised = heard.raw[12:14] == b"\x86\xdd" and heard.raw[20] == 58 and heard.raw[54] == 134
    return resolved(stage, heard) or (heard.ear == stage.me and advertised)


def _own6(stage: Stage) -> Frames:
    return [solicit(stage, stage.them.ip6)]


def _error4(stage: Stage, kind: int, code: int) -> Frames:
    """An ICMP error about a packet that the floating IP is said to have sent."""
    quoted = IP(src=stage.floating4, dst=stage.ip4) / UDP(sport=9, dport=stage.port)
    error = ICMP(type=kind, code=code, nexthopmtu=600) if kind == 3 else ICMP(type=kind, code=code, gw=FAR4)
    return [stage.ether4() / IP(src=stage.ip4, dst=stage.floating4) / error / quoted / Raw(stage.token)]


def _error_shot(kind: int, code: int) -> Shot:
    return lambda stage: _error4(stage, kind, code)


def _flow(stage: Stage) -> Frames:
    """A flow to the floating IP, without the token."""
    frame = four(stage, stage.ip4, stage.floating4)
    frame[Raw].load = b"a flow"
    return [frame]


def _too_big6(stage: Stage) -> Frames:
    quoted = IPv6(src=stage.inside6, dst=stage.ip6) / UDP(sport=9, dport=stage.port) / Raw(stage.token)
    head = stage.ether6() / IPv6(src=stage.ip6, dst=stage.inside6)
    return [head / ICMPv6PacketTooBig(mtu=1280) / quoted]


def _arp(name: str, *facts: str, stages: tuple[str, ...]) -> Row:
    return Row(
        name=name,
        stages=stages,
        shot=lambda s: [who_has(s, s.more[fact]) for fact in facts],
        twin=lambda s: [who_has(s, s.them.ip4)],
        seen=resolved,
        advisories=_ARP,
    )


ROWS = (
    Row(
        name="a redirect is not followed", stages=("gateway", "snat"), shot=_redirect4, seen=asks_for(_rogue4)
    ),
    Row(
        name="an IPv6 redirect is not followed",
        stages=("gateway", "snat"),
        shot=_redirect6,
        careless=PLAIN,
        seen=asks_for(_rogue6),
        advisories=_ND,
    ),
    Row(
        name="a router advertisement is not believed",
        stages=(*TENANT_SIDE, "gateway", "snat"),
        shot=_advertisement,
        seen=asks_for(_neighbour6),
        advisories=("OSSA-2016-009", "CVE-2015-8914"),
    ),
    Row(
        name="a router solicitation is not answered",
        stages=(*_INSIDE, "gateway", "snat"),
        shot=_solicit_router,
        twin=_own6,
        seen=_any_advertisement,
        advisories=_ND,
    ),
    Row(
        name="a neighbour solicitation that has been routed is not answered",
        stages=(*_INSIDE, "gateway", "snat"),
        shot=lambda s: [solicit(s, s.them.ip6, hop_limit=64)],
        twin=_own6,
        seen=resolved,
        advisories=_ND,
    ),
    Row(
        name="a link does not answer ARP for another link's address",
        stages=(*_INSIDE, "gateway", "snat"),
        shot=lambda s: [who_has(s, s.them.foreign4)],
        seen=resolved,
        advisories=_ARP,
    ),
    Row(
        name="nobody inside answers ARP for the internet or another tenant",
        stages=_INSIDE,
        shot=lambda s: [who_has(s, FAR4), who_has(s, s.other4), who_has(s, s.floating4)],
        seen=resolved,
        advisories=_ARP,
    ),
    _arp("nobody answers ARP for a leg", "leg", "peer", "other leg", stages=(*_INSIDE, *OUTSIDE)),
    _arp("nobody outside answers ARP for a fixed address", "inside", "fixed", stages=OUTSIDE),
    _arp("nobody outside answers ARP for a floating IP that is not there", "unused", stages=OUTSIDE),
    _arp("nobody outside answers ARP for the internet", "far", stages=OUTSIDE),
    Row(
        name="nobody outside answers solicitations for what no NDP proxy names",
        stages=("fip", "snat", "gateway"),
        shot=lambda s: [
            solicit(s, s.inside6),
            solicit(s, FAR6),
            solicit(s, "fe80::1"),
            solicit(s, "fe80::2"),
        ],
        twin=_own6,
        seen=resolved,
        advisories=_ND,
    ),
    Row(
        name="a link does not answer solicitations for another link's address",
        stages=(*_INSIDE, "gateway"),
        shot=lambda s: [solicit(s, s.more["gateway6"] if s.me[0] != INTERNET else s.more["qr6"])],
        twin=_own6,
        seen=resolved,
        advisories=_ND,
    ),
    *(
        Row(
            name=f"an ICMP error about no flow does not come in ({words})",
            stages=("fip", "gateway"),
            shot=_error_shot(kind, code),
            twin=lambda s: [*_flow(s), *_error4(s, 3, 3)],
            seen=carried,
        )
        for words, kind, code in (
            ("port unreachable", 3, 3),
            ("fragmentation needed", 3, 4),
            ("time exceeded", 11, 0),
            ("parameter problem", 12, 0),
            ("source quench", 4, 0),
        )
    ),
    Row(
        name="a redirect about a real flow does not come in",
        stages=("fip", "gateway"),
        shot=lambda s: [*_flow(s), *_error4(s, 5, 1)],
        twin=lambda s: [*_flow(s), *_error4(s, 3, 3)],
        seen=carried,
    ),
    Row(
        name="an ICMPv6 error about no flow does not come in past the proxies",
        stages=("fip", "snat"),
        shot=_too_big6,
        twin=lambda s: in6(s) if s.name == "fip" else [echo6(s, s.ip6, s.them.ip6)],
        seen=carried,
    ),
)
