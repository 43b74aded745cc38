"""What a look at the fake finds, by the rules of :mod:`deuteron.objects.ownership`."""

from __future__ import annotations

from dataclasses import dataclass, field

from deuteron.errors import KernelError
from deuteron.kernel.fake import sysctls
from deuteron.kernel.fake.state import ADDRESS_LL, ADDRESS_LO, PROTO_KERNEL, Link, Namespace, State
from deuteron.objects import (
    HOST,
    PROTOCOL,
    Address,
    Bridge,
    Fdb,
    Foreign,
    KernelObject,
    Key,
    LinkUp,
    Look,
    Neighbour,
    NeighbourProxy,
    Netns,
    NftElement,
    Observed,
    OwnValue,
    Route,
    Sysctl,
    Tap,
    Veth,
)
from deuteron.objects.ownership import may_be_ours, owner_of


@dataclass
class _Found:
    objects: dict[Key, KernelObject] = field(default_factory=dict)
    owners: dict[Key, str] = field(default_factory=dict)
    foreign: list[Foreign] = field(default_factory=list)

    def ours(self, thing: KernelObject, owner: str) -> None:
        self.objects[thing.key] = thing
        self.owners[thing.key] = owner

    def others(self, netns: str, kind: str, what: str) -> None:
        self.foreign.append(Foreign(netns=netns, kind=kind, what=what))


def observe(state: State, look: Look) -> Observed:
    """Look at all namespaces of ours, the host's links, and the namespaces that ``look`` names."""
    found = _Found()
    links: dict[str, dict[str, str]] = {}
    unmarked: dict[str, dict[str, str]] = {}
    for namespace in state.alive():
        if look.only is not None and namespace.name not in look.only | {HOST}:
            continue
        owner = owner_of(namespace.links["lo"].alias) if may_be_ours(namespace.name) else None
        wanted = namespace.name in ({HOST} | look.namespaces) or owner is not None
        if may_be_ours(namespace.name) and owner is None:
            found.others(namespace.name, "netns", f"namespace {namespace.name}")
            continue
        if not wanted:
            continue
        links[namespace.name] = _names(namespace)
        unmarked[namespace.name] = _unmarked(namespace)
        _links(found, state, namespace, owner)
        if namespace.name != HOST:
            _routes(found, namespace, owner)
        if owner is not None:
            _whole(found, namespace, owner, look.sysctls.get(namespace.name, ()))
            _own(found, namespace, look.own.get(namespace.name, ()))
    names = {name: namespace.alive for name, namespace in state.namespaces.items() if name != HOST}
    return Observed(
        objects=dict(sorted(found.objects.items())),
        owners=found.owners,
        foreign=tuple(sorted(found.foreign)),
        netns=names,
        links=links,
        unmarked=unmarked,
    )


def _names(namespace: Namespace) -> dict[str, str]:
    names = {link.name: link.kind for link in namespace.links.values()}
    return names | {link.altname: link.kind for link in namespace.links.values() if link.altname}


def _unmarked(namespace: Namespace) -> dict[str, str]:
    links = namespace.links.values()
    return {link.name: link.mac for link in links if link.name != "lo" and owner_of(link.alias) is None}


def _links(found: _Found, state: State, namespace: Namespace, owner: str | None) -> None:
    for link in namespace.links.values():
        theirs = owner if link.name == "lo" else owner_of(link.alias)
        if theirs is None and owner is not None:
            found.others(namespace.name, "link", f"{link.kind} {link.name}")
        if theirs is not None and link.up:
            found.ours(LinkUp(netns=namespace.name, dev=link.name), theirs)
        if theirs is not None and link.name != "lo":
            _link(found, state, namespace, link, theirs)
        if theirs is not None or owner is not None:
            _on_link(found, namespace, link, theirs, of_ours=owner is not None)


def _link(found: _Found, state: State, namespace: Namespace, link: Link, owner: str) -> None:
    made: KernelObject
    if link.kind == "bridge":
        made = Bridge(
            netns=namespace.name,
            name=link.name,
            mac=link.mac,
            mtu=link.mtu,
            owner=owner,
            altname=link.altname,
        )
    elif link.kind == "tap":
        made = Tap(
            netns=namespace.name,
            name=link.name,
            mac=link.mac,
            mtu=link.mtu,
            master=link.master,
            owner=owner,
            altname=link.altname,
        )
    elif link.outer:
        made = _veth(state, namespace, link, owner)
    else:
        return
    found.ours(made, owner)


