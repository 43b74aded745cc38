"""What a host is told of changes leads to the view of all rows, and costs what changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any, Final, cast

import msgspec
import pytest

from deuteron.agent.model import Model
from deuteron.agent.remembered import prepare_remembered
from deuteron.domain import HostView
from deuteron.feed.changed import Told, Undecided, Unnumbered, part_of
from deuteron.feed.part import Part, merged
from deuteron.feed.view import host_view, legs_pool
from deuteron.resources import RESOURCES
from deuteron.resources.port import Port
from deuteron.resources.refusal_base import Refusal
from deuteron.resources.resource import decode_put
from deuteron.service import port_verbs
from deuteron.store.store import Unit
from tests.service.router_world import ADMIN, Cloud, cloud

_HOST: Final = "here"
_BRIDGES: Final = {"physnet1": "br-ex"}
_SEEDS: Final = range(5)
_INTERFACES: Final = ["network:router_interface_distributed", "network:router_interface"]
_STEPS: Final = 40


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Cloud]:
    yield from cloud(tmp_path)


class Host:
    """What a host knows, brought along as the feed does it."""

    def __init__(self, world: Cloud) -> None:
        self._world = world
        self.wholes = 0
        self._whole()

    def _whole(self) -> None:
        self.wholes += 1
        self.view, self._revision = self._world.do(
            lambda unit: (host_view(unit, _HOST, _BRIDGES), unit.revision)
        )
        self._told = Told.of(self.view, _BRIDGES)

    def follow(self) -> Part | None:
        """Take over what is new; the part that told it, ``None`` where that was the whole view."""
        try:
            part, self._revision = self._world.do(self._part)
        except Undecided:
            self._whole()
            return None
        self.view, self._told = merged(self.view, part), self._told.after(part)
        return part

    def _part(self, unit: Unit) -> tuple[Part, int]:
        changes = unit.changes(self._revision) or ()
        try:
            part = part_of(unit, self._told, changes, writes=False)
        except Unnumbered:
            part = part_of(unit, self._told, changes, writes=True)
        return part, changes[-1].revision if changes else self._revision


def whole(world: Cloud) -> HostView:
    return merged(world.do(lambda unit: host_view(unit, _HOST, _BRIDGES)), Part())


def outside(world: Cloud, physical: str = "physnet1", cidr: str = "203.0.113.0/24") -> Any:
    made = world.create(
        "networks",
        ADMIN,
        name="public",
        router__external=True,
        provider__network_type="flat",
        provider__physical_network=physical,
    )
    world.create("subnets", ADMIN, network_id=made.id, ip_version=4, cidr=cidr)
    return made


def attach(world: Cloud, port: Any, netns: str = "") -> None:
    body = {"binding:host_id": _HOST if netns else "", "binding:profile": {"netns": netns} if netns else {}}
    given = decode_put(RESOURCES["ports"], {"port": body})

    def work(unit: Unit) -> None:
        port_verbs.update(unit, ADMIN, cast("Port", unit.get(RESOURCES["ports"], port.id)), given)

    world.do(work)


class Tenants:
    """Random requests; what the services refuse is a request like any other."""

    def __init__(self, world: Cloud, random: Random) -> None:
        self._world = world
        self._random = random
        self._count = 0
        self._good = outside(world)
        self._odd = outside(world, "physnet9", "198.51.100.0/24")

    def _any(self, collection: str, **equal: Any) -> Any:
        found = self._world.find(collection, **equal)
        return (
            self._random.choice(sorted(found, key=lambda one: str(one.created_at) + one.id))
            if found
            else None
        )

    def _external(self) -> Any:
        return self._odd if self._random.random() < 0.1 else self._good

    def act(self) -> str:
        """One request; its name."""
        name = self._random.choice(_REQUESTS)
        try:
            getattr(self, name)()
        except (Refusal, AttributeError):
            return f"{name} refused"
        return name

    def network(self) -> None:
        made = self._world.create("networks", ADMIN, name="n")
        self._count += 1
        self._world.create(
            "subnets", ADMIN, network_id=made.id, ip_version=4, cidr=f"10.{self._count}.0.0/24"
        )

    def second_subnet(self) -> None:
        net = self._any("networks", name="n")
        self._count += 1
        self._world.create("subnets", ADMIN, network_id=net.id, ip_version=4, cidr=f"10.{self._count}.0.0/24")

    def port(self) -> None:
        self._world.create("ports", ADMIN, network_id=self._any("networks").id)

    def router(self) -> None:
        external = self._external()
        way = external if self._random.random() < 0.8 else None
        self._world.router(way, ADMIN, distributed=self._random.random() < 0.8)

    def join(self) -> None:
        self.network()
        subnet = self._any("subnets", cidr=f"10.{self._count}.0.0/24")
        self._world.joined(self._any("routers"), subnet, ADMIN)

    def leave(self) -> None:
        port = self._any("ports", device_owner=_INTERFACES)
        router = self._world.get("routers", port.device_id)
        self._world.act("remove_router_interface", router, ADMIN, port_id=port.id)

    def gateway(self) -> None:
        external = self._external()
        self._world.update(
            "routers", self._any("routers"), ADMIN, external_gateway_info={"network_id": external.id}
        )

    def no_gateway(self) -> None:
        self._world.update("routers", self._any("routers"), ADMIN, external_gateway_info={})

    def rename(self) -> None:
        collection = self._random.choice(("networks", "subnets", "ports", "routers"))
        self._world.update(collection, self._any(collection), ADMIN, name=f"x{self._random.random()}")

    def down(self) -> None:
        collection = self._random.choice(("networks", "ports", "routers"))
        self._world.update(
            collection, self._any(collection), ADMIN, admin_state_up=self._random.random() < 0.5
        )

    def bind(self) -> None:
        self._count += 1
        attach(self._world, self._any("ports", device_owner=""), f"vm{self._count}")

    def unbind(self) -> None:
        attach(self._world, self._any("ports", device_owner="", binding_host_id=_HOST))

    def floating(self) -> None:
        """For an instance behind a router that leads outside."""
        home = self._any("ports", device_owner=_INTERFACES)
        port = self._world.create("ports", ADMIN, network_id=home.network_id)
        if self._random.random() < 0.7:
            self._count += 1
            attach(self._world, port, f"vm{self._count}")
        router = self._world.get("routers", home.device_id)
        network = router.external_gateway_info.network_id
        self._world.create("floatingips", ADMIN, floating_network_id=network, port_id=port.id)

    def unbound_floating(self) -> None:
        external = self._external()
        self._world.create("floatingips", ADMIN, floating_network_id=external.id)

    def disassociate(self) -> None:
        self._world.update("floatingips", self._any("floatingips"), ADMIN, port_id=None)

    def delete(self) -> None:
        collection = self._random.choice(("floatingips", "ports", "routers", "subnets", "networks"))
        self._world.delete(collection, self._any(collection), ADMIN)


_OFTEN: Final = ("router", "join", "join", "gateway", "floating", "floating", "floating")
_NAMES: Final = [name for name in vars(Tenants) if not name.startswith("_") and name != "act"]
_REQUESTS: Final = (*_NAMES, *_OFTEN)


@pytest.mark.parametrize("seed", _SEEDS)
def test_whatever_tenants_ask_the_parts_lead_to_the_whole_view(world: Cloud, seed: int) -> None:
    random = Random(seed)
    tenants, done = Tenants(world, random), []
    host = Host(world)
    for _ in range(_STEPS):
        done.append([tenants.act() for _ in range(random.choice((1, 1, 1, 3)))])
        host.follow()
        assert host.view == whole(world), (seed, done)
    assert host.wholes < _STEPS / 2, "most of it is told by parts"


def _tenant(world: Cloud, external: Any, number: int) -> tuple[Any, Any, Any]:
    inside = world.inside(f"10.{number >> 8}.{number & 255}.0/24", ADMIN)
    router = world.router(external, ADMIN, distributed=True)
    world.joined(router, inside, ADMIN)
    return router, inside, world.instance(inside, ADMIN)


class Beside:
    """A host with so many routers, the last one with an instance."""

    def __init__(self, world: Cloud, routers: int) -> None:
        self.world = world
        self.external = outside(world)
        *_, (self.router, self.inside, self.port) = [
            _tenant(world, self.external, number) for number in range(routers)
        ]
        attach(world, self.port, "vm1")
        first = self._floating(self.port)
        self.second = world.instance(self.inside, ADMIN)
        attach(world, self.second, "vm2")
        del first
        self.host = Host(world)
        self.model = Model(self.host.view)

    def _floating(self, port: Any) -> Any:
        return self.world.create("floatingips", ADMIN, floating_network_id=self.external.id, port_id=port.id)

    def floating(self) -> None:
        self._floating(self.second)

    def port_made(self) -> None:
        self.world.instance(self.inside, ADMIN)

    def tenant(self) -> None:
        _tenant(self.world, self.external, 250)

    def routed(self) -> None:
        self.world.update("routers", self.router, ADMIN, name="other")

    def removed(self) -> None:
        for one in self.world.find("floatingips", router_id=self.router.id):
            self.world.delete("floatingips", one, ADMIN)

    def cost(self, request: Callable[[], None]) -> tuple[int, int, int, list[str], int]:
        """Statements for the rows and to tell it, octets of what is told, units that become other, steps.

        The steps are counted where they are made without a look, as those of a floating IP are.
        """
        begun = self.world.store.statements
        request()
        written = self.world.store.statements
        part = self.host.follow()
        told = self.world.store.statements
        assert part is not None, "the whole view was told"
        changes = self.model.change(part)
        kinds = sorted(one.name.partition("/")[0] for one in changes)
        prepared = prepare_remembered(changes)
        steps = 0 if prepared is None else sum(len(unit.steps) for unit in prepared.plan.units)
        return written - begun, told - written, len(msgspec.msgpack.encode(part)), kinds, steps


_REQUESTED: Final = ("floating", "port_made", "tenant", "routed", "removed")


@pytest.mark.parametrize("request_name", _REQUESTED)
def test_what_is_asked_for_costs_the_same_with_many_routers(tmp_path: Path, request_name: str) -> None:
    costs = []
    for routers in (2, 40):
        place = tmp_path / str(routers)
        place.mkdir()
        for world in cloud(place):
            beside = Beside(world, routers)
            costs.append(beside.cost(getattr(beside, request_name)))
    few, many = costs
    assert few[0] == many[0], "statements of the request"
    assert few[1] == many[1], "statements of what is told"
    assert abs(few[2] - many[2]) <= 16, "octets of what is told, but for digits"
    assert few[3] == many[3], "units compiled"
    assert few[4] == many[4], "steps"
    assert few[4] > 0 or request_name != "floating", "a floating IP is made without a look"


def test_what_this_host_cannot_serve_is_left_out_and_costs_the_others_nothing(world: Cloud) -> None:
    """A floating IP of a router that the host could not hold, a port of a network without a bridge."""
    odd = outside(world, "physnet9", "198.51.100.0/24")
    _, inside, port = _tenant(world, odd, 1)
    host = Host(world)
    assert [one.sentence[:4] for one in host.view.refused] == ["port"]
    floating = world.create("floatingips", ADMIN, floating_network_id=odd.id, port_id=port.id)
    world.create("ports", ADMIN, network_id=odd.id)
    attach(world, world.instance(inside, ADMIN), "vm1")
    part = host.follow()
    assert part is not None, "the whole view was told"
    assert not part.floating_ips
    assert [one.network_id for one in part.ports] == [inside.network_id]
    assert host.view == whole(world)
    world.delete("floatingips", floating, ADMIN)
    assert host.follow() is not None
    assert host.view == whole(world)


def _view_cost(world: Cloud) -> tuple[int, int]:
    """Statements of a whole view, and instructions that SQLite ran for them."""
    ran = 0

    def another() -> int:
        nonlocal ran
        ran += 1
        return 0

    def work(unit: Unit) -> int:
        raw = unit._db._raw
        before = world.store.statements
        raw.set_progress_handler(another, 1)
        try:
            host_view(unit, _HOST, _BRIDGES)
        finally:
            raw.set_progress_handler(None, 1)
        return world.store.statements - before

    return world.do(work), ran


def test_ports_that_are_bound_nowhere_cost_a_view_nothing(world: Cloud) -> None:
    beside = Beside(world, 2)
    before = _view_cost(world)
    world.do(
        lambda unit: [
            unit.insert(RESOURCES["ports"], _unbound(beside.inside.network_id, one)) for one in range(500)
        ]
    )
    after = _view_cost(world)
    assert after[0] == before[0], "statements"
    assert after[1] <= 1.1 * before[1], "instructions of SQLite: an index has one level more at most"
    assert beside.host.follow() == Part()
    assert beside.host.view == whole(world)


def _unbound(network: str, number: int) -> Port:
    return Port(
        id=f"unbound-{number}",
        network_id=network,
        project_id="p",
        mac_address=f"fa:16:3f:00:{number >> 8:02x}:{number & 255:02x}",
    )


def test_an_instance_elsewhere_is_known_as_long_as_a_floating_ip_stands_for_it(world: Cloud) -> None:
    external = outside(world)
    _, inside, port = _tenant(world, external, 1)
    host = Host(world)
    assert port.id not in {one.id for one in host.view.ports}
    floating = world.create("floatingips", ADMIN, floating_network_id=external.id, port_id=port.id)
    part = host.follow()
    assert part is not None, "the whole view was told"
    assert [one.id for one in part.ports] == [port.id]
    other = world.instance(inside, ADMIN)
    world.update("floatingips", floating, ADMIN, port_id=other.id)
    part = host.follow()
    assert part is not None, "the whole view was told"
    assert [one.id for one in part.ports] == [other.id]
    assert [one.id for one in part.gone if one.kind == "port"] == [port.id]
    assert host.view == whole(world)


def test_a_floating_ip_that_no_router_has_is_nothing_to_a_host(world: Cloud) -> None:
    external = outside(world)
    host = Host(world)
    floating = world.create("floatingips", ADMIN, floating_network_id=external.id)
    assert host.follow() == Part()
    world.delete("floatingips", floating, ADMIN)
    assert host.follow() == Part()
    assert host.view == whole(world)


def legs(view: HostView) -> dict[str, int]:
    """By router, the number of its leg."""
    return {one.router_id: one.index for one in view.legs}


def test_a_router_gets_its_leg_with_its_first_floating_ip_and_keeps_it(world: Cloud) -> None:
    """A thousand routers that have none cost the host's first floating IP nothing."""
    external = outside(world)
    made = [_tenant(world, external, number) for number in range(1, 4)]
    host = Host(world)
    for _, _, port in made:
        attach(world, port, f"vm-{port.id[:8]}")
    first, second, third = (router.id for router, _, _ in made)
    floating = world.create("floatingips", ADMIN, floating_network_id=external.id, port_id=made[0][2].id)
    assert host.follow() is None, "the fip namespace comes"
    assert legs(host.view) == {first: 0}
    world.create("floatingips", ADMIN, floating_network_id=external.id, port_id=made[1][2].id)
    part = host.follow()
    assert part is not None
    assert ([one.id for one in part.routers], [one.router_id for one in part.legs]) == ([second], [second])
    assert legs(host.view) == {first: 0, second: 1}
    world.delete("floatingips", floating, ADMIN)
    assert host.follow() is not None
    assert legs(host.view) == {first: 0, second: 1}, "the wire stays for the next"
    world.create("floatingips", ADMIN, floating_network_id=external.id, port_id=made[0][2].id)
    part = host.follow()
    assert part is not None
    assert not part.routers
    assert not part.legs
    assert third not in legs(host.view)
    assert host.view == whole(world)


