"""The leg: the wire between a distributed router and the fip namespace of its external network."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address
from typing import Final

import msgspec

from deuteron.compile import floating_ip, names, ndp_proxy
from deuteron.compile.draft import Draft
from deuteron.compile.filter import FLOATING_MARK
from deuteron.compile.index import Index
from deuteron.compile.routes import DEFAULT, door, extra_routes, route
from deuteron.domain import Leg, Network, Port, Router, Subnet
from deuteron.objects import Address, LinkUp, Neighbour, Nexthop, Rule, Veth

#: Of the legs' pairs, link-local (RFC 3927) and so never anyone's destination.
FIRST_ADDRESS: Final = IPv4Address("169.254.64.0")

#: The ends' IPv6 addresses, the same on every leg.
ROUTER_V6: Final = "fe80::1"
FIP_V6: Final = "fe80::2"

#: In ``qrouter-``: marked packets, and what the namespace itself says (ICMP errors), go by the leg.
MARK_PRIORITY: Final = 32768
LOCAL_PRIORITY: Final = 32770
MARK_TABLE: Final = 16

#: In ``fip-``: extra routes, then floating IPs of other subnets, then the rest.
EXTRA_PRIORITY: Final = 32768
SUBNET_PRIORITY: Final = 32769
GATEWAY_PRIORITY: Final = 32770


class _End(msgspec.Struct, frozen=True, kw_only=True):
    """One end of a leg: ``v6`` is "" where the external network has no IPv6."""

    netns: str
    dev: str
    altname: str
    v4: str
    v6: str

    @property
    def mac(self) -> str:
        return names.derived_mac(self.altname)

    @property
    def addresses(self) -> tuple[str, ...]:
        return (self.v4, self.v6) if self.v6 else (self.v4,)


def add_leg(draft: Draft, index: Index, router: Router, leg: Leg) -> None:
    """Add the leg with both its ends, and all that goes through it."""
    external = index.agent_gateways[leg.network_id]
    outer, inner = _ends(leg, dual=_has_ipv6(index, leg.network_id))
    _wire(draft, index.networks[leg.network_id], outer, inner)
    _way_out(draft, outer, inner)
    if index.is_up(external):
        draft.add(*_fip_rules(index, router, outer), *_extra_rules(index, router, external, outer))
    v4 = Nexthop(dev=outer.dev, via=inner.v4)
    floating_ip.add_distributed(draft, index, router, external, v4, inner.netns)
    if inner.v6:
        v6 = Nexthop(dev=outer.dev, via=inner.v6)
        ndp_proxy.add_distributed(draft, index, router, external, v6, inner.netns)


def _ends(leg: Leg, *, dual: bool) -> tuple[_End, _End]:
    """The outer end (``fpr-``) and the inner one (``rfp-``)."""
    first = FIRST_ADDRESS + 2 * leg.index
    outer = _End(
        netns=names.fip_netns(leg.network_id),
        dev=names.device("fpr-", leg.router_id),
        altname=names.altname("fpr", leg.router_id),
        v4=str(first + 1),
        v6=FIP_V6 if dual else "",
    )
    inner = _End(
        netns=names.router_netns(leg.router_id),
        dev=names.device("rfp-", leg.router_id),
        altname=names.altname("rfp", leg.router_id),
        v4=str(first),
        v6=ROUTER_V6 if dual else "",
    )
    return outer, inner


def _wire(draft: Draft, network: Network, outer: _End, inner: _End) -> None:
    draft.add(
        Veth(
            netns=outer.netns,
            name=outer.dev,
            mac=outer.mac,
            peer_netns=inner.netns,
            peer_name=inner.dev,
            peer_mac=inner.mac,
            mtu=network.mtu,
            master="",
            owner=draft.name,
            altname=outer.altname,
            peer_altname=inner.altname,
        )
    )
    for here, there in ((outer, inner), (inner, outer)):
        draft.add(LinkUp(netns=here.netns, dev=here.dev))
        for address in here.addresses:
            length = 64 if ":" in address else 31
            draft.add(Address(netns=here.netns, dev=here.dev, address=f"{address}/{length}"))
        for address in there.addresses:
            draft.add(Neighbour(netns=here.netns, dev=here.dev, address=address, mac=there.mac))


def _way_out(draft: Draft, outer: _End, inner: _End) -> None:
    """Table 16 and who looks it up.

    The second rule is for packets of the namespace itself: without it an ICMP
    "fragmentation needed" towards the outside would find no route, and large packets
    to a network of smaller MTU would vanish.
    """
    for via in outer.addresses:
        family = 6 if ":" in via else 4
        draft.add(
            Rule(
                netns=inner.netns,
                family=family,
                priority=MARK_PRIORITY,
                table=MARK_TABLE,
                fwmark=FLOATING_MARK,
            ),
            Rule(netns=inner.netns, family=family, priority=LOCAL_PRIORITY, table=MARK_TABLE, iif="lo"),
            route(inner.netns, DEFAULT[family], Nexthop(dev=inner.dev, via=via), table=MARK_TABLE),
        )


def _fip_rules(index: Index, router: Router, outer: _End) -> Iterator[Rule]:
    """Each floating IP leaves by the gateway of its own subnet, all else by the router's."""
    netns, iif = outer.netns, outer.dev
    for family in (4, 6) if outer.v6 else (4,):
        own = _gateway_subnet(index, router, family)
        if own is not None:
            table = names.table_number(own.id)
            yield Rule(netns=netns, family=family, priority=GATEWAY_PRIORITY, table=table, iif=iif)
        for subnet in _with_gateway(index, netns.removeprefix("fip-"), family):
            if subnet != own and family == 4:
                table = names.table_number(subnet.id)
                yield Rule(
                    netns=netns,
                    family=4,
                    priority=SUBNET_PRIORITY,
                    table=table,
                    iif=iif,
                    source=subnet.cidr,
                )


def _extra_rules(index: Index, router: Router, external: Port, outer: _End) -> Iterator[Rule]:
    """The router's static routes to external nexthops hold for its floating IPs too."""
    table = names.table_number(router.id)
    ways = extra_routes(outer.netns, router.routes, door(index, external, outer.dev, onlink=True))
    for family in sorted({6 if ":" in way.destination else 4 for way in ways}):
        yield Rule(netns=outer.netns, family=family, priority=EXTRA_PRIORITY, table=table, iif=outer.dev)


def _gateway_subnet(index: Index, router: Router, family: int) -> Subnet | None:
    """The external subnet whose gateway the router uses: its port's, else the first there is."""
    if router.gateway is None:
        return None
    own = index.first_subnet(index.ports[router.gateway.port_id], family)
    return own or next(iter(_with_gateway(index, router.gateway.network_id, family)), None)


def _with_gateway(index: Index, network_id: str, family: int) -> list[Subnet]:
    return [
        subnet
        for subnet in index.subnets_of.get(network_id, ())
        if subnet.ip_version == family and subnet.gateway_ip
    ]


def _has_ipv6(index: Index, network_id: str) -> bool:
    return any(subnet.ip_version == 6 for subnet in index.subnets_of.get(network_id, ()))
