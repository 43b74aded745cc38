"""The plan for a few units whose wanted state has changed: a look at their namespaces, and no other.

What differs there of other units is theirs: it is left as it is, and the watch, which looks at more
and hears of it, mends it.  So the cost is that of the namespaces of the units, however many others
there are, and one tenant's change never waits for another's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from msgspec.structs import replace

from deuteron.agent.model import Model, UnitChange, homes
from deuteron.agent.window import Found, Index, without
from deuteron.apply.engine import Prepared
from deuteron.apply.isolate import plan_apart
from deuteron.apply.look import look_for
from deuteron.kernel.protocol import Kernel
from deuteron.objects import HOST, KernelObject, Look, Observed, RefusedUnit, Unit, Wanted
from deuteron.reconcile.delta import compare

_HELD: Final = "not of this change"


def prepare_changes(
    kernel: Kernel, model: Model, changes: Sequence[UnitChange], held: Collection[str] = ()
) -> Prepared | None:
    """Look at the namespaces of these units and plan their steps.

    Args:
        kernel: where to look.
        model: which has taken the changes over; what the host has of a unit that it refuses stays as it is.
        changes: units that are to be other than they were.
        held: units that are left as they are, whatever differs.

    Returns:
        ``None`` where a look at a part does not decide: a namespace that others are in has gone, or
        something is there that nobody has told us of.

    Raises:
        KernelError: the look was refused.
    """
    only = _window(model, changes)
    wanted = _within(model, changes, only)
    index = Index(wanted)
    observed = index.seen(kernel.observe(_look(wanted, changes, only)), only)
    if _undecided(model, changes, only, observed):
        return None
    mine = {one.name for one in changes} - set(held) - _refused(model)
    others = sorted(_differing(wanted, observed) - mine)
    refused = [RefusedUnit(unit=name, title=name, code="", error=_HELD) for name in others]
    found = Found(only=only, units=frozenset(mine), wanted=wanted, observed=observed)
    calm = without(found, refused)
    plan, apart = plan_apart(calm, observed, others)
    return Prepared(wanted=calm, observed=observed, plan=plan, refused=apart)


def _window(model: Model, changes: Iterable[UnitChange]) -> frozenset[str]:
    """The namespaces that the units are or were in, the host's, and those of the pairs' other ends."""
    wide = {HOST}
    for one in changes:
        wide |= homes(one.before) | homes(one.after)
    return frozenset(wide.union(*(model.outer(netns) for netns in wide)))


def _within(model: Model, changes: Sequence[UnitChange], only: frozenset[str]) -> Wanted:
    """What is wanted in the window, the changed units whole."""
    seen: defaultdict[str, list[KernelObject]] = defaultdict(list)
    for netns in only:
        for name, things in model.things(netns).items():
            seen[name] += things
    whole = {one.name for one in changes}
    units = (
        _trimmed(unit, seen[unit.name], whole) for name in model.order(seen) if (unit := model.unit(name))
    )
    return Wanted(units=tuple(units))


def _trimmed(unit: Unit, things: Sequence[KernelObject], whole: Collection[str]) -> Unit:
    if unit.name in whole or len(things) == len(unit.objects):
        return unit
    return replace(unit, objects=tuple(sorted(things, key=lambda one: one.key)), announce=(), needs=())


def _look(wanted: Wanted, changes: Iterable[UnitChange], only: frozenset[str]) -> Look:
    before = Wanted(units=tuple(one.before for one in changes if one.before is not None))
    look = look_for(wanted, before)
    return replace(
        look,
        namespaces=look.namespaces & only,
        sysctls={netns: paths for netns, paths in look.sysctls.items() if netns in only},
        own={netns: values for netns, values in look.own.items() if netns in only},
        only=only,
    )


def _undecided(model: Model, changes: Iterable[UnitChange], only: frozenset[str], observed: Observed) -> bool:
    """Whether others' namespaces are missing here, or things of units that nobody knows are there."""
    mine = {one.name for one in changes} | _refused(model)
    for netns in only - {HOST}:
        if not observed.netns.get(netns) and model.things(netns).keys() - mine:
            return True
    known = model.names()
    return any(owner not in known and owner not in mine for owner in set(observed.owners.values()))


def _refused(model: Model) -> set[str]:
    return {one.unit for one in model.wanted.refused}


def _differing(wanted: Wanted, observed: Observed) -> frozenset[str]:
    delta = compare(wanted, observed)
    return frozenset(delta.unit_of(key) for key in (*delta.create, *delta.update, *delta.surplus))
