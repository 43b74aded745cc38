"""``deuteron recover``: finish a change that was interrupted, or go back to what was before it."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from deuteron.agent.change import back, forward
from deuteron.cli import output as out
from deuteron.cli.options import output_option, parallel_option, state_dir_option
from deuteron.cli.progress import run_with_progress
from deuteron.cli.session import opened

_NOTHING = "Nothing to recover. The last change was finished."


@click.command("recover")
@click.option("--back", "go_back", is_flag=True, help="Go back to what was applied before.")
@state_dir_option
@parallel_option
@output_option
def recover_command(*, go_back: bool, state_dir: Path | None, parallel: int, output: str) -> None:
    """Finish a change that was interrupted: by Ctrl-C, a crash, a full disk.

    Each unit that was being changed is first made whole, as it was or as it was to be.
    Then the change is finished, or with --back taken back to what was applied before it
    (nothing, where it was the first one).

    \b
    deuteron recover
    deuteron recover --back
    """
    with opened(state_dir, parallel) as session:
        state = session.state
        if state.pending() is None and not state.intents():
            _nothing(output)
            return
        target = back(state) if go_back else forward(state) or back(state)
        ok = run_with_progress(session, target, form=output)
    sys.exit(0 if ok else 1)


def _nothing(form: str) -> None:
    if form == "json":
        out.json({"version": 1, "ok": True, "seconds": 0.0, "units": []})
    else:
        click.echo(_NOTHING)
