"""The ``fip-`` namespace: where an external network's floating IPs come in on this host.

It lives as long as a router of this host has a leg into it.
"""

from __future__ import annotations

from typing import Final

from deuteron.compile import filter as tables
from deuteron.compile import names, ndp_proxy
from deuteron.compile.draft import Draft
from deuteron.compile.filter_rules import LINK_LOCAL4
from deuteron.compile.index import Index
from deuteron.compile.port import router_port
from deuteron.compile.routes import DEFAULT, door, extra_routes, gateway_nexthop, onlink_routes, route
from deuteron.domain import Leg, Port
from deuteron.objects import Netns, Nexthop, Rule, Unit

#: Before main (32766), which has the legs' own routes.
LEGS_PRIORITY: Final = 32765
LEGS_TABLE: Final = 17


def fip_unit(index: Index, network_id: str) -> Unit | None:
    """The unit of an external network's fip namespace; ``None`` where no router has a leg into it."""
    legs = index.legs_of.get(network_id)
    if not legs:
        return None
    network = index.networks[network_id]
    draft = Draft("fip", network_id, f"floating IPs of {network.name or network.id}")
    netns = names.fip_netns(network_id)
    port = index.agent_gateways[network_id]
    draft.add(
        Netns(name=netns, owner=draft.name),
        *index.policy.netns_sysctls("fip", netns),
        tables.fip_table(index.policy, netns),
    )
    fg = router_port(draft, index, port, "fg-", netns)
    draft.add(*index.policy.link_sysctls("fg", netns, fg))
    draft.add(*index.policy.link_sysctls("ndp-gateway", netns, fg))
    if index.is_up(port):
        _external_routes(draft, index, port, netns, fg)
        _hide_legs(draft, netns, fg)
    for leg in legs:
        _of_router(draft, index, leg, port, fg)
    return draft.unit()


def _external_routes(draft: Draft, index: Index, port: Port, netns: str, fg: str) -> None:
    """The external subnets on the wire, and per subnet a table with its gateway."""
    draft.add(*onlink_routes(index, port, netns, fg))
    own = {fixed.ip_address for fixed in port.fixed_ips}
    for subnet in index.subnets_of.get(port.network_id, ()):
        if subnet.gateway_ip and subnet.gateway_ip not in own:
            nexthop = gateway_nexthop(index, port, fg, subnet.gateway_ip)
            table = names.table_number(subnet.id)
            draft.add(route(netns, DEFAULT[subnet.ip_version], nexthop, table=table))


def _hide_legs(draft: Draft, netns: str, fg: str) -> None:
    """Seen from ``fg-``, link-local addresses are on its own wire: then proxy ARP does not answer for legs.

    ``arp_fwd_proxy()`` answers for what is routed to another link only.
    """
    draft.add(
        Rule(netns=netns, family=4, priority=LEGS_PRIORITY, table=LEGS_TABLE, iif=fg),
        route(netns, LINK_LOCAL4, Nexthop(dev=fg), table=LEGS_TABLE),
    )


def _of_router(draft: Draft, index: Index, leg: Leg, port: Port, fg: str) -> None:
    """What a router needs on ``fg-``: its NDP proxies' entries, its extra routes to external nexthops."""
    router = index.routers[leg.router_id]
    netns = names.fip_netns(leg.network_id)
    ndp_proxy.add_entries(draft, index, router, netns, fg)
    doors = door(index, port, fg, onlink=True)
    draft.add(*extra_routes(netns, router.routes, doors, table=names.table_number(router.id)))
