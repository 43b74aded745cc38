"""``deuteron destroy``: take away all that is ours."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from deuteron.apply.destroy import destroy_plan
from deuteron.cli import output as out
from deuteron.cli.options import output_option, state_dir_option
from deuteron.cli.progress import run_with_progress
from deuteron.cli.session import earlier_wanted, kernel_and_state
from deuteron.reconcile.render import render_json, render_text


@click.command("destroy")
@state_dir_option
@output_option
@click.option("--dry-run", is_flag=True, help="Only show what would go.")
def destroy_command(state_dir: Path | None, output: str, *, dry_run: bool) -> None:
    """Remove every namespace, link and rule of ours from this host.

    They are known by the marks they carry, so this works without a file and without the
    state directory. What is not ours stays.

    \b
    deuteron destroy --dry-run
    deuteron destroy
    """
    with kernel_and_state(state_dir) as (kernel, state):
        plan = destroy_plan(kernel, *earlier_wanted(state))
        if dry_run:
            if output == "json":
                click.echo(render_json(plan), nl=False)
            else:
                out.lines(render_text(plan))
            return
        result = run_with_progress(kernel, plan, form=output, verb="Destroyed")
        if result.ok:
            state.clear()
    sys.exit(0 if result.ok else 1)
