"""``deuteron doctor``: what is not as it should be, whose it is, and where it comes from."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click
import msgspec

from deuteron.agent.change import forward, wanted_of
from deuteron.agent.diagnose import (
    Finding,
    Memory,
    age_in_words,
    dead_files,
    diagnose,
    is_healthy,
    tally,
)
from deuteron.agent.examine import look, ownership_trouble, recall
from deuteron.apply.result import Result, UnitResult
from deuteron.cli import output as out
from deuteron.cli.adoption import adopt_host, tell
from deuteron.cli.options import input_options, optional_file_argument, output_option, state_dir_option
from deuteron.cli.progress import stopped_like_interrupted
from deuteron.cli.session import Request, Session, known_state, opened, real_kernel
from deuteron.cli.settings import state_path
from deuteron.errors import DeuteronError, HostError
from deuteron.kernel.protocol import Kernel
from deuteron.objects import Delete, Netns
from deuteron.state.directory import utc_now
from deuteron.state.host import RUN_DIR

#: Where namespaces have their names.
NETNS_DIR: Final = Path("/run/netns")

NOTHING_FOUND: Final = "Nothing found. The host is as wanted."

_COLOURS: Final = {"foreign": "cyan", "interrupted": "yellow", "quarantined": "yellow", "changed": "yellow"}


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What ``-o json`` prints.

    Attributes:
        healthy: nothing is to be mended (any more).
        findings: in the order in which they are told.
        tally: how many of each kind.
        repaired: with ``--repair``, what became of each unit, else ``None``.
        remaining: with ``--repair``, what was found afterwards, else ``None``.
    """

    state_dir: str
    healthy: bool
    findings: tuple[Finding, ...]
    tally: dict[str, int]
    repaired: tuple[UnitResult, ...] | None = None
    remaining: tuple[Finding, ...] | None = None
    version: int = 1


@click.command("doctor")
@optional_file_argument
@click.option("--repair", is_flag=True, help="Mend what was found, then look again.")
@click.option("--adopt", is_flag=True, help="Make the state directory anew from what is in the kernel.")
@input_options
@state_dir_option
@output_option
def doctor_command(
    *,
    file: Path | None,
    repair: bool,
    adopt: bool,
    host: str | None,
    external_bridges: tuple[str, ...],
    policy: Path | None,
    state_dir: Path | None,
    output: str,
) -> None:
    """Tell all that is not as it should be on this host: with its owner, its age, who put it there.

    \b
    state        the state directory cannot be used, or the host is another directory's
    interrupted  a change was begun and not finished
    half-made    left by a killed process: a link without its mark, a file without its namespace
    quarantined  a unit that could not be applied
    missing      wanted and not there
    changed      ours and wanted, but other than wanted: which field
    leaked       ours and not wanted
    unclaimed    ours, but nothing has been committed here
    foreign      not ours: told, never touched

    FILE goes with --adopt: for a damaged or lost state directory, or a host that another one
    programs. The damaged database is renamed, and what had been chosen automatically is read
    from the kernel, so that to apply FILE again writes nothing.

    Exit status: 0 nothing found (foreign things are no finding), 3 something found, or left
    after --repair.

    \b
    deuteron doctor
    deuteron doctor --repair
    deuteron doctor --adopt /etc/deuteron/topology.yaml
    """
    if adopt and repair:
        raise click.UsageError("--adopt and --repair exclude each other: adopt, then repair")
    if file is not None and not adopt:
        raise click.UsageError("FILE goes with --adopt; to compare the host with a file, use deuteron verify")
    if adopt:
        request = (
            Request(file=file, host=host, external_bridges=external_bridges, policy=policy) if file else None
        )
        _adopt(request, state_dir, output)
    path = state_path(state_dir)
    with real_kernel() as kernel:
        findings = examine(kernel, state_dir)
    if output == "text":
        _print(findings)
    report = Report(
        state_dir=str(path), healthy=is_healthy(findings), findings=findings, tally=tally(findings)
    )
    if repair and not report.healthy:
        report = _repair(report, state_dir, output)
    if output == "json":
        out.json(report)
    sys.exit(0 if report.healthy else 3)


def _adopt(request: Request | None, state_dir: Path | None, output: str) -> None:
    adoption = adopt_host(request, state_dir)
    if output == "json":
        out.json(adoption)
    else:
        tell(adoption)
    sys.exit(3 if adoption.differing else 0)


