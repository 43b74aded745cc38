from __future__ import annotations

from msgspec.structs import replace
from tests.unit.compile.walk import INTERNET, send, started, talks
from tests.unit.compile.world import World, distributed, ident

from deuteron.compile import compile_host
from deuteron.objects import Neighbour, NftTable, Route, Rule, Veth


def _names(world: World) -> list[str]:
    return [unit.name for unit in compile_host(world.view()).units]


def test_it_lives_as_long_as_a_router_has_a_leg_into_it() -> None:
    world = distributed()
    assert f"fip/{ident('public')}" in _names(world)
    world.routers["r1"] = replace(world.routers["r1"], admin_state_up=False)
    assert f"fip/{ident('public')}" not in _names(world)
    world = distributed()
    world.legs.clear()
    assert f"fip/{ident('public')}" not in _names(world)


def test_a_leg_has_the_pair_of_its_index_and_permanent_neighbours_on_both_ends() -> None:
    objects = [o for u in compile_host(distributed().view()).units for o in u.objects]
    (leg,) = (o for o in objects if isinstance(o, Veth) and o.name.startswith("fpr-"))
    neighbours = {(o.dev[:3], o.address, o.mac) for o in objects if isinstance(o, Neighbour)}
    assert neighbours == {("fpr", "169.254.64.6", leg.peer_mac), ("rfp", "169.254.64.7", leg.mac)}
    assert leg.owner == f"router/{ident('r1')}"
    assert leg.altname == f"fpr-{ident('r1')}"


def test_a_forged_source_does_not_leave_the_leg() -> None:
    kernel = started(distributed(), "203.0.113.1/24")
    fip = f"fip-{ident('public')}"
    leg = f"fpr-{ident('r1')}"[:14]
    forged = send(kernel, fip, "203.0.113.1", dev=leg, src="203.0.113.99")
    assert (forged.netns, forged.rule) == (fip, "policy of chain guard")
    assert send(kernel, fip, "203.0.113.1", dev=leg, src="203.0.113.50").netns == INTERNET


def test_it_keeps_no_connections_and_forwards_nothing_that_is_not_its_own() -> None:
    (table,) = (
        o
        for u in compile_host(distributed().view()).units
        for o in u.objects
        if isinstance(o, NftTable) and o.netns.startswith("fip-")
    )
    chains = {chain.name: chain for chain in table.chains}
    assert {"raw_output", "raw_prerouting"} <= set(chains)
    assert chains["forward"].policy == chains["input"].policy == "drop"
    kernel = started(distributed(), "203.0.113.1/24")
    fg = f"fg-{ident('public-fg')}"[:14]
    assert not send(kernel, f"fip-{ident('public')}", "203.0.113.1", dev=fg, src="203.0.113.9").delivered


def test_an_unreachable_packet_size_is_told_to_the_outside() -> None:
    objects = [o for u in compile_host(distributed().view()).units for o in u.objects]
    local = [o for o in objects if isinstance(o, Rule) and o.iif == "lo"]
    assert [(o.priority, o.table) for o in local] == [(32770, 16)]


def test_an_fg_port_that_is_down_takes_its_routes_along() -> None:
    world = distributed()
    world.ports["public-fg"] = replace(world.ports["public-fg"], admin_state_up=False)
    objects = [o for u in compile_host(world.view()).units for o in u.objects]
    assert not [o for o in objects if isinstance(o, Route) and o.nexthops[0].dev.startswith("fg-")]
    assert not send(started(world, "203.0.113.1/24"), INTERNET, "203.0.113.50").delivered


def test_a_floating_ip_of_another_router_on_this_host_is_reached_inside() -> None:
    world = distributed()
    world.network("db", "10.1.0.0/24")
    world.router("r2", [("db", "10.1.0.1")], ("public", "203.0.113.11"), distributed=True)
    world.leg("r2", "public", 9)
    world.vm("db5", "db", "10.1.0.5")
    world.floating_ip("203.0.113.80", "public", "r2", "db5", "10.1.0.5")
    there = talks(started(world), "vm5", "203.0.113.80")
    assert there.packet.src == "203.0.113.50"
    assert not [hop for hop in there.hops if "fg-" in hop.what]
