"""Running a plan in front of a person: a progress bar where it takes longer, then the tally."""

from __future__ import annotations

import sys
from typing import Final

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from deuteron.apply import Result, UnitResult, apply_plan
from deuteron.cli import output
from deuteron.kernel.protocol import Kernel
from deuteron.reconcile import Plan, UnitPlan
from deuteron.reconcile.render import NO_CHANGES

_CROSS: Final = "✗"


class Bar:
    """Drives a progress bar by units; prints each failure above it."""

    def __init__(self, progress: Progress, units: int) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=units)

    def unit_started(self, unit: UnitPlan) -> None:
        """Name the unit at the bar."""
        self._progress.update(self._task, description=unit.title)

    def unit_done(self, result: UnitResult) -> None:
        """One more."""
        del result
        self._progress.advance(self._task)

    def unit_failed(self, result: UnitResult) -> None:
        """One more, and why it failed."""
        self._progress.console.print(f"{_CROSS} {result.error} [{result.code}]", markup=False, style="red")
        for line in result.left:
            self._progress.console.print(f"    left: {line}", markup=False)
        self._progress.advance(self._task)


def run_with_progress(kernel: Kernel, plan: Plan, *, form: str, verb: str) -> Result:
    """Run ``plan``; the bar goes to standard error, the outcome to standard output.

    Args:
        kernel: what to run it on.
        plan: what to run.
        form: ``text`` or ``json``.
        verb: how the outcome's line begins, ``Applied`` or ``Destroyed``.
    """
    console = Console(file=sys.stderr)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        result = apply_plan(kernel, plan, Bar(progress, len(plan.units)))
    if form == "json":
        output.json(result)
    else:
        click.echo(outcome(plan, result, verb))
    return result


def outcome(plan: Plan, result: Result, verb: str) -> str:
    """The last line: what was done, and how long it took."""
    if not plan.units:
        return NO_CHANGES
    tally = plan.tally
    done = len(plan.units) - len(result.failed)
    line = f"{verb}: {tally.add} made, {tally.change} changed, {tally.destroy} destroyed in {done} units"
    if result.failed:
        units = [unit.outcome for unit in result.failed]
        line = f"{verb} {done} of {len(plan.units)} units; {len(units)} failed and are as they were"
        if left := units.count("undo-failed"):
            line += f", but {left} could not be taken back whole"
    return f"{line}, {result.seconds * 1000:.0f} ms."
