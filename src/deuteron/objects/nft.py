"""nftables objects: tables with their chains and rules, and the elements of maps and sets.

The rules are a small typed language, just what this project writes.  It is rendered to
nft's syntax (``objects/nft_text.py``), read back from nft's JSON (``kernel/linux/nft.py``)
and executed by the fake kernel (``kernel/fake``).  Values stand in the form in which
``nft -j list`` prints them, so that wanted and observed compare by ``==``.

A table's structure is one object.  The elements of its maps and sets are objects of
their own: one more floating IP is a few elements, never a new table.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from deuteron.objects.base import KernelObject, Key

#: Every table of ours is ``table inet deuteron``; that is how we know it.
TABLE: Final = "deuteron"

#: Maps whose elements translate addresses.  Taking one away ends the flows it made.
FLOATING_TO_FIXED: Final = "floating_to_fixed"
FIXED_TO_FLOATING: Final = "fixed_to_floating"
FORWARDED_PORTS: Final = "forwarded_ports"

Field = Literal[
    "iifname",
    "oifname",
    "ip saddr",
    "ip daddr",
    "ip6 saddr",
    "ip6 daddr",
    "ip hdrlength",
    "ip6 hoplimit",
    "exthdr rt",
    "rt ip nexthop",
    "rt ip6 nexthop",
    "meta l4proto",
    "meta nfproto",
    "meta mark",
    "ct state",
    "ct status",
    "icmp type",
    "icmpv6 type",
    "th dport",
    "fib saddr . iif oif",
    "fib saddr oif",
    "fib saddr type",
    "fib daddr . iif type",
    "meta pkttype",
]


class SetRef(msgspec.Struct, frozen=True, tag=True, gc=False):
    """``@name``: a named set of the same table."""

    name: str


class Match(msgspec.Struct, frozen=True, tag=True, gc=False):
    """``field op value``; all matches of a rule must hold.

    Attributes:
        value: one value; several (an anonymous set, sorted; for ``ct state`` and
            ``ct status`` any of these flags); or a reference to a named set.
            Interface names may end in ``*``.  Marks are decimal text.
            For ``fib saddr . iif oif`` the only value is ``0``: no route leads back by the
            link it came from; for ``fib saddr oif``: by none at all.  For ``exthdr rt`` it is
            ``missing``: no IPv6 routing header (RFC 8200, 4.4).  ``ip hdrlength`` is in words of
            four bytes, so that 5 says: no options.  ``rt ip nexthop`` is the neighbour that the
            packet goes to next.  ``fib daddr . iif type`` is ``local`` where the link that it came by has
            the address.
    """

    field: Field
    value: str | tuple[str, ...] | SetRef
    op: Literal["==", "!="] = "=="


class Verdict(msgspec.Struct, frozen=True, tag=True, gc=False):
    """What becomes of the packet."""

    verdict: Literal["accept", "drop", "return"]


class SetMark(msgspec.Struct, frozen=True, tag=True, gc=False):
    """``meta mark set``."""

    mark: int


class Notrack(msgspec.Struct, frozen=True, tag=True, gc=False):
    """No connection tracking for this packet."""


class Lookup(msgspec.Struct, frozen=True, tag=True, gc=False):
    """``key . key map @name``: where nothing is found the rule does not match."""

    key: tuple[Field, ...]
    map: str


class Nat(msgspec.Struct, frozen=True, tag=True, gc=False):
    """``dnat``/``snat`` to an address, or to what a map holds (an address, or an address and port).

    Attributes:
        to: a literal address or a lookup.
        fully_random: choose source ports at random, against clashes (LP 1814002).
    """

    direction: Literal["dnat", "snat"]
    family: Literal["ip", "ip6"]
    to: str | Lookup
    fully_random: bool = False


class Limit(msgspec.Struct, frozen=True, tag=True, gc=False):
    """``limit rate N/second burst M packets``: beyond it the rule does not match.

    One bucket for the whole rule; it is the kernel's own state, and lost with the table.
    """

    rate: int
    burst: int


class Remember(msgspec.Struct, frozen=True, tag=True, gc=False):
    """``update @set { key }`` of a dynamic set: remember the key, or remember it for longer.

    Where the set is full, and with a limit where the key's own bucket is empty, the rule does
    not match: used before an ``accept`` in a chain that drops, both fail closed.

    Attributes:
        set: a set with a ``size``.
        limit: a bucket for each key.
    """

    set: str
    key: Field
    limit: Limit | None = None


Statement = Verdict | SetMark | Notrack | Nat | Limit | Remember


class NftRule(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Matches, then statements; ``comment`` says what packet it is for and lives in the kernel too."""

    matches: tuple[Match, ...] = ()
    statements: tuple[Statement, ...]
    comment: str = ""


class NftChain(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A base chain.

    Attributes:
        type: ``filter`` or ``nat``.
        hook: where in the stack.
        priority: number; dstnat is -100, srcnat 100, mangle -150, raw -300, filter 0.
    """

    name: str
    type: Literal["filter", "nat"]
    hook: Literal["prerouting", "input", "forward", "output", "postrouting"]
    priority: int
    policy: Literal["accept", "drop"]
    rules: tuple[NftRule, ...] = ()


class NftSet(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A named set, or a map where ``data`` is not empty.

    Attributes:
        type: the key's nft types, ``("ipv4_addr",)`` or ``("ipv4_addr", "inet_proto", "inet_service")``.
        data: the value's nft types; empty for a set.
        size: 0 for a set whose elements are ours.  Else rules fill it, with at most so many; its
            elements are the kernel's state, neither wanted nor observed.
        timeout: seconds after which a remembered element is forgotten; 0 for never.
    """

    name: str
    type: tuple[str, ...]
    data: tuple[str, ...] = ()
    size: int = 0
    timeout: int = 0


class NftTable(KernelObject, frozen=True, kw_only=True):
    """``table inet deuteron`` of a namespace, without its elements; sets and chains sorted by name.

    Making, replacing or removing it is one nft transaction together with its elements.
    """

    netns: str
    sets: tuple[NftSet, ...] = ()
    chains: tuple[NftChain, ...] = ()

    @property
    def key(self) -> Key:
        return ("nft_table", self.netns)

    @property
    def container(self) -> Key | None:
        return ("netns", self.netns)


class NftElement(KernelObject, frozen=True, kw_only=True):
    """An element of a named set or map of the namespace's table.

    Attributes:
        set: the set's or map's name.
        item: the key's parts as text, ``("203.0.113.50",)`` or ``("203.0.113.50", "tcp", "8080")``.
        value: the value's parts; empty in a set.
    """

    netns: str
    set: str
    item: tuple[str, ...]
    value: tuple[str, ...] = ()

    @property
    def key(self) -> Key:
        return ("nft_element", self.netns, self.set, *self.item)

    @property
    def container(self) -> Key | None:
        return ("nft_table", self.netns)
