"""Forwarding database entries: RTM_NEWNEIGH of PF_BRIDGE (linux/neighbour.h)."""

from __future__ import annotations

from socket import AF_BRIDGE

import msgspec

from deuteron.kernel.linux.netlink import neighbour, wire


class FdbRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One entry.

    Attributes:
        index: of the bridge member (or device) that ``mac`` is behind.
        master: index of the bridge, 0 for an entry of the device itself.
        static: set by hand; neither learnt nor the bridge's own address.
        local: an address of the bridge itself.
        protocol: NDA_PROTOCOL, 0 from kernels that do not keep it for bridges.
    """

    index: int
    mac: str
    master: int
    static: bool
    local: bool
    protocol: int


def _entry(kind: int, flags: int, index: int, mac: str, state: int, target: int, protocol: int) -> bytes:
    return wire.message(
        kind,
        flags,
        neighbour.NDMSG.pack(AF_BRIDGE, index, state, target, 0),
        wire.mac(neighbour.NDA_LLADDR, mac),
        wire.u8(neighbour.NDA_PROTOCOL, protocol) if protocol else b"",
    )


def _flags(own: bool) -> int:
    return neighbour.NTF_SELF if own else neighbour.NTF_MASTER


def new_fdb(
    index: int, mac: str, *, own: bool = False, protocol: int = 0, mode: wire.Mode = "create"
) -> bytes:
    """``mac`` is behind a bridge member, never to be forgotten or learnt elsewhere.

    Args:
        index: of the member.
        mac: of the device behind it.
        own: in the device's own table (``self``: a VXLAN device) instead of its bridge's.
        protocol: NDA_PROTOCOL; Linux 6.18 drops it for a bridge.
        mode: ``create`` fails with EEXIST where the MAC is known already, learnt or not.
    """
    flags = wire.MODE_FLAGS[mode]
    return _entry(neighbour.RTM_NEWNEIGH, flags, index, mac, neighbour.NUD_NOARP, _flags(own), protocol)


def delete_fdb(index: int, mac: str, *, own: bool = False) -> bytes:
    """Remove an entry; ENOENT where it is not there."""
    return _entry(neighbour.RTM_DELNEIGH, 0, index, mac, 0, _flags(own), 0)


def dump_fdb(*, bridge: int = 0, index: int = 0) -> bytes:
    """Ask for entries, optionally of one bridge and of one of its members."""
    return wire.message(
        neighbour.RTM_GETNEIGH,
        wire.NLM_F_DUMP,
        neighbour.NDMSG.pack(AF_BRIDGE, 0, 0, 0, 0),
        wire.u32(neighbour.NDA_IFINDEX, index) if index else b"",
        wire.u32(neighbour.NDA_MASTER, bridge) if bridge else b"",
    )


def parse_fdb(payload: bytes) -> FdbRecord:
    """One entry of an answer.

    Raises:
        MalformedError: the payload is malformed.
    """
    _family, index, state, _ntf, _type = wire.fixed(neighbour.NDMSG, payload)
    found = wire.attributes(payload, neighbour.NDMSG.size)
    return FdbRecord(
        index=index,
        mac=found.get(neighbour.NDA_LLADDR, b"").hex(":"),
        master=wire.number(found.get(neighbour.NDA_MASTER, b"")),
        static=bool(state & neighbour.NUD_NOARP),
        local=bool(state & neighbour.NUD_PERMANENT),
        protocol=wire.number(found.get(neighbour.NDA_PROTOCOL, b"")),
    )
