"""``deuteron port attach`` and ``detach``: which instance on this host has a port."""

from __future__ import annotations

from pathlib import Path

import click

from deuteron.cli import output as out
from deuteron.cli.options import output_option, state_dir_option
from deuteron.cli.settings import host_name, settings, state_path


@click.group("port")
def port_group() -> None:
    """Say which instance of this host has a port; `deuteron serve` does the rest.

    \b
    deuteron port attach web --netns vm1
    deuteron port attach db --tap tap-db
    deuteron port detach web
    """


@port_group.command("attach")
@click.argument("port", metavar="PORT")
@click.option("--netns", metavar="NAME", default="", help="The instance is this network namespace.")
@click.option("--tap", metavar="NAME", default="", help="The instance is a virtual machine with this tap.")
@state_dir_option
@output_option
def attach_command(port: str, netns: str, tap: str, state_dir: Path | None, output: str) -> None:
    """Bind PORT, an id or a name, to an instance on this host.

    A namespace gets a device eth0 with the port's MAC, addresses and default route; a tap is
    plugged into the port's network, and the guest configures itself.

    \b
    deuteron port attach web-port --netns web
    deuteron wait
    """
    if bool(netns) == bool(tap):
        raise click.UsageError("name what has the port: one of --netns and --tap")
    from deuteron.agent.link import Link  # brings what no other verb needs
    from deuteron.serve.place import feed_path

    with Link(feed_path(state_path(state_dir), settings().api), host_name()) as link:
        revision = link.attach(port, netns=netns, tap=tap)
    _say(output, "attached", port, revision)


@port_group.command("detach")
@click.argument("port", metavar="PORT")
@state_dir_option
@output_option
def detach_command(port: str, state_dir: Path | None, output: str) -> None:
    """Free PORT from this host: its device goes, its addresses stay its own.

    \b
    deuteron port detach web-port
    """
    from deuteron.agent.link import Link
    from deuteron.serve.place import feed_path

    with Link(feed_path(state_path(state_dir), settings().api), host_name()) as link:
        revision = link.detach(port)
    _say(output, "detached", port, revision)


def _say(output: str, what: str, port: str, revision: int) -> None:
    if output == "json":
        out.json({"version": 1, "ok": True, "port": port, "revision": revision})
    else:
        click.echo(f"Port {port} is {what}; deuteron wait returns once the host has followed.")
