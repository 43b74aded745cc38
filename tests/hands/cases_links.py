"""Hands on pairs: either end."""

from __future__ import annotations

from typing import Final

from deuteron.objects import Netns, Veth
from tests.hands.case import MAC, SHARED, Case, Hand, an

#: Pairs, by the prefix of the inner end: its unit, the kinds of routers that have it, whom it spares.
_PAIRS: Final = (
    ("qr-", "router", "cd", ("wc", "wd")),
    ("qg-", "router", "cd", ("wc", "wd")),
    ("sg-", "router", "d", ("wc", "wd")),
    ("rfp-", "router", "d", ("wc", "wd")),
    ("fg-", "fip", "d", SHARED),
    ("eth0", "port", "cd", ("wc", "wd")),
)


def _pair(prefix: str, unit: str, kinds: str, spares: tuple[str, ...]) -> tuple[Case, ...]:
    """What is done to a pair: either end deleted, changed, unplugged, taken down."""
    name = prefix.rstrip("-0")

    def case(suffix: str, hand: Hand, by: str, told: str = "") -> Case:
        return Case(
            name=f"{name}-{suffix}",
            hand=hand,
            unit=unit,
            kinds=kinds,
            pick=an(Veth, peer_name=prefix),
            by=(by,),
            told=told,
            spares=spares,
        )

    return (
        case("outer", "deleted", "ip link del {o.name}"),
        case("inner", "deleted", "inner: ip link del {o.peer_name}"),
        case("outer-mac", "changed", f"ip link set {{o.name}} address {MAC}", f" mac {MAC}"),
        case("inner-mac", "changed", f"inner: ip link set {{o.peer_name}} address {MAC}", f"peer_mac {MAC}"),
        case("inner-mtu", "changed", "inner: ip link set {o.peer_name} mtu 1300", "mtu 0 -> 1500"),
        case("outer-down", "changed", "ip link set {o.name} down", "+ {o.name} up"),
        case("inner-down", "changed", "inner: ip link set {o.peer_name} down", "+ {o.peer_name} up"),
    )


LINKS: Final = (
    *(case for pair in _PAIRS for case in _pair(*pair)),
    Case(
        name="outer-unplugged",
        hand="changed",
        pick=an(Veth, peer_name="qr-"),
        by=("ip link set {o.name} nomaster",),
        told="master  -> br-",
    ),
    Case(
        name="outer-in-another-bridge",
        hand="changed",
        pick=an(Veth, peer_name="qr-"),
        by=("ip link add theirs type bridge", "ip link set {o.name} master theirs"),
        told="master theirs -> br-",
        away=("ip link del theirs",),
    ),
    Case(
        name="inner-altname",
        hand="changed",
        pick=an(Veth, peer_name="qr-"),
        by=("inner: ip link property del dev {o.peer_name} altname {o.peer_altname}",),
        told="altname",
    ),
    Case(
        name="inner-renamed",
        hand="changed",
        pick=an(Veth, peer_name="qr-"),
        by=(
            "inner: ip link set {o.peer_name} down",
            "inner: ip link set {o.peer_name} name qr-renamed",
            "inner: ip link set qr-renamed up",
        ),
        told="{o.peer_name}",
    ),
    Case(
        name="outer-s-mark-is-gone",
        hand="taken",
        pick=an(Veth, peer_name="qr-"),
        by=("ip link set {o.name} alias somebody",),
        told="{o.name}",
        away=("ip link set {o.name} alias {mark}",),
        code="foreign-name",
    ),
    Case(
        name="of-our-name",
        hand="taken",
        pick=an(Veth, peer_name="qr-"),
        by=("ip link del {o.name}", "ip link add {o.name} type bridge"),
        told="{o.name}",
        away=("ip link del {o.name}",),
        code="foreign-name",
    ),
    Case(
        name="bridge-in-the-router",
        hand="beside",
        pick=an(Netns, name="qrouter-"),
        by=(
            "ip link add theirs type bridge",
            "ip link set theirs up",
            "ip address add 192.0.2.1/24 dev theirs",
        ),
        told="bridge theirs",
        away=("ip link del theirs",),
    ),
    Case(
        name="pair-in-the-fip-namespace",
        hand="beside",
        kinds="d",
        unit="fip",
        pick=an(Netns),
        by=("ip link add theirs type veth peer name theirs2",),
        told="veth theirs2",
        away=("ip link del theirs",),
    ),
    Case(
        name="on-the-host",
        hand="beside",
        pick=an(Veth, peer_name="qg-"),
        by=(
            "host: ip link add tap-theirs type veth peer name theirs",
            "host: ip link set tap-theirs master br-ex up",
        ),
        told="No changes",
        away=("host: ip link del tap-theirs",),
    ),
)
