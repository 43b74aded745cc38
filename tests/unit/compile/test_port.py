from __future__ import annotations

from tests.unit.compile.walk import INTERNET, send, started, talks
from tests.unit.compile.world import World, distributed, ident, mac

from deuteron.compile import compile_host
from deuteron.domain import Binding
from deuteron.objects import Address, Bridge, LinkUp, Need, Netns, Route, Tap, Unit, Veth


def _unit(world: World, name: str) -> Unit:
    return next(unit for unit in compile_host(world.view()).units if unit.name == name)


def test_two_instances_of_one_network_talk_without_a_router() -> None:
    world = World()
    world.network("web", "10.0.0.0/24")
    world.vm("vm5", "web", "10.0.0.5")
    world.vm("vm6", "web", "10.0.0.6")
    assert talks(started(world), "vm5", "10.0.0.6").netns == "vm6"


def test_an_instance_has_its_addresses_and_one_default_route_per_family() -> None:
    world = World()
    world.network("web", "10.0.0.0/24", "10.0.1.0/24", "2001:db8:1::/64")
    world.vm("vm5", "web", "10.0.0.5", "10.0.1.5", "2001:db8:1::5")
    objects = _unit(world, f"port/{ident('vm5')}").objects
    assert {o.address for o in objects if isinstance(o, Address)} == {
        "10.0.0.5/24",
        "10.0.1.5/24",
        "2001:db8:1::5/64",
    }
    routes = {o.destination: (o.nexthops[0].via, o.metric) for o in objects if isinstance(o, Route)}
    assert routes == {"0.0.0.0/0": ("10.0.0.1", 0), "::/0": ("2001:db8:1::1", 1024)}


def test_an_instance_that_is_its_subnets_gateway_has_no_route_to_itself() -> None:
    world = World()
    world.network("web", "10.0.0.0/24")
    world.vm("gw", "web", "10.0.0.1")
    assert not [o for o in _unit(world, f"port/{ident('gw')}").objects if isinstance(o, Route)]


def test_an_instance_on_a_provider_network_is_plugged_in_the_hosts_bridge() -> None:
    world = World()
    world.external("public", "203.0.113.0/24")
    world.vm("vm5", "public", "203.0.113.5")
    unit = _unit(world, f"port/{ident('vm5')}")
    (pair,) = (o for o in unit.objects if isinstance(o, Veth))
    assert (pair.netns, pair.master, pair.peer_netns, pair.peer_name) == ("", "br-ex", "vm5", "eth0")
    assert unit.needs == (
        Need(kind="bridge", name="br-ex", why="network public (physnet1)"),
        Need(kind="netns", name="vm5", why="port vm5"),
    )
    assert talks(started(world, "203.0.113.1/24"), "vm5", "203.0.113.1").netns == INTERNET


def test_a_tap_is_in_the_namespace_of_its_networks_bridge() -> None:
    world = World()
    world.network("web", "10.0.0.0/24", mtu=1450)
    world.port("vm5", "web", "10.0.0.5", binding=Binding(tap="tap-vm5"))
    unit = _unit(world, f"port/{ident('vm5')}")
    (tap,) = (o for o in unit.objects if isinstance(o, Tap))
    assert (tap.netns, tap.name, tap.mtu) == (f"net-{ident('web')}", "tap-vm5", 1450)
    assert tap.mac == "fe" + mac("vm5")[2:]
    assert LinkUp(netns=tap.netns, dev="tap-vm5") in unit.objects


def test_a_port_elsewhere_makes_nothing_here() -> None:
    world = World()
    world.network("web", "10.0.0.0/24")
    world.port("far", "web", "10.0.0.9")
    assert compile_host(world.view()).units == ()


def test_a_port_that_is_down_has_both_ends_down_and_no_routes() -> None:
    world = distributed()
    world.vm("off", "web", "10.0.0.9", admin_state_up=False)
    unit = _unit(world, f"port/{ident('off')}")
    assert not [o for o in unit.objects if isinstance(o, LinkUp | Route)]
    assert not send(started(world), "vm5", "10.0.0.9").delivered


def test_a_network_that_is_down_carries_nothing() -> None:
    world = World()
    world.network("web", "10.0.0.0/24", admin_state_up=False)
    world.vm("vm5", "web", "10.0.0.5")
    world.vm("vm6", "web", "10.0.0.6")
    world.router("r1", [("web", "10.0.0.1")], routes=[("192.168.0.0/24", "10.0.0.6")])
    objects = [o for unit in compile_host(world.view()).units for o in unit.objects]
    assert not [o for o in objects if isinstance(o, LinkUp | Route)]
    assert not send(started(world), "vm5", "10.0.0.6").delivered


def test_a_provider_network_makes_no_bridge_of_ours() -> None:
    world = World()
    world.network("flat", "10.0.0.0/24", bridge="br-flat", physical_network="physnet2")
    world.vm("vm5", "flat", "10.0.0.5")
    world.vm("vm6", "flat", "10.0.0.6")
    objects = [o for unit in compile_host(world.view()).units for o in unit.objects]
    assert not [o for o in objects if isinstance(o, Bridge | Netns)]
    assert talks(started(world), "vm5", "10.0.0.6").netns == "vm6"


def test_every_leg_has_the_mtu_of_its_network() -> None:
    world = World()
    world.external("public", "203.0.113.0/24", mtu=9000)
    world.network("web", "10.0.0.0/24", mtu=1450)
    world.router(
        "r1",
        [("web", "10.0.0.1")],
        ("public", "203.0.113.10"),
        sg=[("web", "10.0.0.2")],
        distributed=True,
        snat_here=True,
    )
    world.agent_gateway("public", "203.0.113.20")
    world.leg("r1", "public")
    world.vm("vm5", "web", "10.0.0.5")
    pairs = [o for u in compile_host(world.view()).units for o in u.objects if isinstance(o, Veth)]
    mtus = {pair.peer_name[:3]: pair.mtu for pair in pairs}
    assert mtus == {"qr-": 1450, "sg-": 1450, "eth": 1450, "qg-": 9000, "fg-": 9000, "rfp": 9000}
