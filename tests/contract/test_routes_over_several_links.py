"""A route over several links of which one goes is deleted and made again, and not changed.

The kernel takes an IPv4 one away with the first link that goes, of an IPv6 one the rest stays; an
update was refused with "the route to change is not there", and one that was to stay was not made again.
"""

from __future__ import annotations

from typing import Final

import msgspec
import pytest

from deuteron.apply.engine import apply_plan, prepare, verify
from deuteron.apply.look import look_for
from deuteron.kernel.protocol import Kernel
from deuteron.objects import (
    Address,
    Bridge,
    Delete,
    KernelObject,
    LinkUp,
    Netns,
    Nexthop,
    Route,
    Unit,
    Veth,
    Wanted,
)

R: Final = "qrouter-1"
OWNER: Final = "router/1"
NETS: Final = ("net-1", "net-2", "net-3")
BRIDGES: Final = tuple(
    Unit(
        name=f"network/{number}",
        title=f"network {number}",
        objects=(
            Netns(name=netns, owner=f"network/{number}"),
            Bridge(
                netns=netns,
                name=f"br-{number}",
                mac=f"fa:16:3f:00:00:0{number}",
                mtu=1500,
                owner=f"network/{number}",
                altname=f"br-{netns}",
            ),
        ),
    )
    for number, netns in enumerate(NETS, 1)
)


def leg(number: int, place: int, *addresses: str) -> tuple[KernelObject, ...]:
    """The router's link ``qr-<number>``, the other end of which is in a network."""
    dev = f"qr-{number}"
    link = Veth(
        netns=NETS[place - 1],
        name=f"tap{number}",
        mac=f"fe:16:3e:00:00:0{number}",
        peer_netns=R,
        peer_name=dev,
        peer_mac=f"fa:16:3e:00:00:0{number}",
        mtu=1500,
        master=f"br-{place}",
        owner=OWNER,
        altname=f"tap-{number}",
        peer_altname=f"qr-full-{number}",
    )
    ups = (LinkUp(netns=NETS[place - 1], dev=link.name), LinkUp(netns=R, dev=dev))
    return (link, *(Address(netns=R, dev=dev, address=one) for one in addresses), *ups)


def routes(*hops: tuple[int, str, str]) -> tuple[Route, ...]:
    """One of each family over links: ``(link, IPv4 gateway, IPv6 gateway)``."""
    four = tuple(Nexthop(dev=f"qr-{dev}", via=via) for dev, via, _ in hops)
    six = tuple(Nexthop(dev=f"qr-{dev}", via=via) for dev, _, via in hops)
    return (
        Route(netns=R, destination="0.0.0.0/0", nexthops=tuple(sorted(four))),
        Route(netns=R, destination="2001:db8:99::/64", nexthops=tuple(sorted(six)), metric=1024),
    )


def wanted(*things: tuple[KernelObject, ...]) -> Wanted:
    objects = (Netns(name=R, owner=OWNER), *(one for each in things for one in each))
    return Wanted(units=(*BRIDGES, Unit(name=OWNER, title="router r", objects=objects)))


ONE: Final = (1, "10.0.1.254", "2001:db8:1::fe")
TWO: Final = (2, "10.0.2.254", "2001:db8:2::fe")
THREE: Final = (3, "10.0.2.254", "2001:db8:2::fe")
FIRST: Final = leg(1, 1, "10.0.1.1/24", "2001:db8:1::1/64")
SECOND: Final = leg(2, 2, "10.0.2.1/24", "2001:db8:2::1/64")
#: The first link, its other end in another network: its name in the router is taken by the old one.
MOVED: Final = leg(1, 3, "10.0.1.1/24", "2001:db8:1::1/64")
BEFORE: Final = wanted(FIRST, SECOND, routes(ONE, TWO))
OTHER_WAY: Final = (1, "10.0.1.253", "2001:db8:1::fd")
RENUMBERED: Final = leg(2, 2, "10.0.7.1/24", "2001:db8:7::1/64")
SEVEN: Final = (2, "10.0.7.254", "2001:db8:7::fe")

AFTER: Final = {
    "a link is replaced": wanted(MOVED, SECOND, routes(ONE, TWO)),
    "both are": wanted(MOVED, leg(2, 1, "10.0.2.1/24", "2001:db8:2::1/64"), routes(ONE, TWO)),
    "a link is replaced and a gateway is another": wanted(MOVED, SECOND, routes(OTHER_WAY, TWO)),
    "a link is replaced and the route leaves it": wanted(MOVED, SECOND, routes(TWO)),
    "a link goes": wanted(SECOND, routes(TWO)),
    "a link goes for another": wanted(
        FIRST, leg(3, 2, "10.0.2.1/24", "2001:db8:2::1/64"), routes(ONE, THREE)
    ),
    "one is replaced, the other renumbered": wanted(MOVED, RENUMBERED, routes(ONE, SEVEN)),
    "one goes, the other is renumbered": wanted(RENUMBERED, routes(SEVEN)),
    "one is replaced, the other goes down": wanted(
        MOVED,
        tuple(one for one in SECOND if not (isinstance(one, LinkUp) and one.dev == "qr-2")),
        routes(ONE),
    ),
    "one goes, the other goes down": wanted(
        tuple(one for one in SECOND if not (isinstance(one, LinkUp) and one.dev == "qr-2"))
    ),
}


@pytest.mark.parametrize("after", AFTER.values(), ids=[name.replace(" ", "-") for name in AFTER])
def test_there_and_back(kernel: Kernel, after: Wanted) -> None:
    assert apply_plan(kernel, prepare(kernel, BEFORE)).ok
    for aim, earlier in ((after, BEFORE), (BEFORE, after)):
        result = apply_plan(kernel, prepare(kernel, aim, earlier))
        assert result.ok, result.failed
        assert verify(kernel, aim).none
        assert prepare(kernel, aim, earlier).plan.units == ()


@pytest.mark.parametrize("after", AFTER.values(), ids=[name.replace(" ", "-") for name in AFTER])
def test_a_change_that_is_refused_at_its_end_is_taken_back(kernel: Kernel, after: Wanted) -> None:
    assert apply_plan(kernel, prepare(kernel, BEFORE)).ok
    start = kernel.observe(look_for(BEFORE, after)).objects
    *others, router = after.units
    nowhere = Route(
        netns=R, destination="198.51.100.0/24", nexthops=(Nexthop(dev=_some_dev(router), via="192.0.2.1"),)
    )
    bad = msgspec.structs.replace(router, objects=(*router.objects, nowhere))
    result = apply_plan(kernel, prepare(kernel, Wanted(units=(*others, bad)), BEFORE))
    assert [(one.outcome, one.left) for one in result.failed] == [("undone", ())], result.failed
    assert kernel.observe(look_for(BEFORE, after)).objects == start


def test_what_is_left_of_them_with_a_link_gone(kernel: Kernel) -> None:
    assert apply_plan(kernel, prepare(kernel, BEFORE)).ok
    link = next(one for one in FIRST if isinstance(one, Veth))
    assert kernel.run([Delete(link)]).error is None
    left = kernel.observe(look_for(BEFORE)).objects.values()
    assert [one for one in left if isinstance(one, Route)] == [routes(TWO)[1]]


def _some_dev(router: Unit) -> str:
    return next(one.peer_name for one in router.objects if isinstance(one, Veth))
