"""What a router must be as a whole, whatever request changed a part of it.

The data path refuses a view in which a router breaks one of these (``domain.consistency``), with everything
else on its host.  So they are looked at within the request: it is answered 400, and nothing of it is kept.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import product
from typing import Final

import msgspec

from deuteron.domain.consistency import LEG_RANGE
from deuteron.domain.validation import in_prefix, overlap
from deuteron.resources.port import Port
from deuteron.resources.refusal import BadRequest, InvalidRoutes
from deuteron.resources.router import Router
from deuteron.resources.subnet import Subnet
from deuteron.resources.values import Route
from deuteron.service import router_ports as ports_of
from deuteron.store.store import Unit

_LEGS: Final = ipaddress.IPv4Network(LEG_RANGE)


def bad(sentence: str) -> BadRequest:
    """Neutron's 400 about a router; the sentence is without its full stop."""
    return BadRequest(resource="router", msg=sentence)


def check(unit: Unit, router: Router) -> None:
    """Look at the router with its ports as they are now.

    Raises:
        BadRequest: it could not be programmed; the sentence tells why.
    """
    ports = ports_of.of_router(unit, router.id)
    subnets = ports_of.subnets_of(unit, ports)
    inside = ports_of.interfaces(ports)
    gateway = ports_of.gateway(ports)
    _apart(_subnets(inside, subnets), _subnets([gateway] if gateway else [], subnets))
    if gateway and any(port.network_id == gateway.network_id for port in inside):
        raise bad(f"an interface is on network {gateway.network_id} of the router's own gateway")
    if router.distributed:
        clear_of_legs(subnets.values())
    if router.routes:
        routes_fit(router, ports, subnets.values())


def _subnets(ports: Iterable[Port], subnets: Mapping[str, Subnet]) -> list[Subnet]:
    return [subnets[fixed.subnet_id] for port in ports for fixed in port.fixed_ips]


def _apart(inside: Sequence[Subnet], outside: Sequence[Subnet]) -> None:
    for number, one in enumerate(inside):
        no_overlap(inside[:number], [one])
    no_overlap(inside, outside)


def no_overlap(present: Iterable[Subnet], new: Iterable[Subnet]) -> None:
    """Refuse a subnet that has addresses in common with one that the router has.

    Raises:
        BadRequest: with both, in Neutron's words.
    """
    for one, other in product(present, new):
        if one.id == other.id:
            raise bad(f"Router already has a port on subnet {one.id}")
        if overlap(one.cidr, other.cidr):
            raise bad(
                f"Cidr {other.cidr} of subnet {other.id} overlaps with cidr {one.cidr} of subnet {one.id}"
            )


def clear_of_legs(subnets: Iterable[Subnet]) -> None:
    """Refuse what the wires between distributed routers and fip namespaces use.

    Raises:
        BadRequest: naming the range.
    """
    for subnet in subnets:
        if overlap(subnet.cidr, LEG_RANGE):
            raise bad(
                f"Cidr {subnet.cidr} of subnet {subnet.id} overlaps with {LEG_RANGE}, "
                "which distributed routers use inside"
            )


def routes_fit(router: Router, ports: Iterable[Port], subnets: Iterable[Subnet]) -> None:
    """Every next hop is on a subnet of the router, is not the router, and is of its destination's family.

    Neutron looks at no more and leaves the rest to ``ip route replace``.  Here a route that would take the
    place of the way to a subnet of the router itself, and a next hop that no host can have, are refused: the
    one would cut the subnet off and its own next hop with it, the other is refused by the kernel.

    Raises:
        InvalidRoutes: the first that is not, with all of them quoted as Neutron does.
    """
    prefixes = [subnet.cidr for subnet in subnets]
    own = {fixed.ip_address for port in ports for fixed in port.fixed_ips}
    for route in router.routes:
        reason = _unfit(route, prefixes, own) or (_in_legs(route) if router.distributed else "")
        if reason:
            shown = [msgspec.to_builtins(one) for one in router.routes]
            raise InvalidRoutes(routes=shown, reason=reason)


def _unfit(route: Route, prefixes: Sequence[str], own: Collection[str]) -> str:
    """Why a route leads nowhere, "" where it leads somewhere."""
    near = [prefix for prefix in prefixes if in_prefix(route.nexthop, prefix)]
    if not near:
        return "the nexthop is not connected with router"
    if route.nexthop in own:
        return "the nexthop is used by router"
    if (":" in route.destination) != (":" in route.nexthop):
        return "destination and nexthop are of two families"
    if any(_is_of_no_host(route.nexthop, prefix) for prefix in near):
        return "the nexthop is the network or broadcast address of its subnet"
    if route.destination in prefixes:
        return "the destination is connected with router"
    return ""


def _is_of_no_host(address: str, prefix: str) -> bool:
    """RFC 1122, 3.2.1.3; both addresses of a /31 are hosts' (RFC 3021)."""
    network = ipaddress.ip_network(prefix)
    ends = (str(network.network_address), str(network.broadcast_address))
    return network.version == 4 and network.num_addresses > 2 and address in ends


def _in_legs(route: Route) -> str:
    inside = ":" not in route.destination and ipaddress.IPv4Network(route.destination).subnet_of(_LEGS)
    return f"the destination is within {LEG_RANGE}, which distributed routers use inside" if inside else ""


def address_mode_fits(subnet: Subnet) -> None:
    """A subnet whose router advertisements come from elsewhere is not for our routers.

    Raises:
        BadRequest: it is such a subnet.
    """
    if subnet.ip_version == 6 and subnet.ipv6_ra_mode is None and subnet.ipv6_address_mode is not None:
        raise bad(
            f"IPv6 subnet {subnet.id} configured to receive RAs from an external router "
            "cannot be added to Neutron Router"
        )


def is_ipv4(address: str) -> bool:
    """Whether an address is IPv4."""
    return ipaddress.ip_address(address).version == 4