def examine(kernel: Kernel, state_dir: Path | None) -> tuple[Finding, ...]:
    """Look at the whole host, and say what is not as it should be; works without a state directory.

    Raises:
        KernelError: the look was refused.
    """
    memory = remember(state_dir)
    return diagnose(memory, look(kernel, NETNS_DIR, memory, utc_now()))


def remember(state_dir: Path | None, *, run_dir: Path | None = RUN_DIR) -> Memory:
    """What the state directory tells, and what is wrong with it.

    Args:
        state_dir: the one that was named, if any.
        run_dir: where it stands whose host this is; ``None``: that is not asked.
    """
    try:
        with known_state(state_dir) as state:
            memory, ident = (Memory(), "") if state is None else (recall(state), state.id)
        trouble = () if run_dir is None else ownership_trouble(run_dir, state_path(state_dir), ident)
    except DeuteronError as error:
        return Memory(trouble=((error.code, error.message),))
    # What another directory programs is not to be judged by this one's memory.
    return Memory(trouble=trouble) if trouble else memory


def _repair(report: Report, state_dir: Path | None, output: str) -> Report:
    """Mend, look again.

    Raises:
        HostError: the state directory cannot be used, or nothing tells what is wanted.
    """
    for finding in report.findings:
        if finding.kind == "state":
            raise HostError("cannot-repair", f"nothing was mended: {finding.what}")
    with opened(state_dir) as session:
        result = mend(session, report.findings)
        session.drain()
        remaining = examine(session.kernels[0], state_dir)
    if output == "text":
        _print_repair(result, remaining)
    return msgspec.structs.replace(
        report, healthy=is_healthy(remaining), repaired=result.units, remaining=remaining
    )


def mend(session: Session, findings: Sequence[Finding]) -> Result:
    """Bring the host where the pending change was going, else to what was committed.

    Raises:
        HostError: ``nothing-applied``, there is no telling what is wanted; or the state directory refuses.
        KernelError: a look was refused.
    """
    target = forward(session.state)
    unclaimed = [finding for finding in findings if finding.kind == "unclaimed"]
    if target is None and unclaimed:
        raise HostError(
            "nothing-applied",
            f"nothing was mended: {len(unclaimed)} units of ours are on this host, and the state directory"
            f" {session.state.path} knows of none; take them up (deuteron doctor --adopt FILE), or take them"
            " away (deuteron destroy)",
        )
    _remove_dead_files(session)
    if target is None:
        return Result()
    with stopped_like_interrupted():
        return session.change(target, wanted_of(target)).result


def _remove_dead_files(session: Session) -> None:
    """Those that no journal knows; the others are recovery's.

    Raises:
        KernelError: one could not be removed.
    """
    kernel, memory = session.kernels[0], recall(session.state)
    observed = look(kernel, NETNS_DIR, memory, utc_now()).observed
    steps = [Delete(Netns(name=name, owner="")) for name in dead_files(observed)]
    if not steps:
        return
    session.claim.hold()
    outcome = kernel.run(steps)
    if outcome.error is not None:
        raise outcome.error


def _print(findings: Sequence[Finding]) -> None:
    if not findings:
        click.echo(NOTHING_FOUND)
        return
    for finding in findings:
        click.secho(f"{finding.kind}: {finding.what}", fg=_COLOURS.get(finding.kind, "red"))
        click.echo(f"    {'; '.join(_details(finding))}")
    counted = ", ".join(f"{count} {kind}" for kind, count in tally(findings).items())
    click.echo(f"Found: {counted}.")


def _details(finding: Finding) -> list[str]:
    """The second line of a finding: what is known of it."""
    parts = [
        finding.unit,
        f"in {finding.netns}" if finding.netns and finding.netns not in finding.what else "",
    ]
    if finding.age is not None:
        place = "begun" if finding.kind == "interrupted" else "its namespace is"
        parts.append(f"{place} {age_in_words(finding.age)} {'ago' if place == 'begun' else 'old'}")
    parts += [finding.origin, finding.mend, f"[{finding.code}]" if finding.code else ""]
    return [part for part in parts if part]


def _print_repair(result: Result, remaining: Sequence[Finding]) -> None:
    done = sum(unit.outcome == "done" for unit in result.units)
    click.echo(f"Repaired: {done} unit{'s' * (done != 1)}, {result.seconds * 1000:.0f} ms.")
    for unit in result.failed:
        click.echo(f"✗ {unit.error} [{unit.code}]", err=True)
    if is_healthy(remaining):
        click.echo(NOTHING_FOUND if not remaining else f"{NOTHING_FOUND[:-1]}, but for what is not ours.")
    else:
        click.echo("Left after the repair:")
        _print(remaining)
