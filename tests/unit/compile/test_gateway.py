from __future__ import annotations

import pytest
from tests.unit.compile.walk import INTERNET, send, started, talks
from tests.unit.compile.world import World, ident

from deuteron.compile import compile_host
from deuteron.objects import Nexthop, Route


def _site(shared: bool, *cidrs: str, snat: bool = True, gateway: str | None = None) -> World:
    world = World()
    world.external("public", *cidrs, gateway=gateway)
    world.network("web", "10.0.0.0/24")
    world.router(
        "r1",
        [("web", "10.0.0.1")],
        ("public", "203.0.113.10"),
        sg=[("web", "10.0.0.2")] if shared else [],
        distributed=shared,
        snat_here=shared,
        snat=snat,
    )
    world.vm("vm5", "web", "10.0.0.5")
    world.vm("vm7", "web", "10.0.0.7")
    if shared:
        world.agent_gateway("public", "203.0.113.20")
        world.leg("r1", "public")
    return world


SHARED = pytest.mark.parametrize("shared", [False, True])


@SHARED
def test_without_snat_tenant_addresses_leave_and_are_reached(shared: bool) -> None:
    kernel = started(_site(shared, "203.0.113.0/24", snat=False), "203.0.113.1/24")
    kernel.add_foreign_route(INTERNET, "10.0.0.0/24", "eth0", via="203.0.113.10")
    assert talks(kernel, "vm7", "203.0.113.1").packet.src == "10.0.0.7"
    assert talks(kernel, INTERNET, "10.0.0.7").netns == "vm7"


@SHARED
def test_each_floating_ip_leaves_by_the_gateway_of_its_own_subnet(shared: bool) -> None:
    world = _site(shared, "203.0.113.0/24", "198.51.100.0/24")
    world.floating_ip("203.0.113.50", "public", "r1", "vm5", "10.0.0.5")
    world.floating_ip("198.51.100.50", "public", "r1", "vm7", "10.0.0.7")
    world.vm("vm8", "web", "10.0.0.8")
    kernel = started(world, "203.0.113.1/24")
    kernel.add_machine("second", "br-ex", "198.51.100.1/24")
    for machine, back in ((INTERNET, "203.0.113.0/24"), ("second", "198.51.100.0/24")):
        kernel.add_foreign_address(machine, "eth0", "192.0.2.9/32")
        other = "198.51.100.0/24" if back.startswith("203") else "203.0.113.0/24"
        kernel.add_foreign_route(machine, other, "eth0")
    assert talks(kernel, "vm5", "192.0.2.9").netns == INTERNET
    assert talks(kernel, "vm7", "192.0.2.9").netns == "second"
    assert talks(kernel, "vm8", "192.0.2.9").netns == INTERNET
    assert talks(kernel, "vm7", "203.0.113.50").packet.src == "198.51.100.50"
    assert talks(kernel, INTERNET, "198.51.100.50").netns == "vm7"


@SHARED
def test_a_gateway_outside_its_subnet_is_reached_on_the_link(shared: bool) -> None:
    world = _site(shared, "203.0.113.0/24", gateway="192.0.2.1")
    world.floating_ip("203.0.113.50", "public", "r1", "vm5", "10.0.0.5")
    kernel = started(world, "192.0.2.1/32")
    kernel.add_foreign_route(INTERNET, "203.0.113.0/24", "eth0")
    assert talks(kernel, "vm5", "192.0.2.1").packet.src == "203.0.113.50"
    assert talks(kernel, "vm7", "192.0.2.1").packet.src == "203.0.113.10"


def test_a_subnet_without_a_gateway_is_reached_and_nothing_beyond() -> None:
    world = _site(False, "203.0.113.0/24", gateway="")
    kernel = started(world, "203.0.113.1/24")
    assert talks(kernel, "vm7", "203.0.113.1").delivered
    assert send(kernel, "vm7", "192.0.2.1").reason == "no-route"


def test_a_gateway_with_ipv6_only_translates_nothing() -> None:
    world = World()
    world.external("public", "2001:db8:ff::/64")
    world.network("web", "10.0.0.0/24", "2001:db8:1::/64")
    world.router("r1", [("web", "10.0.0.1"), ("web", "2001:db8:1::1")], ("public", "2001:db8:ff::10"))
    world.vm("vm5", "web", "10.0.0.5", "2001:db8:1::5")
    kernel = started(world, "2001:db8:ff::1/64")
    kernel.add_foreign_route(INTERNET, "2001:db8:1::/64", "eth0", via="2001:db8:ff::10")
    assert talks(kernel, "vm5", "2001:db8:ff::1").packet.src == "2001:db8:1::5"
    assert talks(kernel, INTERNET, "2001:db8:1::5").netns == "vm5"
    assert send(kernel, "vm5", "192.0.2.1").reason == "no-route"


def test_several_external_networks_on_one_host_stay_apart() -> None:
    world = _site(True, "203.0.113.0/24")
    world.external("isp2", "198.51.100.0/24", bridge="br-isp2")
    world.network("lab", "10.0.0.0/24")
    world.router(
        "r2",
        [("lab", "10.0.0.1")],
        ("isp2", "198.51.100.10"),
        sg=[("lab", "10.0.0.2")],
        distributed=True,
        snat_here=True,
    )
    world.agent_gateway("isp2", "198.51.100.20")
    world.leg("r2", "isp2")
    world.vm("lab5", "lab", "10.0.0.5")
    world.floating_ip("203.0.113.50", "public", "r1", "vm5", "10.0.0.5")
    world.floating_ip("198.51.100.50", "isp2", "r2", "lab5", "10.0.0.5")
    kernel = started(world, "203.0.113.1/24")
    kernel.add_machine("second", "br-isp2", "198.51.100.1/24")
    assert talks(kernel, INTERNET, "203.0.113.50").netns == "vm5"
    assert talks(kernel, "second", "198.51.100.50").netns == "lab5"
    assert not send(kernel, "vm5", "198.51.100.50").delivered


def test_default_routes_say_onlink_only_where_they_must() -> None:
    def default(gateway: str | None) -> Nexthop:
        objects = [
            o
            for u in compile_host(_site(False, "203.0.113.0/24", gateway=gateway).view()).units
            for o in u.objects
        ]
        (route,) = (o for o in objects if isinstance(o, Route) and o.netns == f"qrouter-{ident('r1')}")
        return route.nexthops[0]

    assert not default(None).onlink
    assert default("192.0.2.1").onlink
