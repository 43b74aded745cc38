"""``deuteron wait``: until the host has done all that was asked so far."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

from deuteron.cli import output as out
from deuteron.cli.options import output_option, state_dir_option
from deuteron.cli.settings import host_name, settings, state_path


@click.command("wait")
@click.option(
    "--timeout",
    type=click.FloatRange(0.0, 86400.0),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait at most.",
)
@state_dir_option
@output_option
def wait_command(timeout: float, state_dir: Path | None, output: str) -> None:
    """Wait until this host has done all that the API was asked before.

    For scripts and tests, in place of a sleep:

    \b
    openstack floating ip create public --port web
    deuteron wait && ping -c 1 203.0.113.50

    Exit status 0: it has. 1: the time is over, or something is not as wanted; what is named.
    """
    from deuteron.agent.link import Link  # brings what no other verb needs
    from deuteron.feed.wire import LONGEST_WAIT
    from deuteron.serve.place import feed_path

    deadline = time.monotonic() + timeout
    with Link(feed_path(state_path(state_dir), settings().api), host_name()) as link:
        found = link.settled(min(timeout, LONGEST_WAIT))
        wanted = found.wanted
        while found.revision < wanted and (left := deadline - time.monotonic()) > 0:
            found = link.settled(min(left, LONGEST_WAIT))
    done = found.revision >= wanted
    failed = [{"unit": one.unit, "code": one.code} for one in found.failed]
    if output == "json":
        out.json({"version": 1, "ok": done and not failed, "done": done, "failed": failed})
    elif not done:
        click.echo(f"Not yet: {timeout:g} s are over; deuteron status tells how the host is.")
    else:
        click.echo("Done." if not failed else "Done, but:")
        for one in failed:
            click.echo(f"  {one['unit']} is not as wanted [{one['code']}]; deuteron explain {one['code']}")
    sys.exit(0 if done and not failed else 1)
