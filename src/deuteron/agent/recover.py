"""After a crash: each unit that was being changed is made whole, as it was or as it was to be.

The journal tells the steps of each unit, the kernel what became of them::

    as before its steps    nothing of it was done, or all of it was taken back
    as after its steps     it was done; what leaves no object (announcements, ended flows) is done again
    nothing of it left     the host was rebooted, or somebody has taken it away: nothing to make whole
    anything else          half made: what bears no mark yet is removed, and it is made what it was before

A link is made by one message and marked by another, and a name for a namespace is made before the
namespace is mounted on it.  What a process left between the two is known by the journal's name,
MAC address and kind together, and by nothing less.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from deuteron.apply import rollback
from deuteron.apply.look import look_at_objects
from deuteron.apply.remnant import remnants, sweeping
from deuteron.apply.undo import restore, run_all
from deuteron.kernel.protocol import Kernel
from deuteron.objects import Look, Observed, Run
from deuteron.objects.step import objects_of
from deuteron.state.directory import State
from deuteron.state.journal import Intent

Found = Literal["before", "after", "gone", "restored", "left"]


class RecoveredUnit(msgspec.Struct, frozen=True, kw_only=True):
    """What was found of one unit.

    Attributes:
        found: ``before``, ``after``, ``gone``: whole; ``restored``: half made, and now as before;
            ``left``: half made, and not all of it could be brought back.
        left: what is not as it was, a line each.
    """

    unit: str
    title: str
    found: Found
    left: tuple[str, ...] = ()


class Recovered(msgspec.Struct, frozen=True, kw_only=True):
    """What was found of an unfinished change; empty where none was unfinished.

    Attributes:
        unwhole: the intents of the units that are still half made.
    """

    units: tuple[RecoveredUnit, ...] = ()
    unwhole: tuple[Intent, ...] = ()


def recover(kernel: Kernel, state: State) -> Recovered:
    """Make every unit of an unfinished change whole; safe to be interrupted, and to be run again.

    The journal stays: the caller goes forward or back from here.

    Raises:
        HostError: the state directory cannot be read.
        KernelError: the look was refused.
    """
    intents = state.intents()
    if not intents:
        return Recovered()
    observed = kernel.observe(look_for_intents(intents))
    if swept := _sweep(kernel, intents, observed):
        observed = kernel.observe(look_for_intents(intents))
    # Backwards: what was begun last builds on what was begun before it.
    concerns = rollback.Concerns(observed)
    found = [_recover_unit(kernel, intent, concerns, swept) for intent in reversed(intents)]
    units = tuple(reversed(found))
    unwhole = tuple(i for i, unit in zip(intents, units, strict=True) if unit.found == "left")
    return Recovered(units=units, unwhole=unwhole)


def look_for_intents(intents: Sequence[Intent]) -> Look:
    """What to look at to judge the units of a journal."""
    return look_at_objects(thing for one in intents for step in one.steps for thing in objects_of(step))


def _sweep(kernel: Kernel, intents: Sequence[Intent], observed: Observed) -> dict[str, tuple[str, ...]]:
    """Remove the remnants; by unit, a line for each that stays."""
    swept: dict[str, tuple[str, ...]] = {}
    for intent in intents:
        for thing in remnants(intent.steps, observed):
            swept[intent.unit] = (*swept.get(intent.unit, ()), *run_all(kernel, sweeping(thing)))
    return swept


def _recover_unit(
    kernel: Kernel, intent: Intent, concerns: rollback.Concerns, swept: dict[str, tuple[str, ...]]
) -> RecoveredUnit:
    def unit(found: Found, left: tuple[str, ...] = ()) -> RecoveredUnit:
        return RecoveredUnit(unit=intent.unit, title=intent.title, found=found, left=left)

    there = concerns.of(intent.unit, intent.steps)
    if there == rollback.after(there, intent.steps):
        actions = [step for step in intent.steps if isinstance(step, Run)]
        return unit("after", run_all(kernel, actions))
    before = rollback.before(there, intent.steps)
    if there == before and intent.unit not in swept:
        return unit("before")
    if not there and intent.unit not in swept:
        return unit("gone")
    left = restore(kernel, intent.unit, before, intent.steps)
    return unit("left", (*swept.get(intent.unit, ()), *left)) if left else unit("restored")
