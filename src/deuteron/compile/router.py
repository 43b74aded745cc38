"""Routers: the ``qrouter-`` namespace, and what each kind of router adds to it.

A centralised router has internal ports and its gateway in ``qrouter-`` and nothing else.
A distributed one has its internal ports in ``qrouter-`` on every host, a leg to the fip
namespace where this host has one, and its gateway in ``snat-`` on one host.
"""

from __future__ import annotations

from typing import Final

from deuteron.compile import filter as tables
from deuteron.compile import names, ndp_proxy
from deuteron.compile.draft import Draft
from deuteron.compile.gateway import add_gateway
from deuteron.compile.index import Index
from deuteron.compile.leg import add_leg
from deuteron.compile.port import router_port
from deuteron.compile.presence import router_ports_here
from deuteron.compile.routes import DEFAULT, Door, door, extra_routes, route
from deuteron.compile.scopes import Scopes, scopes
from deuteron.compile.snat import add_snat
from deuteron.domain import Port, Router
from deuteron.objects import Netns, Nexthop, Rule, Unit

#: After main (32766), so that internal destinations come first.
REDIRECT_PRIORITY: Final = 32769


def router_unit(index: Index, router: Router) -> Unit | None:
    """The unit of a router.

    ``None`` for one that is administratively down or has nothing here: no port, no gateway and no leg.
    """
    if not router_ports_here(router) and router.id not in index.legs:
        return None
    draft = Draft("router", router.id, f"router {router.name or router.id}")
    netns = names.router_netns(router.id)
    draft.add(Netns(name=netns, owner=draft.name), *index.policy.netns_sysctls("router", netns))
    doors = _internal_ports(draft, index, router, netns)
    if router.distributed:
        _distributed(draft, index, router, netns, doors)
    else:
        _centralised(draft, index, router, netns, doors)
    return draft.unit()


def _internal_ports(draft: Draft, index: Index, router: Router, netns: str) -> list[Door]:
    doors: list[Door] = []
    for port in _ports(index, router.interfaces):
        dev = router_port(draft, index, port, "qr-", netns)
        doors += door(index, port, dev)
    return doors


def _centralised(draft: Draft, index: Index, router: Router, netns: str, doors: list[Door]) -> None:
    if router.gateway is None:
        draft.add(tables.router_table(index.policy, netns, None, inner="qr-*", scopes=_scopes(index, router)))
        draft.add(*extra_routes(netns, router.routes, doors))
        return
    fips = index.floating_ips.get(router.id, [])
    dev = add_gateway(draft, index, router, router.gateway, netns, doors, fips)
    ndp_proxy.add_central(draft, index, router, index.ports[router.gateway.port_id], netns, dev)


def _distributed(draft: Draft, index: Index, router: Router, netns: str, doors: list[Door]) -> None:
    draft.add(*extra_routes(netns, router.routes, doors))
    leg = index.legs.get(router.id)
    if leg is None:
        draft.add(tables.router_table(index.policy, netns, None, inner="qr-*", scopes=_scopes(index, router)))
    else:
        add_leg(draft, index, router, leg)
        dev = names.device("rfp-", router.id)
        draft.add(tables.distributed_table(index.policy, netns, dev, _scopes(index, router)))
    _redirect_to_snat(draft, index, router, netns)
    if router.snat_here and router.gateway is not None:
        add_snat(draft, index, router, router.gateway)


def _redirect_to_snat(draft: Draft, index: Index, router: Router, netns: str) -> None:
    """Per internal port and family: what has no floating IP goes to the ``sg-`` port of its subnet."""
    if router.gateway is None:
        return
    shared = {
        fixed.subnet_id: fixed.ip_address
        for port in _ports(index, router.snat_interfaces)
        for fixed in port.fixed_ips
    }
    for port in _ports(index, router.interfaces):
        if index.is_up(port):
            _redirect_port(draft, port, netns, shared)


def _redirect_port(draft: Draft, port: Port, netns: str, shared: dict[str, str]) -> None:
    dev, table = names.device("qr-", port.id), names.table_number(port.id)
    vias = {
        fixed.ip_version: shared[fixed.subnet_id]
        for fixed in reversed(port.fixed_ips)
        if fixed.subnet_id in shared
    }
    for family, via in vias.items():
        draft.add(
            Rule(netns=netns, family=family, priority=REDIRECT_PRIORITY, table=table, iif=dev),
            route(netns, DEFAULT[family], Nexthop(dev=dev, via=via), table=table),
        )


def _scopes(index: Index, router: Router) -> Scopes:
    return scopes(index, _ports(index, router.interfaces), "qr-")


def _ports(index: Index, idents: tuple[str, ...]) -> list[Port]:
    return [index.ports[ident] for ident in sorted(idents)]
