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

import errno
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final, cast

import msgspec

from deuteron.errors import KernelError
from deuteron.kernel.linux import nft_schema as schema
from deuteron.objects.nft import (
    Field,
    Limit,
    Lookup,
    Match,
    Nat,
    NftChain,
    NftElement,
    NftRule,
    NftSet,
    NftTable,
    Notrack,
    Remember,
    SetMark,
    SetRef,
    Statement,
    Verdict,
)
from deuteron.objects.nft_names import NAMES

RAW: Final = "raw"
#: What is asked of the routes, by result and flags.
_FIB: Final = {
    ("oif", ("saddr", "iif")): "fib saddr . iif oif",
    ("oif", ("saddr",)): "fib saddr oif",
    ("type", ("saddr",)): "fib saddr type",
    ("type", ("daddr", "iif")): "fib daddr . iif type",
}
_PORTS: Final = frozenset({"tcp", "udp", "sctp", "dccp", "udplite"})
_FLAGS: Final = frozenset({"ct state", "ct status"})


class _Inexpressible(Exception):  # noqa: N818 - a finding, caught in this file
    """The language has no word for it."""


_DOCUMENT: Final = msgspec.json.Decoder(schema.Document)
_RULE: Final = msgspec.json.Decoder(schema.Rule)
_CHAIN: Final = msgspec.json.Decoder(schema.Chain)
_SET: Final = msgspec.json.Decoder(schema.Set)
_NAMED: Final = msgspec.json.Decoder(schema.WithName)
_IN_CHAIN: Final = msgspec.json.Decoder(schema.WithChain)
_ODD: Final = msgspec.json.Decoder(schema.WithElements)
_OBJECT: Final = msgspec.json.Decoder(dict[str, Any])
_ELEMENTS: Final = msgspec.json.Decoder(tuple[schema.Part | tuple[schema.Part, schema.Part], ...])


def parse(netns: str, listing: bytes) -> tuple[NftTable, tuple[NftElement, ...]]:
    """The one table of a ``list table`` answer; elements are in the kernel's order.

    Raises:
        KernelError: ``nft-malformed``, not nft's JSON at all.
    """
    try:
        return _parse(netns, listing)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise KernelError(
            "nft-malformed",
            "nftables' listing of the table inet deuteron does not have nft's form; look again, and where"
            " it stays so, report it with the version of libnftables1",
            errno.EBADMSG,
        ) from error


def _parse(netns: str, listing: bytes) -> tuple[NftTable, tuple[NftElement, ...]]:
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
    value = _OBJECT.decode(raw)
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
        name = _NAMED.decode(raw).name
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
        return _IN_CHAIN.decode(raw).chain, raw_rule(_text(raw, "handle"))


def _matches(rule: schema.Rule) -> Iterator[Match]:
    for expression in rule.expr:
        if expression.match is None:
            return
        yield from _match(expression.match)


def _statements(rule: schema.Rule) -> Iterator[Statement]:
    first = next((at for at, one in enumerate(rule.expr) if one.match is None), len(rule.expr))
    if first == len(rule.expr):
        raise _Inexpressible
    for expression in rule.expr[first:]:
        yield _statement(expression)


def _match(match: schema.Match) -> Iterator[Match]:
    payload = match.left.payload
    if payload is not None and payload.field == "dport" and payload.protocol in _PORTS:
        # nft folds "meta l4proto tcp" into the port match that follows it.
        yield Match("meta l4proto", payload.protocol)
        left: Field = "th dport"
    else:
        left = _field(match.left)
    yield Match(left, _right(left, match), _operator(left, match))


def _operator(field: str, match: schema.Match) -> Any:
    operators = {"in": "==", "!": "!="} if field in _FLAGS else {"==": "==", "!=": "!="}
    if match.op not in operators:
        raise _Inexpressible
    return operators[match.op]


def _field(left: schema.Left) -> Field:
    asked = [one for one in (left.payload, left.exthdr, left.rt, left.meta, left.ct, left.fib) if one]
    if len(asked) != 1 or left.concat:
        raise _Inexpressible
    text = _question(left)
    if text not in _FIELDS:
        raise _Inexpressible
    return cast("Field", text)


