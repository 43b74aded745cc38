"""The plan for units that are known to be as they were made, without a look.

A floating IP is a route, three elements of sets and an announcement, in namespaces that hold a
thousand other routers' legs.  Looking at these costs a hundred times what is to be done.  Where a
change makes and removes nothing but such entries, what the units had is taken for what is there: the
kernel refuses to make an entry that exists or to remove one that does not, the unit is then taken
back, and the change is planned again with a look.  What else may differ is the watch's affair: it
hears what was written here, and looks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from deuteron.agent.model import UnitChange
from deuteron.apply.engine import Prepared
from deuteron.objects import (
    Address,
    Fdb,
    KernelObject,
    Neighbour,
    NeighbourProxy,
    NftElement,
    Observed,
    Route,
    Rule,
    Unit,
    Wanted,
)
from deuteron.reconcile import make_plan

#: Entries: nothing is in them, and the kernel says whether they were there.
_ENTRIES: Final = (Address, Fdb, Neighbour, NeighbourProxy, NftElement, Route, Rule)


def prepare_remembered(changes: Sequence[UnitChange]) -> Prepared | None:
    """The steps from what the units had to what they are to have.

    Args:
        changes: of units that were as wanted when they were last heard of.

    Returns:
        ``None`` where more than entries differs, or something foreign is newly needed: that takes a look.
    """
    before = [one.before for one in changes if one.before is not None]
    after = [one.after for one in changes if one.after is not None]
    if not len(before) == len(after) == len(changes):
        return None
    if not all(_is_light(old, new) for old, new in zip(before, after, strict=True)):
        return None
    wanted, observed = Wanted(units=tuple(after)), _as_observed(before)
    return Prepared(wanted=wanted, observed=observed, plan=make_plan(wanted, observed))


def _is_light(before: Unit, after: Unit) -> bool:
    if set(after.needs) - set(before.needs):
        return False
    return all(isinstance(thing, _ENTRIES) for thing in _differing(before, after))


def _differing(before: Unit, after: Unit) -> list[KernelObject]:
    old = {thing.key: thing for thing in before.objects}
    new = {thing.key: thing for thing in after.objects}
    return [
        thing
        for one, other in ((old, new), (new, old))
        for key, thing in one.items()
        if other.get(key) != thing
    ]


def _as_observed(units: Sequence[Unit]) -> Observed:
    """What a look would find of these units, had it found them as they were made."""
    return Observed(
        objects={thing.key: thing for unit in units for thing in unit.objects},
        owners={thing.key: unit.name for unit in units for thing in unit.objects},
    )
