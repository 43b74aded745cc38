"""Tracked connections: ctnetlink over NETLINK_NETFILTER (linux/netfilter/nfnetlink_conntrack.h).

A connection has two tuples, one for each direction.  After a translation the second is
not the mirror of the first: of a connection to a floating IP the original destination is
the floating address and the reply source is the fixed one.  So a connection *uses* an
address where any of the four places holds it, and all four are looked at.

A delete message may carry a filter (CTA_FILTER) that says which parts of its tuple count,
and the kernel deletes what matches.  A kernel that does not know this takes the tuple for
an incomplete one and refuses with EINVAL, deleting nothing.

The filter is used for IPv4 alone.  For IPv6 the kernel (Linux 6.18, and since it has the
filter) compares the wrong way round: it would delete every connection that does *not*
use the address.  So IPv6 connections are dumped and deleted one by one.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from socket import AF_INET, AF_INET6
from struct import Struct
from typing import Final

import msgspec

from deuteron.kernel.linux.netlink import wire
from deuteron.kernel.linux.netlink.errors import refused
from deuteron.kernel.linux.netlink.socket import Ack, NetlinkSocket

_CT_GET: Final = 0x101
_CT_DELETE: Final = 0x102

_CTA_TUPLE_ORIG: Final = 1
_CTA_TUPLE_REPLY: Final = 2
_CTA_MARK: Final = 8
_CTA_ID: Final = 12
_CTA_ZONE: Final = 18
_CTA_FILTER: Final = 25

_CTA_TUPLE_IP: Final = 1
_CTA_TUPLE_PROTO: Final = 2
_CTA_IP_SRC: Final[dict[int, int]] = {AF_INET: 1, AF_INET6: 3}
_CTA_IP_DST: Final[dict[int, int]] = {AF_INET: 2, AF_INET6: 4}
_CTA_PROTO_NUM: Final = 1
_CTA_PROTO_SRC_PORT: Final = 2
_CTA_PROTO_DST_PORT: Final = 3

_CTA_FILTER_ORIG_FLAGS: Final = 1
_CTA_FILTER_REPLY_FLAGS: Final = 2
_FILTER_IP_SRC: Final = 1 << 0
_FILTER_IP_DST: Final = 1 << 1

#: With more addresses one dump is cheaper than the kernel's four walks for each.
_MANY: Final = 10

#: nfgenmsg: family, version, resource id.
_NFGEN: Final = Struct("=BBH")


class TupleRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One direction of a connection; the ports are 0 where the protocol has none."""

    source: str
    destination: str
    protocol: int
    source_port: int
    destination_port: int


class FlowRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A tracked connection: the direction it was opened in, and the one its answers come in."""

    original: TupleRecord
    reply: TupleRecord
    mark: int

    @property
    def addresses(self) -> frozenset[str]:
        """The addresses in any of the four places."""
        there, back = self.original, self.reply
        return frozenset((there.source, there.destination, back.source, back.destination))


def flush_flows(connection: NetlinkSocket, addresses: Sequence[str]) -> int | None:
    """Remove the tracked connections that use any of ``addresses``, of the socket's namespace.

    Returns:
        How many were removed; ``None`` where the kernel did it by itself, which does not say.

    Raises:
        KernelError: refused, or no answer in time.
    """
    short = [address for address in addresses if ":" not in address]
    if not short or len(short) > _MANY:
        return flush_each(connection, addresses)
    acks = connection.batch([message for address in short for message in delete_matching(address)])
    if any(ack.errno in (errno.EINVAL, errno.EOPNOTSUPP) for ack in acks):
        return flush_each(connection, addresses)
    _check(acks)
    if len(short) < len(addresses):
        flush_each(connection, [address for address in addresses if ":" in address])
    return None


def flush_each(connection: NetlinkSocket, addresses: Sequence[str]) -> int:
    """The same without the kernel's filter: dump, and delete what matches; how many were removed.

    Raises:
        KernelError: refused, or no answer in time.
    """
    if not addresses:
        return 0
    families, packed = map(set, zip(*map(wire.packed_address, addresses), strict=True))
    texts = {wire.address_text(value) for value in packed}
    payloads = connection.dump(dump_flows(families.pop() if len(families) == 1 else 0))
    # Looking for the bytes anywhere is a hundred times faster than parsing, and never misses.
    candidates = (payload for payload in payloads if any(value in payload for value in packed))
    doomed = [_delete_one(payload) for payload in candidates if texts & parse_flow(payload).addresses]
    acks = [ack for ack in connection.batch(doomed) if ack.errno != errno.ENOENT]  # gone meanwhile
    _check(acks)
    return len(acks)


def delete_matching(address: str) -> tuple[bytes, ...]:
    """The four messages that remove what uses an IPv4 address: source or destination, there or back.

    Raises:
        ValueError: the address is of IPv6; see the module's description.
    """
    family, packed = wire.packed_address(address)
    if family != AF_INET:
        raise ValueError("the kernel's filter is wrong for IPv6; delete these connections one by one")
    return tuple(
        wire.message(
            _CT_DELETE,
            0,
            _NFGEN.pack(family, 1, 0),
            wire.nested(side, wire.nested(_CTA_TUPLE_IP, wire.attribute(place[family], packed))),
            wire.nested(
                _CTA_FILTER,
                wire.u32(_CTA_FILTER_ORIG_FLAGS, flag if side == _CTA_TUPLE_ORIG else 0),
                wire.u32(_CTA_FILTER_REPLY_FLAGS, flag if side == _CTA_TUPLE_REPLY else 0),
            ),
        )
        for side in (_CTA_TUPLE_ORIG, _CTA_TUPLE_REPLY)
        for place, flag in ((_CTA_IP_SRC, _FILTER_IP_SRC), (_CTA_IP_DST, _FILTER_IP_DST))
    )


def dump_flows(family: int = 0) -> bytes:
    """Ask for connections, of both families or of one; for a socket of NETLINK_NETFILTER."""
    return wire.message(_CT_GET, wire.NLM_F_DUMP, _NFGEN.pack(family, 0, 0))


def parse_flow(payload: bytes) -> FlowRecord:
    """One connection of an answer.

    Raises:
        MalformedError: the payload is malformed.
    """
    wire.fixed(_NFGEN, payload)
    found = wire.attributes(payload, _NFGEN.size)
    return FlowRecord(
        original=_parse_tuple(found.get(_CTA_TUPLE_ORIG, b"")),
        reply=_parse_tuple(found.get(_CTA_TUPLE_REPLY, b"")),
        mark=int.from_bytes(found.get(_CTA_MARK, b""), "big"),
    )


def _parse_tuple(data: bytes) -> TupleRecord:
    found = wire.attributes(data)
    address = wire.attributes(found.get(_CTA_TUPLE_IP, b""))
    protocol = wire.attributes(found.get(_CTA_TUPLE_PROTO, b""))
    family = AF_INET6 if _CTA_IP_SRC[AF_INET6] in address else AF_INET
    return TupleRecord(
        source=wire.address_text(address.get(_CTA_IP_SRC[family], b"")),
        destination=wire.address_text(address.get(_CTA_IP_DST[family], b"")),
        protocol=int.from_bytes(protocol.get(_CTA_PROTO_NUM, b""), "big"),
        source_port=int.from_bytes(protocol.get(_CTA_PROTO_SRC_PORT, b""), "big"),
        destination_port=int.from_bytes(protocol.get(_CTA_PROTO_DST_PORT, b""), "big"),
    )


def _delete_one(payload: bytes) -> bytes:
    """The message that removes the dumped connection, and, by its id, no later one with the same tuple."""
    found = wire.attributes(payload, _NFGEN.size)
    parts = [wire.attribute(kind, found[kind]) for kind in (_CTA_ID, _CTA_ZONE) if kind in found]
    original = wire.nested(_CTA_TUPLE_ORIG, found[_CTA_TUPLE_ORIG])
    return wire.message(_CT_DELETE, 0, payload[: _NFGEN.size], original, *parts)


def _check(acks: Sequence[Ack]) -> None:
    for ack in acks:
        if ack.errno:
            raise refused(ack.errno, ack.text, "to remove tracked connections")
