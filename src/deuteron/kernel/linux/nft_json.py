"""nft's JSON (schema 1, all values numeric) as our typed objects.

Nothing is lost: what the typed language cannot say becomes a value that no wanted
object equals, so the difference shows and a replacement mends it.

=============================  =====================================================
found                          becomes
=============================  =====================================================
a rule outside the language    a rule without statements; its JSON is the comment
a chain with other properties  the chain, with such a rule at its head
a set, map or other object     a set whose type is ``("raw", <JSON>)``
with other properties
an element with a time-out,    the element, with the JSON as one more part of its
comment, range ...             value
=============================  =====================================================
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, cast

import msgspec
from msgspec import UNSET, UnsetType

from deuteron.objects.nft import (
    Field,
    Lookup,
    Match,
    Nat,
    NftChain,
    NftElement,
    NftRule,
    NftSet,
    NftTable,
    Notrack,
    SetMark,
    SetRef,
    Statement,
    Verdict,
)
from deuteron.objects.nft_names import NAMES

RAW: Final = "raw"
_FIB: Final = "fib saddr . iif oif"
_PORTS: Final = frozenset({"tcp", "udp", "sctp", "dccp", "udplite"})
_FLAGS: Final = frozenset({"ct state", "ct status"})


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Refuses what it does not know, so that nothing can be overlooked."""


class _Payload(_Strict, frozen=True):
    protocol: str
    field: str


class _Named(_Strict, frozen=True):
    key: str


class _Fib(_Strict, frozen=True):
    result: str
    flags: tuple[str, ...]


class _Left(_Strict, frozen=True):
    payload: _Payload | None = None
    meta: _Named | None = None
    ct: _Named | None = None
    fib: _Fib | None = None
    concat: tuple[_Left, ...] = ()


class _Prefix(_Strict, frozen=True):
    addr: str
    len: int


class _Right(_Strict, frozen=True):
    set: tuple[str | int | _Right, ...] = ()
    prefix: _Prefix | None = None


class _Match(_Strict, frozen=True):
    op: str
    left: _Left
    right: str | int | tuple[str | int, ...] | _Right


class _Map(_Strict, frozen=True):
    key: _Left
    data: str


class _Address(_Strict, frozen=True):
    map: _Map


class _Nat(_Strict, frozen=True):
    family: str
    addr: str | _Address
    flags: str = ""


class _Mangle(_Strict, frozen=True):
    key: _Left
    value: int


class _Expression(_Strict, frozen=True):
    match: _Match | None = None
    dnat: _Nat | None = None
    snat: _Nat | None = None
    mangle: _Mangle | None = None
    accept: UnsetType | None = UNSET
    drop: UnsetType | None = UNSET
    return_: UnsetType | None = msgspec.field(name="return", default=UNSET)
    notrack: UnsetType | None = UNSET


class _Rule(_Strict, frozen=True):
    family: str
    table: str
    chain: str
    handle: int
    expr: tuple[_Expression, ...]
    comment: str = ""


class _Chain(_Strict, frozen=True):
    family: str
    table: str
    name: str
    handle: int
    type: str
    hook: str
    prio: int
    policy: str


class _Value(_Strict, frozen=True):
    """An element's key or value that is not a plain word."""

    concat: tuple[str | int, ...] = ()


_Part = str | int | _Value


class _Set(_Strict, frozen=True):
    family: str
    table: str
    name: str
    handle: int
    type: str | tuple[str, ...]
    map: str = ""
    elem: tuple[_Part | tuple[_Part, _Part], ...] = ()


class _Document(msgspec.Struct, frozen=True):
    nftables: tuple[dict[str, msgspec.Raw], ...]


class _Inexpressible(Exception):  # noqa: N818 - a finding, caught in this file
    """The language has no word for it."""


_DOCUMENT: Final = msgspec.json.Decoder(_Document)
_RULE: Final = msgspec.json.Decoder(_Rule)
_CHAIN: Final = msgspec.json.Decoder(_Chain)
_SET: Final = msgspec.json.Decoder(_Set)


def parse(netns: str, listing: bytes) -> tuple[NftTable, tuple[NftElement, ...]]:
    """The one table of a ``list table`` answer; elements are in the kernel's order.

    Raises:
        msgspec.DecodeError: not nft's JSON at all.
    """
    sets: list[NftSet] = []
    elements: list[NftElement] = []
    chains: dict[str, NftChain] = {}
    rules: dict[str, list[NftRule]] = {}
    for entry in _DOCUMENT.decode(listing).nftables:
        for kind, raw in entry.items():
            if kind == "rule":
                chain, rule = _read_rule(bytes(raw))
                rules.setdefault(chain, []).append(rule)
            elif kind == "chain":
                one = _read_chain(bytes(raw))
                chains[one.name] = one
            elif kind not in {"metainfo", "table"}:
                made, found = _read_set(netns, kind, raw)
                sets.append(made)
                elements.extend(found)
    whole = (_with_rules(chains[name], rules.get(name, [])) for name in sorted(chains))
    table = NftTable(netns=netns, sets=tuple(sorted(sets, key=lambda one: one.name)), chains=tuple(whole))
    return table, tuple(elements)


