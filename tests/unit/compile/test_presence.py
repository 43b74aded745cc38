"""What has nothing on this host makes nothing; the first thing on it brings it, the last takes it with it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from msgspec.structs import replace
from tests.strategies_views import views
from tests.unit.compile.world import World, ident

from deuteron.agent.model import Model
from deuteron.compile import compile_host
from deuteron.domain import Binding, HostView
from deuteron.domain.host_view import RefusedRouter
from deuteron.domain.port import ROUTER_INTERFACE
from deuteron.objects import Tap, Veth

LAWS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
Adds = Callable[[World], object]


def _bare() -> World:
    """A network and a router of each kind, and an external network in a namespace, with nothing on them."""
    world = World()
    world.network("web", "10.0.0.0/24")
    world.external("public", "203.0.113.0/24", bridge="")
    world.router("flat")
    world.router("spread", distributed=True)
    return world


def _units(view: HostView) -> list[str]:
    return [unit.name for unit in compile_host(view).units]


def _called(*names: str) -> list[str]:
    return [f"{kind}/{ident(name)}" for kind, name in (one.split(":") for one in names)]


def test_what_nothing_is_on_has_no_unit() -> None:
    world = _bare()
    world.port("far", "web", "10.0.0.9")
    assert _units(world.view()) == []


def _vm(world: World) -> None:
    world.vm("vm5", "web", "10.0.0.5")


def _machine(world: World) -> None:
    world.port("vm5", "web", "10.0.0.5", binding=Binding(tap="tap-vm5"))


def _down(world: World) -> None:
    world.vm("vm5", "web", "10.0.0.5", admin_state_up=False)


def _interface(world: World) -> None:
    world.router("flat", [("web", "10.0.0.1")])


def _distributed_interface(world: World) -> None:
    world.router("spread", [("web", "10.0.0.1")], distributed=True)


def _gateway(world: World) -> None:
    world.router("flat", gateway=("public", "203.0.113.10"))


def _snat(world: World) -> None:
    world.router("spread", gateway=("public", "203.0.113.10"), distributed=True, snat_here=True)


def _leg(world: World) -> None:
    world.router("spread", gateway=("public", "203.0.113.10"), distributed=True, snat_here=False)
    world.agent_gateway("public", "203.0.113.20")
    world.leg("spread", "public")


def _router_down(world: World) -> None:
    world.router("off", [("web", "10.0.0.3")], ("public", "203.0.113.11"), admin_state_up=False)
    world.ports["off-qr0"] = replace(world.ports["off-qr0"], device_owner=ROUTER_INTERFACE)


def _snat_elsewhere(world: World) -> None:
    world.router("spread", gateway=("public", "203.0.113.10"), distributed=True, snat_here=False)


def _agent_gateway_alone(world: World) -> None:
    world.agent_gateway("public", "203.0.113.20")


_BRINGS: list[tuple[Adds, list[str]]] = [
    (_vm, ["network:web", "port:vm5"]),
    (_machine, ["network:web", "port:vm5"]),
    (_down, ["network:web", "port:vm5"]),
    (_interface, ["network:web", "router:flat"]),
    (_distributed_interface, ["network:web", "router:spread"]),
    (_gateway, ["network:public", "router:flat"]),
    (_snat, ["network:public", "router:spread"]),
    (_leg, ["network:public", "fip:public", "router:spread"]),
    (_router_down, []),
    (_snat_elsewhere, []),
    (_agent_gateway_alone, []),
]


@pytest.mark.parametrize(("adds", "brings"), _BRINGS, ids=lambda one: getattr(one, "__name__", ""))
def test_what_is_plugged_in_brings_what_it_is_plugged_into(adds: Adds, brings: list[str]) -> None:
    before = _bare().view()
    world = _bare()
    adds(world)
    after = world.view()
    assert _units(after) == _called(*brings)
    model = Model(before)
    come = model.replace(after)
    assert [one.name for one in come if one.before is None] == _called(*brings)
    assert model.wanted == compile_host(after)
    gone = model.replace(before)
    assert [one.name for one in gone if one.after is None] == _called(*brings)
    assert model.wanted.units == ()


def test_what_is_left_of_two_keeps_what_it_is_on() -> None:
    """Whichever of two goes first, from the instances' ports to the fip namespace's, on either network."""
    for first, second in permutations([_guest, _vm, _interface, _leg, _router_down, _second], 2):
        both, left = _bare(), _bare()
        for adds in (first, second):
            adds(both)
        second(left)
        model = Model(_bare().view())
        for world in (both, left, _bare(), both):
            model.replace(world.view())
            assert model.wanted == compile_host(world.view()), (first.__name__, second.__name__)


def _guest(world: World) -> None:
    """An instance on the external network."""
    world.vm("vm9", "public", "203.0.113.9")


def _second(world: World) -> None:
    world.router("second", [("web", "10.0.0.2")], ("public", "203.0.113.12"))


def test_a_router_that_is_down_keeps_nothing_and_hides_nobody() -> None:
    world = _bare()
    for number in range(8):
        addresses = ("web", f"10.0.0.{number + 10}")
        world.router(f"r{number}", [addresses], admin_state_up=number == 0)
    before = world.view()
    _vm(world)
    model = Model(world.view())
    model.replace(before)
    assert model.wanted == compile_host(before)
    assert _called("network:web")[0] in model.names()


def _refused(*, gone: bool) -> HostView:
    """A router's port on a network, as an API tells of it, with the router or with why it cannot be held."""
    world = _bare()
    _interface(world)
    world.ports["flat-qr0"] = replace(world.ports["flat-qr0"], device_owner=ROUTER_INTERFACE)
    view = world.view()
    if not gone:
        return view
    others = tuple(one for one in view.routers if one.id != ident("flat"))
    why = RefusedRouter(id=ident("flat"), name="flat", code="no-bridge-mapping", sentence="no bridge")
    return replace(view, routers=others, refused=(why,))


