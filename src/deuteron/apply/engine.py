"""Run a plan, unit by unit: each is a transaction, and one that fails is taken back.

A failing unit does not stop the others, except those that build on it.  Nothing is
raised for it: the result says of every unit what became of it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec

from deuteron.apply.look import look_for
from deuteron.errors import KernelError
from deuteron.kernel.protocol import Kernel
from deuteron.objects import Delete, Foreign, Observed, Run, Step, Sysctl, Wanted, inverse
from deuteron.reconcile import Plan, UnitPlan, make_plan
from deuteron.reconcile.check import require
from deuteron.reconcile.render import line

UnitOutcome = Literal["done", "undone", "undo-failed", "skipped"]


class UnitResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one unit.

    Attributes:
        outcome: ``done``; ``undone``: a step failed and all is as before; ``undo-failed``:
            and some of it could not be taken back; ``skipped``: a unit it needs failed.
        steps: how many were run and had their effect.
        seconds: wall time, undo included.
        code: of the error, or "".
        error: one sentence that names the step, or "".
        left: after ``undo-failed``, what could not be taken back, a line each.
    """

    unit: str
    title: str
    outcome: UnitOutcome
    steps: int
    seconds: float
    code: str = ""
    error: str = ""
    left: tuple[str, ...] = ()


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a plan."""

    units: tuple[UnitResult, ...] = ()
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether every unit is done."""
        return all(unit.outcome == "done" for unit in self.units)

    @property
    def failed(self) -> tuple[UnitResult, ...]:
        """The units that are not done."""
        return tuple(unit for unit in self.units if unit.outcome != "done")


class Differences(msgspec.Struct, frozen=True, kw_only=True):
    """What still differs after an apply, or has drifted since.

    Attributes:
        plan: the steps that would mend it; empty where all is as wanted.
        foreign: what is not ours in our namespaces; reported, never touched.
    """

    plan: Plan
    foreign: tuple[Foreign, ...] = ()

    @property
    def none(self) -> bool:
        """Whether the kernel is as wanted; foreign things are no difference."""
        return not self.plan.units


class Reporter(Protocol):
    """Who wants to know how far an apply is."""

    def unit_started(self, unit: UnitPlan) -> None:
        """A unit's steps are about to be run."""
        ...

    def unit_done(self, result: UnitResult) -> None:
        """All steps of a unit have had their effect."""
        ...

    def unit_failed(self, result: UnitResult) -> None:
        """A unit was taken back, could not be, or was skipped."""
        ...


class Silent:
    """A reporter that says nothing."""

    def unit_started(self, unit: UnitPlan) -> None:
        """Nothing."""

    def unit_done(self, result: UnitResult) -> None:
        """Nothing."""

    def unit_failed(self, result: UnitResult) -> None:
        """Nothing."""


def prepare(kernel: Kernel, wanted: Wanted, *earlier: Wanted) -> Plan:
    """Look, check the preconditions, and plan; nothing is written.

    Raises:
        HostError: something that is needed is missing, or something foreign is in the way.
        KernelError: the look was refused.
    """
    observed = kernel.observe(look_for(wanted, *earlier))
    require(wanted, observed)
    return make_plan(wanted, observed)


def apply_plan(kernel: Kernel, plan: Plan, reporter: Reporter | None = None) -> Result:
    """Run every unit of ``plan``; never raises for a unit that fails."""
    watcher = reporter or Silent()
    begun = time.monotonic()
    failed: set[str] = set()
    results: list[UnitResult] = []
    for unit in plan.units:
        missing = [name for name in unit.needs if name in failed]
        if missing:
            result = _skipped(unit, missing[0])
        else:
            watcher.unit_started(unit)
            result = _run_unit(kernel, unit)
        results.append(result)
        if result.outcome == "done":
            watcher.unit_done(result)
        else:
            failed.add(unit.unit)
            watcher.unit_failed(result)
    return Result(units=tuple(results), seconds=time.monotonic() - begun)


def _skipped(unit: UnitPlan, missing: str) -> UnitResult:
    return UnitResult(
        unit=unit.unit,
        title=unit.title,
        outcome="skipped",
        steps=0,
        seconds=0.0,
        code="needed-unit-failed",
        error=f"{unit.title} was not tried: it needs {missing}, which failed; mend that one and apply again",
    )


def _run_unit(kernel: Kernel, unit: UnitPlan) -> UnitResult:
    begun = time.monotonic()
    try:
        outcome = kernel.run(unit.steps)
    except BaseException:
        # Interrupted (Ctrl-C): what was done is not known, and taking back is safe for
        # what was not: a deletion of what is not there succeeds.
        take_back(kernel, unit.steps)
        raise
    if outcome.failed is None:
        return UnitResult(
            unit=unit.unit,
            title=unit.title,
            outcome="done",
            steps=len(unit.steps),
            seconds=time.monotonic() - begun,
        )
    done = [step for step, effect in zip(unit.steps, outcome.done, strict=True) if effect]
    left = take_back(kernel, done)
    return _failure(unit, outcome.failed, outcome.error, left, time.monotonic() - begun)


def _failure(
    unit: UnitPlan, failed: int, error: KernelError | None, left: tuple[str, ...], seconds: float
) -> UnitResult:
    reason = error or KernelError("kernel-refused", "the kernel gave no reason")
    where = f"step {failed + 1} of {len(unit.steps)} ({line(unit.steps[failed])})"
    sentence = f"{unit.title}: {where} failed: {reason.message}"
    if left:
        sentence += f"; {len(left)} of the steps before it could not be taken back, apply again or destroy"
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


def undo_steps(done: Sequence[Step]) -> tuple[Step, ...]:
    """The inverse of ``done``, in the order to run it."""
    return tuple(back for step in reversed(done) for back in inverse(step) if _undoable(back))


def take_back(kernel: Kernel, done: Sequence[Step]) -> tuple[str, ...]:
    """Run the inverse of ``done``, backwards; a line for each step that failed at that."""
    steps = undo_steps(done)
    left: list[str] = []
    while steps:
        outcome = kernel.run(steps)
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


def _undoable(step: Step) -> bool:
    # A sysctl that was made came with its namespace or link and goes with it.
    return not (isinstance(step, Run) or (isinstance(step, Delete) and isinstance(step.object, Sysctl)))


def verify(kernel: Kernel, wanted: Wanted) -> Differences:
    """Look once more and say what differs from ``wanted``.

    Raises:
        KernelError: the look was refused.
    """
    return differences(wanted, kernel.observe(look_for(wanted)))


def differences(wanted: Wanted, observed: Observed) -> Differences:
    """What differs between the two."""
    return Differences(plan=make_plan(wanted, observed), foreign=observed.foreign)
