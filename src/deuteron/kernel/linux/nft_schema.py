"""The shape of nft's JSON (schema 1), so far as our language has words for it.

Every type refuses what it does not know, so that nothing can be overlooked.
Source: libnftables-json(5).
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, UnsetType

#: No number of nftables is wider than 64 bits, and a wider one could not be kept.
Number = Annotated[int, msgspec.Meta(ge=-(1 << 63), le=(1 << 63) - 1)]


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Refuses what it does not know, so that nothing can be overlooked."""


class Payload(Strict, frozen=True):
    """A field of a header."""

    protocol: str
    field: str


class Named(Strict, frozen=True):
    """A field that has but a name."""

    key: str


class Fib(Strict, frozen=True):
    """A question to the routes."""

    result: str
    flags: tuple[str, ...]


class Header(Strict, frozen=True):
    """An IPv6 extension header, or whether it is there."""

    name: str


class Hop(Strict, frozen=True):
    """A question to the route that was chosen."""

    key: str
    family: str


class Left(Strict, frozen=True):
    """What is compared, or a key: exactly one of these."""

    payload: Payload | None = None
    exthdr: Header | None = None
    rt: Hop | None = None
    meta: Named | None = None
    ct: Named | None = None
    fib: Fib | None = None
    concat: tuple[Left, ...] = ()


class Prefix(Strict, frozen=True):
    """An address with a length."""

    addr: str
    len: Number


class Right(Strict, frozen=True):
    """What it is compared with, where that is not a plain word."""

    set: tuple[str | int | Right, ...] = ()
    prefix: Prefix | None = None


class Match(Strict, frozen=True):
    """One comparison."""

    op: str
    left: Left
    right: bool | str | int | tuple[str | int, ...] | Right


class Map(Strict, frozen=True):
    """A look-up."""

    key: Left
    data: str


class Address(Strict, frozen=True):
    """An address that a map holds."""

    map: Map


class Nat(Strict, frozen=True):
    """A translation."""

    family: str
    addr: str | Address
    flags: str = ""


class Mangle(Strict, frozen=True):
    """A value that is set."""

    key: Left
    value: Number


class Limit(Strict, frozen=True):
    """A rate."""

    rate: Number
    burst: Number
    per: str


class Stateful(Strict, frozen=True):
    """What a remembered element carries."""

    limit: Limit


class Dynamic(Strict, frozen=True):
    """A key that is remembered."""

    op: str
    elem: Left
    set: str
    stmt: tuple[Stateful, ...] = ()


class Expression(Strict, frozen=True):
    """One of the parts of a rule."""

    limit: Limit | None = None
    set: Dynamic | None = None
    match: Match | None = None
    dnat: Nat | None = None
    snat: Nat | None = None
    mangle: Mangle | None = None
    accept: UnsetType | None = UNSET
    drop: UnsetType | None = UNSET
    return_: UnsetType | None = msgspec.field(name="return", default=UNSET)
    notrack: UnsetType | None = UNSET


class Rule(Strict, frozen=True):
    """A rule."""

    family: str
    table: str
    chain: str
    handle: Number
    expr: tuple[Expression, ...]
    comment: str = ""


class Chain(Strict, frozen=True):
    """A base chain."""

    family: str
    table: str
    name: str
    handle: Number
    type: str
    hook: str
    prio: Number
    policy: str


class Value(Strict, frozen=True):
    """An element's key or value that is not a plain word."""

    concat: tuple[str | int, ...] = ()


Part = str | int | Value


class Set(Strict, frozen=True):
    """A set or a map; its elements are read apart."""

    family: str
    table: str
    name: str
    handle: Number
    type: str | tuple[str, ...]
    map: str = ""
    size: Number = 0
    flags: tuple[str, ...] = ()
    timeout: Number = 0
    elem: msgspec.Raw = msgspec.Raw(b"[]")


class WithName(msgspec.Struct, frozen=True):
    """Anything that has a name, whatever else it has."""

    name: str


class WithChain(msgspec.Struct, frozen=True):
    """Anything that is in a chain."""

    chain: str


class WithElements(msgspec.Struct, frozen=True):
    """Anything that may have elements: one, or a list of them."""

    elem: Any = msgspec.field(default_factory=list)


class Document(msgspec.Struct, frozen=True):
    """The whole answer."""

    nftables: tuple[dict[str, msgspec.Raw], ...]
