"""Sources that the sender may not have."""

from __future__ import annotations

from tests.packets.probe import Row, carried, passed_on
from tests.packets.reference import FAR4, FAR6, GREEN
from tests.packets.shapes import four, from4, from6, in4, in6, right4, right6, six
from tests.packets.stages import FLOATING_SIDE, TENANT_SIDE

_INSIDE = (*TENANT_SIDE, *FLOATING_SIDE)
_SPOOF = ("OSSA-2016-009", "CVE-2016-5362")
_TO_FLOATING = ("fip", "gateway")


def _from_outside(name: str, source: str) -> Row:
    return Row(
        name=name,
        stages=_TO_FLOATING,
        shot=lambda stage: [four(stage, source, stage.floating4)],
        twin=in4,
        seen=carried,
        advisories=_SPOOF,
    )


def _from_outside6(name: str, source: str) -> Row:
    return Row(
        name=name,
        stages=_TO_FLOATING,
        shot=lambda stage: [six(stage, source, stage.more["open6"])],
        twin=in6,
        seen=passed_on,
        advisories=_SPOOF,
    )


#: To the internet, from a tenant; the naive router sends these on.
_OUT = (
    ("a floating IP of another tenant is no source", from4(GREEN.floating)),
    ("its own floating IP is no source of an instance", lambda s: [four(s, s.more["own floating"], FAR4)]),
    ("a source from nowhere is not sent on", from4("192.0.2.200")),
    ("another tenant's fixed address is no source", lambda s: [four(s, s.other4, FAR4)]),
    ("the router's own address is no source", lambda s: [four(s, s.them.ip4, FAR4)]),
    ("a loopback source is not sent on", from4("127.0.0.1")),
    ("a class E source is not sent on", from4("240.0.0.1")),
    ("a leg's address is no source", lambda s: [four(s, s.more["leg"], FAR4)]),
    ("an IPv6 source from nowhere is not sent on", from6("2001:db8:99::1")),
    ("another tenant's IPv6 address is no source", lambda s: [six(s, s.other6, FAR6)]),
    ("the router's own IPv6 address is no source", lambda s: [six(s, s.them.ip6, FAR6)]),
    ("a site-local source is not sent on", from6("fec0::5")),
    ("a unique local source is not sent on", from6("fd00::5")),
)

#: What no kernel sends on: the twin has the right source.
_NEVER = (
    ("a source of all zeros is not sent on", from4("0.0.0.0"), right4),
    ("a broadcast source is not sent on", from4("255.255.255.255"), right4),
    ("a multicast source is not sent on", from4("224.0.0.5"), right4),
    ("a link-local source stays on its link", lambda s: [six(s, s.ll6, FAR6)], right6),
    ("the IPv6 loopback source is not sent on", from6("::1"), right6),
    ("an unspecified IPv6 source is not sent on", from6("::"), right6),
    ("a multicast IPv6 source is not sent on", from6("ff02::1"), right6),
    ("an IPv4-mapped source is not sent on", from6("::ffff:10.0.0.5"), right6),
)


ROWS = (
    *(Row(name=name, stages=_INSIDE, shot=shot, seen=carried, advisories=_SPOOF) for name, shot in _OUT),
    *(
        Row(name=name, stages=_INSIDE, shot=shot, twin=twin, seen=passed_on, advisories=_SPOOF)
        for name, shot, twin in _NEVER
    ),
    _from_outside("a loopback source does not come in", "127.0.0.1"),
    _from_outside("a source of all zeros does not come in", "0.0.0.0"),
    _from_outside("a broadcast source does not come in", "255.255.255.255"),
    _from_outside("a multicast source does not come in", "239.1.2.3"),
    _from_outside("a link-local IPv4 source does not come in", "169.254.7.7"),
    _from_outside6("the IPv6 loopback does not come in", "::1"),
    _from_outside6("a multicast IPv6 source does not come in", "ff05::2"),
    _from_outside6("a link-local IPv6 source does not come in", "fe80::77"),
    _from_outside6("a site-local source does not come in", "fec0::5"),
    Row(
        name="an inside source does not come from outside",
        stages=_TO_FLOATING,
        shot=lambda stage: [four(stage, stage.inside4, stage.floating4)],
        twin=in4,
        seen=carried,
        advisories=_SPOOF,
    ),
    Row(
        name="a floating IP does not talk to itself from outside",
        stages=_TO_FLOATING,
        shot=lambda stage: [four(stage, stage.floating4, stage.floating4)],
        twin=in4,
        seen=carried,
        advisories=_SPOOF,
    ),
    Row(
        name="the router's own source does not come from outside",
        stages=("gateway",),
        shot=lambda stage: [four(stage, stage.them.ip4, stage.floating4)],
        twin=in4,
        seen=carried,
        advisories=_SPOOF,
    ),
    Row(
        name="a leg's address does not come from outside",
        stages=_TO_FLOATING,
        shot=lambda stage: [four(stage, stage.more["leg"], stage.floating4)],
        twin=in4,
        seen=carried,
        advisories=_SPOOF,
    ),
    Row(
        name="an inside IPv6 source does not come from outside",
        stages=_TO_FLOATING,
        shot=lambda stage: [six(stage, stage.inside6, stage.more["open6"])],
        twin=in6,
        seen=carried,
        advisories=_SPOOF,
    ),
)
