"""Hands on namespaces, bridges, taps, and bridge tables."""

from __future__ import annotations

from typing import Final

from deuteron.objects import Bridge, LinkUp, Netns, Tap, Veth
from tests.hands.case import MAC, SHARED, Case, an

NAMESPACES: Final = (
    Case(
        name="qrouter", hand="deleted", pick=an(Netns, name="qrouter-"), by=("host: ip netns del {o.name}",)
    ),
    Case(
        name="snat",
        hand="deleted",
        kinds="d",
        pick=an(Netns, name="snat-"),
        by=("host: ip netns del {o.name}",),
    ),
    Case(
        name="fip",
        hand="deleted",
        unit="fip",
        kinds="d",
        pick=an(Netns),
        by=("host: ip netns del {o.name}",),
        spares=SHARED,
    ),
    Case(name="net", hand="deleted", unit="network", pick=an(Netns), by=("host: ip netns del {o.name}",)),
    Case(
        name="of-our-prefix",
        hand="beside",
        pick=an(Netns),
        by=("host: ip netns add qrouter-of-somebody",),
        told="qrouter-of-somebody",
        away=("host: ip netns del qrouter-of-somebody",),
    ),
    Case(
        name="whose-mark-is-gone",
        hand="taken",
        pick=an(Netns, name="qrouter-"),
        by=("ip link set lo alias somebody",),
        told="{o.name}",
        away=("ip link set lo alias {mark}",),
        code="foreign-name",
    ),
)

BRIDGES: Final = (
    Case(name="bridge", hand="deleted", unit="network", pick=an(Bridge), by=("ip link del {o.name}",)),
    Case(
        name="bridge-mtu",
        hand="changed",
        unit="network",
        pick=an(Bridge),
        by=("ip link set {o.name} mtu 1400",),
        told="mtu 1400 -> 1500",
    ),
    Case(
        name="bridge-mac",
        hand="changed",
        unit="network",
        pick=an(Bridge),
        by=(f"ip link set {{o.name}} address {MAC}",),
        told=f"mac {MAC}",
    ),
    Case(
        name="bridge-stp",
        hand="changed",
        unit="network",
        pick=an(Bridge),
        by=("ip link set {o.name} type bridge stp_state 1",),
        told="bridge {o.name}",
    ),
    Case(
        name="bridge-altname",
        hand="changed",
        unit="network",
        pick=an(Bridge),
        by=("ip link property del dev {o.name} altname {o.altname}",),
        told="altname",
    ),
    Case(
        name="bridge",
        hand="beside",
        unit="network",
        pick=an(Bridge),
        by=("ip link add theirs type bridge", "ip link set theirs up"),
        told="bridge theirs",
        away=("ip link del theirs",),
    ),
)

TAPS: Final = (
    Case(name="tap", hand="deleted", unit="tap", pick=an(Tap), by=("ip link del {o.name}",)),
    Case(
        name="tap-mtu",
        hand="changed",
        unit="tap",
        pick=an(Tap),
        by=("ip link set {o.name} mtu 1300",),
        told="mtu 1300 -> 1500",
    ),
    Case(
        name="tap-mac",
        hand="changed",
        unit="tap",
        pick=an(Tap),
        by=(f"ip link set {{o.name}} address {MAC}",),
        told=f"mac {MAC}",
    ),
    Case(
        name="tap-unplugged",
        hand="changed",
        unit="tap",
        pick=an(Tap),
        by=("ip link set {o.name} nomaster",),
        told="master  -> br-",
    ),
    Case(
        name="tap-down",
        hand="changed",
        unit="tap",
        pick=an(Tap),
        by=("ip link set {o.name} down",),
        told="+ {o.name} up",
    ),
    Case(
        name="tap",
        hand="beside",
        unit="tap",
        pick=an(Tap),
        by=("ip tuntap add theirs mode tap", "ip link set theirs master {o.master} up"),
        told="theirs",
        away=("ip link del theirs",),
    ),
)

UPS: Final = (
    Case(
        name="bridge-down",
        hand="changed",
        unit="network",
        pick=an(LinkUp, dev="br-"),
        by=("ip link set {o.dev} down",),
    ),
    Case(
        name="lo-down",
        hand="changed",
        pick=an(Netns, name="qrouter-"),
        by=("ip link set lo down",),
        told="+ lo up in {o.name}",
    ),
)

#: The kernel keeps no protocol for these: what is static on a member of ours is taken for ours.
FORWARDING: Final = (
    Case(
        name="static-on-a-member-of-ours",
        hand="changed",
        pick=an(Veth, peer_name="qr-"),
        by=("bridge fdb add 02:00:00:00:00:77 dev {o.name} master static",),
        told="- MAC 02:00:00:00:00:77",
    ),
    Case(
        name="static-on-somebody-s-member",
        hand="beside",
        unit="network",
        pick=an(Bridge),
        by=(
            "ip link add theirs type veth peer name theirs2",
            "ip link set theirs master {o.name}",
            "bridge fdb add 02:00:00:00:00:78 dev theirs master static",
        ),
        told="veth theirs",
        away=("ip link del theirs",),
    ),
)
