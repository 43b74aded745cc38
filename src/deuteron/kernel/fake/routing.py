"""Routes and rules: how they are made, and what they say of a packet."""

from __future__ import annotations

from collections.abc import Iterator
from errno import EEXIST, EHOSTUNREACH, ENETDOWN, ENETUNREACH, ESRCH
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network
from typing import Final, NamedTuple
from zlib import crc32

from deuteron.kernel.fake.operations import create, delete, update
from deuteron.kernel.fake.parsed import ip_address, ip_interface, ip_network
from deuteron.kernel.fake.state import Namespace, RouteId, State, refusal
from deuteron.objects import MAIN_TABLE, PROTOCOL, Nexthop, Route, Rule

_LOCAL_TABLE: Final = 255
_MAIN_PRIORITY: Final = 32766
#: ``IP6_RT_PRIO_ADDRCONF`` of net/ip6_route.h: the metric of IPv6's connected routes.
_CONNECTED_METRIC6: Final = 256


class Way(NamedTuple):
    """Where a packet goes: ``local`` here, or out of ``dev`` to ``via`` ("" for the destination itself)."""

    dev: str
    via: str
    table: int
    destination: str
    local: bool = False


def _identity(route: Route) -> RouteId:
    return (route.table, route.destination, route.metric)


@create.register
def create_route(wanted: Route, state: State) -> None:
    """A route of ours."""
    add_route(state.namespace(wanted.netns), wanted, PROTOCOL)


def add_route(namespace: Namespace, wanted: Route, protocol: int) -> None:
    """A route of anybody; its links must be up and its gateways reachable."""
    for hop in wanted.nexthops:
        _check_nexthop(namespace, wanted, hop)
    if _identity(wanted) in namespace.routes or _is_connected(namespace, wanted):
        raise refusal(EEXIST, "the route exists already")
    namespace.routes[_identity(wanted)] = (wanted.nexthops, protocol)


@update.register
def update_route(new: Route, old: Route, state: State) -> None:
    """Other nexthops."""
    del old
    namespace = state.namespace(new.netns)
    for hop in new.nexthops:
        _check_nexthop(namespace, new, hop)
    if _identity(new) not in namespace.routes:
        raise refusal(ESRCH, "the route to change is not there")
    namespace.routes[_identity(new)] = (new.nexthops, PROTOCOL)


@delete.register
def delete_route(gone: Route, state: State) -> None:
    """Forget the route."""
    namespace = state.namespaces.get(gone.netns)
    if namespace is not None:
        namespace.routes.pop(_identity(gone), None)


def _check_nexthop(namespace: Namespace, route: Route, hop: Nexthop) -> None:
    # The kernel asks for the gateway first, whose connected route is gone with a link that is down.
    up = namespace.link(hop.dev).up
    if hop.via and not hop.onlink and not (up and _on_link(namespace, route.table, hop)):
        errno = EHOSTUNREACH if ":" in hop.via else ENETUNREACH
        raise refusal(errno, "the gateway is in no connected subnet of a link that is up")
    if not up:
        raise refusal(ENETDOWN, "the link of the route is not up")


def _on_link(namespace: Namespace, table: int, hop: Nexthop) -> bool:
    gateway = ip_address(hop.via)
    if gateway.version == 6 and gateway.is_link_local:
        return True
    for candidate in (table, MAIN_TABLE):
        for destination, _, ways in _entries(namespace, candidate, gateway.version):
            if gateway in destination and any(way.dev == hop.dev and not way.via for way in ways):
                return True
    return False


def _is_connected(namespace: Namespace, route: Route) -> bool:
    connected = ((d, m) for d, m, _ in _connected(namespace) if route.table == MAIN_TABLE)
    return (ip_network(route.destination), route.metric) in connected


@create.register
def create_rule(wanted: Rule, state: State) -> None:
    """A rule of ours."""
    add_rule(state.namespace(wanted.netns), wanted, PROTOCOL)


def add_rule(namespace: Namespace, wanted: Rule, protocol: int) -> None:
    """A rule of anybody."""
    if wanted in namespace.rules:
        raise refusal(EEXIST, "the rule exists already")
    namespace.rules[wanted] = protocol


@delete.register
def delete_rule(gone: Rule, state: State) -> None:
    """Forget the rule."""
    namespace = state.namespaces.get(gone.netns)
    if namespace is not None:
        namespace.rules.pop(gone, None)


