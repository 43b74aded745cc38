"""Addresses, neighbours and forwarding entries: all that sits on one link."""

from __future__ import annotations

from errno import EACCES, EEXIST, EOPNOTSUPP
from ipaddress import IPv4Interface, ip_interface

from deuteron.kernel.fake import sysctls
from deuteron.kernel.fake.operations import create, delete, update
from deuteron.kernel.fake.state import Link, Namespace, State, refusal
from deuteron.objects import PROTOCOL, Address, Fdb, Neighbour, NeighbourProxy


@create.register
def create_address(wanted: Address, state: State) -> None:
    """An address of ours."""
    add_address(state.link(wanted.netns, wanted.dev), wanted.address, PROTOCOL)


def add_address(link: Link, address: str, protocol: int) -> None:
    """An address of anybody."""
    if ":" in address and sysctls.ipv6_disabled(link):
        raise refusal(EACCES, "IPv6 is switched off on the link")
    if address in link.addresses:
        raise refusal(EEXIST, "the address exists already")
    link.addresses[address] = protocol


@delete.register
def delete_address(gone: Address, state: State) -> None:
    """The address, and with a primary IPv4 one its secondaries, with the last one the link's routes."""
    link = state.find_link(gone.netns, gone.dev)
    if link is None or gone.address not in link.addresses:
        return
    secondaries = _secondaries(link, gone.address)
    del link.addresses[gone.address]
    for other in secondaries:
        del link.addresses[other]
    if ":" not in gone.address and all(":" in other for other in link.addresses):
        # fib_inetaddr_event(): the last address takes IPv4 itself from the link.
        _drop_ipv4_routes(state.namespace(gone.netns), gone.dev)


def _secondaries(link: Link, address: str) -> list[str]:
    """IPv4 addresses after ``address`` in its subnet, which vanish with it."""
    gone = ip_interface(address)
    if not isinstance(gone, IPv4Interface) or link.sysctls.get("net/ipv4/conf/*/promote_secondaries"):
        return []
    kin = [other for other in link.addresses if ip_interface(other).network == gone.network]
    return kin[1:] if kin[0] == address else []


def _drop_ipv4_routes(namespace: Namespace, dev: str) -> None:
    for route, (hops, _) in list(namespace.routes.items()):
        if ":" not in route[1] and any(hop.dev == dev for hop in hops):
            del namespace.routes[route]


@create.register
def create_neighbour(wanted: Neighbour, state: State) -> None:
    """A permanent entry."""
    link = state.link(wanted.netns, wanted.dev)
    if wanted.address in link.neighbours:
        raise refusal(EEXIST, "the neighbour exists already")
    link.neighbours[wanted.address] = (wanted.mac, PROTOCOL)


@update.register
def update_neighbour(new: Neighbour, old: Neighbour, state: State) -> None:
    """Another MAC address."""
    del old
    state.link(new.netns, new.dev).neighbours[new.address] = (new.mac, PROTOCOL)


@delete.register
def delete_neighbour(gone: Neighbour, state: State) -> None:
    """Forget the neighbour."""
    link = state.find_link(gone.netns, gone.dev)
    if link is not None:
        link.neighbours.pop(gone.address, None)


@create.register
def create_proxy(wanted: NeighbourProxy, state: State) -> None:
    """Answer for an address."""
    link = state.link(wanted.netns, wanted.dev)
    if wanted.address in link.proxies:
        raise refusal(EEXIST, "the proxy entry exists already")
    link.proxies[wanted.address] = PROTOCOL


@delete.register
def delete_proxy(gone: NeighbourProxy, state: State) -> None:
    """Answer no more."""
    link = state.find_link(gone.netns, gone.dev)
    if link is not None:
        link.proxies.pop(gone.address, None)


@create.register
def create_fdb(wanted: Fdb, state: State) -> None:
    """A static entry; only a bridge's member has any."""
    link = state.link(wanted.netns, wanted.dev)
    if not link.master:
        raise refusal(EOPNOTSUPP, "the link is not plugged in a bridge")
    if wanted.mac in link.fdb:
        raise refusal(EEXIST, "the forwarding entry exists already")
    link.fdb[wanted.mac] = PROTOCOL


@delete.register
def delete_fdb(gone: Fdb, state: State) -> None:
    """Forget where the MAC address is."""
    link = state.find_link(gone.netns, gone.dev)
    if link is not None:
        link.fdb.pop(gone.mac, None)
