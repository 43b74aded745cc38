from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.strategies_views import shuffled, views, worlds
from tests.unit.compile.walk import started
from tests.unit.compile.world import World

from deuteron.apply.look import look_for
from deuteron.compile import compile_host
from deuteron.compile.names import link_ends
from deuteron.domain import HostView
from deuteron.objects import KernelObject, Key, Unit, Wanted
from deuteron.objects.nft import NftElement, NftTable
from deuteron.objects.nft_text import create_table
from deuteron.reconcile.plan import make_plan

LAWS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _objects(wanted: Wanted) -> list[KernelObject]:
    return [item for unit in wanted.units for item in unit.objects]


def _by_unit(wanted: Wanted) -> dict[str, Unit]:
    return {unit.name: unit for unit in wanted.units}


@LAWS
@given(views, st.data())
def test_the_order_of_the_input_means_nothing(view: HostView, data: st.DataObject) -> None:
    assert compile_host(data.draw(shuffled(view))) == compile_host(view)


@LAWS
@given(views)
def test_everything_has_its_container_and_no_key_is_wanted_twice(view: HostView) -> None:
    objects = _objects(compile_host(view))
    keys: set[Key] = {item.key for item in objects}
    assert len(keys) == len(objects)
    keys.update(end for item in objects for end in link_ends(item))
    assert [item for item in objects if item.container is not None and item.container not in keys] == []


@LAWS
@given(views)
def test_units_are_sorted_and_announce_what_they_make(view: HostView) -> None:
    wanted = compile_host(view)
    ranks = ["network", "fip", "router", "port"]
    names = [(ranks.index(unit.name.split("/")[0]), unit.name) for unit in wanted.units]
    assert names == sorted(names)
    for unit in wanted.units:
        keys = [item.key for item in unit.objects]
        assert keys == sorted(keys)
        assert {key for key, _ in unit.announce} <= set(keys)


@LAWS
@given(views)
def test_every_name_fits_the_kernel(view: HostView) -> None:
    ends = [end for item in _objects(compile_host(view)) for end in link_ends(item)]
    assert all(len(name) <= 15 for _, _, name in ends)


@LAWS
@given(views)
def test_every_table_can_be_said_in_nft(view: HostView) -> None:
    objects = _objects(compile_host(view))
    for table in (item for item in objects if isinstance(item, NftTable)):
        inside = [item for item in objects if isinstance(item, NftElement) and item.netns == table.netns]
        sets = {one.name for one in table.sets}
        assert {item.set for item in inside} <= sets
        assert create_table(table, inside).startswith("create table inet deuteron")


@LAWS
@given(worlds())
def test_a_router_more_changes_no_other_router(world: World) -> None:
    view = world.view()
    before = _by_unit(compile_host(replace(view, routers=(), floating_ips=(), ndp_proxies=(), legs=())))
    for count in range(1, len(view.routers) + 1):
        known = {router.id for router in view.routers[:count]}
        after = _by_unit(
            compile_host(
                replace(
                    view,
                    routers=view.routers[:count],
                    floating_ips=tuple(f for f in view.floating_ips if f.router_id in known),
                    ndp_proxies=tuple(p for p in view.ndp_proxies if p.router_id in known),
                    legs=tuple(leg for leg in view.legs if leg.router_id in known),
                )
            )
        )
        routers = {name: unit for name, unit in before.items() if not name.startswith("fip/")}
        assert {name: after[name] for name in routers} == routers
        before = after


@LAWS
@given(views)
def test_a_floating_ip_more_adds_a_few_objects_and_changes_none(view: HostView) -> None:
    full = {item.key: item for item in _objects(compile_host(view))}
    for fip in view.floating_ips:
        rest = tuple(other for other in view.floating_ips if other is not fip)
        less = {item.key: item for item in _objects(compile_host(replace(view, floating_ips=rest)))}
        assert {key: full.get(key) for key in less} == less
        assert len(full) - len(less) <= 4


@LAWS
@given(worlds())
def test_every_view_applies_and_is_then_found_as_wanted(world: World) -> None:
    kernel, wanted = started(world), compile_host(world.view())
    assert make_plan(wanted, kernel.observe(look_for(wanted))).units == ()
