"""``deuteron show``: what was applied, and whether the kernel has it."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.table import Table

from deuteron.apply import verify
from deuteron.cli import output as out
from deuteron.cli.options import output_option, state_dir_option
from deuteron.cli.session import committed_view, real_kernel
from deuteron.compile import compile_host
from deuteron.domain import HostView, Network, Port, Router
from deuteron.errors import HostError

_ENDLESS: Final = 10_000


@click.command("show")
@state_dir_option
@output_option
def show_command(state_dir: Path | None, output: str) -> None:
    """List the networks, routers, floating IPs and ports that were applied last.

    The state column is read from the kernel: "ok", "differs" (see deuteron verify), or
    "?" where this user may not look.

    \b
    deuteron show
    deuteron show -o json
    """
    view = committed_view(state_dir)
    differing = _differing(view)
    if output == "json":
        out.json({"version": 1, "host": view, "differing": differing})
        return
    # Into a file or a pipe, lines are as long as they are: names and ids stay whole.
    console = Console() if sys.stdout.isatty() else Console(width=_ENDLESS)
    shown = [table for table in _tables(view, differing) if table.row_count]
    for number, table in enumerate(shown):
        if number:
            console.print()
        console.print(table)


def _differing(view: HostView) -> list[str] | None:
    """The units that differ from the kernel, or ``None`` where it cannot be looked at."""
    try:
        with real_kernel() as kernel:
            return [unit.unit for unit in verify(kernel, compile_host(view)).plan.units]
    except HostError as error:
        click.echo(f"note: the kernel was not looked at: {error.message}", err=True)
        return None


def _state(unit: str, differing: list[str] | None) -> str:
    if differing is None:
        return "?"
    return "differs" if unit in differing else "ok"


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _tables(view: HostView, differing: list[str] | None) -> Iterable[Table]:
    networks = {network.id: network for network in view.networks}
    routers = {router.id: router for router in view.routers}

    table = _table("Networks", "name", "where", "subnets", "mtu", "state")
    for network in sorted(view.networks, key=_by_name):
        subnets = ", ".join(s.cidr for s in view.subnets if s.network_id == network.id)
        where = f"bridge {network.bridge}" if network.bridge else f"net-{network.id}"
        state = "" if network.bridge else _state(f"network/{network.id}", differing)
        table.add_row(network.name, where, subnets, str(network.mtu), state)
    yield table

    table = _table("Routers", "name", "kind", "gateway", "namespace", "state")
    for router in sorted(view.routers, key=_by_name):
        gateway = networks[router.gateway.network_id].name if router.gateway else "-"
        state = _state(f"router/{router.id}", differing) if router.admin_state_up else "down"
        table.add_row(router.name, _kind(router), gateway, f"qrouter-{router.id}", state)
    yield table

    table = _table("Floating IPs", "address", "fixed address", "router", "state")
    for floating in view.floating_ips:
        served_by = routers.get(floating.router_id)
        fixed = floating.fixed_ip_address or ", ".join(
            f"{one.protocol}/{one.external_port} to {one.internal_ip_address}:{one.internal_port}"
            for one in floating.port_forwardings
        )
        state = _state(f"router/{floating.router_id}", differing) if served_by else "not associated"
        table.add_row(floating.floating_ip_address, fixed, served_by.name if served_by else "-", state)
    yield table

    table = _table("Ports", "name", "addresses", "bound to", "state")
    for port in sorted(view.ports, key=_by_name):
        if port.binding is None:
            continue
        place = f"namespace {port.binding.netns}" if port.binding.netns else f"tap {port.binding.tap}"
        addresses = ", ".join(fixed.ip_address for fixed in port.fixed_ips)
        table.add_row(port.name, addresses, place, _state(f"port/{port.id}", differing))
    yield table


def _by_name(named: Network | Router | Port) -> tuple[str, str]:
    return named.name, named.id


def _kind(router: Router) -> str:
    if not router.distributed:
        return "centralised"
    return "distributed, SNAT here" if router.snat_here else "distributed"
