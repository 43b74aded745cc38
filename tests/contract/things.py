"""One object of each kind, on a small host: a router's namespace, a network's, an instance's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from deuteron.kernel.protocol import Kernel, Outcome
from deuteron.objects import (
    Address,
    Bridge,
    Create,
    Fdb,
    KernelObject,
    LinkUp,
    Look,
    Neighbour,
    NeighbourProxy,
    Netns,
    Nexthop,
    NftChain,
    NftElement,
    NftRule,
    NftSet,
    NftTable,
    Observed,
    Route,
    Rule,
    Step,
    Sysctl,
    Tap,
    Veth,
)
from deuteron.objects.nft import Lookup, Match, Nat, SetRef, Verdict
from tests.support.sandbox import why_no_tun

ROUTER, NET, VM = "qrouter-r1", "net-n1", "vm1"
OWNER, NET_OWNER = "router/r1", "network/n1"
QR, TAP = "qr-p1", "tapp1"
#: MAC addresses of the two ends.
OUTER_MAC, INNER_MAC = "fe:16:3e:00:00:01", "fa:16:3e:00:00:01"

NETNS = Netns(name=ROUTER, owner=OWNER)
NET_NETNS = Netns(name=NET, owner=NET_OWNER)
BRIDGE = Bridge(
    netns=NET, name="br-n1", mac="fa:16:3f:00:00:01", mtu=1450, owner=NET_OWNER, altname="br-n1-full"
)
VETH = Veth(
    netns=NET,
    name=TAP,
    mac=OUTER_MAC,
    peer_netns=ROUTER,
    peer_name=QR,
    peer_mac=INNER_MAC,
    mtu=1450,
    master="br-n1",
    owner=OWNER,
    altname="tap-p1-full",
    peer_altname="qr-p1-full",
)
VM_VETH = Veth(
    netns=NET,
    name="tapp2",
    mac="fe:16:3e:00:00:02",
    peer_netns=VM,
    peer_name="eth0",
    peer_mac="fa:16:3e:00:00:02",
    mtu=1450,
    master="br-n1",
    owner="port/p2",
    altname="tap-p2-full",
    peer_altname="",
)
TAP_DEVICE = Tap(
    netns=NET,
    name="tapp3",
    mac="fe:16:3e:00:00:03",
    mtu=1450,
    master="br-n1",
    owner="port/p3",
    altname="tap-p3-full",
)
QR_UP = LinkUp(netns=ROUTER, dev=QR)
UPS = (LinkUp(netns=NET, dev="br-n1"), LinkUp(netns=NET, dev=TAP), QR_UP)
ADDRESS = Address(netns=ROUTER, dev=QR, address="10.0.0.1/24")
ADDRESS6 = Address(netns=ROUTER, dev=QR, address="2001:db8::1/64")
NEIGHBOUR = Neighbour(netns=ROUTER, dev=QR, address="10.0.0.9", mac="fa:16:3e:00:00:09")
NEIGHBOUR6 = Neighbour(netns=ROUTER, dev=QR, address="2001:db8::9", mac="fa:16:3e:00:00:09")
PROXY6 = NeighbourProxy(netns=ROUTER, dev=QR, address="2001:db8::77")
FDB = Fdb(netns=NET, dev=TAP, mac="fa:16:3e:00:00:42")
ROUTE = Route(
    netns=ROUTER, destination="10.9.0.0/24", nexthops=(Nexthop(dev=QR, via="10.0.0.254"),), metric=5
)
ONLINK = Route(
    netns=ROUTER,
    table=16,
    destination="0.0.0.0/0",
    nexthops=(Nexthop(dev=QR, via="192.0.2.1", onlink=True),),
)
LINK_ROUTE = Route(netns=ROUTER, table=0x10000001, destination="198.51.100.0/24", nexthops=(Nexthop(dev=QR),))
MULTIPATH = Route(
    netns=ROUTER,
    destination="10.10.0.0/16",
    nexthops=(Nexthop(dev=QR, via="10.0.0.253"), Nexthop(dev=QR, via="10.0.0.254")),
)
ROUTE6 = Route(
    netns=ROUTER,
    destination="2001:db8:9::/64",
    nexthops=(Nexthop(dev=QR, via="2001:db8::fe"),),
    metric=1024,
)
RULE = Rule(netns=ROUTER, family=4, priority=32768, table=16, fwmark=16)
IIF_RULE = Rule(netns=ROUTER, family=4, priority=32769, table=0x10000001, iif=QR)
SOURCE_RULE6 = Rule(netns=ROUTER, family=6, priority=32770, table=16, iif=QR, source="2001:db8:5::/64")
SYSCTL = Sysctl(netns=ROUTER, path="net/ipv4/ip_forward", value="1")
LINK_SYSCTL = Sysctl(netns=ROUTER, path=f"net/ipv4/conf/{QR}/proxy_arp", value="1", dev=QR)
ELEMENT = NftElement(netns=ROUTER, set="floating_to_fixed", item=("203.0.113.50",), value=("10.0.0.5",))
PORT_ELEMENT = NftElement(
    netns=ROUTER,
    set="forwarded_ports",
    item=("203.0.113.51", "tcp", "8080"),
    value=("10.0.0.6", "80"),
)
MEMBER = NftElement(netns=ROUTER, set="fixed_with_floating", item=("10.0.0.5",))


def table(*, policy: bool = True) -> NftTable:
    """A table with a set, maps, and rules of several kinds."""
    known = NftRule(
        matches=(Match("ct state", ("established", "related")),),
        statements=(Verdict("accept"),),
        comment="replies",
    )
    marked = NftRule(
        matches=(Match("iifname", "qr-*"), Match("ip saddr", SetRef("fixed_with_floating"))),
        statements=(Verdict("accept"),),
    )
    floating = NftRule(statements=(Nat("dnat", "ip", Lookup(("ip daddr",), "floating_to_fixed")),))
    return NftTable(
        netns=ROUTER,
        sets=(
            NftSet(name="fixed_with_floating", type=("ipv4_addr",)),
            NftSet(name="floating_to_fixed", type=("ipv4_addr",), data=("ipv4_addr",)),
            NftSet(
                name="forwarded_ports",
                type=("ipv4_addr", "inet_proto", "inet_service"),
                data=("ipv4_addr", "inet_service"),
            ),
        ),
        chains=(
            NftChain(
                name="forward",
                type="filter",
                hook="forward",
                priority=0,
                policy="drop" if policy else "accept",
                rules=(known, marked),
            ),
            NftChain(
                name="prerouting",
                type="nat",
                hook="prerouting",
                priority=-100,
                policy="accept",
                rules=(floating,),
            ),
        ),
    )


TABLE = table()

#: Where a user may not make taps, everything else is tried without one.
TAPS = () if why_no_tun() else (TAP_DEVICE,)

BASE: tuple[KernelObject, ...] = (NETNS, NET_NETNS, BRIDGE, VETH)
#: What is on them, in an order in which it can be made.
CONTENTS: tuple[KernelObject, ...] = (
    SYSCTL, TABLE, ELEMENT, PORT_ELEMENT, MEMBER, LINK_SYSCTL, ADDRESS, ADDRESS6, FDB, NEIGHBOUR, NEIGHBOUR6,
    PROXY6, *UPS, RULE, IIF_RULE, SOURCE_RULE6, ROUTE, ONLINK, LINK_ROUTE, MULTIPATH, ROUTE6, *TAPS,
)  # fmt: skip

LOOK = Look(
    namespaces=frozenset({VM}),
    sysctls={ROUTER: (SYSCTL.path, LINK_SYSCTL.path)},
)


def run(kernel: Kernel, *steps: Step) -> None:
    """Run steps that must succeed."""
    outcome = kernel.run(steps)
    assert outcome.failed is None, (steps[outcome.failed], outcome.error)
    assert outcome.done == (True,) * len(steps)


def make(kernel: Kernel, things: Iterable[KernelObject]) -> None:
    """Create objects that can be made."""
    run(kernel, *(Create(thing) for thing in things))


def refused(kernel: Kernel, *steps: Step) -> Outcome:
    """Run steps of which one must fail."""
    outcome = kernel.run(steps)
    assert outcome.failed is not None, "every step succeeded"
    assert outcome.error is not None
    return outcome


def look(kernel: Kernel) -> Observed:
    """All there is of ours."""
    return kernel.observe(LOOK)


def there(kernel: Kernel, things: Sequence[KernelObject]) -> list[KernelObject]:
    """Which of these objects are there, just so."""
    objects = look(kernel).objects
    return [thing for thing in things if objects.get(thing.key) == thing]
