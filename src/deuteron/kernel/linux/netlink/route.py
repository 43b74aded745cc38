"""Routes: RTM_NEWROUTE and its relatives (linux/rtnetlink.h)."""

from __future__ import annotations

from collections.abc import Sequence
from socket import AF_INET, AF_INET6
from struct import Struct
from typing import Final, Literal

import msgspec

from deuteron.kernel.linux.netlink import wire
from deuteron.kernel.linux.netlink.errors import MalformedError

RTM_NEWROUTE: Final = 24
RTM_DELROUTE: Final = 25
RTM_GETROUTE: Final = 26

_RTA_DST: Final = 1
_RTA_OIF: Final = 4
_RTA_GATEWAY: Final = 5
_RTA_PRIORITY: Final = 6
_RTA_MULTIPATH: Final = 9
_RTA_TABLE: Final = 15
_RTA_VIA: Final = 18

_RT_SCOPE_UNIVERSE: Final = 0
_RT_SCOPE_LINK: Final = 253
_RT_SCOPE_NOWHERE: Final = 255
_RTNH_F_ONLINK: Final = 4

MAIN_TABLE: Final = 254

RouteType = Literal["unicast", "blackhole"]
_TYPES: Final[dict[RouteType, int]] = {"unicast": 1, "blackhole": 6}
#: rtm_type by number; what is not named here shows as its number.
_TYPE_NAMES: Final = {
    1: "unicast",
    2: "local",
    3: "broadcast",
    4: "anycast",
    5: "multicast",
    6: "blackhole",
    7: "unreachable",
    8: "prohibit",
    9: "throw",
}
#: The kernel shows ``lo`` for those of IPv6.
_WITHOUT_NEXTHOP: Final = frozenset({6, 7, 8, 9})

#: rtmsg: family, prefix lengths of destination and source, TOS, table, protocol, scope, type, flags.
_RTMSG: Final = Struct("=BBBBBBBBI")
#: rtnexthop: length, flags, weight - 1, index.
_NEXTHOP: Final = Struct("=HBBi")


class NexthopRecord(msgspec.Struct, frozen=True, gc=False):
    """One way on.

    Attributes:
        index: of the link to leave by.
        via: the gateway's address, or "" where the destination is on the link itself.
        onlink: the gateway is on the link although no connected subnet holds it.
    """

    index: int
    via: str = ""
    onlink: bool = False


class RouteRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One route.

    Attributes:
        family: AF_INET or AF_INET6.
        destination: canonical prefix.
        metric: as the kernel keeps it; IPv6 routes without one get 1024.
        protocol: RTA_PROTOCOL.
        type: ``unicast``, ``local``, ``blackhole``, ...
        nexthops: none for a ``blackhole`` and its like.
    """

    family: int
    table: int
    destination: str
    metric: int
    protocol: int
    type: str
    nexthops: tuple[NexthopRecord, ...]


def new_route(
    destination: str,
    nexthops: Sequence[NexthopRecord] = (),
    *,
    table: int = MAIN_TABLE,
    metric: int = 0,
    protocol: int = 0,
    type: RouteType = "unicast",  # noqa: A002  (the kernel's word for it)
    mode: wire.Mode = "create",
) -> bytes:
    """Make a route; several nexthops share its traffic.

    Args:
        destination: canonical prefix, ``0.0.0.0/0`` or ``::/0`` for the default.
        nexthops: none for a ``blackhole``.
        table: number, 1 to 2**32-1.
        metric: 0 lets the kernel choose, which for IPv6 means 1024.
        protocol: RTA_PROTOCOL.
        type: ``unicast``, or ``blackhole`` to drop silently.
        mode: ``create`` fails with EEXIST where table, destination and metric are
            taken; ``replace`` takes its place.
    """
    family, packed, size = wire.packed_prefix(destination)
    linked = type == "unicast" and not any(hop.via for hop in nexthops)
    scope = _RT_SCOPE_LINK if linked and family == AF_INET else _RT_SCOPE_UNIVERSE
    alone = nexthops[0] if len(nexthops) == 1 else None
    flags = _RTNH_F_ONLINK if alone is not None and alone.onlink else 0
    parts = [
        _RTMSG.pack(family, size, 0, 0, _small(table), protocol, scope, _TYPES[type], flags),
        wire.u32(_RTA_TABLE, table),
    ]
    if size:
        parts.append(wire.attribute(_RTA_DST, packed))
    if metric:
        parts.append(wire.u32(_RTA_PRIORITY, metric))
    if alone is not None:
        parts.append(wire.u32(_RTA_OIF, alone.index))
        parts.append(_gateway(family, alone.via))
    elif nexthops:
        parts.append(wire.attribute(_RTA_MULTIPATH, b"".join(_hop(family, hop) for hop in nexthops)))
    return wire.message(RTM_NEWROUTE, wire.MODE_FLAGS[mode], *parts)


def delete_route(destination: str, *, table: int = MAIN_TABLE, metric: int = 0, protocol: int = 0) -> bytes:
    """Remove a route with all its nexthops; ESRCH where it is not there.

    Args:
        destination: canonical prefix.
        table: number.
        metric: 0 for the first of any metric.
        protocol: 0 for any; else a route of another protocol stays, and the answer is ESRCH.
    """
    family, packed, size = wire.packed_prefix(destination)
    parts = [
        _RTMSG.pack(family, size, 0, 0, _small(table), protocol, _RT_SCOPE_NOWHERE, 0, 0),
        wire.u32(_RTA_TABLE, table),
    ]
    if size:
        parts.append(wire.attribute(_RTA_DST, packed))
    if metric:
        parts.append(wire.u32(_RTA_PRIORITY, metric))
    return wire.message(RTM_DELROUTE, 0, *parts)


def dump_routes(
    family: int = 0,
    *,
    table: int = 0,
    protocol: int = 0,
    type: RouteType | None = None,  # noqa: A002  (as above)
) -> bytes:
    """Ask for routes; the kernel leaves out what does not match what is given.

    Without ``type`` the local, broadcast and multicast ones come too.  A ``table`` that
    does not exist is ENOENT where ``family`` is given.
    """
    parts = [_RTMSG.pack(family, 0, 0, 0, _small(table), protocol, 0, _TYPES[type] if type else 0, 0)]
    if table:
        parts.append(wire.u32(_RTA_TABLE, table))
    return wire.message(RTM_GETROUTE, wire.NLM_F_DUMP, *parts)


def parse_route(payload: bytes) -> RouteRecord:
    """One route of an answer.

    Raises:
        MalformedError: the payload is malformed, or of a family that is not IP.
    """
    family, size, _src, _tos, small, protocol, _scope, kind, flags = wire.fixed(_RTMSG, payload)
    found = wire.attributes(payload, _RTMSG.size)
    get = found.get
    table = get(_RTA_TABLE)
    multipath = get(_RTA_MULTIPATH)
    if multipath is not None:
        nexthops = _parse_nexthops(multipath)
    elif _RTA_OIF in found and kind not in _WITHOUT_NEXTHOP:
        nexthops = (_parse_hop(wire.number(found[_RTA_OIF]), flags, found),)
    else:
        nexthops = ()
    return RouteRecord(
        family=family,
        table=small if table is None else wire.number(table),
        destination=f"{_destination(family, get(_RTA_DST))}/{size}",
        metric=wire.number(get(_RTA_PRIORITY, b"")),
        protocol=protocol,
        type=_TYPE_NAMES.get(kind) or str(kind),
        nexthops=nexthops,
    )


def _small(table: int) -> int:
    """The old 8-bit field; 0 sends the kernel to RTA_TABLE."""
    return table if table < 256 else 0


def _gateway(family: int, via: str) -> bytes:
    if not via:
        return b""
    gateway_family, packed = wire.packed_address(via)
    if gateway_family == family:
        return wire.attribute(_RTA_GATEWAY, packed)
    return wire.attribute(_RTA_VIA, gateway_family.to_bytes(2, wire.BYTE_ORDER) + packed)


def _hop(family: int, hop: NexthopRecord) -> bytes:
    gateway = _gateway(family, hop.via)
    size = _NEXTHOP.size + len(gateway)
    return _NEXTHOP.pack(size, _RTNH_F_ONLINK if hop.onlink else 0, 0, hop.index) + gateway


def _destination(family: int, packed: bytes | None) -> str:
    if family not in (AF_INET, AF_INET6):
        raise MalformedError("a route of a family that is not IP")
    if packed is None:
        return "0.0.0.0" if family == AF_INET else "::"  # noqa: S104  (a destination, nothing is bound)
    return wire.address_text(packed)


def _parse_nexthops(data: bytes) -> tuple[NexthopRecord, ...]:
    found = []
    offset = 0
    while offset + _NEXTHOP.size <= len(data):
        size, flags, _weight, index = _NEXTHOP.unpack_from(data, offset)
        if size < _NEXTHOP.size or offset + size > len(data):
            raise MalformedError("a route's nexthop ends beyond its attribute")
        hop = wire.attributes(data[offset : offset + size], _NEXTHOP.size)
        found.append(_parse_hop(index, flags, hop))
        offset += (size + 3) & ~3
    return tuple(found)


def _parse_hop(index: int, flags: int, found: dict[int, bytes]) -> NexthopRecord:
    gateway = found.get(_RTA_GATEWAY)
    if gateway is None and _RTA_VIA in found:
        gateway = found[_RTA_VIA][2:]
    via = "" if gateway is None else wire.address_text(gateway)
    return NexthopRecord(index, via, bool(flags & _RTNH_F_ONLINK))
