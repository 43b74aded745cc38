"""Steps on links and what sits on them, as netlink messages.

A step is a list of rounds: the messages of one need what the earlier ones have made, while the
same rounds of several steps may share a batch.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from socket import AF_INET, AF_INET6
from typing import NamedTuple

from deuteron.errors import KernelError
from deuteron.kernel.linux.netlink import address, fdb, link, neighbour, route, rule
from deuteron.kernel.linux.space import Space
from deuteron.objects import (
    HOST,
    PROTOCOL,
    Address,
    Bridge,
    Fdb,
    KernelObject,
    LinkUp,
    Neighbour,
    NeighbourProxy,
    Netns,
    Route,
    Rule,
    Tap,
    Veth,
)
from deuteron.objects.ownership import mark

#: What a deletion is answered where the thing, or what it was on, is gone.
GONE = frozenset({errno.ENOENT, errno.ENODEV, errno.ESRCH, errno.EADDRNOTAVAIL, errno.ENXIO})

Link = Bridge | Veth | Tap

#: What the kernel gives a bridge by itself.  One made with another MTU follows that of its members,
#: and is back at this when the last one leaves; set before any member is there, it stays
#: (BROPT_MTU_SET_BY_USER in net/bridge/br_device.c).
_BRIDGE_MTU = 1500


class Message(NamedTuple):
    """A message and the namespace to send it in."""

    space: Space
    data: bytes


Round = list[Message]
Open = Callable[[str], Space]


def create(made: KernelObject, spaces: Open) -> list[Round]:
    """The rounds that make ``made``."""
    match made:
        case Bridge() | Veth():
            return _create_link(made, spaces)
        case LinkUp(netns=netns, dev=dev):
            space = spaces(netns)
            return [[Message(space, link.set_link(space.target(dev), up=True))]]
        case Rule():
            return [[Message(spaces(made.netns), _rule(rule.new_rule, made))]]
        case Route():
            return [[_route(made, spaces(made.netns), "create")]]
        case Address() | Neighbour() | NeighbourProxy() | Fdb():
            space = spaces(made.netns)
            return [[Message(space, _on_link(made, space.look_up(made.dev)))]]
        case _:
            raise unsupported("made", made)


def delete(gone: KernelObject, spaces: Open) -> list[Round]:
    """The rounds that remove ``gone``, which is no link."""
    match gone:
        case LinkUp(netns=netns, dev=dev):
            space = spaces(netns)
            return [[Message(space, link.set_link(space.target(dev), up=False))]]
        case Rule():
            return [[Message(spaces(gone.netns), _rule(rule.delete_rule, gone))]]
        case Route():
            data = route.delete_route(
                gone.destination, table=gone.table, metric=gone.metric, protocol=PROTOCOL
            )
            return [[Message(spaces(gone.netns), data)]]
        case Address() | Neighbour() | NeighbourProxy() | Fdb():
            space = spaces(gone.netns)
            return [[Message(space, _off_link(gone, space.look_up(gone.dev)))]]
        case _:
            raise unsupported("removed", gone)


def update(old: KernelObject, new: KernelObject, spaces: Open) -> list[Round]:
    """The rounds that change ``old`` into ``new`` in place."""
    match old, new:
        case (Bridge() | Veth() | Tap() as before, Bridge() | Veth() | Tap() as after):
            return _update_link(before, after, spaces)
        case Route(), Route():
            return [[_route(new, spaces(new.netns), "replace")]]
        case Neighbour(), Neighbour():
            return [[replace_neighbour(new, spaces(new.netns))]]
        case Netns(), Netns():
            return [[Message(spaces(new.name), link.set_link("lo", alias=mark(new.owner)))]]
        case _:
            raise unsupported("changed in place", new)


def unsupported(verb: str, thing: KernelObject) -> KernelError:
    """The error for what no kernel does."""
    message = f"a {type(thing).__name__} cannot be {verb}; remove it and make it anew"
    return KernelError("not-possible", message, errno.EOPNOTSUPP)


def marking(made: Link, spaces: Open) -> Round:
    """What one message cannot give a link when it is made: the mark and the altname, at both ends."""
    return [message for end in _ends(made) for message in _mark_end(end, made, spaces)]


class _End(NamedTuple):
    netns: str
    name: str
    mac: str
    altname: str


def _ends(one: Link) -> list[_End]:
    outer = _End(one.netns, one.name, one.mac, one.altname)
    if isinstance(one, Veth):
        return [outer, _End(one.peer_netns, one.peer_name, one.peer_mac, one.peer_altname)]
    return [outer]


def _mark_end(end: _End, made: Link, spaces: Open) -> Iterator[Message]:
    space = spaces(end.netns)
    target = space.target(end.name)
    # The host answers nobody by an address of a tenant's tap, not even while the tap is
    # up and not yet in its bridge (OSSN-0069).
    bare = end.netns == HOST and made.mtu >= link.IPV6_MIN_MTU
    yield Message(space, link.set_link(target, alias=mark(made.owner), link_local=not bare))
    if end.altname:
        yield Message(space, link.add_altname(target, end.altname))


def _create_link(made: Bridge | Veth, spaces: Open) -> list[Round]:
    outer = spaces(made.netns)
    if isinstance(made, Bridge):
        index = outer.choose_index(made.name)
        new = [link.new_bridge(made.name, made.mac, _BRIDGE_MTU, index=index)]
        if made.mtu != _BRIDGE_MTU:
            new.append(link.set_link(index or made.name, mtu=made.mtu))
    else:
        inner, index = spaces(made.peer_netns), outer.choose_index(made.name)
        # veth_newlink() heeds the index of a peer only where the first end has one too.
        peer_index = inner.choose_index(made.peer_name) if index else 0
        veth = link.new_veth(
            made.name,
            made.mac,
            made.mtu,
            made.peer_name,
            made.peer_mac,
            index=index,
            peer_index=peer_index,
            peer_netns_fd=inner.fd,
            master=outer.look_up(made.master) if made.master else 0,
        )
        new = [veth]
        _know(inner, made.peer_name, peer_index)
    _know(outer, made.name, index)
    return [[Message(outer, data) for data in new], marking(made, spaces)]


def _know(space: Space, name: str, index: int) -> None:
    if index:
        space.index[name] = index
    else:
        space.index.pop(name, None)


def forget(gone: Link, spaces: Open) -> None:
    """Forget the indexes of a link that is gone."""
    for end in _ends(gone):
        spaces(end.netns).index.pop(end.name, None)


def _update_link(old: Link, new: Link, spaces: Open) -> list[Round]:
    outer = spaces(new.netns)
    master = None
    if not isinstance(old, Bridge) and not isinstance(new, Bridge) and old.master != new.master:
        master = outer.look_up(new.master) if new.master else 0
    first: Round = []
    second: Round = []
    for before, after in zip(_ends(old), _ends(new), strict=True):
        space = spaces(after.netns)
        target = space.target(after.name)
        change = link.set_link(
            target,
            # 0 is what a look says of ends that differ: there is no such value to set.
            mtu=new.mtu if new.mtu != old.mtu and new.mtu else None,
            mac=after.mac if after.mac != before.mac else None,
            alias=mark(new.owner) if new.owner != old.owner else None,
            master=master if space is outer and after.name == new.name else None,
        )
        first.append(Message(space, change))
        if isinstance(new, Bridge) and not old.mtu:
            # A look says 0 of a bridge with other settings; see bridge_object().
            first += [Message(space, data) for data in link.set_bridge(target)]
        if before.altname != after.altname:
            second += _change_altname(space, target, before.altname, after.altname)
    return [first, second]


def _change_altname(space: Space, target: int | str, old: str, new: str) -> Iterator[Message]:
    if new:
        yield Message(space, link.add_altname(target, new))
    if old:
        yield Message(space, link.delete_altname(target, old))


def _route(made: Route, space: Space, mode: str) -> Message:
    hops = [route.NexthopRecord(space.look_up(hop.dev), hop.via, hop.onlink) for hop in made.nexthops]
    data = route.new_route(
        made.destination,
        hops,
        table=made.table,
        metric=made.metric,
        protocol=PROTOCOL,
        mode="replace" if mode == "replace" else "create",
    )
    return Message(space, data)


def _rule(build: Callable[..., bytes], one: Rule) -> bytes:
    family = AF_INET if one.family == 4 else AF_INET6
    return build(
        family,
        one.priority,
        one.table,
        iif=one.iif,
        fwmark=one.fwmark,
        source=one.source,
        protocol=PROTOCOL,
    )


def replace_neighbour(new: Neighbour, space: Space) -> Message:
    """Put the entry in the place of what is there."""
    index = space.look_up(new.dev)
    data = neighbour.new_neighbour(index, new.address, new.mac, protocol=PROTOCOL, mode="replace")
    return Message(space, data)


def _on_link(made: Address | Neighbour | NeighbourProxy | Fdb, index: int) -> bytes:
    match made:
        case Address():
            return address.new_address(index, made.address, protocol=PROTOCOL)
        case Neighbour():
            return neighbour.new_neighbour(index, made.address, made.mac, protocol=PROTOCOL)
        case NeighbourProxy():
            return neighbour.new_proxy(index, made.address, protocol=PROTOCOL)
        case Fdb():
            return fdb.new_fdb(index, made.mac, protocol=PROTOCOL)


def _off_link(gone: Address | Neighbour | NeighbourProxy | Fdb, index: int) -> bytes:
    match gone:
        case Address():
            return address.delete_address(index, gone.address)
        case Neighbour():
            return neighbour.delete_neighbour(index, gone.address)
        case NeighbourProxy():
            return neighbour.delete_proxy(index, gone.address)
        case Fdb():
            return fdb.delete_fdb(index, gone.mac)


def place(netns: str) -> str:
    """A namespace in a sentence."""
    return f"the namespace {netns}" if netns else "the host's namespace"
