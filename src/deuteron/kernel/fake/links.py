"""Namespaces and links: made, changed, removed, and what goes with them."""

from __future__ import annotations

from errno import EEXIST, EINVAL, EPERM
from ipaddress import IPv6Address
from typing import Final

from deuteron.kernel.fake import sysctls
from deuteron.kernel.fake.operations import create, delete, update
from deuteron.kernel.fake.state import ADDRESS_LL, Link, Namespace, State, new_namespace, refusal
from deuteron.objects import Bridge, LinkUp, Netns, Tap, Veth
from deuteron.objects.ownership import mark, owner_of

#: ``IFNAMSIZ`` of linux/if.h, with the byte that ends the name.
_NAME_SIZE: Final = 16


@create.register
def create_netns(wanted: Netns, state: State) -> None:
    """A new namespace, known as ours by the alias of its ``lo``; a left-over file is replaced."""
    there = state.namespaces.get(wanted.name)
    if there is not None and there.alive:
        raise refusal(EEXIST, "a namespace of that name exists already", "foreign-name")
    made = new_namespace(wanted.name)
    made.links["lo"].alias = mark(wanted.owner)
    state.namespaces[wanted.name] = made


@update.register
def update_netns(new: Netns, old: Netns, state: State) -> None:
    """Another owner."""
    del old
    state.link(new.name, "lo").alias = mark(new.owner)


@delete.register
def delete_netns(gone: Netns, state: State) -> None:
    """The namespace with all that is in it, unless something there is not ours."""
    there = state.namespaces.get(gone.name)
    if there is None:
        return
    if there.alive:
        _refuse_foreign(there)
        destroy_namespace(state, gone.name)
    else:
        del state.namespaces[gone.name]


def _refuse_foreign(namespace: Namespace) -> None:
    if owner_of(namespace.links["lo"].alias) is None:
        raise refusal(EPERM, "the namespace is not ours", "foreign-namespace")
    if any(owner_of(link.alias) is None for link in namespace.links.values()):
        raise refusal(
            EPERM,
            "the namespace holds a link that is not ours; move it out or remove it",
            "foreign-in-namespace",
        )


def destroy_namespace(state: State, name: str) -> None:
    """Remove a namespace and all in it, as when its last user goes."""
    for link in list(state.namespaces[name].links):  # nosec R105 # in memory: only a defect raises here
        remove_link(state, name, link)
    del state.namespaces[name]


@create.register
def create_bridge(wanted: Bridge, state: State) -> None:
    """A bridge, down."""
    namespace = state.namespace(wanted.netns)
    _plug(namespace, _bridge_link(wanted))


def _bridge_link(wanted: Bridge) -> Link:
    return Link(
        name=wanted.name,
        kind="bridge",
        mac=wanted.mac,
        mtu=wanted.mtu,
        alias=mark(wanted.owner),
        altname=wanted.altname,
    )


@create.register
def create_tap(wanted: Tap, state: State) -> None:
    """A persistent tap, down, plugged in its bridge."""
    namespace = state.namespace(wanted.netns)
    _check_master(namespace, wanted.master)
    made = Link(name=wanted.name, kind="tap", mac=wanted.mac, mtu=wanted.mtu, master=wanted.master)
    made.alias, made.altname = mark(wanted.owner), wanted.altname
    _plug(namespace, made)


@create.register
def create_veth(wanted: Veth, state: State) -> None:
    """Both ends of a pair, down, the outer one plugged in its bridge."""
    outer, inner = state.namespace(wanted.netns), state.namespace(wanted.peer_netns)
    _check_master(outer, wanted.master)
    outer.claim(wanted.name, wanted.altname or wanted.name)
    inner.claim(wanted.peer_name, wanted.peer_altname or wanted.peer_name)
    if (wanted.netns, wanted.name) == (wanted.peer_netns, wanted.peer_name):
        raise refusal(EEXIST, "both ends of a pair have one name")
    there, here = (wanted.peer_netns, wanted.peer_name), (wanted.netns, wanted.name)
    alias = mark(wanted.owner)
    _plug(
        outer,
        Link(
            name=wanted.name,
            kind="veth",
            mac=wanted.mac,
            mtu=wanted.mtu,
            alias=alias,
            altname=wanted.altname,
            master=wanted.master,
            peer=there,
            outer=True,
        ),
    )
    _plug(
        inner,
        Link(
            name=wanted.peer_name,
            kind="veth",
            mac=wanted.peer_mac,
            mtu=wanted.mtu,
            alias=alias,
            altname=wanted.peer_altname,
            peer=here,
        ),
    )


def _check_master(namespace: Namespace, master: str) -> None:
    if master and namespace.link(master).kind != "bridge":
        raise refusal(EINVAL, "the link to plug into is not a bridge")


def _plug(namespace: Namespace, link: Link) -> None:
    if len(link.name) >= _NAME_SIZE:
        raise refusal(EINVAL, "a link's name has at most 15 characters")
    namespace.claim(link.name, link.altname or link.name)
    sysctls.inherit(namespace, link)
    namespace.links[link.name] = link


def add_link(state: State, netns: str, link: Link) -> None:
    """Put a link of somebody else into a namespace."""
    _plug(state.namespace(netns), link)


