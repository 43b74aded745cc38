"""Links: RTM_NEWLINK and its relatives (linux/if_link.h, linux/rtnetlink.h).

What one RTM_NEWLINK can carry when it creates (tried on Linux 6.18): index, name, MAC, MTU,
master and the up flag, and of a veth's peer, in any namespace, index, name, MAC and MTU (a
peer cannot be up at once: ENOTCONN).  An alias is silently ignored then, and altnames have
a message of their own, so an end of a pair with both costs two messages more.  User space
may choose the index: then what refers to a link can go in the same batch as the link.

Removing a link makes the kernel wait for all readers of it, some 20 ms.  The links of a
group go together, with one wait for all: see :func:`delete_group`.
"""

from __future__ import annotations

from socket import AF_INET6
from struct import Struct
from typing import Final

import msgspec

from deuteron.kernel.linux.netlink import wire

RTM_NEWLINK: Final = 16
RTM_DELLINK: Final = 17
RTM_GETLINK: Final = 18
RTM_NEWLINKPROP: Final = 108
RTM_DELLINKPROP: Final = 109

IFF_UP: Final = 0x1

_IFLA_ADDRESS: Final = 1
_IFLA_IFNAME: Final = 3
_IFLA_MTU: Final = 4
_IFLA_LINK: Final = 5
_IFLA_MASTER: Final = 10
_IFLA_LINKINFO: Final = 18
_IFLA_IFALIAS: Final = 20
_IFLA_AF_SPEC: Final = 26
_IFLA_GROUP: Final = 27
_IFLA_NET_NS_FD: Final = 28
_IFLA_EXT_MASK: Final = 29
_IFLA_NUM_TX_QUEUES: Final = 31
_IFLA_NUM_RX_QUEUES: Final = 32
_IFLA_LINK_NETNSID: Final = 37
_IFLA_PROP_LIST: Final = 52
_IFLA_ALT_IFNAME: Final = 53

_IFLA_INFO_KIND: Final = 1
_IFLA_INFO_DATA: Final = 2
_VETH_INFO_PEER: Final = 1
_IFLA_BR_FORWARD_DELAY: Final = 1
_IFLA_BR_STP_STATE: Final = 5
_IFLA_BR_MCAST_SNOOPING: Final = 23
_IFLA_TUN_TYPE: Final = 3
_IFF_TAP: Final = 2

#: An IPv6 link-local address is not made when the link goes up (linux/if_link.h, in6_addr_gen_mode).
_IFLA_INET6_ADDR_GEN_MODE: Final = 8
_IN6_ADDR_GEN_MODE_NONE: Final = 1
#: RFC 8200, section 5: a link with less has no IPv6 in Linux (net/ipv6/addrconf.c), and no such setting.
IPV6_MIN_MTU: Final = 1280

_RTEXT_FILTER_SKIP_STATS: Final = 1 << 3

#: A veth has a queue for each CPU unless told; they serve XDP and GRO alone, and making them
#: takes a third of the pair's time on two CPUs, more on more.
_ONE_QUEUE: Final = wire.u32(_IFLA_NUM_TX_QUEUES, 1) + wire.u32(_IFLA_NUM_RX_QUEUES, 1)

#: ifinfomsg: family, device type, index, flags, mask of the flags to change.
_IFINFO: Final = Struct("=BxHiII")


