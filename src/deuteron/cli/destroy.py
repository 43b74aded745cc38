"""``deuteron destroy``: take away all that is ours."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from deuteron.apply.destroy import destroy_plan
from deuteron.cli import output as out
from deuteron.cli.options import output_option, parallel_option, state_dir_option
from deuteron.cli.progress import run_with_progress
from deuteron.cli.session import Session, earlier_wanted, opened
from deuteron.reconcile.render import render_json, render_text
from deuteron.state.journal import Target


@click.command("destroy")
@state_dir_option
@parallel_option
@output_option
@click.option("--dry-run", is_flag=True, help="Only show what would go.")
def destroy_command(state_dir: Path | None, parallel: int, output: str, *, dry_run: bool) -> None:
    """Remove every namespace, link and rule of ours from this host.

    They are known by the marks they carry, so this works without a file and without the
    state directory. What is not ours stays.

    \b
    deuteron destroy --dry-run
    deuteron destroy
    """
    with opened(state_dir, parallel) as session:
        if dry_run:
            _show(session, output)
            return
        target = Target(verb="destroy", view=None, source="", at=session.state.clock())
        ok = run_with_progress(session, target, form=output)
    sys.exit(0 if ok else 1)


def _show(session: Session, form: str) -> None:
    prepared = destroy_plan(session.kernels[0], *earlier_wanted(session.state))
    if form == "json":
        click.echo(render_json(prepared.plan), nl=False)
    else:
        out.lines(render_text(prepared.plan))
    out.refusals(prepared.refused)
