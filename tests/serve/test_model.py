"""A model that is changed part by part is the whole view compiled, in every unit and their order."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from deuteron.agent.model import Model, UnitChange
from deuteron.compile import compile_host
from deuteron.domain import FieldError, HostView
from deuteron.errors import InputError
from deuteron.feed.part import NOTHING, Part, difference, merged
from deuteron.objects import Unit
from tests.strategies_views import views
from tests.unit.apply import hosts
from tests.unit.apply.hosts import move_floating_ip
from tests.unit.compile.world import World, centralised, distributed, ident


@settings(max_examples=60, deadline=None)
@given(st.lists(views, min_size=2, max_size=4))
def test_each_change_leads_to_what_the_whole_view_compiles_to(histories: list[HostView]) -> None:
    first, *later = histories
    model = Model(first)
    before = {unit.name: unit for unit in compile_host(first).units}
    for view in later:
        changes = model.replace(view)
        whole = compile_host(view)
        assert model.wanted == whole
        after = {unit.name: unit for unit in whole.units}
        assert changes == _between(before, after, changes)
        before = after


@settings(max_examples=60, deadline=None)
@given(views, views)
def test_a_part_leads_from_one_view_to_the_other(one: HostView, other: HostView) -> None:
    assert _canonical(merged(one, difference(one, other))) == _canonical(other)
    assert difference(one, one) == NOTHING
    assert Model(one).change(NOTHING) == ()


def _between(
    before: dict[str, Unit], after: dict[str, Unit], told: tuple[UnitChange, ...]
) -> tuple[UnitChange, ...]:
    """The changes that there should be, in the order that they were told in."""
    differ = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert {one.name for one in told} == differ
    return tuple(
        UnitChange(name=one.name, before=before.get(one.name), after=after.get(one.name)) for one in told
    )


def _canonical(view: HostView) -> HostView:
    return merged(view, NOTHING)


def test_a_floating_ip_touches_its_router_alone() -> None:
    world = distributed()
    model = Model(world.view())
    move_floating_ip(world)
    changes = model.replace(world.view())
    assert [one.name.partition("/")[0] for one in changes] == ["router"]


def test_values_that_do_not_fit_leave_all_as_it_was() -> None:
    world = distributed()
    view = world.view()
    model = Model(view)
    router = replace(view.routers[0], interfaces=(*view.routers[0].interfaces, ident("nowhere")))
    with pytest.raises(FieldError, match="nothing here has the id"):
        model.change(Part(routers=(router,)))
    assert model.wanted == compile_host(view)
    assert _canonical(model.view) == _canonical(view)


def test_a_name_that_another_unit_has_is_refused_and_leaves_all_as_it_was() -> None:
    one, other = "aaaaaaaa-aaa1-4000-8000-000000000001", "aaaaaaaa-aaa1-4000-8000-000000000002"
    world = World()
    world.external("ext", "203.0.113.0/24")
    world.port("p1", "ext", "203.0.113.10")
    world.router("r1", [("ext", "203.0.113.20")], None)
    view = world.view()
    clash = replace(view.routers[0], id=other)
    port = next(port for port in view.ports if port.id in view.routers[0].interfaces)
    mine = replace(port, id=one)
    theirs = replace(
        port,
        id=other,
        mac_address="fa:16:3e:00:00:99",
        fixed_ips=(replace(port.fixed_ips[0], ip_address="203.0.113.21"),),
    )
    first = replace(view, routers=(replace(view.routers[0], interfaces=(one,)),), ports=(mine,))
    model = Model(first)
    both = replace(first, routers=(*first.routers, replace(clash, interfaces=(other,))), ports=(mine, theirs))
    with pytest.raises(InputError) as whole:
        compile_host(both)
    with pytest.raises(InputError) as caught:
        model.replace(both)
    assert caught.value.code == whole.value.code == "device-name-clash"
    assert model.wanted == compile_host(first)


_ALTERED = [
    hosts.add_floating_ip,
    hosts.drop_floating_ip,
    hosts.another_gateway_address,
    hosts.a_second_inside_network,
    hosts.smaller_mtu,
    hosts.instance_moves,
    hosts.router_down,
    hosts.snat_off,
    hosts.another_address,
    hosts.extra_route,
]


@pytest.mark.parametrize("alter", _ALTERED, ids=lambda one: one.__name__)
@pytest.mark.parametrize("make", [distributed, centralised])
def test_each_kind_of_change_and_the_way_back(make: Callable[[], World], alter: hosts.Change) -> None:
    world = make()
    before = world.view()
    model = Model(before)
    alter(world)
    after = world.view()
    for view in (after, before):
        model.replace(view)
        assert model.wanted == compile_host(view)


def _two_that_share(*, routes: tuple[str, ...] = ("", ""), proxied: bool = False) -> HostView:
    """Two routers with legs into one fip namespace, perhaps with something of their own there."""
    world = World()
    world.external("public", "203.0.113.0/24", "2001:db8:ff::/64")
    world.agent_gateway("public", "203.0.113.20", "2001:db8:ff::20")
    for number, destination in enumerate(routes):
        name, inside = f"r{number}", f"in{number}"
        world.network(inside, f"10.{number}.0.0/24", f"2001:db8:{number + 1}::/64")
        world.router(
            name,
            [(inside, f"10.{number}.0.1", f"2001:db8:{number + 1}::1")],
            ("public", f"203.0.113.1{number}", f"2001:db8:ff::1{number}"),
            distributed=True,
            enable_ndp_proxy=True,
            routes=[(destination, "203.0.113.200")] if destination else [],
        )
        world.leg(name, "public", number)
        address = f"2001:db8:{number + 1}::9"
        world.port(f"vm{number}", inside, f"10.{number}.0.9", address)
        if proxied:
            world.ndp_proxy(name, f"vm{number}", address)
            world.ndp_proxies[-1] = replace(world.ndp_proxies[-1], id=ident(address))
    return world.view()


@pytest.mark.parametrize(
    "after",
    [
        _two_that_share(routes=("192.168.7.0/24", "192.168.9.0/24")),
        _two_that_share(routes=("", "192.168.8.0/24")),
        _two_that_share(routes=("192.168.7.0/24", "192.168.8.0/24"), proxied=True),
        _two_that_share(routes=("192.168.7.0/24",)),
    ],
    ids=["another route", "one route less", "NDP proxies", "one router less"],
)
def test_a_fip_namespace_has_what_each_router_wants_there(after: HostView) -> None:
    before = _two_that_share(routes=("192.168.7.0/24", "192.168.8.0/24"))
    model = Model(before)
    for view in (after, before):
        model.replace(view)
        assert model.wanted == compile_host(view)