def _question(left: schema.Left) -> str:
    match left:
        case schema.Left(payload=schema.Payload(protocol=protocol, field=field)):
            return f"{protocol} {field}"
        case schema.Left(meta=schema.Named(key="iifname" | "oifname" as key)):
            return key
        case schema.Left(meta=schema.Named(key=key)):
            return f"meta {key}"
        case schema.Left(ct=schema.Named(key=key)):
            return f"ct {key}"
        case schema.Left(rt=schema.Hop(key=key, family=family)):
            return f"rt {family} {key}"
        case schema.Left(exthdr=schema.Header(name=name)):
            return f"exthdr {name}"
        case schema.Left(fib=schema.Fib(result=result, flags=flags)):
            return _FIB.get((result, flags), "")
        case _:
            raise _Inexpressible


_FIELDS: Final = frozenset(Field.__args__)  # type: ignore[attr-defined]  # typing's own list of a Literal


def _right(field: Field, match: schema.Match) -> str | tuple[str, ...] | SetRef:
    match match.right:
        case bool(there):
            return _presence(field, there)
        case str(text) if text.startswith("@"):
            return SetRef(text[1:])
        case str() | int() as one:
            return _word(field, one)
        case tuple(several) if field in _FLAGS:
            return tuple(sorted(_word(field, one) for one in several))
        case schema.Right(set=(), prefix=schema.Prefix(addr=addr, len=length)):
            return f"{addr}/{length}"
        case schema.Right(set=several, prefix=None) if field not in _FLAGS:
            return tuple(sorted(_member(field, one) for one in several))
        case _:
            raise _Inexpressible


def _presence(field: str, there: bool) -> str:
    if field != "exthdr rt" or there:
        raise _Inexpressible
    return "missing"


def _member(field: str, one: str | int | schema.Right) -> str:
    match one:
        case schema.Right(set=(), prefix=schema.Prefix(addr=addr, len=length)):
            return f"{addr}/{length}"
        case schema.Right():
            raise _Inexpressible
        case _:
            return _word(field, one)


def _word(kind: str, value: str | int) -> str:
    """A value as the language has it: a name where it has one, else the decimal number."""
    if isinstance(value, str):
        return value
    names: Mapping[int, str] | None = NAMES.get(kind)
    return str(value) if names is None else names.get(value, str(value))


def _statement(expression: schema.Expression) -> Statement:
    match expression:
        case schema.Expression(dnat=schema.Nat() as nat):
            return _read_nat("dnat", nat)
        case schema.Expression(snat=schema.Nat() as nat):
            return _read_nat("snat", nat)
        case schema.Expression(mangle=schema.Mangle(key=key, value=mark)) if _field(key) == "meta mark":
            return SetMark(mark)
        case schema.Expression(limit=schema.Limit() as limit):
            return _read_limit(limit)
        case schema.Expression(set=schema.Dynamic() as dynamic):
            return _read_dynamic(dynamic)
        case schema.Expression(accept=None):
            return Verdict("accept")
        case schema.Expression(drop=None):
            return Verdict("drop")
        case schema.Expression(return_=None):
            return Verdict("return")
        case schema.Expression(notrack=None):
            return Notrack()
        case _:
            raise _Inexpressible


def _read_limit(limit: schema.Limit) -> Limit:
    if limit.per != "second":
        raise _Inexpressible
    return Limit(limit.rate, limit.burst)


def _read_dynamic(one: schema.Dynamic) -> Remember:
    if one.op != "update" or not one.set.startswith("@") or len(one.stmt) > 1:
        raise _Inexpressible
    limit = _read_limit(one.stmt[0].limit) if one.stmt else None
    return Remember(one.set[1:], _field(one.elem), limit)


def _read_nat(direction: Any, nat: schema.Nat) -> Nat:
    if nat.flags not in {"", "fully-random"} or nat.family not in {"ip", "ip6"}:
        raise _Inexpressible
    to = nat.addr if isinstance(nat.addr, str) else _lookup(nat.addr.map)
    family = cast("Any", nat.family)
    return Nat(direction, family, to, fully_random=bool(nat.flags))


