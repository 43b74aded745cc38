"""Both ends of a transaction follow from its steps."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deuteron.apply.engine import apply_plan, prepare
from deuteron.apply.look import look_for
from deuteron.apply.rollback import Objects, after, before, of_unit, touched
from deuteron.objects import Wanted
from deuteron.reconcile import UnitPlan
from tests.unit.apply.hosts import CHANGES, WORLDS, Change, changed, fake_host
from tests.unit.apply.test_golden_plans import FOLDERS, wanted_in
from tests.unit.compile.world import World

Case = tuple[UnitPlan, Objects, Objects]


def cases_between(earlier: Wanted, later: Wanted) -> list[Case]:
    """Each unit of a plan, with what it was and what it is when all of the plan is done."""
    kernel = fake_host()
    assert apply_plan(kernel, prepare(kernel, earlier)).ok
    prepared = prepare(kernel, later, earlier)
    found = []
    for unit in prepared.plan.units:
        look = look_for(earlier, later)
        was = of_unit(kernel.observe(look), unit.unit, unit.steps)
        assert kernel.run(unit.steps).failed is None
        found.append((unit, was, of_unit(kernel.observe(look), unit.unit, unit.steps)))
    return found


@cache
def golden() -> list[Case]:
    found = []
    for folder in FOLDERS:
        found += cases_between(wanted_in(folder / "current.yaml"), wanted_in(folder / "desired.yaml"))
        found += cases_between(wanted_in(folder / "desired.yaml"), wanted_in(folder / "current.yaml"))
    return found


def check(case: Case) -> None:
    unit, was, now = case
    assert after(was, unit.steps) == now
    assert before(now, unit.steps) == was
    assert before(after(was, unit.steps), unit.steps) == was
    assert after(before(now, unit.steps), unit.steps) == now


def test_both_ends_of_every_golden_plan_are_what_the_kernel_shows() -> None:
    assert len(golden()) > 20
    for case in golden():
        check(case)


@pytest.mark.parametrize("make", WORLDS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_both_ends_of_a_change_are_what_the_kernel_shows(make: Callable[[], World], change: Change) -> None:
    one, other = changed(make, change)
    for case in (*cases_between(one, other), *cases_between(other, one)):
        check(case)


@settings(max_examples=200, deadline=None, print_blob=True)
@given(st.data())
def test_from_anywhere_between_both_ends_are_reached(data: st.DataObject) -> None:
    """A crash leaves any part of the steps done; where it was is not needed."""
    unit, was, now = data.draw(st.sampled_from(golden()))
    keys = sorted(touched(unit.steps))
    chosen = data.draw(st.lists(st.sampled_from(keys), unique=True)) if keys else []
    between = dict(was)
    for key in chosen:
        between.pop(key, None)
        if key in now:
            between[key] = now[key]
    assert after(between, unit.steps) == now
    assert before(between, unit.steps) == was
