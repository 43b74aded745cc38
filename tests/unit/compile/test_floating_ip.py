from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.unit.compile.walk import INTERNET, send, started, talks
from tests.unit.compile.world import World, centralised, distributed, ident

from deuteron.compile import compile_host
from deuteron.domain import PortForwarding
from deuteron.objects import Address, Route, Unit

KINDS = pytest.mark.parametrize("kind", [distributed, centralised])
Kind = Callable[[], World]


def _unit(world: World, name: str) -> Unit:
    return next(unit for unit in compile_host(world.view()).units if unit.name == name)


@KINDS
def test_the_internet_reaches_a_floating_ip(kind: Kind) -> None:
    there = talks(started(kind(), "203.0.113.1/24"), INTERNET, "203.0.113.50")
    assert (there.netns, there.packet.dst) == ("vm5", "10.0.0.5")


@KINDS
@pytest.mark.parametrize("proto", ["icmp", "tcp", "udp"])
def test_an_instance_leaves_with_its_floating_ip(kind: Kind, proto: str) -> None:
    there = talks(started(kind(), "203.0.113.1/24"), "vm5", "203.0.113.1", proto=proto, dport=80)
    assert (there.netns, there.packet.src) == (INTERNET, "203.0.113.50")


@KINDS
def test_an_instance_without_one_leaves_with_the_gateways_address(kind: Kind) -> None:
    there = talks(started(kind(), "203.0.113.1/24"), "vm7", "203.0.113.1", proto="tcp", dport=80)
    assert (there.netns, there.packet.src) == (INTERNET, "203.0.113.10")


@KINDS
@pytest.mark.parametrize("sport", [40000, 80])
def test_a_neighbours_floating_ip_is_reached_and_sees_the_callers_one(kind: Kind, sport: int) -> None:
    there = talks(started(kind()), "vm5", "203.0.113.51", proto="tcp", sport=sport, dport=80)
    assert (there.netns, there.packet.src) == ("vm6", "203.0.113.50")


@KINDS
def test_an_instance_reaches_itself_by_its_own_floating_ip(kind: Kind) -> None:
    there = talks(started(kind()), "vm5", "203.0.113.50", proto="tcp", dport=80)
    assert (there.netns, there.packet.src) == ("vm5", "203.0.113.50")


@KINDS
def test_an_instance_without_one_reaches_a_neighbours_with_the_gateways_address(kind: Kind) -> None:
    there = talks(started(kind()), "vm7", "203.0.113.51", proto="tcp", dport=80)
    assert (there.netns, there.packet.src) == ("vm6", "203.0.113.10")


@KINDS
def test_a_fixed_address_is_not_reached_from_outside(kind: Kind) -> None:
    kernel = started(kind(), "203.0.113.1/24")
    kernel.add_foreign_route(INTERNET, "10.0.0.0/24", "eth0", via="203.0.113.10")
    assert not send(kernel, INTERNET, "10.0.0.5", src="203.0.113.1").delivered


def test_a_centralised_floating_ip_of_a_distributed_router_is_in_snat() -> None:
    world = distributed()
    world.floating_ip("203.0.113.52", "public", "r1", "vm7", "10.0.0.7", centralised=True)
    kernel = started(world, "203.0.113.1/24")
    assert talks(kernel, INTERNET, "203.0.113.52").netns == "vm7"
    assert talks(kernel, "vm7", "203.0.113.1").packet.src == "203.0.113.52"
    assert talks(kernel, "vm5", "203.0.113.52").packet.src == "203.0.113.50"
    addresses = [o for o in _unit(world, f"router/{ident('r1')}").objects if isinstance(o, Address)]
    assert [a.netns for a in addresses if a.address == "203.0.113.52/32"] == [f"snat-{ident('r1')}"]


@KINDS
def test_a_forwarded_port_leads_to_its_instance_and_others_to_none(kind: Kind) -> None:
    world = kind()
    world.vm("vm8", "web", "10.0.0.8")
    rules = (
        PortForwarding(protocol="tcp", external_port=8080, internal_ip_address="10.0.0.7", internal_port=80),
        PortForwarding(protocol="udp", external_port=53, internal_ip_address="10.0.0.8", internal_port=53),
    )
    world.floating_ip("203.0.113.60", "public", "r1", port_forwardings=rules)
    kernel = started(world, "203.0.113.1/24")
    web = talks(kernel, INTERNET, "203.0.113.60", proto="tcp", dport=8080)
    assert (web.netns, web.packet.dport) == ("vm7", 80)
    assert talks(kernel, INTERNET, "203.0.113.60", proto="udp", dport=53).netns == "vm8"
    assert not send(kernel, INTERNET, "203.0.113.60", proto="tcp", dport=53).delivered
    assert talks(kernel, "vm5", "203.0.113.60", proto="tcp", dport=8080).packet.src == "203.0.113.50"
    for client in ("vm7", "vm8"):
        there = talks(kernel, client, "203.0.113.60", proto="tcp", dport=8080)
        assert (there.netns, there.packet.src) == ("vm7", "203.0.113.10")


def test_a_floating_ip_is_announced_with_what_makes_it_reachable() -> None:
    for world, kind, dev in ((distributed(), Route, "fg-"), (centralised(), Address, "qg-")):
        unit = _unit(world, f"router/{ident('r1')}")
        objects = {item.key: item for item in unit.objects}
        by_address = {action.address: (key, action) for key, action in unit.announce}
        key, action = by_address["203.0.113.50"]
        assert isinstance(objects[key], kind)
        assert action.dev.startswith(dev)
        assert "203.0.113.50/32" in key


def test_one_fixed_address_behind_two_routers_is_two_instances() -> None:
    world = distributed()
    world.network("other", "10.0.0.0/24")
    world.router(
        "r2",
        [("other", "10.0.0.1")],
        ("public", "203.0.113.11"),
        sg=[("other", "10.0.0.2")],
        distributed=True,
    )
    world.leg("r2", "public", 4)
    world.vm("twin", "other", "10.0.0.5")
    world.floating_ip("203.0.113.70", "public", "r2", "twin", "10.0.0.5")
    kernel = started(world, "203.0.113.1/24")
    assert talks(kernel, INTERNET, "203.0.113.50").netns == "vm5"
    assert talks(kernel, INTERNET, "203.0.113.70").netns == "twin"
    across = talks(kernel, "twin", "203.0.113.50")
    assert (across.netns, across.packet.src) == ("vm5", "203.0.113.70")
    assert talks(kernel, "twin", "10.0.0.5").netns == "twin"


def test_an_unassociated_floating_ip_is_nowhere() -> None:
    world = distributed()
    world.floating_ip("203.0.113.99", "public")
    assert compile_host(world.view()) == compile_host(distributed().view())


def test_a_floating_ip_whose_router_has_no_leg_here_is_left_to_its_host() -> None:
    world = distributed(here=False)
    world.legs.clear()
    objects = _unit(world, f"router/{ident('r1')}").objects
    assert not [item for item in objects if "203.0.113.50" in str(item)]
    assert {item.key[1] for item in objects} <= {f"qrouter-{ident('r1')}", f"net-{ident('web')}"}