class BridgeSettings(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The settings of a bridge that :func:`new_bridge` fixes; ``forward_delay`` in hundredths of a second."""

    stp: bool
    forward_delay: int
    mcast_snooping: bool


class LinkRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One link, as the kernel tells it.

    Attributes:
        kind: ``veth``, ``bridge``, ``tap``, ...; "" for what has none, such as ``lo``.
        mac: "" where the link has none.
        mtu: bytes.
        up: administratively up.
        master: index of the bridge that it is plugged in, or 0.
        group: see :func:`delete_group`; 0 where nobody gave one.
        peer_index: of a veth pair's other end (any link's lower device), or 0.
        peer_nsid: number of the other end's namespace as seen from here; ``None`` where
            it is in the same one.
        bridge: only where ``kind`` is ``bridge``.
        af_spec: its own kernel parameters, for :func:`deuteron.kernel.linux.netlink.devconf.parse_devconf`.
    """

    index: int
    name: str
    kind: str
    mac: str
    mtu: int
    up: bool
    master: int
    alias: str
    altnames: tuple[str, ...]
    group: int
    peer_index: int
    peer_nsid: int | None
    bridge: BridgeSettings | None = None
    af_spec: bytes = b""


def _ifinfo(index: int = 0, *, up: bool | None = None) -> bytes:
    return _IFINFO.pack(0, 0, index, IFF_UP if up else 0, 0 if up is None else IFF_UP)


def _kind(kind: str, *data: bytes) -> bytes:
    return wire.nested(
        _IFLA_LINKINFO, wire.string(_IFLA_INFO_KIND, kind), wire.nested(_IFLA_INFO_DATA, *data)
    )


def _create(index: int, up: bool, *parts: bytes) -> bytes:
    head = _ifinfo(index, up=True if up else None)
    return wire.message(RTM_NEWLINK, wire.MODE_FLAGS["create"], head, *parts)


def _ethernet(name: str, mac: str, mtu: int) -> tuple[bytes, ...]:
    return wire.string(_IFLA_IFNAME, name), wire.mac(_IFLA_ADDRESS, mac), wire.u32(_IFLA_MTU, mtu)


def _target(link: int | str) -> tuple[bytes, bytes]:
    """The structure and the attribute that name a link, by index or by name.

    IFLA_ALT_IFNAME finds names of both kinds, and has room for more than 15 characters.
    """
    if isinstance(link, str):
        return _ifinfo(), wire.string(_IFLA_ALT_IFNAME, link)
    return _ifinfo(link), b""


def new_veth(
    name: str,
    mac: str,
    mtu: int,
    peer_name: str,
    peer_mac: str,
    *,
    index: int = 0,
    peer_index: int = 0,
    peer_netns_fd: int | None = None,
    master: int = 0,
    up: bool = False,
) -> bytes:
    """Make a veth pair with its first end in the socket's namespace; EEXIST where a name or index is taken.

    Args:
        name: of the first end.
        mac: of the first end.
        mtu: bytes, of both ends.
        peer_name: of the peer.
        peer_mac: of the peer.
        index: the first end's index, 0 to let the kernel choose.
        peer_index: the same for the peer; only with ``index``, or the kernel ignores it.
        peer_netns_fd: an open namespace for the peer; must stay open until the message was sent.
        master: index of the bridge to plug the first end in, or 0.
        up: whether the first end is to be up at once.
    """
    if peer_index and not index:
        raise ValueError("a peer's index is only taken together with an index for the first end; give both")
    peer = [_ifinfo(peer_index), *_ethernet(peer_name, peer_mac, mtu), _ONE_QUEUE]
    if peer_netns_fd is not None:
        peer.append(wire.u32(_IFLA_NET_NS_FD, peer_netns_fd))
    return _create(
        index,
        up,
        *_ethernet(name, mac, mtu),
        _ONE_QUEUE,
        wire.u32(_IFLA_MASTER, master) if master else b"",
        _kind("veth", wire.nested(_VETH_INFO_PEER, *peer)),
    )


def new_bridge(name: str, mac: str, mtu: int, *, index: int = 0, up: bool = False) -> bytes:
    """Make a bridge without spanning tree, forward delay and multicast snooping.

    Args:
        name: of the bridge.
        mac: fixed, or the bridge would change its own with its members.
        mtu: bytes; fixed likewise.
        index: 0 to let the kernel choose.
        up: whether it is to be up at once.
    """
    return _create(
        index,
        up,
        *_ethernet(name, mac, mtu),
        _kind(
            "bridge",
            wire.u32(_IFLA_BR_FORWARD_DELAY, 0),
            wire.u32(_IFLA_BR_STP_STATE, 0),
            wire.u8(_IFLA_BR_MCAST_SNOOPING, 0),
        ),
    )


def set_bridge(link: int | str) -> tuple[bytes, bytes]:
    """Give a bridge that is there the settings of :func:`new_bridge`, in two messages.

    A running spanning tree raises a forward delay that is too short for it, and refuses to have it
    set to none: the first message ends it.
    """
    calm = _kind("bridge", wire.u32(_IFLA_BR_STP_STATE, 0), wire.u8(_IFLA_BR_MCAST_SNOOPING, 0))
    prompt = _kind("bridge", wire.u32(_IFLA_BR_FORWARD_DELAY, 0))
    target = _target(link)
    return wire.message(RTM_NEWLINK, 0, *target, calm), wire.message(RTM_NEWLINK, 0, *target, prompt)


def set_link(
    link: int | str,
    *,
    up: bool | None = None,
    mtu: int | None = None,
    mac: str | None = None,
    alias: str | None = None,
    master: int | None = None,
    group: int | None = None,
    name: str | None = None,
    netns_fd: int | None = None,
    link_local: bool = True,
) -> bytes:
    """Change what is given of a link; where the kernel refuses one change, earlier ones may be in place.

    Args:
        link: its index, name or altname.
        up: administratively up or down.
        mtu: bytes.
        mac: its new MAC address.
        alias: "" takes the alias away.
        master: index of the bridge to plug it in, 0 to unplug.
        group: number for :func:`delete_group`, 0 for none.
        name: the new name; only while the link is down.
        netns_fd: an open namespace to move the link to.
        link_local: ``False``: it gets no IPv6 link-local address when it goes up; its MTU is at
            least :data:`IPV6_MIN_MTU`. It is ignored where a link is made, and so has to be set then.
    """
    head, named = _target(link)
    if up is not None:
        head = _ifinfo(link if isinstance(link, int) else 0, up=up)
    parts = [head, named]
    if name is not None:
        parts.append(wire.string(_IFLA_IFNAME, name))
    if mac is not None:
        parts.append(wire.mac(_IFLA_ADDRESS, mac))
    if mtu is not None:
        parts.append(wire.u32(_IFLA_MTU, mtu))
    if alias is not None:
        parts.append(wire.attribute(_IFLA_IFALIAS, alias.encode()))
    if master is not None:
        parts.append(wire.u32(_IFLA_MASTER, master))
    if group is not None:
        parts.append(wire.u32(_IFLA_GROUP, group))
    if netns_fd is not None:
        parts.append(wire.u32(_IFLA_NET_NS_FD, netns_fd))
    if not link_local:
        mode = wire.u8(_IFLA_INET6_ADDR_GEN_MODE, _IN6_ADDR_GEN_MODE_NONE)
        parts.append(wire.nested(_IFLA_AF_SPEC, wire.nested(AF_INET6, mode)))
    return wire.message(RTM_NEWLINK, 0, *parts)


def add_altname(link: int | str, *altnames: str) -> bytes:
    """Give a link more names; EEXIST where one is taken."""
    names = [wire.string(_IFLA_ALT_IFNAME, altname) for altname in altnames]
    flags = wire.MODE_FLAGS["create"]
    return wire.message(RTM_NEWLINKPROP, flags, *_target(link), wire.nested(_IFLA_PROP_LIST, *names))


def delete_altname(link: int | str, *altnames: str) -> bytes:
    """Take names of :func:`add_altname` away; ENOENT where one is not there."""
    names = [wire.string(_IFLA_ALT_IFNAME, altname) for altname in altnames]
    return wire.message(RTM_DELLINKPROP, 0, *_target(link), wire.nested(_IFLA_PROP_LIST, *names))


def delete_link(link: int | str) -> bytes:
    """Remove a link, a veth's peer with it; ENODEV where it is not there."""
    return wire.message(RTM_DELLINK, 0, *_target(link))


def delete_group(group: int) -> bytes:
    """Remove all links of the namespace that are in ``group``; ENODEV where there is none.

    Whoever else uses the number loses links too: put links in a group right before, and
    take a number that a dump did not show.
    """
    if group <= 0:
        raise ValueError("group 0 holds every link that is in no other; give the links a group first")
    return wire.message(RTM_DELLINK, 0, _ifinfo(), wire.u32(_IFLA_GROUP, group))


def get_link(link: int | str) -> bytes:
    """Ask for one link, for ``NetlinkSocket.request``; ENODEV where it is not there."""
    return wire.message(RTM_GETLINK, 0, *_target(link), wire.u32(_IFLA_EXT_MASK, _RTEXT_FILTER_SKIP_STATS))


def dump_links(*, master: int = 0, kind: str = "") -> bytes:
    """Ask for all links without statistics, optionally only a bridge's members or one kind."""
    parts = [_ifinfo(), wire.u32(_IFLA_EXT_MASK, _RTEXT_FILTER_SKIP_STATS)]
    if master:
        parts.append(wire.u32(_IFLA_MASTER, master))
    if kind:
        parts.append(wire.nested(_IFLA_LINKINFO, wire.string(_IFLA_INFO_KIND, kind)))
    return wire.message(RTM_GETLINK, wire.NLM_F_DUMP, *parts)


def parse_link(payload: bytes) -> LinkRecord:
    """One link of an answer.

    Raises:
        MalformedError: the payload is malformed.
    """
    _family, _type, index, flags, _change = wire.fixed(_IFINFO, payload)
    found = wire.attributes(payload, _IFINFO.size)
    get = found.get
    kind, data = _parse_kind(get(_IFLA_LINKINFO, b""))
    nsid = get(_IFLA_LINK_NETNSID)
    return LinkRecord(
        index=index,
        name=wire.text(get(_IFLA_IFNAME, b"")),
        kind=kind,
        mac=get(_IFLA_ADDRESS, b"").hex(":"),
        mtu=wire.number(get(_IFLA_MTU, b"")),
        up=bool(flags & IFF_UP),
        master=wire.number(get(_IFLA_MASTER, b"")),
        alias=wire.text(get(_IFLA_IFALIAS, b"")),
        group=wire.number(get(_IFLA_GROUP, b"")),
        altnames=_parse_altnames(get(_IFLA_PROP_LIST, b"")),
        peer_index=wire.number(get(_IFLA_LINK, b"")),
        peer_nsid=None if nsid is None else wire.signed(nsid),
        bridge=_parse_bridge(data) if kind == "bridge" else None,
        af_spec=get(_IFLA_AF_SPEC, b""),
    )


def _parse_kind(info: bytes) -> tuple[str, bytes]:
    found = wire.attributes(info)
    kind = wire.text(found.get(_IFLA_INFO_KIND, b""))
    data = found.get(_IFLA_INFO_DATA, b"")
    if kind == "tun" and wire.number(wire.attributes(data).get(_IFLA_TUN_TYPE, b"")) == _IFF_TAP:
        return "tap", data  # the kernel has one driver for both
    return kind, data


def _parse_altnames(properties: bytes) -> tuple[str, ...]:
    if not properties:
        return ()
    return tuple(wire.text(value) for kind, value in wire.walk(properties) if kind == _IFLA_ALT_IFNAME)


def _parse_bridge(data: bytes) -> BridgeSettings:
    found = wire.attributes(data)
    return BridgeSettings(
        stp=bool(wire.number(found.get(_IFLA_BR_STP_STATE, b""))),
        forward_delay=wire.number(found.get(_IFLA_BR_FORWARD_DELAY, b"")),
        mcast_snooping=bool(wire.number(found.get(_IFLA_BR_MCAST_SNOOPING, b""))),
    )
