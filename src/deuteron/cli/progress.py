"""Running a plan in front of a person: a progress bar where it takes longer, then the tally."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from deuteron.agent.change import wanted_of
from deuteron.agent.recover import Recovered
from deuteron.apply import Prepared, Result, UnitResult
from deuteron.apply.read_back import refuse
from deuteron.cli import output
from deuteron.cli.session import Session
from deuteron.reconcile import Plan, UnitPlan
from deuteron.reconcile.render import NO_CHANGES
from deuteron.state.journal import Target

_CROSS: Final = "✗"

#: How the outcome's line begins.
_DONE: Final = {"apply": "Applied", "destroy": "Destroyed"}


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
        self._print(f"{_CROSS} {result.error} [{result.code}]", style="red")
        for line in result.left:
            self._print(f"    left: {line}")
        self._progress.advance(self._task)

    def _print(self, line: str, style: str | None = None) -> None:
        # A line stays one line, whatever the width: it is searched and copied.
        self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True, style=style)


def run_with_progress(session: Session, target: Target, *, form: str) -> bool:
    """Bring the host to ``target``; the bar goes to standard error, the outcome to standard output.

    Args:
        session: what to run it on.
        target: where to go.
        form: ``text`` or ``json``.

    Returns:
        Whether every unit is done.

    Raises:
        KernelError: ``read-back-differs``, or a look was refused.
    """
    console = Console(file=sys.stderr)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    wanted = wanted_of(target)
    with bar as progress, stopped_like_interrupted():
        changed = session.change(target, wanted, reporter=lambda prepared: _bar(progress, prepared))
    _tell_recovered(changed.recovered)
    result = changed.result
    if form == "json":
        output.json({"version": 1, "ok": result.ok, "seconds": result.seconds, "units": result.units})
    else:
        click.echo(outcome(changed.prepared.plan, result, _DONE[target.verb]))
    session.drain()
    refuse(changed.mismatches)
    return result.ok


def _bar(progress: Progress, prepared: Prepared) -> Bar:
    return Bar(progress, len(prepared.plan.units) + len(prepared.refused))


def _tell_recovered(recovered: Recovered) -> None:
    """What an interrupted change had left half made, on standard error."""
    half = [unit for unit in recovered.units if unit.found in ("restored", "left")]
    sentences = [
        f"{unit.title} was half made by an interrupted change; "
        + ("it was taken back first" if unit.found == "restored" else "not all of it could be taken back")
        for unit in half
    ]
    output.notices(sentences)
    for unit in half:
        for line in unit.left:
            click.echo(f"    left: {line}", err=True)


@contextmanager
def stopped_like_interrupted() -> Iterator[None]:
    """Let SIGTERM do what Ctrl-C does: a unit in progress is taken back before the process ends."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def outcome(plan: Plan, result: Result, verb: str) -> str:
    """The last line: what was done, and how long it took."""
    if not result.units:
        return NO_CHANGES
    tally = plan.tally
    done = len(result.units) - len(result.failed)
    units = f"{done} unit{'s' * (done != 1)}"
    line = f"{verb}: {tally.add} made, {tally.change} changed, {tally.destroy} destroyed in {units}"
    if result.failed:
        line = f"{verb}: {done} of {len(result.units)} units; {_failures(result)}"
    return f"{line}, {result.seconds * 1000:.0f} ms."


def _failures(result: Result) -> str:
    outcomes = [unit.outcome for unit in result.failed]
    parts = (
        (outcomes.count("undone"), "failed, all of it taken back"),
        (outcomes.count("undo-failed"), "failed, not all of it could be taken back"),
        (outcomes.count("refused"), "refused"),
        (outcomes.count("skipped"), "not tried"),
    )
    return "; ".join(f"{count} {what}" for count, what in parts if count)
