"""Fake hosts with worlds on them, and changes of these worlds."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from deuteron.apply.engine import Prepared, apply_plan, prepare
from deuteron.apply.look import look_for
from deuteron.apply.result import Result
from deuteron.compile import compile_host
from deuteron.domain import Binding, ExtraRoute
from deuteron.kernel.fake import FakeKernel
from deuteron.objects import KernelObject, Key, Wanted
from tests.unit.compile.world import World, centralised, distributed

Change = Callable[[World], None]


def fake_host() -> FakeKernel:
    """A host with a provider bridge and the namespaces of some instances."""
    kernel = FakeKernel()
    kernel.add_host_bridge("br-ex")
    for name in ("vm5", "vm6", "vm7", "vm8"):
        kernel.add_instance_netns(name)
    return kernel


def wanted_of(world: World) -> Wanted:
    return compile_host(world.view())


def apply(kernel: FakeKernel, wanted: Wanted, *earlier: Wanted) -> Result:
    return apply_plan(kernel, prepare(kernel, wanted, *earlier))


def host_with(wanted: Wanted) -> FakeKernel:
    kernel = fake_host()
    result = apply(kernel, wanted)
    assert result.ok, result.failed
    return kernel


def seen(kernel: FakeKernel, *wanted: Wanted) -> dict[Key, KernelObject]:
    """Ours, as observation finds it."""
    return kernel.observe(look_for(*wanted)).objects


def steps_of(prepared: Prepared) -> int:
    return sum(len(unit.steps) for unit in prepared.plan.units)


def empty() -> World:
    return World()


def add_floating_ip(world: World) -> None:
    world.vm("vm8", "web", "10.0.0.8")
    world.floating_ip("203.0.113.52", "public", "r1", "vm8", "10.0.0.8")


def drop_floating_ip(world: World) -> None:
    del world.floating_ips["203.0.113.50"]


def move_floating_ip(world: World) -> None:
    world.floating_ip("203.0.113.50", "public", "r1", "vm7", "10.0.0.7")


def another_gateway_address(world: World) -> None:
    world.port("r1-qg", "public", "203.0.113.11")


def a_second_inside_network(world: World) -> None:
    world.network("db", "10.1.0.0/24")
    world.router(
        "r1",
        [("web", "10.0.0.1"), ("db", "10.1.0.1")],
        ("public", "203.0.113.10"),
        distributed=world.routers["r1"].distributed,
        snat_here=world.routers["r1"].snat_here,
        sg=[("web", "10.0.0.2"), ("db", "10.1.0.2")] if world.routers["r1"].distributed else [],
    )


def smaller_mtu(world: World) -> None:
    world.networks["web"] = replace(world.networks["web"], mtu=1400)


def instance_moves(world: World) -> None:
    world.port("vm7", "web", "10.0.0.7", binding=Binding(netns="vm8"))


def router_down(world: World) -> None:
    world.routers["r1"] = replace(world.routers["r1"], admin_state_up=False)


def snat_off(world: World) -> None:
    gateway = world.routers["r1"].gateway
    assert gateway is not None
    world.routers["r1"] = replace(world.routers["r1"], gateway=replace(gateway, enable_snat=False))


def another_address(world: World) -> None:
    world.vm("vm7", "web", "10.0.0.77")


def extra_route(world: World) -> None:
    route = ExtraRoute(destination="192.0.2.0/24", nexthop="10.0.0.7")
    world.routers["r1"] = replace(world.routers["r1"], routes=(route,))


CHANGES: tuple[Change, ...] = (
    add_floating_ip,
    drop_floating_ip,
    move_floating_ip,
    another_gateway_address,
    a_second_inside_network,
    smaller_mtu,
    instance_moves,
    router_down,
    snat_off,
    another_address,
    extra_route,
)

WORLDS: tuple[Callable[[], World], ...] = (distributed, centralised)


def changed(make: Callable[[], World], change: Change) -> tuple[Wanted, Wanted]:
    """What is wanted before and after a change."""
    before, after = make(), make()
    change(after)
    return wanted_of(before), wanted_of(after)