def test_a_router_that_becomes_distributed_gets_the_leg_for_what_it_has(world: Cloud) -> None:
    external = outside(world)
    _, _, elsewhere = _tenant(world, external, 1)
    attach(world, elsewhere, "vm1")
    world.create("floatingips", ADMIN, floating_network_id=external.id, port_id=elsewhere.id)
    inside = world.inside("10.77.0.0/24")
    router = world.router(external, ADMIN)
    world.joined(router, inside, ADMIN)
    port = world.instance(inside)
    attach(world, port, "vm2")
    world.create("floatingips", ADMIN, floating_network_id=external.id, port_id=port.id)
    host = Host(world)
    assert router.id not in legs(host.view)
    world.update("routers", router, ADMIN, admin_state_up=False)
    world.update("routers", router, ADMIN, distributed=True)
    host.follow()
    assert router.id in legs(host.view)
    assert host.view == whole(world)


def test_a_leg_that_is_no_more_gives_its_number_back(world: Cloud) -> None:
    external = outside(world)
    _, _, port = _tenant(world, external, 1)
    attach(world, port, "vm1")
    world.create("floatingips", ADMIN, floating_network_id=external.id, port_id=port.id)
    host = Host(world)
    seen = set()
    for number in range(2, 5):
        router, inside, port = _tenant(world, external, number)
        floating = world.create("floatingips", ADMIN, floating_network_id=external.id, port_id=port.id)
        host.follow()
        seen.add(legs(host.view)[router.id])
        world.delete("floatingips", floating, ADMIN)
        world.act("remove_router_interface", router, ADMIN, subnet_id=inside.id)
        world.delete("routers", router, ADMIN)
        host.follow()
        assert router.id not in legs(host.view)
    assert seen == {1}
    assert world.do(lambda unit: unit.number(legs_pool(_HOST), "x", 0, 9)) == 1
