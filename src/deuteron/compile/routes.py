"""Routes: by default, to what is on the link, and a router's extra ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from ipaddress import ip_address, ip_network
from typing import Final

import msgspec

from deuteron.compile.index import Index, contains
from deuteron.domain import ExtraRoute, Port, Subnet
from deuteron.objects import MAIN_TABLE, Nexthop, Route

#: The default route's destination by family.
DEFAULT: Final = {4: "0.0.0.0/0", 6: "::/0"}

#: Metric by family; what the kernel gives where none is said.
METRIC: Final = {4: 0, 6: 1024}

FAMILIES: Final = (4, 6)


class Door(msgspec.Struct, frozen=True, kw_only=True):
    """A link by which a nexthop may be reached.

    Attributes:
        connected: subnets that the link has an address in.
        onlink: further subnets of the same network.
    """

    dev: str
    connected: tuple[Subnet, ...]
    onlink: tuple[Subnet, ...] = ()

    def reach(self, nexthop: str) -> Nexthop | None:
        """The way to a nexthop, ``None`` where it is not behind this door."""
        if any(contains(subnet, nexthop) for subnet in self.connected):
            return Nexthop(dev=self.dev, via=nexthop)
        if any(contains(subnet, nexthop) for subnet in self.onlink):
            return Nexthop(dev=self.dev, via=nexthop, onlink=True)
        return None


def door(index: Index, port: Port, dev: str, *, onlink: bool = False) -> list[Door]:
    """The way out by a port's link; none where it is down."""
    if not index.is_up(port):
        return []
    others = tuple(index.other_subnets(port)) if onlink else ()
    return [Door(dev=dev, connected=tuple(index.own_subnets(port)), onlink=others)]


def route(netns: str, destination: str, *nexthops: Nexthop, table: int = MAIN_TABLE) -> Route:
    """A route with the metric of its family."""
    metric = METRIC[6 if ":" in destination else 4]
    return Route(
        netns=netns, table=table, destination=destination, nexthops=tuple(sorted(nexthops)), metric=metric
    )


def gateway_nexthop(index: Index, port: Port, dev: str, gateway_ip: str) -> Nexthop:
    """The way to a gateway by a port's link: on the link where the port has no address beside it."""
    address = ip_address(gateway_ip)
    beside = address.is_link_local or any(
        address in ip_network(subnet.cidr) for subnet in index.own_subnets(port)
    )
    return Nexthop(dev=dev, via=gateway_ip, onlink=not beside)


def default_routes(index: Index, port: Port, netns: str, dev: str) -> list[Route]:
    """One default route per family, by the gateway of the port's first subnet that has one."""
    subnets = (index.first_subnet(port, family) for family in FAMILIES)
    return [
        route(netns, DEFAULT[subnet.ip_version], gateway_nexthop(index, port, dev, subnet.gateway_ip))
        for subnet in subnets
        if subnet is not None
    ]


def onlink_routes(index: Index, port: Port, netns: str, dev: str) -> list[Route]:
    """Routes to the subnets of the port's network that it has no address in: they are on the same wire."""
    return [route(netns, subnet.cidr, Nexthop(dev=dev)) for subnet in index.other_subnets(port)]


def extra_routes(
    netns: str, wanted: Iterable[ExtraRoute], doors: Iterable[Door], table: int = MAIN_TABLE
) -> list[Route]:
    """A router's static routes that leave by one of the doors, in order.

    One destination with several nexthops becomes one multipath route.
    """
    nexthops: defaultdict[str, set[Nexthop]] = defaultdict(set)
    for extra in wanted:
        for door in doors:
            found = door.reach(extra.nexthop)
            if found is not None:
                nexthops[extra.destination].add(found)
                break
    return [
        route(netns, destination, *nexthops[destination], table=table) for destination in sorted(nexthops)
    ]


def merge(*groups: Iterable[Route]) -> list[Route]:
    """All routes; where two have the same key the later group's stands."""
    return list({item.key: item for group in groups for item in group}.values())