def raw_rule(text: str) -> NftRule:
    """The value that stands for what the language cannot say."""
    return NftRule(statements=(), comment=f"{RAW} {text}")


def _text(raw: bytes, *drop: str) -> str:
    """JSON without what differs from one listing to the next."""
    value: dict[str, Any] = msgspec.json.decode(raw)
    return msgspec.json.encode({key: value[key] for key in sorted(value) if key not in drop}).decode()


def _with_rules(chain: NftChain, rules: list[NftRule]) -> NftChain:
    return msgspec.structs.replace(chain, rules=(*chain.rules, *rules)) if rules else chain


@lru_cache(maxsize=1024)
def _read_chain(raw: bytes) -> NftChain:
    try:
        chain = _CHAIN.decode(raw)
        return msgspec.convert(
            {
                "name": chain.name,
                "type": chain.type,
                "hook": chain.hook,
                "priority": chain.prio,
                "policy": chain.policy,
            },
            NftChain,
        )
    except msgspec.ValidationError:
        name = msgspec.json.decode(raw)["name"]
        rule = raw_rule(_text(raw, "handle"))
        return NftChain(name=name, type="filter", hook="input", priority=0, policy="drop", rules=(rule,))


# Handles are numbered per table, so that equal tables of a thousand routers are equal bytes.
@lru_cache(maxsize=1024)
def _read_rule(raw: bytes) -> tuple[str, NftRule]:
    try:
        rule = _RULE.decode(raw)
        return rule.chain, NftRule(
            matches=tuple(_matches(rule)), statements=tuple(_statements(rule)), comment=rule.comment
        )
    except (msgspec.ValidationError, _Inexpressible):
        return msgspec.json.decode(raw)["chain"], raw_rule(_text(raw, "handle"))


def _matches(rule: _Rule) -> Iterator[Match]:
    for expression in rule.expr:
        if expression.match is None:
            return
        yield from _match(expression.match)


def _statements(rule: _Rule) -> Iterator[Statement]:
    first = next((at for at, one in enumerate(rule.expr) if one.match is None), len(rule.expr))
    if first == len(rule.expr):
        raise _Inexpressible
    for expression in rule.expr[first:]:
        yield _statement(expression)


def _match(match: _Match) -> Iterator[Match]:
    payload = match.left.payload
    if payload is not None and payload.field == "dport" and payload.protocol in _PORTS:
        # nft folds "meta l4proto tcp" into the port match that follows it.
        yield Match("meta l4proto", payload.protocol)
        left: Field = "th dport"
    else:
        left = _field(match.left)
    yield Match(left, _right(left, match), _operator(left, match))


def _operator(field: str, match: _Match) -> Any:
    operators = {"in": "==", "!": "!="} if field in _FLAGS else {"==": "==", "!=": "!="}
    if match.op not in operators:
        raise _Inexpressible
    return operators[match.op]


def _field(left: _Left) -> Field:
    match left:
        case _Left(payload=_Payload(protocol=protocol, field=field), meta=None, ct=None, fib=None, concat=()):
            text = f"{protocol} {field}"
        case _Left(
            payload=None, meta=_Named(key="iifname" | "oifname" as text), ct=None, fib=None, concat=()
        ):
            pass
        case _Left(payload=None, meta=_Named(key=key), ct=None, fib=None, concat=()):
            text = f"meta {key}"
        case _Left(payload=None, meta=None, ct=_Named(key=key), fib=None, concat=()):
            text = f"ct {key}"
        case _Left(
            payload=None, meta=None, ct=None, fib=_Fib(result="oif", flags=("saddr", "iif")), concat=()
        ):
            text = _FIB
        case _:
            raise _Inexpressible
    if text not in _FIELDS:
        raise _Inexpressible
    return cast("Field", text)


_FIELDS: Final = frozenset(Field.__args__)  # type: ignore[attr-defined]  # typing's own list of a Literal


def _right(field: Field, match: _Match) -> str | tuple[str, ...] | SetRef:
    match match.right:
        case str(text) if text.startswith("@"):
            return SetRef(text[1:])
        case str() | int() as one:
            return _word(field, one)
        case tuple(several) if field in _FLAGS:
            return tuple(sorted(_word(field, one) for one in several))
        case _Right(set=(), prefix=_Prefix(addr=addr, len=length)):
            return f"{addr}/{length}"
        case _Right(set=several, prefix=None) if field not in _FLAGS:
            return tuple(sorted(_member(field, one) for one in several))
        case _:
            raise _Inexpressible


