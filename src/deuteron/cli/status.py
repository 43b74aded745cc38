"""``deuteron status``: how this host is doing, as far as it can be told."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

import click
import msgspec
from rich.console import Console
from rich.table import Table

from deuteron.agent.diagnose import Finding, Memory, is_healthy, moment
from deuteron.cli import output as out
from deuteron.cli.doctor import examine, remember
from deuteron.cli.options import output_option, state_dir_option
from deuteron.cli.session import known_state, real_kernel
from deuteron.cli.settings import state_path
from deuteron.errors import HostError
from deuteron.reconcile.words import plain
from deuteron.state.journal import Verb
from deuteron.state.quarantine import Quarantined

UnitState = Literal["ok", "unknown", "pending", "differs", "leaked", "unclaimed", "quarantined"]

_ENDLESS: Final = 10_000
_COLOURS: Final[Mapping[UnitState, str]] = {"ok": "green", "unknown": "dim"}

#: What a finding makes of its unit; the last one that applies counts.
_WORSE: Final[tuple[tuple[tuple[str, ...], UnitState], ...]] = (
    (("missing", "changed", "half-made"), "differs"),
    (("leaked",), "leaked"),
    (("unclaimed",), "unclaimed"),
)


class Committed(msgspec.Struct, frozen=True, kw_only=True):
    """What was applied last."""

    source: str
    at: datetime


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """A change that was begun and not finished; ``units`` is how many it had to do."""

    verb: Verb
    source: str
    at: datetime
    units: int


class UnitStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One unit.

    Attributes:
        state: ``ok``; ``unknown``: the kernel was not looked at; ``pending``: in an unfinished change;
            ``differs``; ``leaked``; ``unclaimed``; ``quarantined``.
    """

    unit: str
    title: str
    state: UnitState


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """What ``-o json`` prints.

    Attributes:
        healthy: nothing is to be done.
        looked: the kernel was looked at.
        trouble: code and sentence of what is wrong with the state directory.
        tally: how many units are in each state.
    """

    state_dir: str
    healthy: bool
    looked: bool
    committed: Committed | None
    pending: Pending | None
    trouble: tuple[tuple[str, str], ...]
    tally: dict[str, int]
    units: tuple[UnitStatus, ...]
    quarantined: tuple[Quarantined, ...]
    version: int = 1


@click.command("status")
@click.option("--offline", is_flag=True, help="Tell what the state directory says, without a look.")
@click.option("-a", "--all", "everything", is_flag=True, help="List the units that are well, too.")
@state_dir_option
@output_option
def status_command(*, offline: bool, everything: bool, state_dir: Path | None, output: str) -> None:
    """How this host is: what was applied last, what is unfinished, which units are not well.

    The kernel is looked at once, where this user may; deuteron doctor tells each difference.

    Exit status: 0 all is well, 3 otherwise.

    \b
    deuteron status
    deuteron status --offline -o json
    """
    findings = None if offline else _findings(state_dir)
    status = describe(state_dir, findings)
    if output == "json":
        out.json(status)
    else:
        _print(status, everything=everything)
    sys.exit(0 if status.healthy else 3)


def _findings(state_dir: Path | None) -> tuple[Finding, ...] | None:
    """What a look finds, ``None`` where this user cannot look."""
    try:
        with real_kernel() as kernel:
            return examine(kernel, state_dir)
    except HostError as error:
        click.echo(f"note: the kernel was not looked at: {error.message}", err=True)
        return None


def describe(state_dir: Path | None, findings: tuple[Finding, ...] | None) -> Status:
    """The status.

    Args:
        state_dir: the one that was named, if any.
        findings: of a look, ``None`` where there was none.
    """
    memory = remember(state_dir, run_dir=None)
    told = findings or ()
    trouble = memory.trouble or tuple((one.code, one.what) for one in told if one.kind == "state")
    units = _units(memory, told, looked=findings is not None)
    pending = memory.pending
    well = not (trouble or pending or memory.intents or memory.quarantine)
    return Status(
        state_dir=str(state_path(state_dir)),
        healthy=well and is_healthy(told),
        looked=findings is not None,
        committed=None if trouble else _committed(state_dir),
        pending=Pending(verb=pending.verb, source=pending.source, at=pending.at, units=len(memory.intents))
        if pending is not None
        else None,
        trouble=trouble,
        tally=dict(Counter(unit.state for unit in units)),
        units=units,
        quarantined=memory.quarantine,
    )