def test_the_network_of_a_refused_router_stays_with_what_is_on_it() -> None:
    """What this host has of it stays as it is, which takes the namespace that its port is plugged into."""
    assert _units(_refused(gone=True)) == _called("network:web")
    model = Model(_refused(gone=False))
    for gone in (True, False, True):
        model.replace(_refused(gone=gone))
        assert model.wanted == compile_host(_refused(gone=gone))
    model.replace(_bare().view())
    assert model.wanted.units == ()
    model.replace(_refused(gone=True))
    assert model.wanted == compile_host(_refused(gone=True))


def _other(world: World, name: str, **more: Any) -> None:
    world.routers[name] = replace(world.routers[name], **more)


def _goes_down(world: World) -> None:
    _other(world, "flat", admin_state_up=False)


def _gives_its_ports_back(world: World) -> None:
    _other(world, "flat", interfaces=(), gateway=None)


def _loses_its_snat(world: World) -> None:
    _other(world, "spread", snat_here=False)


def _loses_its_leg(world: World) -> None:
    world.legs.clear()


def _detached(world: World) -> None:
    world.ports["vm5"] = replace(world.ports["vm5"], binding=None)


@pytest.mark.parametrize(
    ("adds", "goes"),
    [
        (_interface, _goes_down),
        (_gateway, _goes_down),
        (_interface, _gives_its_ports_back),
        (_gateway, _gives_its_ports_back),
        (_snat, _loses_its_snat),
        (_leg, _loses_its_leg),
        (_vm, _detached),
    ],
    ids=lambda one: one.__name__,
)
def test_what_stays_unplugged_takes_its_namespaces_with_it(adds: Adds, goes: Adds) -> None:
    """The ports are there as before, and are told of by nobody."""
    world = _bare()
    adds(world)
    plugged = world.view()
    goes(world)
    model = Model(plugged)
    for view in (world.view(), plugged, world.view()):
        model.replace(view)
        assert model.wanted == compile_host(view)
    assert model.wanted.units == ()


@LAWS
@given(views)
def test_a_network_has_a_unit_where_another_unit_is_in_its_namespace(view: HostView) -> None:
    units = compile_host(view).units
    plugged = {
        thing.netns.removeprefix("net-")
        for unit in units
        for thing in unit.objects
        if isinstance(thing, Veth | Tap) and thing.netns.startswith("net-")
    }
    networks = {unit.name for unit in units if unit.name.startswith("network/")}
    assert networks == {f"network/{one}" for one in plugged}


@LAWS
@given(views)
def test_a_router_has_a_unit_where_it_has_a_link(view: HostView) -> None:
    up = {f"router/{one.id}" for one in view.routers if one.admin_state_up}
    having = {one.router_id for one in view.legs}
    having |= {one.id for one in view.routers if one.interfaces}
    having |= {one.id for one in view.routers if one.gateway and (one.snat_here or not one.distributed)}
    units = {unit.name: unit for unit in compile_host(view).units if unit.name.startswith("router/")}
    assert units.keys() == up & {f"router/{ident}" for ident in having}
    assert all(any(isinstance(thing, Veth) for thing in unit.objects) for unit in units.values())
