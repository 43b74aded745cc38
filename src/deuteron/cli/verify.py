"""``deuteron verify``: is the host as it should be?"""

from __future__ import annotations

import sys
from pathlib import Path

import click
import msgspec

from deuteron.apply import verify
from deuteron.apply.engine import Differences
from deuteron.cli import output as out
from deuteron.cli.options import input_options, optional_file_argument, output_option, state_dir_option
from deuteron.cli.session import Request, committed_view, known_allocations, read, real_kernel
from deuteron.compile import compile_host
from deuteron.reconcile.render import render_json, render_text


@click.command("verify")
@optional_file_argument
@input_options
@state_dir_option
@output_option
def verify_command(
    file: Path | None,
    host: str | None,
    external_bridges: tuple[str, ...],
    policy: Path | None,
    state_dir: Path | None,
    output: str,
) -> None:
    """Compare this host with FILE, or with what was applied last, and write nothing.

    Differences are drawn as the steps that would mend them. What is not ours in our
    namespaces is listed; it is never touched. Exit status 3 where something differs.

    \b
    deuteron verify
    deuteron verify examples/one-host.yaml
    """
    if file is None:
        view = committed_view(state_dir)
    else:
        request = Request(file=file, host=host, external_bridges=external_bridges, policy=policy)
        view = read(request, known_allocations(state_dir)).view
    with real_kernel() as kernel:
        found = verify(kernel, compile_host(view))
    if output == "json":
        _print_json(found)
    else:
        _print_text(found)
    sys.exit(0 if found.none else 3)


def _print_json(found: Differences) -> None:
    document = msgspec.json.decode(render_json(found.plan))
    out.json({**document, "foreign": found.foreign})


def _print_text(found: Differences) -> None:
    for foreign in found.foreign:
        place = f"in {foreign.netns}" if foreign.netns else "on the host"
        click.echo(f"? {foreign.kind} {foreign.what} {place} is not ours; it is left alone")
    out.lines(render_text(found.plan))
