from __future__ import annotations

import pytest
from tests.unit.compile.walk import INTERNET, send, started, talks
from tests.unit.compile.world import World, mac

from deuteron.compile import compile_host
from deuteron.compile.names import link_local
from deuteron.objects import Address, NeighbourProxy, Sysctl

SHARED = pytest.mark.parametrize("shared", [False, True])


def _site(shared: bool, *, ndp: bool) -> World:
    world = World()
    world.external("public", "203.0.113.0/24", "2001:db8:ff::/64")
    world.network("web", "10.0.0.0/24", "2001:db8:1::/64")
    sg = [("web", "10.0.0.2", "2001:db8:1::2")] if shared else []
    world.router(
        "r1",
        [("web", "10.0.0.1"), ("web", "2001:db8:1::1")],
        ("public", "203.0.113.10", "2001:db8:ff::10"),
        sg=sg,
        distributed=shared,
        snat_here=shared,
        enable_ndp_proxy=ndp,
    )
    world.vm("vm5", "web", "10.0.0.5", "2001:db8:1::5")
    world.vm("vm7", "web", "10.0.0.7", "2001:db8:1::7")
    if shared:
        world.agent_gateway("public", "203.0.113.20", "2001:db8:ff::20")
        world.leg("r1", "public", 2)
    if ndp:
        world.ndp_proxy("r1", "vm5", "2001:db8:1::5")
    return world


@SHARED
def test_ipv6_is_routed_both_ways_without_translation(shared: bool) -> None:
    kernel = started(_site(shared, ndp=False), "2001:db8:ff::1/64")
    kernel.add_foreign_route(INTERNET, "2001:db8:1::/64", "eth0", via="2001:db8:ff::10")
    assert talks(kernel, "vm5", "2001:db8:ff::1").packet.src == "2001:db8:1::5"
    assert talks(kernel, INTERNET, "2001:db8:1::7", proto="tcp", dport=80).netns == "vm7"


@SHARED
def test_a_proxied_address_is_a_neighbour_of_the_external_network_and_others_are_closed(shared: bool) -> None:
    kernel = started(_site(shared, ndp=True), "2001:db8:ff::1/64")
    kernel.add_foreign_route(INTERNET, "2001:db8:1::/64", "eth0")
    assert talks(kernel, INTERNET, "2001:db8:1::5").netns == "vm5"
    assert talks(kernel, "vm5", "2001:db8:ff::1").packet.src == "2001:db8:1::5"
    assert not send(kernel, INTERNET, "2001:db8:1::7").delivered


@SHARED
def test_an_address_without_a_proxy_is_closed_from_outside_also_by_the_routers_address(shared: bool) -> None:
    kernel = started(_site(shared, ndp=True), "2001:db8:ff::1/64")
    kernel.add_foreign_route(INTERNET, "2001:db8:1::/64", "eth0", via="2001:db8:ff::10")
    assert not send(kernel, INTERNET, "2001:db8:1::7").delivered


@SHARED
def test_a_proxy_is_a_proxy_entry_on_the_external_link_that_answers_at_once(shared: bool) -> None:
    objects = [item for unit in compile_host(_site(shared, ndp=True).view()).units for item in unit.objects]
    (entry,) = (item for item in objects if isinstance(item, NeighbourProxy))
    assert entry.dev.startswith("fg-" if shared else "qg-")
    knobs = {item.path: item.value for item in objects if isinstance(item, Sysctl) and item.dev == entry.dev}
    assert knobs[f"net/ipv6/conf/{entry.dev}/proxy_ndp"] == "1"
    assert knobs[f"net/ipv6/neigh/{entry.dev}/proxy_delay"] == "0"


def test_links_of_routers_with_ipv6_have_one_link_local_address_made_from_their_mac() -> None:
    objects = [item for unit in compile_host(_site(True, ndp=False).view()).units for item in unit.objects]
    local = {
        item.dev[:3]: item.address
        for item in objects
        if isinstance(item, Address) and item.address.startswith("fe80") and item.dev[:2] != "rf"
    }
    assert local["fg-"] == link_local(mac("public-fg"))
    assert set(local) == {"fg-", "qg-", "qr-", "sg-", "fpr"}


def test_the_link_local_address_of_a_mac_is_its_modified_eui_64() -> None:
    assert link_local("52:54:00:12:34:56") == "fe80::5054:ff:fe12:3456/64"
