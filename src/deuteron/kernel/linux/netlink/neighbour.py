"""Neighbours and neighbour proxies: RTM_NEWNEIGH and its relatives (linux/neighbour.h)."""

from __future__ import annotations

from struct import Struct
from typing import Final

import msgspec

from deuteron.kernel.linux.netlink import wire

RTM_NEWNEIGH: Final = 28
RTM_DELNEIGH: Final = 29
RTM_GETNEIGH: Final = 30

NDA_DST: Final = 1
NDA_LLADDR: Final = 2
NDA_IFINDEX: Final = 8
NDA_MASTER: Final = 9
NDA_PROTOCOL: Final = 12

NUD_NOARP: Final = 0x40
NUD_PERMANENT: Final = 0x80
NTF_SELF: Final = 0x02
NTF_MASTER: Final = 0x04
NTF_PROXY: Final = 0x08

#: ndmsg: family, index, state, flags, type.
NDMSG: Final = Struct("=BxxxiHBB")


class NeighbourRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One neighbour entry, or proxy entry.

    Attributes:
        index: of its link.
        mac: "" for a proxy entry and for one that is not resolved.
        permanent: set by hand, as ours are; false for what the kernel learnt.
        proxy: the link answers for this address.
        protocol: NDA_PROTOCOL.
    """

    index: int
    address: str
    mac: str
    permanent: bool
    proxy: bool
    protocol: int


def new_neighbour(
    index: int, address: str, mac: str, *, protocol: int = 0, mode: wire.Mode = "create"
) -> bytes:
    """A permanent entry on the link ``index``; ``create`` fails with EEXIST on any entry, learnt ones too."""
    family, packed = wire.packed_address(address)
    return wire.message(
        RTM_NEWNEIGH,
        wire.MODE_FLAGS[mode],
        NDMSG.pack(family, index, NUD_PERMANENT, 0, 0),
        wire.attribute(NDA_DST, packed),
        wire.mac(NDA_LLADDR, mac),
        wire.u8(NDA_PROTOCOL, protocol) if protocol else b"",
    )


def delete_neighbour(index: int, address: str) -> bytes:
    """Remove an entry; ENOENT where it is not there."""
    family, packed = wire.packed_address(address)
    return wire.message(RTM_DELNEIGH, 0, NDMSG.pack(family, index, 0, 0, 0), wire.attribute(NDA_DST, packed))


def new_proxy(index: int, address: str, *, protocol: int = 0) -> bytes:
    """The link ``index`` answers for ``address``."""
    family, packed = wire.packed_address(address)
    return wire.message(
        RTM_NEWNEIGH,
        wire.MODE_FLAGS["create"],
        NDMSG.pack(family, index, NUD_PERMANENT, NTF_PROXY, 0),
        wire.attribute(NDA_DST, packed),
        wire.u8(NDA_PROTOCOL, protocol) if protocol else b"",
    )


def delete_proxy(index: int, address: str) -> bytes:
    """Remove a proxy entry; ENOENT where it is not there."""
    family, packed = wire.packed_address(address)
    head = NDMSG.pack(family, index, 0, NTF_PROXY, 0)
    return wire.message(RTM_DELNEIGH, 0, head, wire.attribute(NDA_DST, packed))


def dump_neighbours(family: int = 0, *, index: int = 0, proxy: bool = False) -> bytes:
    """Ask for neighbours, or for proxy entries instead; of all links or of one."""
    return wire.message(
        RTM_GETNEIGH,
        wire.NLM_F_DUMP,
        NDMSG.pack(family, 0, 0, NTF_PROXY if proxy else 0, 0),
        wire.u32(NDA_IFINDEX, index) if index else b"",
    )


def parse_neighbour(payload: bytes) -> NeighbourRecord:
    """One entry of an answer.

    Raises:
        MalformedError: the payload is malformed.
    """
    _family, index, state, flags, _type = wire.fixed(NDMSG, payload)
    found = wire.attributes(payload, NDMSG.size)
    return NeighbourRecord(
        index=index,
        address=wire.address_text(found.get(NDA_DST, b"")),
        mac=found.get(NDA_LLADDR, b"").hex(":"),
        permanent=bool(state & NUD_PERMANENT),
        proxy=bool(flags & NTF_PROXY),
        protocol=wire.number(found.get(NDA_PROTOCOL, b"")),
    )