def _committed(state_dir: Path | None) -> Committed | None:
    with known_state(state_dir) as state:
        record = None if state is None else state.record()
    return None if record is None else Committed(source=record.source, at=record.at)


def _units(memory: Memory, findings: tuple[Finding, ...], *, looked: bool) -> tuple[UnitStatus, ...]:
    """All units that are known of: wanted ones in their order, then the others."""
    titles = {unit.name: unit.title for unit in (memory.wanted.units if memory.wanted else ())}
    titles |= {one.unit: one.title for one in memory.quarantine if one.unit not in titles}
    titles |= {one.unit: one.title for one in memory.intents if one.unit not in titles}
    titles |= {one.unit: one.unit for one in findings if one.unit and one.unit not in titles}
    states: dict[str, UnitState] = dict.fromkeys(titles, "ok" if looked else "unknown")
    for kinds, state in _WORSE:
        states.update((one.unit, state) for one in findings if one.unit and one.kind in kinds)
    if memory.pending is not None:
        states.update((one.unit, "pending") for one in memory.intents)
    states.update((one.unit, "quarantined") for one in memory.quarantine)
    return tuple(UnitStatus(unit=unit, title=titles[unit], state=states[unit]) for unit in titles)


def _print(status: Status, *, everything: bool) -> None:
    click.echo(f"State directory: {status.state_dir}")
    for code, sentence in status.trouble:
        click.secho(f"Trouble: {sentence} [{code}]", fg="red")
    if not status.trouble:
        click.echo(f"Applied: {_applied(status.committed)}")
    if status.pending is not None:
        one = status.pending
        click.secho(
            f"Unfinished: {one.verb} of {plain(one.source)}, begun {moment(one.at)};"
            " finish it (deuteron recover), or go back (deuteron recover --back)",
            fg="yellow",
        )
    counted = ", ".join(f"{count} {state}" for state, count in sorted(status.tally.items())) or "none"
    click.echo(f"Units: {counted}")
    shown = [unit for unit in status.units if everything or unit.state not in ("ok", "unknown")]
    # Into a file or a pipe, lines are as long as they are: names and ids stay whole.
    console = Console() if sys.stdout.isatty() else Console(width=_ENDLESS)
    if shown:
        console.print(_table(shown))
    if status.quarantined:
        console.print(_quarantine(status.quarantined))
    click.echo(_conclusion(status))


def _applied(committed: Committed | None) -> str:
    if committed is None:
        return "nothing"
    if committed.source == "destroy":
        return f"nothing, since a destroy that left something, {moment(committed.at)}"
    return f"{plain(committed.source)}, {moment(committed.at)}"


def _table(units: list[UnitStatus]) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("unit", "name", "state"):
        table.add_column(column, overflow="fold")
    for unit in units:
        table.add_row(unit.unit, plain(unit.title), f"[{_COLOURS.get(unit.state, 'red')}]{unit.state}[/]")
    return table


def _quarantine(units: tuple[Quarantined, ...]) -> Table:
    table = Table(title="Quarantined", title_justify="left", title_style="bold", box=None, pad_edge=False)
    for column in ("unit", "code", "attempts", "since", "next try", "error"):
        table.add_column(column, overflow="fold")
    for one in units:
        times = str(one.attempts), moment(one.since), moment(one.next)
        table.add_row(one.unit, one.code, *times, plain(one.error))
    return table


def _conclusion(status: Status) -> str:
    if not status.healthy:
        return "Not well: deuteron doctor tells what and why, deuteron doctor --repair mends it."
    return "All is well." if status.looked else "Nothing unfinished; whether the kernel agrees is not known."
