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
from msgspec.structs import replace

from deuteron.apply import rollback
from deuteron.apply.look import look_for
from deuteron.apply.remnant import remnants
from deuteron.apply.undo import restore
from deuteron.kernel.protocol import Kernel
from deuteron.objects import HOST, Delete, Look, Netns, Observed, Run, Step, Unit, Update, Wanted
from deuteron.objects.ownership import may_be_ours
from deuteron.objects.step import objects_of
from deuteron.reconcile.invariant import namespaces_of
from deuteron.reconcile.render import line
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
    found = [_recover_unit(kernel, intent, observed, swept) for intent in reversed(intents)]
    units = tuple(reversed(found))
    unwhole = tuple(i for i, unit in zip(intents, units, strict=True) if unit.found == "left")
    return Recovered(units=units, unwhole=unwhole)


def look_for_intents(intents: Sequence[Intent]) -> Look:
    """What to look at to judge the units of a journal."""
    units = [
        Unit(
            name=intent.unit,
            title=intent.title,
            objects=tuple(thing for step in intent.steps for thing in objects_of(step)),
        )
        for intent in intents
    ]
    look = look_for(Wanted(units=tuple(units)))
    # A step on a link of ours in an instance's namespace names the namespace, and not the pair.
    names = {name for unit in units for thing in unit.objects for name in namespaces_of(thing)}
    return replace(look, namespaces=look.namespaces | {n for n in names if n != HOST and not may_be_ours(n)})


def _sweep(kernel: Kernel, intents: Sequence[Intent], observed: Observed) -> dict[str, tuple[str, ...]]:
    """Remove the remnants; by unit, a line for each that stays."""
    swept: dict[str, tuple[str, ...]] = {}
    for intent in intents:
        for thing in remnants(intent.steps, observed):
            steps: list[Step] = [Delete(thing)]
            if not isinstance(thing, Netns):
                # Given its mark first: what bears none is never removed by anybody.
                steps.insert(0, Update(replace(thing, owner=""), thing))
            swept[intent.unit] = (*swept.get(intent.unit, ()), *_run(kernel, steps))
    return swept


def _recover_unit(
    kernel: Kernel, intent: Intent, observed: Observed, swept: dict[str, tuple[str, ...]]
) -> RecoveredUnit:
    def unit(found: Found, left: tuple[str, ...] = ()) -> RecoveredUnit:
        return RecoveredUnit(unit=intent.unit, title=intent.title, found=found, left=left)

    there = rollback.of_unit(observed, intent.unit, intent.steps)
    if there == rollback.after(there, intent.steps):
        actions = [step for step in intent.steps if isinstance(step, Run)]
        return unit("after", _run(kernel, actions))
    before = rollback.before(there, intent.steps)
    if there == before and intent.unit not in swept:
        return unit("before")
    if not there and intent.unit not in swept:
        return unit("gone")
    left = restore(kernel, intent.unit, before, intent.steps)
    return unit("left", (*swept.get(intent.unit, ()), *left)) if left else unit("restored")


def _run(kernel: Kernel, steps: Sequence[Step]) -> tuple[str, ...]:
    """Run all that can be run; a line for each that could not."""
    left: list[str] = []
    for step in steps:
        outcome = kernel.run([step])
        if outcome.error is not None:
            left.append(f"{line(step)}: {outcome.error.message}")
    return tuple(left)
