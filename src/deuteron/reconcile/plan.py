"""The plan: for each unit the steps that make the kernel what it should be."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from deuteron.objects import Create, Delete, Netns, Observed, Run, Step, Unit, Update, Wanted
from deuteron.reconcile.delta import Delta, compare
from deuteron.reconcile.flows import announcements, flushes
from deuteron.reconcile.invariant import namespaces_in_use, namespaces_of
from deuteron.reconcile.settle import settle

#: Kinds of units in the order in which units that are no longer wanted are deleted.
_DELETION: Final = ("port", "router", "fip", "network")


class UnitPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One unit's transaction.

    Attributes:
        unit: ``router/<id>`` and so on.
        title: for people.
        steps: in the order to run them.
        needs: units of the same plan whose failure leaves nothing for this one to build on.
    """

    unit: str
    title: str
    steps: tuple[Step, ...]
    needs: tuple[str, ...] = ()


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """How many objects a plan adds, changes and destroys; what vanishes with another counts too."""

    add: int = 0
    change: int = 0
    destroy: int = 0
    units: int = 0


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to do, unit by unit; units without a difference are not in it."""

    units: tuple[UnitPlan, ...] = ()

    @property
    def tally(self) -> Tally:
        """The plan in numbers."""
        steps = [step for unit in self.units for step in unit.steps]
        return Tally(
            add=sum(isinstance(step, Create) for step in steps),
            change=sum(isinstance(step, Update) for step in steps),
            destroy=sum(1 + len(step.contents) for step in steps if isinstance(step, Delete)),
            units=len(self.units),
        )


def make_plan(wanted: Wanted, observed: Observed) -> Plan:
    """The steps from ``observed`` to ``wanted``; nothing where they agree.

    Units come in wanted order, then those no longer wanted: ports, routers, fip
    namespaces, networks.  Cost: one pass over the wanted objects, then what changed.

    Raises:
        InvariantError: a namespace would go while something wanted is in it.
    """
    delta = compare(wanted, observed)
    if any(key[0] == "netns" for key in delta.surplus):
        for error in namespaces_in_use(wanted, observed).values():
            raise error
    work = settle(delta, wanted, observed)
    ends = flushes(delta, observed.objects)
    known = {unit.name: unit for unit in wanted.units}
    gone = sorted((name for name in work if name not in known), key=_deletion_rank)
    plans = []
    for name in [*(unit for unit in known if unit in work), *gone]:
        steps: list[Step] = work[name].steps()
        steps += [Run(action) for action in ends.get(name, ())]
        unit = known.get(name) or Unit(name=name, title=_title(name), objects=())
        steps += announcements(unit, steps)
        plans.append(UnitPlan(unit=name, title=unit.title, steps=tuple(steps)))
    return Plan(units=_with_needs(plans, delta))


def _deletion_rank(unit: str) -> tuple[int, str]:
    kind = unit.partition("/")[0]
    return (_DELETION.index(kind) if kind in _DELETION else len(_DELETION), unit)


def _title(unit: str) -> str:
    kind, _, name = unit.partition("/")
    return f"{kind} {name}"


def _with_needs(plans: Sequence[UnitPlan], delta: Delta) -> tuple[UnitPlan, ...]:
    """Add to each unit the others that make a namespace for it, or must leave one before it goes."""
    makers: dict[str, str] = {}
    leavers: defaultdict[str, list[str]] = defaultdict(list)
    going: dict[str, list[str]] = {}
    for plan in plans:
        for step in plan.steps:
            match step:
                case Create(object=Netns(name=name)):
                    makers[name] = plan.unit
                case Delete(object=Netns(name=name)):
                    going.setdefault(plan.unit, []).append(name)
    if not makers and not going:
        return tuple(plans)
    for plan in plans:
        for name in _left(plan.steps):
            leavers[name].append(plan.unit)
    return tuple(_needing(plan, makers, leavers, going.get(plan.unit, ()), delta) for plan in plans)


def _left(steps: Iterable[Step]) -> set[str]:
    return {name for s in steps if isinstance(s, Delete) for name in namespaces_of(s.object)}


def _needing(
    plan: UnitPlan,
    makers: dict[str, str],
    leavers: dict[str, list[str]],
    going: Iterable[str],
    delta: Delta,
) -> UnitPlan:
    made = [
        s.object if isinstance(s, Create) else s.new for s in plan.steps if isinstance(s, Create | Update)
    ]
    needs = {makers[name] for obj in made for name in namespaces_of(obj) if name in makers}
    needs.update(unit for name in going for unit in leavers[name])
    needs.discard(plan.unit)
    return msgspec.structs.replace(plan, needs=tuple(sorted(needs, key=lambda n: (delta.turn(n), n))))
