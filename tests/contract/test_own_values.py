"""What links say for themselves: seen where it is not what they should say, on either kernel."""

from __future__ import annotations

import pytest

from deuteron.kernel.protocol import Kernel
from deuteron.objects import HOST, Create, LinkUp, Look, OwnValue, Sysctl, Update
from tests.contract.rigs import Rig
from tests.contract.things import (
    BRIDGE,
    NET,
    NET_NETNS,
    NET_OWNER,
    NETNS,
    OWNER,
    QR,
    ROUTER,
    TAP,
    VETH,
    VM,
    VM_VETH,
    make,
    run,
)

#: As `default` has them here, and one that `all` bounds.
VALUES = (
    OwnValue("ipv4", "accept_redirects", "0"),
    OwnValue("ipv4", "arp_ignore", "1", less=True),
    OwnValue("ipv4", "proxy_arp", "0"),
    OwnValue("ipv6", "accept_ra", "0"),
)
LOOK = Look(namespaces=frozenset({VM}), own={ROUTER: VALUES, NET: VALUES})
DEFAULTS = ("net/ipv4/conf/default/accept_redirects", "net/ipv6/conf/default/accept_ra")


def own(dev: str, name: str, value: str, netns: str = ROUTER, family: str = "ipv4") -> Sysctl:
    return Sysctl(netns=netns, path=f"net/{family}/conf/{dev}/{name}", value=value, dev=dev)


def odd(kernel: Kernel, look: Look = LOOK) -> dict[Sysctl, str]:
    """What is seen of links, with the owners."""
    seen = kernel.observe(look)
    return {
        thing: seen.owners[key]
        for key, thing in seen.objects.items()
        if isinstance(thing, Sysctl) and thing.dev
    }


@pytest.fixture
def calm(rig: Rig) -> Kernel:
    """A router's and a network's namespace whose links were born as they should be."""
    rig.netns(VM)
    defaults = [Sysctl(netns=netns, path=path, value="0") for netns in (ROUTER, NET) for path in DEFAULTS]
    make(rig.kernel, [NETNS, NET_NETNS, *defaults, BRIDGE, VETH, VM_VETH])
    make(rig.kernel, [LinkUp(netns=NET, dev=TAP)])
    return rig.kernel


def test_what_is_as_it_should_be_is_not_seen(calm: Kernel) -> None:
    assert odd(calm) == {}


def test_what_is_otherwise_is_seen_on_either_end_with_its_links_owner(calm: Kernel) -> None:
    flipped = [
        own(QR, "proxy_arp", "1"),
        own(QR, "accept_ra", "2", family="ipv6"),
        own(TAP, "accept_redirects", "1", NET),
    ]
    bridge = own(BRIDGE.name, "proxy_arp", "1", NET)
    run(calm, *(Create(one) for one in (*flipped, bridge)))
    assert odd(calm) == dict.fromkeys(flipped, OWNER) | {bridge: NET_OWNER}


def test_written_back_it_is_seen_no_more(calm: Kernel) -> None:
    loose, tight = own(QR, "proxy_arp", "1"), own(QR, "proxy_arp", "0")
    run(calm, Create(loose))
    run(calm, Update(loose, tight))
    assert odd(calm) == {}


@pytest.mark.parametrize(("value", "is_seen"), [("0", False), ("1", False), ("2", True), ("3", True)])
def test_less_is_as_good_only_where_all_has_more(calm: Kernel, value: str, is_seen: bool) -> None:
    run(calm, Create(own(QR, "arp_ignore", value)))
    assert (own(QR, "arp_ignore", value) in odd(calm)) == is_seen


def test_lo_and_namespaces_that_nobody_asks_about_are_not_judged(calm: Kernel) -> None:
    run(calm, Create(own("lo", "proxy_arp", "1")), Create(own(TAP, "proxy_arp", "1", NET)))
    assert odd(calm, Look(own={ROUTER: VALUES})) == {}
    assert odd(calm, Look()) == {}


def test_instances_and_the_host_are_not_judged_whatever_is_asked(calm: Kernel) -> None:
    """The links of an instance, and ours among the host's, keep their host's values."""
    everywhere = Look(namespaces=frozenset({VM}), own={VM: VALUES, HOST: VALUES})
    run(calm, Create(own("eth0", "proxy_arp", "1", VM)))
    assert odd(calm, everywhere) == {}


def test_what_is_both_asked_for_and_otherwise_is_one_object(calm: Kernel) -> None:
    loose = own(QR, "proxy_arp", "1")
    run(calm, Create(loose))
    assert odd(calm, Look(own={ROUTER: VALUES}, sysctls={ROUTER: (loose.path,)})) == {loose: OWNER}