@update.register
def update_bridge(new: Bridge, old: Bridge, state: State) -> None:
    """MAC address, MTU, owner and altname."""
    del old
    _change(state.namespace(new.netns), new.name, new.mac, new.mtu, new.owner, new.altname)


@update.register
def update_tap(new: Tap, old: Tap, state: State) -> None:
    """MAC address, MTU, owner, altname and bridge."""
    del old
    namespace = state.namespace(new.netns)
    _check_master(namespace, new.master)
    _replug(_change(namespace, new.name, new.mac, new.mtu, new.owner, new.altname), new.master)


@update.register
def update_veth(new: Veth, old: Veth, state: State) -> None:
    """Both ends' MAC addresses, MTU, owner, altnames, and the outer end's bridge."""
    if (new.peer_netns, new.peer_name) != (old.peer_netns, old.peer_name):
        raise refusal(EINVAL, "the inner end of a pair is not moved in place")
    outer, inner = state.namespace(new.netns), state.namespace(new.peer_netns)
    inner.link(new.peer_name)
    _check_master(outer, new.master)
    _replug(_change(outer, new.name, new.mac, new.mtu, new.owner, new.altname), new.master)
    _change(inner, new.peer_name, new.peer_mac, new.mtu, new.owner, new.peer_altname)


def _replug(link: Link, master: str) -> None:
    if link.master != master:
        link.fdb.clear()
    link.master = master


def _change(namespace: Namespace, name: str, mac: str, mtu: int, owner: str, altname: str) -> Link:
    link = namespace.link(name)
    if altname != link.altname and altname:
        namespace.claim(altname)
    if mac != link.mac:
        # neigh_changeaddr(): with the address the link forgets all its neighbours.
        link.neighbours.clear()
    link.mac, link.mtu, link.alias, link.altname = mac, mtu, mark(owner), altname
    return link


@delete.register(Bridge)
@delete.register(Tap)
@delete.register(Veth)
def delete_link(gone: Bridge | Tap | Veth, state: State) -> None:
    """The link, a pair's other end, and all on them; nobody else's link of that name."""
    there = state.find_link(gone.netns, gone.name)
    if there is None:
        return
    if owner_of(there.alias) is None:
        raise refusal(EPERM, "the link of that name is not ours", "foreign-link")
    remove_link(state, gone.netns, gone.name)


def remove_link(state: State, netns: str, name: str) -> None:
    """Take a link away, its pair's other end with it."""
    namespace = state.namespaces[netns]
    link = namespace.links.pop(name, None)
    if link is None:
        return
    _drop_routes(namespace, name, gone=True)
    for other in namespace.links.values():
        if other.master == name:
            other.master = ""
            other.fdb.clear()
    if link.peer is not None:
        remove_link(state, *link.peer)


@create.register
def create_link_up(wanted: LinkUp, state: State) -> None:
    """Set up; it is a switch, so that it is up already is no failure."""
    link = state.link(wanted.netns, wanted.dev)
    link.up = True
    if not sysctls.ipv6_disabled(link) and link.sysctls.get("net/ipv6/conf/*/addr_gen_mode", "0") == "0":
        link.addresses.setdefault(f"{link_local(link.mac)}/64", ADDRESS_LL)


@delete.register
def delete_link_up(gone: LinkUp, state: State) -> None:
    """Set down, which takes routes, IPv6 addresses and neighbours along."""
    namespace = state.namespaces.get(gone.netns)
    if namespace is not None and gone.dev in namespace.links:
        set_down(namespace, namespace.links[gone.dev])


def set_down(namespace: Namespace, link: Link) -> None:
    """Administratively down.

    IPv6 forgets its addresses (addrconf_ifdown() without ``keep_addr_on_down``), both
    families their neighbours and proxies (neigh_ifdown()); IPv4 addresses stay.
    """
    if not link.up:
        return
    link.up = False
    _drop_routes(namespace, link.name, gone=False)
    if link.sysctls.get("net/ipv6/conf/*/keep_addr_on_down", "0") == "0":
        link.addresses = {text: proto for text, proto in link.addresses.items() if ":" not in text}
    link.neighbours.clear()
    link.proxies.clear()


def _drop_routes(namespace: Namespace, dev: str, *, gone: bool) -> None:
    # A multipath route outlives one of its links being down. With a link that is gone an IPv4 one goes
    # as a whole (fib_sync_down_dev()), of an IPv6 one the other nexthops stay (fib6_ifdown()).
    for route, (hops, protocol) in list(namespace.routes.items()):
        if all(hop.dev != dev for hop in hops):
            continue
        left = tuple(hop for hop in hops if hop.dev != dev)
        if not any(namespace.links[hop.dev].up for hop in left) or (gone and ":" not in route[1]):
            del namespace.routes[route]
        elif gone:
            namespace.routes[route] = (left, protocol)


def link_local(mac: str) -> str:
    """The EUI-64 link-local address of a MAC address (RFC 4291, appendix A)."""
    octets = [int(part, 16) for part in mac.split(":")]
    octets[0] ^= 2
    interface = bytes([*octets[:3], 0xFF, 0xFE, *octets[3:]])
    return str(IPv6Address(bytes([0xFE, 0x80, *[0] * 6]) + interface))
