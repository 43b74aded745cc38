"""Taking back what a unit has done, and making sure of it.

The inverses of the steps are run first, which is exact where every answer was right.  Then
the kernel is looked at: an answer may have been lost, an inverse refused.  What is not as
it was before is mended by a plan from what is there to what was, a few times at most; what
differs even then is told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from deuteron.apply.look import look_at_objects
from deuteron.apply.remnant import Link, remnants, sweeping
from deuteron.apply.rollback import touched
from deuteron.errors import DeuteronError
from deuteron.kernel.protocol import Kernel
from deuteron.objects import (
    Create,
    Delete,
    Foreign,
    KernelObject,
    Key,
    Netns,
    Observed,
    Run,
    Step,
    Sysctl,
    Unit,
    Wanted,
    inverse,
    objects_of,
)
from deuteron.reconcile import make_plan
from deuteron.reconcile.invariant import namespaces_of
from deuteron.reconcile.render import line
from deuteron.reconcile.words import describe, place

#: How often what still differs is mended before it is told.
TRIES: Final = 3


def undo_steps(done: Sequence[Step]) -> tuple[Step, ...]:
    """The inverse of ``done``, in the order to run it."""
    return tuple(back for step in reversed(done) for back in inverse(step) if _undoable(back))


def _undoable(step: Step) -> bool:
    # A sysctl that was made came with its namespace or link and goes with it.
    return not (isinstance(step, Run) or (isinstance(step, Delete) and isinstance(step.object, Sysctl)))


def take_back(kernel: Kernel, done: Sequence[Step]) -> tuple[str, ...]:
    """Run the inverse of ``done``, backwards; a line for each step that failed at that."""
    return run_all(kernel, undo_steps(done))


def run_all(kernel: Kernel, steps: Sequence[Step]) -> tuple[str, ...]:
    """Run as many of the steps as can be; a line for each that failed."""
    left: list[str] = []
    while steps:
        try:
            outcome = kernel.run(steps)
        except DeuteronError as error:
            left.append(error.message)
            break
        if outcome.failed is None:
            break
        reason = outcome.error.message if outcome.error is not None else "no reason given"
        left.append(f"{line(steps[outcome.failed])}: {reason}")
        # Independent steps of the failing one's batch may be done already.
        steps = tuple(
            step
            for index, (step, effect) in enumerate(zip(steps, outcome.done, strict=True))
            if not effect and index != outcome.failed
        )
    return tuple(left)


def restore(
    kernel: Kernel,
    unit: str,
    before: Mapping[Key, KernelObject],
    steps: Sequence[Step],
    *,
    foreign: Collection[Foreign] = (),
    tries: int = TRIES,
) -> tuple[str, ...]:
    """Bring a unit to what it was before its steps, whatever became of them.

    Args:
        kernel: what to look at and to run on.
        unit: its name, as owner.
        before: what it had and what its steps touch, as it was; see :mod:`deuteron.apply.rollback`.
        steps: those that may have had an effect.
        foreign: what was not ours before, to tell what went with a namespace.
        tries: how often to mend.

    Returns:
        A line for each thing that is not as it was, empty where all is: then nothing is there
        that the steps made, not even a link without its mark or a namespace's dead file.
    """
    scope = _Scope(unit, before, steps, foreign)
    for left in range(tries, -1, -1):
        try:
            observed = scope.seen(kernel.observe(scope.look))
            lines = (*scope.differing(observed), *scope.lost(observed))
            mending = scope.mending(observed) if left else ()
        except DeuteronError as error:
            lines, mending = (f"{unit} could not be looked at: {error.message}",), ()
        else:
            if not mending:
                return lines
        run_all(kernel, mending)
    return lines


class _Scope:
    """What a restoration looks at and answers for."""

    def __init__(
        self,
        unit: str,
        before: Mapping[Key, KernelObject],
        steps: Sequence[Step],
        foreign: Collection[Foreign],
    ) -> None:
        self.unit = unit
        self.before = before
        self.steps = steps
        self.keys = touched(steps) | before.keys()
        self.things = [*before.values(), *(thing for step in steps for thing in objects_of(step))]
        self.names = frozenset(name for thing in self.things for name in namespaces_of(thing))
        self.look = replace(look_at_objects(self.things), only=self.names)
        gone = {
            step.object.name for step in steps if isinstance(step, Delete) and isinstance(step.object, Netns)
        }
        self.foreign = frozenset(one for one in foreign if one.netns in gone)

    def seen(self, observed: Observed) -> Observed:
        """What was looked at whole: a pair only where both its ends were."""
        objects = {
            key: thing
            for key, thing in observed.objects.items()
            if key in self.keys or self.names.issuperset(namespaces_of(thing))
        }
        return replace(observed, objects=objects)

    def _mine(self, observed: Observed) -> frozenset[Key]:
        return self.keys | {key for key in observed.objects if observed.owners[key] == self.unit}

    def differing(self, observed: Observed) -> Iterator[str]:
        """A line for each thing that is not as it was."""
        for key in sorted(self._mine(observed)):
            was, now = self.before.get(key), observed.objects.get(key)
            if was == now:
                continue
            if was is None and now is not None:
                yield f"still there: {describe(now)}"
            elif was is not None:
                yield f"missing: {describe(was)}" if now is None else f"other than before: {describe(now)}"
        for thing in self.remnants(observed):
            yield f"half made: {describe(thing)}"

    def lost(self, observed: Observed) -> Iterator[str]:
        """A line for each thing that was not ours and went with a namespace."""
        for one in sorted(self.foreign.difference(observed.foreign)):
            yield f"lost, and not ours to make again: {one.kind} {one.what} {place(one.netns)}"

    def remnants(self, observed: Observed) -> Iterator[Link | Netns]:
        """What the steps began to make and did not finish: it bears our name and MAC address, but no mark."""
        made = (
            step for step in self.steps if isinstance(step, Create) and step.object.key not in self.before
        )
        return remnants(made, observed)

    def mending(self, observed: Observed) -> tuple[Step, ...]:
        """The steps from what is there to what was.

        Raises:
            InvariantError: something else is in a namespace that has to go.
        """
        swept = [step for remnant in self.remnants(observed) for step in sweeping(remnant)]
        mine = self._mine(observed)
        others: defaultdict[str, list[KernelObject]] = defaultdict(list)
        for key, thing in observed.objects.items():
            if key not in mine:
                others[observed.owners[key]].append(thing)
        units = [_unit(self.unit, self.before.values()), *(_unit(*other) for other in others.items())]
        plan = make_plan(Wanted(units=tuple(units)), observed)
        return (*swept, *(step for one in plan.units for step in one.steps if not isinstance(step, Run)))


def _unit(name: str, objects: Iterable[KernelObject]) -> Unit:
    return Unit(name=name, title=name, objects=tuple(sorted(objects, key=lambda one: one.key)))
