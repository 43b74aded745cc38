"""Run a plan, unit by unit: each is a transaction, and one that fails is taken back.

A failing unit does not stop the others, except those that build on it.  Nothing is
raised for it: the result says of every unit what became of it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing

import msgspec

from deuteron.apply.attempt import Memory
from deuteron.apply.isolate import Refusal, frozen, plan_apart
from deuteron.apply.look import look_again, look_for
from deuteron.apply.parallel import Crew
from deuteron.apply.result import Reporter, Result, Silent, UnitResult
from deuteron.errors import DeuteronError
from deuteron.kernel.protocol import Kernel
from deuteron.objects import Foreign, Look, Observed, Wanted
from deuteron.reconcile import Plan, UnitPlan, make_plan


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that an apply starts from.

    Attributes:
        wanted: all units, the refused ones too.
        observed: what was there.
        plan: the steps of the units that can be tried.
        refused: the units that cannot, in wanted order.
    """

    wanted: Wanted
    observed: Observed
    plan: Plan
    refused: tuple[Refusal, ...] = ()


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


def prepare(kernel: Kernel, wanted: Wanted, *earlier: Wanted) -> Prepared:
    """Look, check each unit's preconditions, and plan; nothing is written.

    A unit that misses something it needs, or has something foreign in its way, is
    refused alone.

    Raises:
        KernelError: the look was refused.
    """
    look = look_for(wanted, *earlier)
    observed = kernel.observe(look)
    plan, refused = plan_apart(wanted, observed)
    if (more := look_again(look, plan, observed.netns)) is not None:
        observed = kernel.observe(more)
        plan, refused = plan_apart(wanted, observed)
    return Prepared(wanted=wanted, observed=observed, plan=plan, refused=refused)


def apply_plan(
    kernel: Kernel,
    prepared: Prepared,
    reporter: Reporter | None = None,
    *,
    others: Sequence[Kernel] = (),
) -> Result:
    """Run every unit of the plan; never raises for a unit that fails.

    Args:
        kernel: what to run on.
        prepared: what to run, and what was there before.
        reporter: told of each unit, on the calling thread.
        others: more kernels of the same host, a worker each; the result is that of one worker.
    """
    watcher = reporter or Silent()
    begun = time.monotonic()
    failed: set[str] = set()
    refused = [_refused(refusal) for refusal in prepared.refused]
    for result in refused:
        failed.add(result.unit)
        watcher.unit_failed(result)

    def skip(unit: UnitPlan) -> UnitResult | None:
        missing = next((name for name in unit.needs if name in failed), None)
        return None if missing is None else _skipped(unit, missing)

    crew = Crew((kernel, *filter(_is_ready, others)), prepared.plan.units, Memory(prepared.observed))
    results: dict[int, UnitResult] = {}
    with closing(crew.run(skip, watcher.unit_started)) as running:
        for position, result in running:
            results[position] = result
            if result.outcome == "done":
                watcher.unit_done(result)
            else:
                failed.add(result.unit)
                watcher.unit_failed(result)
    units = (*refused, *(results[position] for position in sorted(results)))
    return Result(units=units, seconds=time.monotonic() - begun)


def _is_ready(kernel: Kernel) -> bool:
    """Let a worker close what is gone since it last worked; one that cannot is not asked for more."""
    try:
        kernel.observe(Look(only=frozenset()))
    except DeuteronError:
        return False
    return True


def _refused(refusal: Refusal) -> UnitResult:
    return UnitResult(
        unit=refusal.unit,
        title=refusal.title,
        outcome="refused",
        steps=0,
        seconds=0.0,
        code=refusal.code,
        error=refusal.error,
    )


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


def verify(kernel: Kernel, wanted: Wanted) -> Differences:
    """Look once more and say what differs from ``wanted``.

    Raises:
        KernelError: the look was refused.
    """
    return differences(wanted, kernel.observe(look_for(wanted)))


def differences(wanted: Wanted, observed: Observed) -> Differences:
    """What differs between the two."""
    return Differences(plan=make_plan(frozen(wanted, observed), observed), foreign=observed.foreign)