def _member(field: str, one: str | int | _Right) -> str:
    match one:
        case _Right(set=(), prefix=_Prefix(addr=addr, len=length)):
            return f"{addr}/{length}"
        case _Right():
            raise _Inexpressible
        case _:
            return _word(field, one)


def _word(kind: str, value: str | int) -> str:
    """A value as the language has it: a name where it has one, else the decimal number."""
    if isinstance(value, str):
        return value
    names: Mapping[int, str] | None = NAMES.get(kind)
    return str(value) if names is None else names.get(value, str(value))


def _statement(expression: _Expression) -> Statement:
    match expression:
        case _Expression(dnat=_Nat() as nat):
            return _read_nat("dnat", nat)
        case _Expression(snat=_Nat() as nat):
            return _read_nat("snat", nat)
        case _Expression(mangle=_Mangle(key=key, value=mark)) if _field(key) == "meta mark":
            return SetMark(mark)
        case _Expression(accept=None):
            return Verdict("accept")
        case _Expression(drop=None):
            return Verdict("drop")
        case _Expression(return_=None):
            return Verdict("return")
        case _Expression(notrack=None):
            return Notrack()
        case _:
            raise _Inexpressible


def _read_nat(direction: Any, nat: _Nat) -> Nat:
    if nat.flags not in {"", "fully-random"} or nat.family not in {"ip", "ip6"}:
        raise _Inexpressible
    to = nat.addr if isinstance(nat.addr, str) else _lookup(nat.addr.map)
    family = cast("Any", nat.family)
    return Nat(direction, family, to, fully_random=bool(nat.flags))


def _lookup(map_: _Map) -> Lookup:
    if not map_.data.startswith("@"):
        raise _Inexpressible
    parts = map_.key.concat or (map_.key,)
    return Lookup(tuple(_field(part) for part in parts), map_.data[1:])


def _read_set(netns: str, kind: str, raw: msgspec.Raw) -> tuple[NftSet, list[NftElement]]:
    try:
        one = _SET.decode(raw)
    except msgspec.ValidationError:
        return _odd_set(netns, kind, raw)
    made = NftSet(name=one.name, type=_types(one.type), data=_types(one.map))
    return made, [_element(netns, made, element) for element in one.elem]


def _types(text: str | tuple[str, ...]) -> tuple[str, ...]:
    if isinstance(text, tuple):
        return text
    return tuple(text.split(" . ")) if text else ()


def _element(netns: str, of: NftSet, element: _Part | tuple[_Part, _Part]) -> NftElement:
    key, value = element if isinstance(element, tuple) else (element, None)
    item = _parts(of.type, key)
    return NftElement(
        netns=netns, set=of.name, item=item, value=() if value is None else _parts(of.data, value)
    )


def _parts(types: tuple[str, ...], value: _Part) -> tuple[str, ...]:
    if isinstance(value, _Value):
        return tuple(_word(kind, one) for kind, one in zip(types, value.concat, strict=True))
    return (_word(types[0], value),)


def _odd_set(netns: str, kind: str, raw: msgspec.Raw) -> tuple[NftSet, list[NftElement]]:
    """A set with a property or an element that we never give, its elements one by one."""
    document: dict[str, Any] = msgspec.json.decode(raw)
    elements = document.pop("elem", [])
    plain = msgspec.json.encode(document)
    try:
        one = _SET.decode(plain) if kind in {"set", "map"} else None
    except msgspec.ValidationError:
        one = None
    if one is None:
        text = msgspec.json.encode({kind: msgspec.Raw(_text(plain, "handle").encode())}).decode()
        name = str(document.get("name", kind))
        return NftSet(name=name, type=(RAW, text)), []
    made = NftSet(name=one.name, type=_types(one.type), data=_types(one.map))
    return made, [_odd_element(netns, made, element) for element in elements]


def _odd_element(netns: str, of: NftSet, element: Any) -> NftElement:
    try:
        return _element(netns, of, msgspec.convert(element, _Part | tuple[_Part, _Part]))
    except msgspec.ValidationError:
        pass
    key, value = element if isinstance(element, list) else (element, None)
    text = msgspec.json.encode(element).decode()
    inner = key.get("elem", {}).get("val", key) if isinstance(key, dict) else key
    try:
        item = _parts(of.type, msgspec.convert(inner, _Part))
        parts = () if value is None else _parts(of.data, msgspec.convert(value, _Part))
    except msgspec.ValidationError:
        item, parts = (text,), ()
    return NftElement(netns=netns, set=of.name, item=item, value=(*parts, f"{RAW} {text}"))
