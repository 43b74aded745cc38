"""One unit's attempt: its steps, and where one fails the verified way back."""

from __future__ import annotations

import errno
import time
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

from deuteron.apply.result import UnitResult
from deuteron.apply.rollback import Objects, advance, touched
from deuteron.apply.undo import restore, take_back
from deuteron.errors import DeuteronError, KernelError
from deuteron.kernel.protocol import Kernel, Outcome, namespaces_written
from deuteron.locks import Lock, Rank
from deuteron.objects import HOST, KernelObject, Key, Observed, Step, Sysctl, Update
from deuteron.reconcile import UnitPlan
from deuteron.reconcile.invariant import namespaces_of
from deuteron.reconcile.render import line

#: The codes of answers that do not tell whether the step was done.
_UNKNOWN: Final = frozenset({"kernel-timeout", "netlink-timeout", "lock-timeout"})


class Memory:
    """What the kernel holds as far as this run knows: what was observed, and what the units did since.

    What they did is only worked out where a unit fails: most runs never ask.
    """

    def __init__(self, observed: Observed) -> None:
        self._observed = observed
        #: What differs from the observed since, ``None`` for what is gone: the rest, which may be
        #: all of a large host, is not copied.
        self._since: dict[Key, KernelObject | None] = {}
        self._done: deque[tuple[Step, ...]] = deque()
        self._lock = Lock(Rank.MEMORY)
        self.foreign = observed.foreign

    def _now(self, keys: Iterable[Key]) -> Objects:
        known, since = self._observed.objects, self._since
        things = ((key, since[key] if key in since else known.get(key)) for key in keys)
        return {key: thing for key, thing in things if thing is not None}

    def done(self, unit: UnitPlan) -> None:
        """All steps of the unit have had their effect."""
        self._done.append(unit.steps)

    def _catch_up(self) -> None:
        while self._done:
            steps = self._done.popleft()
            keys = touched(steps)
            now = self._now(keys)
            advance(now, steps)
            self._since.update((key, now.get(key)) for key in keys)

    def before(self, unit: UnitPlan) -> Objects:
        """What its steps touch, and what it has in the namespaces that they write to, as before them."""
        places = {HOST, *namespaces_written(unit.steps)}
        own = {key for key, owner in self._observed.owners.items() if owner == unit.unit}
        with self._lock:
            self._catch_up()
            untold = {key: thing for key, thing in _untold(unit.steps).items() if key not in self._since}
            found = untold | self._now(own | touched(unit.steps))
        return {key: thing for key, thing in found.items() if places.issuperset(namespaces_of(thing))}


def _untold(steps: Iterable[Step]) -> Objects:
    """The links' own parameters that steps write besides: of those that are as wanted no look tells."""
    changes = (step for step in steps if isinstance(step, Update) and isinstance(step.old, Sysctl))
    return {thing.key: thing for step in changes for thing in step.old_contents}


def attempt(kernel: Kernel, unit: UnitPlan, memory: Memory) -> UnitResult:
    """Run the unit's steps; all of them are done afterwards, or none."""
    begun = time.monotonic()
    outcome = _run(kernel, unit, memory)
    if outcome.failed is None and outcome.error is None:
        return UnitResult(
            unit=unit.unit,
            title=unit.title,
            outcome="done",
            steps=len(unit.steps),
            seconds=time.monotonic() - begun,
        )
    left = _go_back(kernel, unit, memory, _affected(unit, outcome))
    return _failure(unit, outcome, left, time.monotonic() - begun)


def failed_before(unit: UnitPlan, error: DeuteronError) -> UnitResult:
    """The result of a unit whose first step was not reached."""
    return _failure(unit, Outcome(done=(), error=_as_kernel_error(error)), (), 0.0)


def _run(kernel: Kernel, unit: UnitPlan, memory: Memory) -> Outcome:
    try:
        return kernel.run(unit.steps)
    except DeuteronError as error:
        # Nothing is known of what was done: taking back is safe for what was not.
        return Outcome(done=(True,) * len(unit.steps), error=_as_kernel_error(error))
    except BaseException:  # interrupted (Ctrl-C); the same
        _go_back(kernel, unit, memory, unit.steps)
        raise


def _as_kernel_error(error: DeuteronError) -> KernelError:
    return error if isinstance(error, KernelError) else KernelError(error.code, error.message)


def _affected(unit: UnitPlan, outcome: Outcome) -> tuple[Step, ...]:
    """The steps that may have had an effect: the done ones, and one whose answer was lost."""
    error = outcome.error
    unknown = error is not None and (error.code in _UNKNOWN or error.errno == errno.ETIMEDOUT)
    return tuple(
        step
        for index, (step, effect) in enumerate(zip(unit.steps, outcome.done, strict=True))
        if effect or (unknown and index == outcome.failed)
    )


def _go_back(kernel: Kernel, unit: UnitPlan, memory: Memory, steps: Sequence[Step]) -> tuple[str, ...]:
    # What could not be taken back step by step is told only if it then still differs.
    take_back(kernel, steps)
    return restore(kernel, unit.unit, memory.before(unit), unit.steps, foreign=memory.foreign)


def _failure(unit: UnitPlan, outcome: Outcome, left: tuple[str, ...], seconds: float) -> UnitResult:
    reason = outcome.error or KernelError("kernel-refused", "the kernel gave no reason")
    where = (
        "it"
        if outcome.failed is None
        else f"step {outcome.failed + 1} of {len(unit.steps)} ({line(unit.steps[outcome.failed])})"
    )
    sentence = f"{unit.title}: {where} failed: {reason.message}"
    if left:
        many = f"{len(left)} thing{'s' * (len(left) != 1)}"
        sentence += f"; {many} could not be brought back to what it was, apply again or destroy"
    return UnitResult(
        unit=unit.unit,
        title=unit.title,
        outcome="undo-failed" if left else "undone",
        steps=0,
        seconds=seconds,
        code="undo-failed" if left else reason.code,
        error=sentence,
        left=left,
    )
