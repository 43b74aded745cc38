"""A unit that cannot be applied is refused alone, with the mend; all others are as they should be."""

from __future__ import annotations

from errno import EPERM

from deuteron.apply.engine import Prepared, apply_plan, prepare, verify
from deuteron.apply.isolate import Refusal
from deuteron.apply.result import Result
from deuteron.kernel.fake import FakeKernel
from deuteron.objects import Netns, RefusedUnit, Wanted
from tests.unit.apply.hosts import add_floating_ip, fake_host, host_with, seen, wanted_of
from tests.unit.compile.world import World, distributed


def two_routers() -> World:
    world = distributed()
    world.network("other", "10.0.0.0/24")
    world.router("r2", [("other", "10.0.0.1")], ("public", "203.0.113.12"))
    return world


def unit_names(result: Result, outcome: str) -> set[str]:
    return {one.unit for one in result.units if one.outcome == outcome}


def refusal(prepared: Prepared, kind: str) -> Refusal:
    (found,) = [one for one in prepared.refused if one.unit.startswith(kind)]
    return found


def namespace_of(wanted: Wanted, prefix: str) -> str:
    return next(
        o.name for u in wanted.units for o in u.objects if isinstance(o, Netns) and o.name.startswith(prefix)
    )


def unit_of(wanted: Wanted, netns: str) -> str:
    return next(u.name for u in wanted.units for o in u.objects if isinstance(o, Netns) and o.name == netns)


def test_without_their_bridge_the_units_on_it_are_refused_with_the_mend_and_the_others_made() -> None:
    kernel = FakeKernel()
    for name in ("vm5", "vm6", "vm7"):
        kernel.add_instance_netns(name)
    prepared = prepare(kernel, wanted_of(distributed()))
    assert not kernel.log
    fip = refusal(prepared, "fip/")
    assert fip.code == "no-such-bridge"
    assert "ip link add br-ex type bridge" in fip.error
    result = apply_plan(kernel, prepared)
    assert not result.ok
    assert fip.unit in unit_names(result, "refused")
    assert {name.partition("/")[0] for name in unit_names(result, "done")} == {"network", "port"}
    assert unit_names(result, "undone") == set()


def test_everything_that_one_unit_lacks_is_said_at_once() -> None:
    wanted = wanted_of(distributed())
    kernel = fake_host()
    router = namespace_of(wanted, "qrouter-")
    kernel.add_foreign_netns(router)
    kernel.add_foreign_netns(namespace_of(wanted, "snat-"))
    found = refusal(prepare(kernel, wanted), "router/")
    assert found.code == "foreign-name"
    assert f"ip netns delete {router}" in found.error
    assert f"ip netns delete {namespace_of(wanted, 'snat-')}" in found.error


def test_a_dead_or_missing_instance_namespace_costs_its_port_only() -> None:
    kernel = FakeKernel()
    kernel.add_host_bridge("br-ex")
    kernel.add_instance_netns("vm5")
    kernel.add_dead_netns("vm6")
    wanted = wanted_of(distributed())
    result = apply_plan(kernel, prepare(kernel, wanted))
    codes = {one.code for one in result.units if one.outcome == "refused"}
    assert codes == {"dead-namespace", "no-such-namespace"}
    assert {name.partition("/")[0] for name in unit_names(result, "refused")} == {"port"}
    assert len(unit_names(result, "done")) == len(wanted.units) - 2


def test_a_foreign_link_in_the_way_of_one_port_stops_no_other() -> None:
    kernel, wanted = fake_host(), wanted_of(two_routers())
    kernel.add_foreign_link("vm7", "eth0")
    prepared = prepare(kernel, wanted)
    result = apply_plan(kernel, prepared)
    assert unit_names(result, "refused") == {refusal(prepared, "port/").unit}
    assert "ip -n vm7 link delete eth0" in refusal(prepared, "port/").error
    assert len(unit_names(result, "done")) == len(wanted.units) - 1


def test_a_refused_router_that_is_there_keeps_what_it_has_while_others_change() -> None:
    """Its fip namespace's unit, its networks and the other router are changed around it."""
    before = wanted_of(two_routers())
    kernel = host_with(before)
    world = two_routers()
    add_floating_ip(world)
    after = wanted_of(world)
    netns = namespace_of(before, "qrouter-")
    name = unit_of(before, netns)
    start = {key: thing for key, thing in seen(kernel, before).items() if key[1] == netns}
    refused = RefusedUnit(unit=name, title="router r1", code="bad-value", error="sync_routers[0]: no")
    apart = Wanted(units=tuple(u for u in after.units if u.name != name), refused=(refused,))
    result = apply_plan(kernel, prepare(kernel, apart, before))
    (told,) = [one for one in result.units if one.outcome == "refused"]
    assert (told.unit, told.code, told.error) == (name, "bad-value", "sync_routers[0]: no")
    assert {key: thing for key, thing in seen(kernel, before).items() if key[1] == netns} == start
    assert verify(kernel, apart).none


def test_a_namespace_that_a_refused_unit_is_in_stays_and_says_who() -> None:
    before = wanted_of(distributed())
    kernel = host_with(before)
    start = seen(kernel, before)
    router = next(unit.name for unit in before.units if unit.name.startswith("router/"))
    refused = RefusedUnit(unit=router, title="router r1", code="bad-value", error="no")
    nothing_else = Wanted(units=(), refused=(refused,))
    prepared = prepare(kernel, nothing_else, before)
    in_use = [one for one in prepared.refused if one.code == "namespace-in-use"]
    assert {one.unit.partition("/")[0] for one in in_use} >= {"fip", "network"}
    assert all("mend router" in one.error for one in in_use)
    result = apply_plan(kernel, prepared)
    assert unit_names(result, "undone") == set()
    left = seen(kernel, before)
    assert {key for key in start if "qrouter-" in key[1] or "fip-" in key[1]} <= left.keys()


def test_what_builds_on_a_refused_unit_is_skipped() -> None:
    kernel, wanted = fake_host(), wanted_of(two_routers())
    netns = next(
        o.name for u in wanted.units if u.title.endswith("web") for o in u.objects if isinstance(o, Netns)
    )
    kernel.add_foreign_netns(netns)
    result = apply_plan(kernel, prepare(kernel, wanted))
    network = unit_of(wanted, netns)
    assert unit_names(result, "refused") == {network}
    assert unit_names(result, "skipped")
    assert all(network in one.error for one in result.units if one.outcome == "skipped")
    other = {u.name for u in wanted.units if u.title in ("router r2", "network other")}
    assert len(other) == 2
    assert other <= unit_names(result, "done")


def test_what_the_kernel_refuses_of_one_unit_is_that_units_failure() -> None:
    kernel, wanted = fake_host(), wanted_of(two_routers())
    kernel.fail("create nfttable", EPERM)
    result = apply_plan(kernel, prepare(kernel, wanted))
    assert len(unit_names(result, "undone")) == 1
    assert unit_names(result, "undone").isdisjoint(unit_names(result, "done"))
    assert any(name.startswith("router/") for name in unit_names(result, "done"))


def test_a_refused_unit_costs_nothing_when_mended() -> None:
    kernel, wanted = FakeKernel(), wanted_of(distributed())
    for name in ("vm5", "vm6", "vm7"):
        kernel.add_instance_netns(name)
    apply_plan(kernel, prepare(kernel, wanted))
    kernel.add_host_bridge("br-ex")
    assert apply_plan(kernel, prepare(kernel, wanted)).ok
    assert verify(kernel, wanted).none
    assert seen(kernel, wanted) == seen(host_with(wanted), wanted)