_Entry = tuple[IPv4Network | IPv6Network, int, tuple[Nexthop, ...]]


def _connected(namespace: Namespace) -> Iterator[_Entry]:
    """The routes that addresses make, of links that are up."""
    for link in namespace.links.values():
        for text in link.addresses if link.up else ():
            interface = ip_interface(text)
            network = interface.network
            if network.prefixlen == network.max_prefixlen and network.version == 4:
                continue
            metric = _CONNECTED_METRIC6 if network.version == 6 else 0
            yield network, metric, (Nexthop(dev=link.name),)


def _entries(namespace: Namespace, table: int, family: int) -> Iterator[_Entry]:
    if table == MAIN_TABLE:
        yield from (entry for entry in _connected(namespace) if entry[0].version == family)
    for (number, destination, metric), (hops, _) in namespace.routes.items():
        if number == table and (":" in destination) == (family == 6):
            yield ip_network(destination), metric, hops


def local_links(namespace: Namespace, address: str) -> tuple[str, ...]:
    """The links that hold ``address``."""
    return tuple(
        link.name
        for link in namespace.links.values()
        for text in link.addresses
        if _holds(text, address, whole=link.name == "lo")
    )


@lru_cache(1 << 16)
def _holds(text: str, address: str, *, whole: bool) -> bool:
    """Whether an address of a link is ``address``, or its ``whole`` prefix, as that of ``lo``, has it."""
    wanted, has = ip_address(address), ip_interface(text)
    return has.ip == wanted or (whole and wanted in has.network)


def look_up(
    namespace: Namespace, dst: str, *, src: str = "", iif: str = "lo", mark: int = 0, oif: str = ""
) -> Way | None:
    """The kernel's routing decision, rule by rule.

    Args:
        namespace: whose rules and tables.
        dst: destination address.
        src: source address, "" where it is not chosen yet.
        iif: the link it came in by; ``lo`` for what starts here.
        mark: the packet's mark.
        oif: where not "", only routes out of that link count, as a ``fib ... iif`` expression asks.
    """
    holders = local_links(namespace, dst)
    if holders and not oif:
        return Way(holders[0], "", _LOCAL_TABLE, dst, local=True)
    for table in _tables(namespace, dst, src, iif, mark):
        way = _in_table(namespace, table, dst, src, oif)
        if way is not None:
            return way
    return None


def _tables(namespace: Namespace, dst: str, src: str, iif: str, mark: int) -> Iterator[int]:
    family = ip_address(dst).version
    rules = [rule for rule in namespace.rules if rule.family == family]
    rules.append(Rule(netns=namespace.name, family=family, priority=_MAIN_PRIORITY, table=MAIN_TABLE))
    for rule in sorted(rules, key=lambda rule: rule.priority):
        if rule.iif not in ("", iif) or rule.fwmark not in (0, mark):
            continue
        if not rule.source or (src and ip_address(src) in ip_network(rule.source)):
            yield rule.table


def _in_table(namespace: Namespace, table: int, dst: str, src: str, oif: str) -> Way | None:
    """The longest prefix, then the least metric, of what can be used."""
    wanted = ip_address(dst)
    best: tuple[tuple[int, int], Way] | None = None
    for destination, metric, hops in _entries(namespace, table, wanted.version):
        usable = [hop for hop in hops if namespace.links[hop.dev].up and oif in ("", hop.dev)]
        if wanted not in destination or not usable:
            continue
        rank = (-destination.prefixlen, metric)
        if best is None or rank < best[0]:
            hop = usable[crc32(f"{src} {dst}".encode()) % len(usable)]
            best = (rank, Way(hop.dev, hop.via, table, str(destination)))
    return best[1] if best else None


def source_for(namespace: Namespace, way: Way, dst: str) -> str:
    """The address that a program gets that does not say one, or ""."""
    target = ip_address(way.via or dst)
    links = [namespace.links[way.dev], *namespace.links.values()]
    candidates = [
        ip_interface(text)
        for link in links
        for text in link.addresses
        if (":" in text) == (target.version == 6) and (link.name != "lo" or way.dev == "lo")
    ]
    near = [interface for interface in candidates if target in interface.network]
    wide = [interface for interface in candidates if not interface.ip.is_link_local] or candidates
    chosen = near or wide
    return str(chosen[0].ip) if chosen else ""