def _veth(state: State, namespace: Namespace, link: Link, owner: str) -> Veth:
    peer_netns, peer_name = link.peer or ("", "")
    peer = state.link(peer_netns, peer_name)
    return Veth(
        netns=namespace.name,
        name=link.name,
        mac=link.mac,
        peer_netns=peer_netns,
        peer_name=peer_name,
        peer_mac=peer.mac,
        mtu=link.mtu,
        master=link.master,
        owner=owner,
        altname=link.altname,
        peer_altname=peer.altname,
    )


def _on_link(found: _Found, namespace: Namespace, link: Link, owner: str | None, *, of_ours: bool) -> None:
    """What sits on a link: ours by protocol number and link, others' in a namespace of ours."""
    here = {"netns": namespace.name, "dev": link.name}
    things: list[tuple[KernelObject, int, str]] = [
        (Address(**here, address=address), protocol, "address")
        for address, protocol in link.addresses.items()
    ]
    for address, (mac, protocol) in link.neighbours.items():
        things.append((Neighbour(**here, address=address, mac=mac), protocol, "neighbour"))
    for address, protocol in link.proxies.items():
        things.append((NeighbourProxy(**here, address=address), protocol, "neighbour"))
    for mac, protocol in link.fdb.items():
        things.append((Fdb(**here, mac=mac), protocol, ""))
    for thing, protocol, kind in things:
        if protocol == PROTOCOL and owner is not None:
            found.ours(thing, owner)
        elif of_ours and kind and (kind != "address" or protocol not in (ADDRESS_LO, ADDRESS_LL)):
            found.others(namespace.name, kind, str(thing))


def _routes(found: _Found, namespace: Namespace, owner: str | None) -> None:
    for (table, destination, metric), (hops, protocol) in namespace.routes.items():
        theirs = owner_of(namespace.links[hops[0].dev].alias) or owner
        route = Route(
            netns=namespace.name, table=table, destination=destination, nexthops=hops, metric=metric
        )
        if protocol == PROTOCOL and theirs is not None:
            found.ours(route, theirs)
        elif owner is not None and protocol != PROTO_KERNEL:
            found.others(namespace.name, "route", f"{destination} in table {table}")


def _whole(found: _Found, namespace: Namespace, owner: str, paths: tuple[str, ...]) -> None:
    """What belongs to a namespace of ours as a whole."""
    found.ours(Netns(name=namespace.name, owner=owner), owner)
    for rule, protocol in namespace.rules.items():
        if protocol == PROTOCOL:
            incoming = namespace.links.get(rule.iif)
            found.ours(rule, (owner_of(incoming.alias) if incoming else None) or owner)
        else:
            found.others(namespace.name, "rule", f"{rule.priority} to table {rule.table}")
    if namespace.table is not None:
        found.ours(namespace.table, owner)
    for name, members in namespace.elements.items():
        for item, value in members.items():
            found.ours(NftElement(netns=namespace.name, set=name, item=item, value=value), owner)
    for table in namespace.foreign_tables:
        found.others(namespace.name, "nft_table", table)
    for path in paths:
        _sysctl(found, namespace, owner, path)


def _own(found: _Found, namespace: Namespace, values: tuple[OwnValue, ...]) -> None:
    """What links of ours say for themselves, where it is not what they should say."""
    for link in namespace.links.values():
        owner = owner_of(link.alias)
        if owner is None or link.name == "lo":
            continue
        for own in values:
            value = sysctls.own(link, own.family, own.name)
            if value is not None and not own.admits(value):
                path = own.path(link.name)
                found.ours(Sysctl(netns=namespace.name, path=path, value=value, dev=link.name), owner)


def _sysctl(found: _Found, namespace: Namespace, owner: str, path: str) -> None:
    try:
        value = sysctls.read(namespace, path)
    except KernelError:
        return  # its link is not there, so neither is the parameter
    dev = sysctls.link_of(path)
    theirs = owner_of(namespace.links[dev].alias) if dev else None
    found.ours(Sysctl(netns=namespace.name, path=path, value=value, dev=dev), theirs or owner)
