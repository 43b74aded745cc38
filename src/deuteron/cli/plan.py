"""``deuteron plan``: what apply would do."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click

from deuteron.apply.engine import prepare
from deuteron.apply.isolate import Refusal
from deuteron.cli import output
from deuteron.cli.options import file_argument, input_options, state_dir_option
from deuteron.cli.session import Request, earlier_wanted, known_allocations, known_state, read, real_kernel
from deuteron.compile import compile_host
from deuteron.domain import HostView
from deuteron.errors import HostError
from deuteron.objects import Observed, Wanted
from deuteron.reconcile import Plan, make_plan
from deuteron.reconcile.render import render_json, render_text
from deuteron.reconcile.shell import render_shell

#: What keeps one from looking at the kernel at all.
_CANNOT_LOOK: Final = frozenset({"no-privilege", "no-libnftables", "missing-feature"})

#: A host that has nothing of ours.
EMPTY_HOST = Observed(objects={}, owners={})


@click.command("plan")
@file_argument
@input_options
@state_dir_option
@click.option(
    "-o",
    "--output",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How to print.",
)
@click.option(
    "--format",
    "shell",
    type=click.Choice(["text", "shell"]),
    default="text",
    show_default=True,
    help="'shell' prints the same plan as a bash script of ip, nft and sysctl commands.",
)
@click.option("--offline", is_flag=True, help="Plan for an empty host without looking; needs no privilege.")
@click.option("-v", "--verbose", is_flag=True, help="Every kernel parameter, and why each object is there.")
def plan_command(
    file: Path,
    host: str | None,
    external_bridges: tuple[str, ...],
    policy: Path | None,
    state_dir: Path | None,
    form: str,
    shell: str,
    *,
    offline: bool,
    verbose: bool,
) -> None:
    """Show what apply would change on this host: + made, ~ changed, - destroyed.

    FILE is a topology file, or the JSON that a Neutron server answers to sync_routers.
    Nothing is written. Exit status 3 where there is something to do, 1 where a unit
    cannot be tried: it is told on standard error, and the plan is that of the others.

    --format shell prints a script instead, and ends with 0.

    \b
    deuteron plan examples/one-host.yaml
    deuteron plan --offline --format shell examples/one-host.yaml > by-hand.sh
    """
    if shell == "shell" and form == "json":
        raise click.UsageError("--format shell and -o json exclude each other: the script is no JSON")
    loaded = read(
        Request(file=file, host=host, external_bridges=external_bridges, policy=policy),
        known_allocations(state_dir),
    )
    output.notices(loaded.view.notices)
    wanted = compile_host(loaded.view)
    plan, refused = (
        (make_plan(wanted, EMPTY_HOST), ()) if offline else _look_and_plan(loaded.view, wanted, state_dir)
    )
    if shell == "shell":
        click.echo(render_shell(plan), nl=False)
        output.refusals(refused)
        sys.exit(1 if refused else 0)
    if form == "json":
        click.echo(render_json(plan), nl=False)
    elif plan.units or not refused:
        output.lines(render_text(plan, verbose=verbose))
    output.refusals(refused)
    sys.exit(1 if refused else 3 if plan.units else 0)


def _look_and_plan(
    view: HostView, wanted: Wanted, state_dir: Path | None
) -> tuple[Plan, tuple[Refusal, ...]]:
    try:
        with real_kernel() as kernel, known_state(state_dir) as state:
            prepared = prepare(kernel, wanted, *earlier_wanted(state, view))
            return prepared.plan, prepared.refused
    except HostError as error:
        if error.code not in _CANNOT_LOOK:
            raise
        hint = "plan --offline plans for an empty host without looking"
        raise HostError(error.code, f"{error.message}; {hint}") from error
