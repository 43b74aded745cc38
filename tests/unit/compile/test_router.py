from __future__ import annotations

import pytest
from msgspec.structs import replace
from tests.unit.compile.walk import INTERNET, send, started, talks
from tests.unit.compile.world import World, centralised, distributed, ident

from deuteron.compile import compile_host
from deuteron.objects import Nexthop, Route


def _routes(world: World, destination: str) -> dict[tuple[str, int], tuple[Nexthop, ...]]:
    return {
        (item.netns, item.table): item.nexthops
        for unit in compile_host(world.view()).units
        for item in unit.objects
        if isinstance(item, Route) and item.destination == destination
    }


def _two_networks(*, shared: bool, **more: object) -> World:
    world = World()
    world.external("public", "203.0.113.0/24")
    world.network("web", "10.0.0.0/24")
    world.network("db", "10.0.1.0/24")
    world.router(
        "r1",
        [("web", "10.0.0.1"), ("db", "10.0.1.1")],
        ("public", "203.0.113.10"),
        sg=[("web", "10.0.0.2"), ("db", "10.0.1.2")] if shared else [],
        distributed=shared,
        snat_here=shared,
        **more,  # type: ignore[arg-type]  # the fields of a router
    )
    world.vm("web1", "web", "10.0.0.5")
    world.vm("db1", "db", "10.0.1.5")
    if shared:
        world.agent_gateway("public", "203.0.113.20")
        world.leg("r1", "public")
    return world


@pytest.mark.parametrize("shared", [False, True])
def test_two_networks_of_one_router_reach_each_other_untranslated(shared: bool) -> None:
    world = _two_networks(shared=shared)
    world.floating_ip("203.0.113.50", "public", "r1", "web1", "10.0.0.5")
    kernel = started(world)
    assert talks(kernel, "web1", "10.0.1.5", proto="tcp", dport=80).packet.src == "10.0.0.5"
    assert talks(kernel, "db1", "10.0.0.5", proto="tcp", dport=80).packet.src == "10.0.1.5"


@pytest.mark.parametrize("shared", [False, True])
def test_several_subnets_on_one_network_route_to_each_other(shared: bool) -> None:
    world = World()
    world.external("public", "203.0.113.0/24")
    world.network("web", "10.0.0.0/24", "10.0.1.0/24")
    sg = [("web", "10.0.0.2"), ("web", "10.0.1.2")] if shared else []
    world.router(
        "r1",
        [("web", "10.0.0.1"), ("web", "10.0.1.1")],
        ("public", "203.0.113.10"),
        sg=sg,
        distributed=shared,
        snat_here=shared,
    )
    world.vm("one", "web", "10.0.0.5")
    world.vm("two", "web", "10.0.1.5")
    kernel = started(world, "203.0.113.1/24")
    assert talks(kernel, "one", "10.0.1.5").netns == "two"
    for name in ("one", "two"):
        assert talks(kernel, name, "203.0.113.1").packet.src == "203.0.113.10"


def test_two_routers_do_not_reach_each_other() -> None:
    world = _two_networks(shared=False)
    world.network("foreign", "10.9.0.0/24")
    world.router("r2", [("foreign", "10.9.0.1")])
    world.vm("stranger", "foreign", "10.9.0.5")
    kernel = started(world)
    assert not send(kernel, "web1", "10.9.0.5").delivered
    assert not send(kernel, "stranger", "10.0.0.5").delivered


def test_a_router_without_a_gateway_only_routes_inside() -> None:
    world = World()
    world.network("web", "10.0.0.0/24")
    world.network("db", "10.0.1.0/24")
    world.router("r1", [("web", "10.0.0.1"), ("db", "10.0.1.1")])
    world.vm("web1", "web", "10.0.0.5")
    world.vm("db1", "db", "10.0.1.5")
    kernel = started(world)
    assert talks(kernel, "web1", "10.0.1.5").netns == "db1"
    assert send(kernel, "web1", "203.0.113.1").reason == "no-route"
    assert talks(kernel, "web1", "10.0.0.1").netns == f"qrouter-{ident('r1')}"


@pytest.mark.parametrize("shared", [False, True])
def test_an_extra_route_leads_through_an_instance(shared: bool) -> None:
    world = _two_networks(shared=shared, routes=[("192.168.7.0/24", "10.0.1.5")])
    kernel = started(world)
    kernel.add_foreign_address("db1", "eth0", "192.168.7.1/32")
    assert talks(kernel, "web1", "192.168.7.1").netns == "db1"
    places = _routes(world, "192.168.7.0/24")
    assert {netns.split("-")[0] for netns, _ in places} == ({"qrouter", "snat"} if shared else {"qrouter"})


def test_nexthops_of_one_destination_share_it() -> None:
    world = _two_networks(
        shared=False, routes=[("192.168.7.0/24", "10.0.1.5"), ("192.168.7.0/24", "10.0.0.5")]
    )
    (nexthops,) = _routes(world, "192.168.7.0/24").values()
    assert sorted(hop.via for hop in nexthops) == ["10.0.0.5", "10.0.1.5"]


def test_an_extra_default_route_stands_in_for_the_gateways() -> None:
    world = _two_networks(shared=False, routes=[("0.0.0.0/0", "10.0.1.5")])
    (nexthops,) = (
        hops for (netns, _), hops in _routes(world, "0.0.0.0/0").items() if netns.startswith("qrouter")
    )
    assert [hop.via for hop in nexthops] == ["10.0.1.5"]


@pytest.mark.parametrize("shared", [False, True])
def test_an_extra_route_to_an_external_nexthop_holds_for_all(shared: bool) -> None:
    world = _two_networks(shared=shared, routes=[("198.51.100.0/24", "203.0.113.77")])
    world.floating_ip("203.0.113.50", "public", "r1", "web1", "10.0.0.5")
    kernel = started(world, "203.0.113.77/24")
    kernel.add_foreign_address(INTERNET, "eth0", "198.51.100.1/32")
    assert talks(kernel, "web1", "198.51.100.1").packet.src == "203.0.113.50"
    assert talks(kernel, "db1", "198.51.100.1").packet.src == "203.0.113.10"


def test_a_router_that_is_down_is_not_there() -> None:
    for world in (centralised(), distributed()):
        world.routers["r1"] = replace(world.routers["r1"], admin_state_up=False)
        kinds = {unit.name.split("/")[0] for unit in compile_host(world.view()).units}
        assert kinds == {"network", "port"}


def test_a_distributed_routers_internal_addresses_are_never_announced() -> None:
    announced = [action for unit in compile_host(distributed().view()).units for _, action in unit.announce]
    assert announced
    assert all(action.dev[:3] in {"qg-", "fg-"} for action in announced)
