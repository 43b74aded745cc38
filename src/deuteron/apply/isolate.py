"""A unit that cannot be applied is refused alone: the plan of the others does not hear of it.

A refused unit is planned for as if it wanted what it has: nothing of it is touched, and no
other unit's steps rely on what it would have done.  What builds on it is in the plan and
names it as a need, so that the engine skips it with the reason.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping

import msgspec

from deuteron.errors import DeuteronError
from deuteron.objects import (
    Create,
    KernelObject,
    LinkUp,
    Netns,
    Observed,
    RefusedUnit,
    Unit,
    Update,
    Wanted,
)
from deuteron.reconcile import Plan, UnitPlan, check, make_plan
from deuteron.reconcile.delta import compare
from deuteron.reconcile.invariant import namespaces_in_use, namespaces_of


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """A unit that is not tried, and why.

    Attributes:
        unit: ``router/<id>`` and so on.
        title: for people.
        code: of the first reason.
        error: all reasons, in one sentence each.
    """

    unit: str
    title: str
    code: str
    error: str


def plan_apart(
    wanted: Wanted, observed: Observed, held: Collection[str] = ()
) -> tuple[Plan, tuple[Refusal, ...]]:
    """The plan of all units that can be tried, and the others with their reasons, in wanted order.

    Args:
        wanted: the whole.
        observed: what is there.
        held: units that are to stay as they are and of which ``wanted`` says so already, see :func:`frozen`.
    """
    refused = {
        one.unit: Refusal(unit=one.unit, title=one.title, code=one.code, error=one.error)
        for one in wanted.refused
    }
    refused |= {unit: _refusal(wanted, unit, errors) for unit, errors in check(wanted, observed).items()}
    calm = frozen(wanted, observed, refused)
    # Each round refuses one unit more, so there are at most as many as units.
    while more := namespaces_in_use(calm, observed, refused):
        refused.update((unit, _refusal(wanted, unit, (error,))) for unit, error in more.items())
        calm = frozen(wanted, observed, refused)
    still = {*refused, *held}
    # That lo is up is wanted of every namespace that stays, also of such a unit's.
    units = make_plan(calm, observed).units
    plan = Plan(units=tuple(one for one in units if not (one.unit in still and _only_lo(one))))
    if not refused:
        return plan, ()
    order = {unit.name: position for position, unit in enumerate(wanted.units)}
    ranked = sorted(refused.values(), key=lambda one: (order.get(one.unit, len(order)), one.unit))
    return _needing(plan, wanted, observed, refused), tuple(ranked)


def _only_lo(unit: UnitPlan) -> bool:
    return all(
        isinstance(step, Create) and isinstance(step.object, LinkUp) and step.object.dev == "lo"
        for step in unit.steps
    )


def _refusal(wanted: Wanted, unit: str, errors: Collection[DeuteronError]) -> Refusal:
    titles = {one.name: one.title for one in wanted.units}
    told = list(dict.fromkeys(error.message for error in errors))
    return Refusal(
        unit=unit, title=titles.get(unit, unit), code=next(iter(errors)).code, error="; ".join(told)
    )


def frozen(
    wanted: Wanted, observed: Observed, units: Mapping[str, Refusal | RefusedUnit] | None = None
) -> Wanted:
    """The same, with some units wanting what they have.

    Args:
        wanted: the whole.
        observed: what is there.
        units: which units, by default those that the model names and could not hold.
    """
    refused: Mapping[str, Refusal | RefusedUnit] = (
        {one.unit: one for one in wanted.refused} if units is None else units
    )
    if not refused:
        return wanted
    delta = compare(wanted, observed)
    having: defaultdict[str, list[KernelObject]] = defaultdict(list)
    for key, thing in observed.objects.items():
        if (unit := delta.unit_of(key)) in refused:
            having[unit].append(thing)

    def as_is(name: str, title: str) -> Unit:
        return Unit(name=name, title=title, objects=tuple(sorted(having[name], key=lambda one: one.key)))

    named = {unit.name for unit in wanted.units}
    kept = [as_is(unit.name, unit.title) if unit.name in refused else unit for unit in wanted.units]
    kept += [as_is(one.unit, one.title) for one in refused.values() if one.unit not in named]
    return Wanted(units=tuple(kept))


def _needing(plan: Plan, wanted: Wanted, observed: Observed, refused: Collection[str]) -> Plan:
    """The plan, with refused units among the needs of those that would build on them."""
    makers = {
        thing.name: unit.name
        for unit in wanted.units
        if unit.name in refused
        for thing in unit.objects
        if isinstance(thing, Netns) and thing.key not in observed.objects
    }
    return Plan(units=tuple(_with_makers(unit, makers) for unit in plan.units))


def _with_makers(unit: UnitPlan, makers: Mapping[str, str]) -> UnitPlan:
    made = [
        step.object if isinstance(step, Create) else step.new
        for step in unit.steps
        if isinstance(step, Create | Update)
    ]
    more = {makers[name] for thing in made for name in namespaces_of(thing) if name in makers}
    if not more:
        return unit
    return msgspec.structs.replace(unit, needs=(*unit.needs, *sorted(more.difference(unit.needs))))