def _lookup(map_: schema.Map) -> Lookup:
    if not map_.data.startswith("@"):
        raise _Inexpressible
    parts = map_.key.concat or (map_.key,)
    return Lookup(tuple(_field(part) for part in parts), map_.data[1:])


def _read_set(netns: str, kind: str, raw: msgspec.Raw) -> tuple[NftSet, list[NftElement]]:
    try:
        one = _SET.decode(raw)
        made = _plain_set(kind, one)
        # What rules remember is the kernel's state, and none of our business.
        elements = () if made.size else _ELEMENTS.decode(one.elem)
        return made, [_element(netns, made, element) for element in elements]
    except (msgspec.ValidationError, _Inexpressible):
        return _odd_set(netns, kind, raw)


def _plain_set(kind: str, one: schema.Set) -> NftSet:
    """A set as we give them: one of ours without any property, or one that rules fill."""
    # nft 1.0.6 does not list the flag "dynamic" in JSON; later ones do.
    flags = tuple(flag for flag in one.flags if flag != "dynamic")
    dynamic = kind == "set" and one.size > 0 and flags == (("timeout",) if one.timeout else ())
    if not dynamic and (one.flags or one.size or one.timeout):
        raise _Inexpressible
    return NftSet(
        name=one.name, type=_types(one.type), data=_types(one.map), size=one.size, timeout=one.timeout
    )


def _types(text: str | tuple[str, ...]) -> tuple[str, ...]:
    if isinstance(text, tuple):
        return text
    return tuple(text.split(" . ")) if text else ()


def _element(netns: str, of: NftSet, element: schema.Part | tuple[schema.Part, schema.Part]) -> NftElement:
    key, value = element if isinstance(element, tuple) else (element, None)
    item = _parts(of.type, key)
    return NftElement(
        netns=netns, set=of.name, item=item, value=() if value is None else _parts(of.data, value)
    )


def _parts(types: tuple[str, ...], value: schema.Part) -> tuple[str, ...]:
    parts = value.concat if isinstance(value, schema.Value) else (value,)
    if len(parts) != len(types):
        raise _Inexpressible
    return tuple(_word(kind, one) for kind, one in zip(types, parts, strict=True))


def _odd_set(netns: str, kind: str, raw: msgspec.Raw) -> tuple[NftSet, list[NftElement]]:
    """A set with a property or an element that we never give, its elements one by one."""
    listed = _ODD.decode(raw).elem
    elements = listed if isinstance(listed, list) else [listed]
    plain = _text(raw, "elem").encode()
    try:
        made = _plain_set(kind, _SET.decode(plain)) if kind in {"set", "map"} else None
    except (msgspec.ValidationError, _Inexpressible):
        made = None
    if made is None:
        text = msgspec.json.encode({kind: msgspec.Raw(_text(plain, "handle").encode())}).decode()
        return NftSet(name=_name(plain, kind), type=(RAW, text)), []
    return made, [_odd_element(netns, made, element) for element in elements]


def _name(raw: bytes, kind: str) -> str:
    """The name of something odd; its kind where it has none."""
    try:
        return _NAMED.decode(raw).name
    except msgspec.ValidationError:
        return kind


def _odd_element(netns: str, of: NftSet, element: Any) -> NftElement:
    with suppress(msgspec.ValidationError, _Inexpressible):
        return _element(netns, of, msgspec.convert(element, schema.Part | tuple[schema.Part, schema.Part]))
    text = msgspec.json.encode(element).decode()
    key, value = element if isinstance(element, list) and len(element) == 2 else (element, None)
    try:
        item = _parts(of.type, msgspec.convert(_inner(key), schema.Part))
        parts = () if value is None else _parts(of.data, msgspec.convert(value, schema.Part))
    except (msgspec.ValidationError, _Inexpressible):
        item, parts = (text,), ()
    return NftElement(netns=netns, set=of.name, item=item, value=(*parts, f"{RAW} {text}"))


def _inner(key: Any) -> Any:
    """The key of an element that has properties (``{"elem": {"val": ...}}``)."""
    within = key.get("elem") if isinstance(key, dict) else None
    return within.get("val", key) if isinstance(within, dict) else key
