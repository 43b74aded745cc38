"""Policy routing rules: RTM_NEWRULE and its relatives (linux/fib_rules.h)."""

from __future__ import annotations

from functools import lru_cache
from struct import Struct
from typing import Final

import msgspec

from deuteron.kernel.linux.netlink import wire

RTM_NEWRULE: Final = 32
RTM_DELRULE: Final = 33
RTM_GETRULE: Final = 34

_FRA_SRC: Final = 2
_FRA_IIFNAME: Final = 3
_FRA_PRIORITY: Final = 6
_FRA_FWMARK: Final = 10
_FRA_TABLE: Final = 15
_FRA_FWMASK: Final = 16
_FRA_PROTOCOL: Final = 21

_FR_ACT_TO_TBL: Final = 1
#: FIB_RULE_IIF_DETACHED, FIB_RULE_OIF_DETACHED: the link that it names is not there now.
_DETACHED: Final = 0x08 | 0x10
FULL_MASK: Final = 0xFFFFFFFF

#: fib_rule_hdr: family, prefix lengths of destination and source, TOS, table, two reserved, action, flags.
_RULE: Final = Struct("=BBBBBBBBI")

#: What a rule of ours may carry besides; another attribute makes it a rule that we cannot say.
_UNDERSTOOD: Final = frozenset(
    {_FRA_SRC, _FRA_IIFNAME, _FRA_PRIORITY, _FRA_FWMARK, _FRA_TABLE, _FRA_FWMASK, _FRA_PROTOCOL}
)
_FRA_SUPPRESS_PREFIXLEN: Final = 14


class RuleRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One rule.

    Attributes:
        family: AF_INET or AF_INET6.
        table: where to look up; 0 for a rule that does something else.
        iif: incoming link's name, or "".
        fwmark: 0 for any.
        mask: of the mark's bits, all of them where nobody said.
        source: prefix, or "" for any.
        protocol: FRA_PROTOCOL.
        plain: nothing is in it that this record does not show.
    """

    family: int
    priority: int
    table: int
    iif: str
    fwmark: int
    mask: int
    source: str
    protocol: int
    plain: bool


def _build(
    kind: int,
    flags: int,
    family: int,
    priority: int,
    table: int,
    iif: str,
    fwmark: int,
    mask: int,
    source: str,
    protocol: int,
) -> bytes:
    packed, size = (b"", 0)
    if source:
        family, packed, size = wire.packed_prefix(source)
    small = table if table < 256 else 0
    parts = [
        _RULE.pack(family, 0, size, 0, small, 0, 0, _FR_ACT_TO_TBL, 0),
        wire.u32(_FRA_PRIORITY, priority),
        wire.u32(_FRA_TABLE, table),
    ]
    if size:
        parts.append(wire.attribute(_FRA_SRC, packed))
    if iif:
        parts.append(wire.string(_FRA_IIFNAME, iif))
    if fwmark:
        parts.append(wire.u32(_FRA_FWMARK, fwmark))
        parts.append(wire.u32(_FRA_FWMASK, mask))
    if protocol:
        parts.append(wire.u8(_FRA_PROTOCOL, protocol))
    return wire.message(kind, flags, *parts)


def new_rule(
    family: int,
    priority: int,
    table: int,
    *,
    iif: str = "",
    fwmark: int = 0,
    mask: int = FULL_MASK,
    source: str = "",
    protocol: int = 0,
) -> bytes:
    """Packets that match look up ``table``; EEXIST where the very same rule is there.

    Args:
        family: AF_INET or AF_INET6; ``source`` must be of it.
        priority: lower is earlier.
        table: number of the routing table.
        iif: incoming link's name, which need not exist yet; "" for any.
        fwmark: 0 for any, then ``mask`` says nothing.
        mask: of the mark's bits.
        source: prefix, "" for any.
        protocol: FRA_PROTOCOL.
    """
    flags = wire.MODE_FLAGS["create"]
    return _build(RTM_NEWRULE, flags, family, priority, table, iif, fwmark, mask, source, protocol)


def delete_rule(
    family: int,
    priority: int,
    table: int,
    *,
    iif: str = "",
    fwmark: int = 0,
    mask: int = FULL_MASK,
    source: str = "",
    protocol: int = 0,
) -> bytes:
    """Remove the rule that matches all that is given; ENOENT where there is none.

    What is not given does not have to match: give ``protocol``, or a foreign rule may go.
    """
    return _build(RTM_DELRULE, 0, family, priority, table, iif, fwmark, mask, source, protocol)


def dump_rules(family: int = 0) -> bytes:
    """Ask for rules of one family; with 0 for all, those of multicast routing (128, 129) too."""
    return wire.message(RTM_GETRULE, wire.NLM_F_DUMP, _RULE.pack(family, 0, 0, 0, 0, 0, 0, 0, 0))


@lru_cache(maxsize=1024)
def parse_rule(payload: bytes) -> RuleRecord:
    """One rule of an answer; remembered, since each namespace has the kernel's own.

    Raises:
        MalformedError: the payload is malformed.
    """
    family, dst_size, src_size, tos, small, _r1, _r2, action, flags = wire.fixed(_RULE, payload)
    found = wire.attributes(payload, _RULE.size)
    get = found.get
    table = get(_FRA_TABLE)
    source = get(_FRA_SRC)
    mask = get(_FRA_FWMASK)
    return RuleRecord(
        family=family,
        priority=wire.number(get(_FRA_PRIORITY, b"")),
        table=small if table is None else wire.number(table),
        iif=wire.text(get(_FRA_IIFNAME, b"")),
        fwmark=wire.number(get(_FRA_FWMARK, b"")),
        mask=FULL_MASK if mask is None else wire.number(mask),
        source="" if source is None else f"{wire.address_text(source)}/{src_size}",
        protocol=wire.number(get(_FRA_PROTOCOL, b"")),
        plain=action == _FR_ACT_TO_TBL and not (dst_size or tos or flags & ~_DETACHED) and _understood(found),
    )


def _understood(found: dict[int, bytes]) -> bool:
    rest = found.keys() - _UNDERSTOOD
    # The kernel always says how short a prefix it would suppress; -1 is none.
    return not rest or (
        rest == {_FRA_SUPPRESS_PREFIXLEN} and wire.signed(found[_FRA_SUPPRESS_PREFIXLEN]) == -1
    )
