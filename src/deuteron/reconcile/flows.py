"""Which tracked connections must end with a change of address translation, and who is told of it.

A tracked connection keeps the translation it began with: without a flush it outlives
the floating IP that it came by (OSSN-0020), and a new one would not apply to it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from deuteron.objects import (
    Create,
    FlushFlows,
    KernelObject,
    Key,
    NftElement,
    Run,
    Step,
    Unit,
    Update,
)
from deuteron.objects.nft import FIXED_TO_FLOATING, FLOATING_TO_FIXED, FORWARDED_PORTS
from deuteron.reconcile.delta import Delta

#: The set of fixed addresses whose traffic takes the leg of a distributed router.
FIXED_WITH_FLOATING: Final = "fixed_with_floating"

_BOTH_SIDES: Final = (FLOATING_TO_FIXED, FIXED_TO_FLOATING)


def flushes(delta: Delta, have: dict[Key, KernelObject]) -> dict[str, list[FlushFlows]]:
    """What to flush, by unit, after the elements have changed.

    A namespace that is made or deleted by this plan has no flows to end.
    """
    found: defaultdict[str, set[FlushFlows]] = defaultdict(set)
    for obj in _changed_elements(delta):
        home = ("netns", obj.netns)
        if home in have and home in delta.home:
            unit = delta.unit_of(obj.key)
            found[unit].update(FlushFlows(netns=obj.netns, address=one) for one in _addresses(obj))
    return {unit: sorted(actions) for unit, actions in found.items()}


def _changed_elements(delta: Delta) -> Iterable[NftElement]:
    changed: list[KernelObject] = [*delta.create.values(), *delta.surplus.values()]
    for change in delta.update.values():
        changed += change
    return (obj for obj in changed if isinstance(obj, NftElement))


def _addresses(element: NftElement) -> tuple[str, ...]:
    if element.set in _BOTH_SIDES:
        return (element.item[0], element.value[0])
    if element.set in (FORWARDED_PORTS, FIXED_WITH_FLOATING):
        # Of a forwarded port the outer address alone: the instance's other flows are none of its.
        return element.item[:1]
    return ()


def announcements(unit: Unit, steps: Iterable[Step]) -> list[Run]:
    """What to announce once the steps have run."""
    if not unit.announce:
        return []
    made = {step.object.key for step in steps if isinstance(step, Create)}
    made.update(step.new.key for step in steps if isinstance(step, Update))
    return [Run(action) for key, action in unit.announce if key in made]
