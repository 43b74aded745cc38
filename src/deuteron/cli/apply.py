"""``deuteron apply``: make the host as the file says."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from deuteron.apply.engine import prepare
from deuteron.apply.read_back import read_back, refuse
from deuteron.cli import output as out
from deuteron.cli.options import file_argument, input_options, output_option, state_dir_option
from deuteron.cli.progress import run_with_progress
from deuteron.cli.session import Request, earlier_wanted, kernel_and_state, read
from deuteron.compile import compile_host


@click.command("apply")
@file_argument
@input_options
@state_dir_option
@output_option
def apply_command(
    file: Path,
    host: str | None,
    external_bridges: tuple[str, ...],
    state_dir: Path | None,
    output: str,
) -> None:
    """Make this host as FILE says, unit by unit, each a transaction.

    FILE is a topology file, or the JSON that a Neutron server answers to sync_routers.
    A unit that fails is taken back and named; the others go on. Applying the same file
    again writes nothing.

    \b
    deuteron apply examples/one-host.yaml
    deuteron apply sync_routers.json --host compute1 --external-bridge br-ex
    """
    request = Request(file=file, host=host, external_bridges=external_bridges)
    with kernel_and_state(state_dir) as (kernel, state):
        loaded = read(request, state.allocations())
        out.notices(loaded.view.notices)
        wanted = compile_host(loaded.view)
        plan = prepare(kernel, wanted, *earlier_wanted(state, loaded.view))
        state.commit(loaded.view, str(file.resolve()), loaded.allocations)
        result = run_with_progress(kernel, plan, form=output, verb="Applied")
        mismatches = read_back(kernel, wanted, plan, result)
        state.remember(kernel.rulesets())
        kernel.drain()
    refuse(mismatches)
    sys.exit(0 if result.ok else 1)
