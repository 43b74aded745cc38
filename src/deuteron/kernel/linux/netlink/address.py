"""Addresses: RTM_NEWADDR and its relatives (linux/if_addr.h)."""

from __future__ import annotations

from socket import AF_INET6
from struct import Struct
from typing import Final

import msgspec

from deuteron.kernel.linux.netlink import wire

RTM_NEWADDR: Final = 20
RTM_DELADDR: Final = 21
RTM_GETADDR: Final = 22

_IFA_ADDRESS: Final = 1
_IFA_LOCAL: Final = 2
_IFA_BROADCAST: Final = 4
_IFA_FLAGS: Final = 8
_IFA_PROTO: Final = 11

IFA_F_NODAD: Final = 0x02
IFA_F_NOPREFIXROUTE: Final = 0x200

#: ifaddrmsg: family, prefix length, flags, scope, index.
_IFADDR: Final = Struct("=BBBBi")


class AddressRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One address.

    Attributes:
        index: of its link.
        address: canonical text with the prefix length.
        protocol: IFA_PROTO, 0 where nobody said.
        flags: IFA_F_*.
    """

    index: int
    address: str
    protocol: int
    flags: int


def new_address(
    index: int,
    address: str,
    *,
    protocol: int = 0,
    broadcast: str = "",
    prefix_route: bool = True,
    mode: wire.Mode = "create",
) -> bytes:
    """Put an address on a link; an IPv6 one skips duplicate detection.

    Args:
        index: of the link.
        address: with the prefix length.
        protocol: IFA_PROTO.
        broadcast: IPv4 only; none where not given, as ``ip address`` does.
        prefix_route: let the kernel add the route of the connected subnet.
        mode: ``create`` fails with EEXIST where it is there already.
    """
    family, packed, size = wire.packed_prefix(address)
    flags = (IFA_F_NODAD if family == AF_INET6 else 0) | (0 if prefix_route else IFA_F_NOPREFIXROUTE)
    parts = [_IFADDR.pack(family, size, 0, 0, index), wire.attribute(_IFA_LOCAL, packed)]
    parts.append(wire.attribute(_IFA_ADDRESS, packed))
    if protocol:
        parts.append(wire.u8(_IFA_PROTO, protocol))
    if broadcast:
        parts.append(wire.attribute(_IFA_BROADCAST, wire.packed_address(broadcast)[1]))
    if flags:
        parts.append(wire.u32(_IFA_FLAGS, flags))
    return wire.message(RTM_NEWADDR, wire.MODE_FLAGS[mode], *parts)


def delete_address(index: int, address: str) -> bytes:
    """Take ``address`` (with prefix length) from the link ``index``; EADDRNOTAVAIL where it is not there."""
    family, packed, size = wire.packed_prefix(address)
    return wire.message(
        RTM_DELADDR,
        0,
        _IFADDR.pack(family, size, 0, 0, index),
        wire.attribute(_IFA_LOCAL, packed),
        wire.attribute(_IFA_ADDRESS, packed),
    )


def dump_addresses(family: int = 0, *, index: int = 0) -> bytes:
    """Ask for addresses: of both families or of one (AF_INET, AF_INET6), of all links or of one."""
    return wire.message(RTM_GETADDR, wire.NLM_F_DUMP, _IFADDR.pack(family, 0, 0, 0, index))


def parse_address(payload: bytes) -> AddressRecord:
    """One address of an answer.

    Raises:
        MalformedError: the payload is malformed, or of a family without addresses.
    """
    _family, size, flags, _scope, index = wire.fixed(_IFADDR, payload)
    found = wire.attributes(payload, _IFADDR.size)
    # On a point-to-point link IFA_ADDRESS is the other end.
    packed = found.get(_IFA_LOCAL) or found.get(_IFA_ADDRESS, b"")
    wide = found.get(_IFA_FLAGS)
    return AddressRecord(
        index=index,
        address=f"{wire.address_text(packed)}/{size}",
        protocol=wire.number(found.get(_IFA_PROTO, b"")),
        flags=flags if wide is None else wire.number(wide),
    )
