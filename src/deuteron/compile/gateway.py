"""A router's gateway: the ``qg-`` port, in ``qrouter-`` or (of a distributed router) in ``snat-``.

Where the external network has more IPv4 subnets with gateways than the port's own, main
has no default route.  After it come tables with nothing but a default route: that of a
floating IP's subnet, chosen by a mark on what its fixed address sends, then that of the
port's own subnet for all others.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

from deuteron.compile import filter as tables
from deuteron.compile import names
from deuteron.compile.draft import Draft
from deuteron.compile.filter import Gate
from deuteron.compile.floating_ip import add_central
from deuteron.compile.index import Index, contains
from deuteron.compile.port import router_port
from deuteron.compile.routes import (
    DEFAULT,
    Door,
    default_routes,
    door,
    extra_routes,
    gateway_nexthop,
    merge,
    onlink_routes,
    route,
)
from deuteron.compile.scopes import Scopes, scopes
from deuteron.domain import FloatingIP, Gateway, Port, Router, Subnet
from deuteron.objects import Route, Rule

#: After main (32766): internal destinations come first.
SUBNET_PRIORITY: Final = 32769
GATEWAY_PRIORITY: Final = 32770


def add_gateway(
    draft: Draft,
    index: Index,
    router: Router,
    gateway: Gateway,
    netns: str,
    inside: Iterable[Door],
    fips: list[FloatingIP],
) -> str:
    """Add ``qg-`` with the floating IPs on it, the namespace's table and its routes; returns the device."""
    port = index.ports[gateway.port_id]
    dev = router_port(draft, index, port, "qg-", netns)
    add_central(draft, index, port, netns, dev, fips)
    others = _other_gateways(index, port)
    gate = Gate(
        dev=dev,
        address=_first_ipv4(port),
        snat=gateway.enable_snat,
        ndp_proxy=router.enable_ndp_proxy,
        elsewhere=tuple(names.table_number(subnet.id) for subnet in others),
        scopes=_scopes(index, router, port),
    )
    if gate.ndp_proxy:
        draft.add(*index.policy.link_sysctls("ndp-gateway", netns, dev))
    inner: Literal["qr-*", "sg-*"] = "sg-*" if router.distributed else "qr-*"
    draft.add(tables.router_table(index.policy, netns, gate, inner=inner, scopes=gate.scopes))
    if gate.apart:
        fixed = (fip.fixed_ip_address for fip in fips if fip.fixed_ip_address)
        draft.add(*(tables.element(netns, tables.FIXED_WITH_FLOATING, each) for each in fixed))
    _add_routes(draft, index, router, port, netns, [*inside, *door(index, port, dev, onlink=True)], others)
    for subnet in others:
        _mark(draft, netns, subnet, fips)
    return dev


def _scopes(index: Index, router: Router, port: Port) -> Scopes:
    idents, prefix = (router.snat_interfaces, "sg-") if router.distributed else (router.interfaces, "qr-")
    return scopes(index, (index.ports[ident] for ident in idents), prefix, port)


def _add_routes(
    draft: Draft,
    index: Index,
    router: Router,
    port: Port,
    netns: str,
    doors: list[Door],
    others: list[Subnet],
) -> None:
    dev = names.device("qg-", port.id)
    routes: list[Route] = []
    if index.is_up(port):
        routes = [*onlink_routes(index, port, netns, dev), *default_routes(index, port, netns, dev)]
    if others:
        own = index.first_subnet(port, 4)
        routes = [way for way in routes if way.destination != DEFAULT[4]]
        for subnet in others if own is None else [own, *others]:
            fwmark = 0 if subnet is own else names.table_number(subnet.id)
            draft.add(*_leave_by(index, port, netns, dev, subnet, fwmark))
    draft.add(*merge(routes, extra_routes(netns, router.routes, doors)))


def _leave_by(
    index: Index, port: Port, netns: str, dev: str, subnet: Subnet, fwmark: int
) -> tuple[Route | Rule, ...]:
    if not index.is_up(port):
        return ()
    table = names.table_number(subnet.id)
    priority = SUBNET_PRIORITY if fwmark else GATEWAY_PRIORITY
    nexthop = gateway_nexthop(index, port, dev, subnet.gateway_ip)
    return (
        route(netns, DEFAULT[4], nexthop, table=table),
        Rule(netns=netns, family=4, priority=priority, table=table, fwmark=fwmark),
    )


def _mark(draft: Draft, netns: str, subnet: Subnet, fips: list[FloatingIP]) -> None:
    name = tables.via_set(names.table_number(subnet.id))
    for fip in fips:
        if fip.fixed_ip_address and contains(subnet, fip.floating_ip_address):
            draft.add(tables.element(netns, name, fip.fixed_ip_address))


def _other_gateways(index: Index, port: Port) -> list[Subnet]:
    """The external IPv4 subnets with gateways, less the one whose gateway is everybody's."""
    own = index.first_subnet(port, 4)
    mine = {fixed.ip_address for fixed in port.fixed_ips}
    return [
        subnet
        for subnet in index.subnets_of[port.network_id]
        if subnet.ip_version == 4 and subnet.gateway_ip and subnet != own and subnet.gateway_ip not in mine
    ]


def _first_ipv4(port: Port) -> str:
    """The address that all without a floating IP share, "" where the port has no IPv4 address."""
    return next((fixed.ip_address for fixed in port.fixed_ips if fixed.ip_version == 4), "")
