"""``deuteron apply``: make the host as the file says."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import click

from deuteron.agent.change import forward
from deuteron.cli import output as out
from deuteron.cli.confinement import chosen_mode, confined, log_directories, settings_files
from deuteron.cli.notify import manager
from deuteron.cli.options import (
    input_options,
    optional_file_argument,
    output_option,
    parallel_option,
    state_dir_option,
)
from deuteron.cli.progress import run_with_progress
from deuteron.cli.session import Request, nothing_applied, opened, read
from deuteron.cli.settings import state_path
from deuteron.cli.watch import apply_and_watch, ending_on_record, watch_options
from deuteron.logs.setup import LogForm
from deuteron.state.directory import State
from deuteron.state.journal import Target


@click.command("apply")
@optional_file_argument
@input_options
@state_dir_option
@parallel_option
@watch_options
@output_option
def apply_command(
    file: Path | None,
    host: str | None,
    external_bridges: tuple[str, ...],
    policy: Path | None,
    state_dir: Path | None,
    parallel: int,
    watch: bool,
    interval: float,
    output: LogForm,
) -> None:
    """Make this host as FILE says, unit by unit, each a transaction.

    FILE is a topology file, or the JSON that a Neutron server answers to sync_routers.
    Without FILE what was applied last is made again (after a reboot), or a change that
    was interrupted is finished.

    A unit that fails is taken back and named; the others go on. Applying the same file
    again writes nothing.

    \b
    deuteron apply examples/one-host.yaml
    deuteron apply sync_routers.json --host compute1 --external-bridge br-ex
    deuteron apply
    deuteron apply --watch examples/one-host.yaml
    """
    if file is None and (host is not None or external_bridges or policy is not None):
        raise click.UsageError("--host, --external-bridge and --policy go with a FILE, and none is named")
    request = (
        None
        if file is None
        else Request(file=file, host=host, external_bridges=external_bridges, policy=policy)
    )
    if watch:
        files = tuple(one for one in (file, policy, *settings_files()) if one is not None)
        with (
            ending_on_record(output, state_path(state_dir)),
            manager() as service_manager,  # by a socket, which a confined process cannot make
            confined(state_path(state_dir), files=files, write=log_directories(), mode=chosen_mode()) as held,
            opened(state_dir, parallel, privileged=held.broker) as session,
        ):
            again = None if request is None else partial(asked_target, request, session.state, _unsaid)
            target = known_target(session.state) if again is None else again()
            apply_and_watch(
                session,
                target,
                again,
                file,
                interval=interval,
                form=output,
                heard=held.heard,
                begun=held.tell,
                manager=service_manager,
            )
        return
    with opened(state_dir, parallel) as session:
        target = known_target(session.state) if request is None else asked_target(request, session.state)
        ok = run_with_progress(session, target, form=output)
    sys.exit(0 if ok else 1)


def _unsaid(_notices: Iterable[str]) -> None:
    """A watch has no reader at hand: how many notices there are is in its log."""


def asked_target(
    request: Request, state: State, tell: Callable[[Iterable[str]], None] = out.notices
) -> Target:
    """Where a file says to go; what the reader should know of it is told.

    Raises:
        InputError: the file is not acceptable.
    """
    loaded = read(request, state.allocations())
    tell(loaded.view.notices)
    return Target(
        verb="apply",
        view=loaded.view,
        source=str(request.file.resolve()),
        at=state.clock(),
        allocations=loaded.allocations,
    )


def known_target(state: State) -> Target:
    """Where the state directory says to go.

    Raises:
        HostError: ``nothing-applied``.
    """
    target = forward(state)
    if target is None:
        raise nothing_applied(state.path)
    return target
