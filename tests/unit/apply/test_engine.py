"""What an apply leaves in the kernel: all of a unit or none of it."""

from __future__ import annotations

from collections.abc import Callable
from errno import EPERM

import pytest

from deuteron.apply.destroy import destroy_plan
from deuteron.apply.engine import apply_plan, prepare, verify
from deuteron.apply.look import look_for
from deuteron.apply.result import UnitResult
from deuteron.kernel.fake import FakeKernel
from deuteron.objects import Wanted
from deuteron.reconcile import UnitPlan
from tests.unit.apply.hosts import (
    CHANGES,
    WORLDS,
    Change,
    apply,
    changed,
    fake_host,
    host_with,
    seen,
    steps_of,
    wanted_of,
)
from tests.unit.compile.world import World, distributed

worlds = pytest.mark.parametrize("make", WORLDS, ids=lambda make: make.__name__)
changes = pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)


@worlds
def test_a_second_apply_writes_nothing(make: Callable[[], World]) -> None:
    wanted = wanted_of(make())
    kernel = host_with(wanted)
    written = len(kernel.log)
    assert apply(kernel, wanted).ok
    assert len(kernel.log) == written
    assert verify(kernel, wanted).none


@worlds
def test_destroy_leaves_the_host_as_it_was_found(make: Callable[[], World]) -> None:
    kernel = fake_host()
    found = kernel.snapshot()
    assert apply(kernel, wanted_of(make())).ok
    assert apply_plan(kernel, destroy_plan(kernel)).ok
    assert kernel.snapshot() == found


@worlds
@changes
def test_there_and_back_leaves_the_same_state(make: Callable[[], World], change: Change) -> None:
    before, after = changed(make, change)
    kernel = host_with(before)
    start = seen(kernel, before, after)
    assert apply(kernel, after, before).ok
    assert verify(kernel, after).none
    fresh = host_with(after)
    assert seen(kernel, after) == seen(fresh, after)
    assert apply(kernel, before, after).ok
    assert seen(kernel, before, after) == start


@worlds
@changes
def test_whichever_step_fails_the_unit_is_as_before(make: Callable[[], World], change: Change) -> None:
    before, after = changed(make, change)
    total = steps_of(prepare(host_with(before), after, before))
    for number in range(total):
        kernel = host_with(before)
        _one_step_fails(kernel, before, after, number)


@worlds
def test_whichever_step_fails_of_a_first_apply_or_a_destroy(make: Callable[[], World]) -> None:
    nothing, wanted = Wanted(units=()), wanted_of(make())
    for number in range(steps_of(prepare(fake_host(), wanted))):
        _one_step_fails(fake_host(), nothing, wanted, number)
    for number in range(steps_of(prepare(host_with(wanted), nothing))):
        _one_step_fails(host_with(wanted), wanted, nothing, number)


def _one_step_fails(kernel: FakeKernel, before: Wanted, after: Wanted, number: int) -> None:
    start = _by_unit(kernel, before, after)
    plan = prepare(kernel, after, before)
    kernel.fail(number, EPERM)
    result = apply_plan(kernel, plan)
    kernel.assert_consumed()
    (bad,) = [one for one in result.units if one.outcome in ("undone", "undo-failed")]
    assert bad.outcome == "undone", bad
    assert "failed: the kernel refused" in bad.error
    now = _by_unit(kernel, before, after)
    finished = host_with(after)
    goal = _by_unit(finished, before, after)
    for one in result.units:
        assert now.get(one.unit) == (goal if one.outcome == "done" else start).get(one.unit), (number, one)
    for unit in start.keys() - {one.unit for one in result.units}:
        assert now.get(unit) == start[unit]
    assert apply(kernel, after, before).ok
    assert verify(kernel, after).none


def _by_unit(kernel: FakeKernel, *wanted: Wanted) -> dict[str, dict[object, object]]:
    observed = kernel.observe(look_for(*wanted))
    units: dict[str, dict[object, object]] = {}
    for key, obj in observed.objects.items():
        units.setdefault(observed.owners[key], {})[key] = obj
    return units


def test_a_failing_router_does_not_stop_another() -> None:
    world = distributed()
    world.network("other", "10.0.0.0/24")
    world.router("r2", [("other", "10.0.0.1")], ("public", "203.0.113.12"))
    kernel = fake_host()
    plan = prepare(kernel, wanted_of(world))
    routers = [unit.unit for unit in plan.plan.units if unit.unit.startswith("router/")]
    names = [unit.unit for unit in plan.plan.units]
    position = sum(len(unit.steps) for unit in plan.plan.units[: names.index(routers[0])])
    kernel.fail(position + 3, EPERM)
    outcomes = {one.unit: one.outcome for one in apply_plan(kernel, plan).units}
    assert (outcomes[routers[0]], outcomes[routers[1]]) == ("undone", "done")


def test_what_builds_on_a_failed_unit_is_skipped_with_the_reason() -> None:
    kernel = fake_host()
    kernel.fail(0, EPERM)
    result = apply(kernel, wanted_of(distributed()))
    skipped = [one for one in result.units if one.outcome == "skipped"]
    assert {one.unit.partition("/")[0] for one in skipped} == {"router", "port"}
    assert all("needs network/" in one.error and one.code == "needed-unit-failed" for one in skipped)


class Recorder:
    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []

    def unit_started(self, unit: UnitPlan) -> None:
        self.heard.append(("started", unit.unit))

    def unit_done(self, result: UnitResult) -> None:
        self.heard.append(("done", result.unit))

    def unit_failed(self, result: UnitResult) -> None:
        self.heard.append(("failed", result.unit))


def test_the_reporter_hears_of_every_unit() -> None:
    kernel, recorder = fake_host(), Recorder()
    plan = prepare(kernel, wanted_of(distributed()))
    apply_plan(kernel, plan, recorder)
    assert recorder.heard == [(what, unit.unit) for unit in plan.plan.units for what in ("started", "done")]
