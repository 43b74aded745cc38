"""Options that several verbs share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

import click

P = ParamSpec("P")
R = TypeVar("R")

#: A topology file or a Neutron server's answer.
# Whether it can be read is found out by reading it: one sentence and one code for all files.
file_argument = click.argument("file", metavar="FILE", type=click.Path(path_type=Path))

optional_file_argument = click.argument(
    "file", metavar="[FILE]", required=False, type=click.Path(path_type=Path)
)

output_option = click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How to print.",
)


policy_option = click.option(
    "--policy",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Your values for entries of the host policy (see deuteron policy).",
)


def input_options(function: Callable[P, R]) -> Callable[P, R]:
    """``--host``, ``--external-bridge``, ``--policy``: what a Neutron payload or a topology does not say."""
    for option in (
        policy_option,
        click.option(
            "--external-bridge",
            "external_bridges",
            metavar="BRIDGE|NETWORK_ID=BRIDGE",
            multiple=True,
            help="For a sync_routers file: where fg- and qg- ports are plugged (default br-ex).",
        ),
        click.option("--host", help="For a sync_routers file: whose part to take."),
    ):
        function = option(function)
    return function


state_dir_option = click.option(
    "--state-dir",
    type=click.Path(file_okay=False, readable=False, path_type=Path),
    default=None,
    envvar="DEUTERON_STATE_DIR",
    help="Where the committed state is kept (default /var/lib/deuteron, or the user's state directory).",
)

parallel_option = click.option(
    "-p",
    "--parallel",
    type=click.IntRange(1, 64),
    metavar="N",
    default=1,
    show_default=True,
    help="How many workers make units at the same time; the outcome is the same.",
)
