"""Extra routes of routers, over a real store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deuteron.resources import refusal
from deuteron.resources.values import Route
from deuteron.service.router_routes import MAX_ROUTES
from tests.service.router_world import ADMIN, Cloud, cloud


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Cloud]:
    yield from cloud(tmp_path)


@pytest.fixture
def router(world: Cloud) -> Any:
    """A router on 10.0.0.0/24."""
    made = world.router()
    world.joined(made, world.inside("10.0.0.0/24"))
    return made


def _route(destination: str, nexthop: str = "10.0.0.9") -> dict[str, str]:
    return {"destination": destination, "nexthop": nexthop}


def test_routes_are_replaced_as_a_whole(world: Cloud, router: Any) -> None:
    world.update("routers", router, routes=[_route("10.1.0.0/24"), _route("10.2.0.0/24")])

    after = world.update("routers", router, routes=[_route("10.3.0.0/24")])

    assert after.routes == (Route("10.3.0.0/24", "10.0.0.9"),)


def test_routes_are_added_to_what_is_there_and_taken_away(world: Cloud, router: Any) -> None:
    world.act("add_extraroutes", router, routes=[_route("10.1.0.0/24")])
    told = world.act("add_extraroutes", router, routes=[_route("10.1.0.0/24"), _route("10.2.0.0/24")])
    assert {one.destination for one in told["routes"]} == {"10.1.0.0/24", "10.2.0.0/24"}
    assert told["id"] == router.id

    told = world.act("remove_extraroutes", router, routes=[_route("10.1.0.0/24"), _route("10.7.0.0/24")])
    assert [one.destination for one in told["routes"]] == ["10.2.0.0/24"]


def test_two_next_hops_of_one_destination_are_two_routes(world: Cloud, router: Any) -> None:
    wanted = [_route("10.1.0.0/24", "10.0.0.8"), _route("10.1.0.0/24", "10.0.0.9")]

    assert len(world.act("add_extraroutes", router, routes=wanted)["routes"]) == 2


def test_a_next_hop_out_of_reach_is_refused(world: Cloud, router: Any) -> None:
    with pytest.raises(refusal.InvalidRoutes) as refused:
        world.update("routers", router, routes=[_route("10.1.0.0/24", "192.0.2.1")])

    assert refused.value.message == (
        "Invalid format for routes: [{'destination': '10.1.0.0/24', 'nexthop': '192.0.2.1'}], "
        "the nexthop is not connected with router"
    )


@pytest.mark.parametrize("cidr", ["10.0.0.0/24", "10.8.0.0/24"])
def test_a_route_is_not_in_the_way_of_a_subnet_of_the_router(world: Cloud, router: Any, cidr: str) -> None:
    world.joined(router, world.inside("10.8.0.0/24"))
    with pytest.raises(refusal.InvalidRoutes, match="the destination is connected with router"):
        world.update("routers", router, routes=[_route(cidr)])


def test_an_interface_does_not_take_the_place_of_a_route(world: Cloud, router: Any) -> None:
    world.update("routers", router, routes=[_route("10.8.0.0/24")])
    with pytest.raises(refusal.InvalidRoutes, match="the destination is connected with router"):
        world.joined(router, world.inside("10.8.0.0/24"))


def test_longer_and_shorter_routes_than_a_subnets_are_as_elsewhere(world: Cloud, router: Any) -> None:
    wanted = [_route("10.0.0.128/25"), _route("10.0.0.0/8"), _route("0.0.0.0/0")]
    assert len(world.update("routers", router, routes=wanted).routes) == len(wanted)


@pytest.mark.parametrize("hop", ["10.0.0.0", "10.0.0.255"])
def test_a_next_hop_that_no_host_can_be_is_refused(world: Cloud, router: Any, hop: str) -> None:
    with pytest.raises(refusal.InvalidRoutes, match="the network or broadcast address"):
        world.update("routers", router, routes=[_route("10.1.0.0/24", hop)])


@pytest.mark.parametrize("cidr", ["169.254.64.0/31", "169.254.127.254/32", "169.254.64.0/18"])
def test_a_distributed_routers_legs_are_no_destination(world: Cloud, cidr: str) -> None:
    made = world.router(caller=ADMIN, distributed=True)
    world.joined(made, world.inside("10.0.0.0/24"), ADMIN)
    with pytest.raises(refusal.InvalidRoutes, match="which distributed routers use inside"):
        world.update("routers", made, ADMIN, routes=[_route(cidr)])


def test_the_router_is_not_its_own_next_hop(world: Cloud, router: Any) -> None:
    with pytest.raises(refusal.InvalidRoutes, match="the nexthop is used by router"):
        world.act("add_extraroutes", router, routes=[_route("10.1.0.0/24", "10.0.0.1")])


def test_destination_and_next_hop_are_of_one_family(world: Cloud, router: Any) -> None:
    with pytest.raises(refusal.InvalidRoutes, match="of two families"):
        world.update("routers", router, routes=[_route("2001:db8::/64")])


@pytest.mark.parametrize(
    "routes",
    [None, "10.0.0.0/8", [1], [{"destination": "10.1.0.0/24"}], [_route("10.1.0.1/24")], [_route("x", "y")]],
)
def test_what_is_no_route_is_refused(world: Cloud, router: Any, routes: object) -> None:
    """OSSA-2014-014: what the data path could not read is a 400, and the router is as it was."""
    if routes is None:
        with pytest.raises(refusal.BadRequest):
            world.act("add_extraroutes", router)
        return
    for action in ("add_extraroutes", "remove_extraroutes"):
        with pytest.raises(refusal.BadRequest):
            world.act(action, router, routes=routes)
    assert world.get("routers", router).routes == ()


def test_there_is_an_end_to_routes(world: Cloud, router: Any) -> None:
    many = [_route(f"10.{number}.0.0/24") for number in range(1, MAX_ROUTES + 2)]

    with pytest.raises(refusal.OverQuota):
        world.update("routers", router, routes=many)

    assert len(world.update("routers", router, routes=many[:MAX_ROUTES]).routes) == MAX_ROUTES


def test_a_gateway_that_routes_need_stays(world: Cloud) -> None:
    outside = world.outside()
    router = world.router(outside)
    world.update("routers", router, routes=[_route("10.1.0.0/24", "203.0.113.200")])

    with pytest.raises(refusal.InvalidRoutes, match="not connected"):
        world.update("routers", router, external_gateway_info=None)

    world.delete("routers", router)
    assert world.find("routers") == []


def test_a_snat_port_does_not_take_the_address_of_a_next_hop(world: Cloud) -> None:
    """It would be the router's own address, and the whole host would refuse the view."""
    subnet = world.inside("10.0.0.0/29")
    router = world.router(distributed=True, caller=ADMIN)
    world.joined(router, subnet, ADMIN)
    free = world.instance(subnet)  # The lowest free address: what the SNAT port gets next.
    world.delete("ports", free)
    world.update("routers", router, ADMIN, routes=[_route("10.1.0.0/24", free.fixed_ips[0].ip_address)])

    with pytest.raises(refusal.InvalidRoutes, match="the nexthop is used by router"):
        world.update("routers", router, ADMIN, external_gateway_info={"network_id": world.outside().id})

    assert world.owners(router) == ["router_interface_distributed"]
