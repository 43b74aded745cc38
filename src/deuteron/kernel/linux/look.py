"""What sits on the links of one namespace and routes through them: the dumps, as objects.

Generators of ``(object, owner)``; what is not ours is told to a callback.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from socket import AF_INET

from deuteron.kernel.linux.netlink import address, fdb, link, neighbour, route, rule
from deuteron.kernel.linux.netlink.socket import NetlinkSocket
from deuteron.kernel.linux.sysctl import Parameters, link_of
from deuteron.objects import (
    PROTOCOL,
    Address,
    Fdb,
    KernelObject,
    Neighbour,
    NeighbourProxy,
    Nexthop,
    Route,
    Rule,
    Sysctl,
)
from deuteron.objects.ownership import owner_of

Owned = tuple[KernelObject, str]
#: Called with the namespace, the kind and one line for people.
TellForeign = Callable[[str, str, str], None]

#: linux/if_addr.h, IFAPROT_KERNEL_LO, _RA, _LL.
_KERNEL_ADDRESS = (1, 2, 3)
#: linux/rtnetlink.h, RTPROT_REDIRECT, RTPROT_KERNEL, RTPROT_RA.
_KERNEL_ROUTE = (1, 2, 9)


class View:
    """The links of a namespace, and whose they are.

    Attributes:
        netns: its name.
        owner: its unit, ``None`` where it is not ours (the host's, an instance's).
        names: of the links, by index.
        owners: the unit of each link, by index; of ``lo`` it is the namespace's.
        bridged: whether a bridge is here.
    """

    def __init__(self, netns: str, owner: str | None, records: Iterable[link.LinkRecord]) -> None:
        self.netns = netns
        self.owner = owner
        self.names: dict[int, str] = {}
        self.owners: dict[int, str | None] = {}
        self.bridged = False
        self._by_name: dict[str, str | None] = {}
        for record in records:
            self.names[record.index] = record.name
            mine = owner if record.name == "lo" else owner_of(record.alias)
            self.owners[record.index] = self._by_name[record.name] = mine
            self.bridged = self.bridged or record.kind == "bridge"

    def owner_by_name(self, dev: str) -> str | None:
        """The unit of the link called ``dev``, or ``None``."""
        return self._by_name.get(dev)


def objects_of(view: View, rt: NetlinkSocket, tell: TellForeign) -> Iterator[Owned]:
    """All of ours in the namespace that netlink tells of, but its links."""
    if view.owner is None and not any(view.owners.values()):
        return iter(())
    parts = [_addresses(view, rt, tell), _routes(view, rt, tell), _neighbours(view, rt, tell)]
    parts.append(_proxies(view, rt, tell))
    if view.bridged:
        parts.append(_fdb(view, rt))
    if view.owner is not None:
        parts.append(_rules(view, view.owner, rt, tell))
    return chain.from_iterable(parts)


def _addresses(view: View, rt: NetlinkSocket, tell: TellForeign) -> Iterator[Owned]:
    for payload in rt.dump(address.dump_addresses()):
        record = address.parse_address(payload)
        dev, owner = view.names.get(record.index, ""), view.owners.get(record.index)
        if record.protocol == PROTOCOL and owner is not None:
            yield Address(netns=view.netns, dev=dev, address=record.address), owner
        elif view.owner is not None and record.protocol not in _KERNEL_ADDRESS and not _is_loopback(record):
            tell(view.netns, "address", f"{record.address} on {dev}")


def _is_loopback(record: address.AddressRecord) -> bool:
    """The addresses of ``lo`` that come with it; the kernel names itself as their maker for IPv6 only."""
    return record.address in ("127.0.0.1/8", "::1/128")


def _routes(view: View, rt: NetlinkSocket, tell: TellForeign) -> Iterator[Owned]:
    for payload in rt.dump(route.dump_routes()):
        # Most routes of a namespace are the kernel's own: the protocol, the sixth byte, tells
        # without taking the whole apart.
        if payload[5] in _KERNEL_ROUTE:
            continue
        record = route.parse_route(payload)
        owner = view.owners.get(record.nexthops[0].index) if record.nexthops else None
        owner = owner or view.owner
        if record.protocol == PROTOCOL and record.type == "unicast" and record.nexthops and owner:
            yield _route_object(view, record), owner
        elif view.owner is not None:
            tell(view.netns, "route", f"{record.destination} in table {record.table}")


def _route_object(view: View, record: route.RouteRecord) -> Route:
    hops = [
        Nexthop(dev=view.names.get(hop.index, ""), via=hop.via, onlink=hop.onlink) for hop in record.nexthops
    ]
    return Route(
        netns=view.netns,
        table=record.table,
        destination=record.destination,
        nexthops=tuple(sorted(hops)),
        metric=record.metric,
    )


def _rules(view: View, owner: str, rt: NetlinkSocket, tell: TellForeign) -> Iterator[Owned]:
    for payload in rt.dump(rule.dump_rules()):
        record = rule.parse_rule(payload)
        if record.protocol in _KERNEL_ROUTE:
            continue
        if record.protocol == PROTOCOL and record.plain and record.mask == rule.FULL_MASK:
            mine = view.owner_by_name(record.iif) if record.iif else None
            yield _rule_object(view.netns, record), mine or owner
        else:
            tell(view.netns, "rule", f"{record.priority} to table {record.table}")


def _rule_object(netns: str, record: rule.RuleRecord) -> Rule:
    return Rule(
        netns=netns,
        family=4 if record.family == AF_INET else 6,
        priority=record.priority,
        table=record.table,
        iif=record.iif,
        fwmark=record.fwmark,
        source=record.source,
    )


def _neighbours(view: View, rt: NetlinkSocket, tell: TellForeign) -> Iterator[Owned]:
    for payload in rt.dump(neighbour.dump_neighbours()):
        record = neighbour.parse_neighbour(payload)
        if not record.permanent:
            continue  # learnt
        dev, owner = view.names.get(record.index, ""), view.owners.get(record.index)
        if record.protocol == PROTOCOL and owner is not None:
            yield Neighbour(netns=view.netns, dev=dev, address=record.address, mac=record.mac), owner
        elif view.owner is not None:
            tell(view.netns, "neighbour", f"{record.address} on {dev}")


def _proxies(view: View, rt: NetlinkSocket, tell: TellForeign) -> Iterator[Owned]:
    for payload in rt.dump(neighbour.dump_neighbours(proxy=True)):
        record = neighbour.parse_neighbour(payload)
        dev, owner = view.names.get(record.index, ""), view.owners.get(record.index)
        if record.protocol == PROTOCOL and owner is not None:
            yield NeighbourProxy(netns=view.netns, dev=dev, address=record.address), owner
        elif view.owner is not None:
            tell(view.netns, "neighbour", f"proxy {record.address} on {dev}")


def _fdb(view: View, rt: NetlinkSocket) -> Iterator[Owned]:
    for payload in rt.dump(fdb.dump_fdb()):
        record = fdb.parse_fdb(payload)
        owner = view.owners.get(record.index)
        # The kernel keeps no protocol for a bridge's entries: what is static, on a member of
        # ours, and not the bridge's own, is ours.
        if record.static and record.master and not record.local and owner is not None:
            yield Fdb(netns=view.netns, dev=view.names[record.index], mac=record.mac), owner


def sysctls_of(view: View, owner: str, parameters: Parameters, paths: Iterable[str]) -> Iterator[Owned]:
    """The parameters asked for; the calling thread is inside."""
    for path in paths:
        if (value := parameters.read(path)) is None:
            continue  # its link is not there, so neither is the parameter
        dev = link_of(path)
        mine = view.owner_by_name(dev) if dev else None
        yield Sysctl(netns=view.netns, path=path, value=value, dev=dev), mine or owner
