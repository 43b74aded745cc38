"""nftables objects as nft's syntax, for nft >= 1.0.6: one statement per line, the same bytes each time.

What is returned by one call, or by several joined, is one transaction when it is handed to
:meth:`deuteron.kernel.linux.nft.Nftables.run` or to ``nft -f``: all of it or none.

Every value passes the grammar of ``nft_check``; one outside of it raises
:class:`~deuteron.errors.KernelError` ``nft-not-expressible`` before anything is sent.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import groupby
from typing import Final

from deuteron.objects.nft import (
    TABLE,
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
from deuteron.objects.nft_check import (
    FIELDS,
    TYPES,
    address,
    canonical_rule,
    comment,
    element_part,
    name,
    rate,
    reference,
    refused,
    room,
)

_OURS: Final = f"inet {TABLE}"
_FAMILIES: Final = {"ip": socket.AF_INET, "ip6": socket.AF_INET6}
_CHAIN_TYPES: Final = frozenset({"filter", "nat"})
_HOOKS: Final = frozenset({"prerouting", "input", "forward", "output", "postrouting"})
_POLICIES: Final = frozenset({"accept", "drop"})
_VERDICTS: Final = frozenset({"accept", "drop", "return"})
_PRIORITIES: Final = range(-1000, 1001)


def create_table(table: NftTable, elements: Sequence[NftElement] = ()) -> str:
    """Make the table with its elements; it must not exist (EEXIST)."""
    return _lines(["create table " + _OURS, *_structure(table)]) + add_elements(elements)


def delete_table(table: NftTable) -> str:  # noqa: ARG001 - the signature of all deletions
    """Remove the table and all in it; it must exist (ENOENT)."""
    return f"delete table {_OURS}\n"


def destroy_table(table: NftTable) -> str:
    """Remove the table if it is there; nft's own ``destroy`` would need nft 1.0.7 and Linux 6.3."""
    return f"add table {_OURS}\n" + delete_table(table)


def replace_table(table: NftTable, elements: Sequence[NftElement] = ()) -> str:
    """Put ``table`` with ``elements`` in the place of what is there, or of nothing; no packet sees a gap."""
    return destroy_table(table) + create_table(table, elements)


def add_elements(elements: Iterable[NftElement]) -> str:
    """Add the elements, one command per set; none of them may exist (EEXIST)."""
    return _element_commands("create element", elements, values=True)


def delete_elements(elements: Iterable[NftElement]) -> str:
    """Remove the elements, whatever their values, one command per set; each must exist (ENOENT)."""
    return _element_commands("delete element", elements, values=False)


def destroy_elements(elements: Iterable[NftElement]) -> str:
    """Remove the elements where they are there; one that has another value than given is refused (EEXIST)."""
    wanted = tuple(elements)
    return _element_commands("add element", wanted, values=True) + delete_elements(wanted)


def update_elements(elements: Iterable[NftElement]) -> str:
    """Give elements that exist their new values, in one transaction."""
    wanted = tuple(elements)
    return delete_elements(wanted) + add_elements(wanted)


@lru_cache(maxsize=1024)
def rule_text(rule: NftRule) -> str:
    """A rule as it would stand in a chain; remembered, since most rules are those of every router."""
    canonical_rule(rule)
    words = [_match(match) for match in rule.matches] + [_statement(one) for one in rule.statements]
    if rule.comment:
        words.append(f"comment {comment(rule.comment)}")
    return " ".join(words)


def _lines(statements: Iterable[str]) -> str:
    return "".join(f"{statement}\n" for statement in statements)


def _structure(table: NftTable) -> Iterable[str]:
    yield from (_set(one) for one in table.sets)
    yield from (_chain(chain) for chain in table.chains)
    for chain in table.chains:
        yield from (f"add rule {_OURS} {name(chain.name)} {rule_text(rule)}" for rule in chain.rules)


def _set(one: NftSet) -> str:
    kind, type_ = (
        ("map", f"{_types(one.type)} : {_types(one.data)}") if one.data else ("set", _types(one.type))
    )
    return f"add {kind} {_OURS} {name(one.name)} {{ type {type_};{room(one.size, one.timeout)} }}"


def _types(types: tuple[str, ...]) -> str:
    if not types or not all(one in TYPES for one in types):
        raise refused("a type of a set")
    return " . ".join(types)


def _chain(chain: NftChain) -> str:
    known = chain.type in _CHAIN_TYPES and chain.hook in _HOOKS and chain.policy in _POLICIES
    if not known or chain.priority not in _PRIORITIES:
        raise refused("a chain's type, hook, priority or policy")
    hook = f"type {chain.type} hook {chain.hook} priority {chain.priority}; policy {chain.policy};"
    return f"add chain {_OURS} {name(chain.name)} {{ {hook} }}"


def _match(match: Match) -> str:
    render = FIELDS.get(match.field)
    if render is None or match.op not in {"==", "!="}:
        raise refused("a match")
    return f"{match.field} {_operator(match)}{_value(match)}"


def _operator(match: Match) -> str:
    if match.op == "==":
        return ""
    # Flags: "!=" would compare the whole bit field; "!" says that none of them is set.
    return "! " if match.field in {"ct state", "ct status"} else "!= "


def _value(match: Match) -> str:
    render = FIELDS[match.field]
    match match.value:
        case SetRef() as named:
            return reference(named)
        case str(text):
            return render(text)
        case values if match.field in {"ct state", "ct status"}:
            return ",".join(map(render, values))
        case values:
            return "{ " + ", ".join(map(render, values)) + " }"


def _statement(statement: Statement) -> str:
    match statement:
        case Verdict(verdict=verdict) if verdict in _VERDICTS:
            return verdict
        case SetMark(mark=mark):
            return f"meta mark set {FIELDS['meta mark'](str(mark))}"
        case Notrack():
            return "notrack"
        case Nat():
            return _nat(statement)
        case Limit():
            return rate(statement)
        case Remember():
            return _remember(statement)
        case _:
            raise refused("a statement")


def _remember(one: Remember) -> str:
    if one.key not in FIELDS:
        raise refused("the key of a set")
    pace = f" {rate(one.limit)}" if one.limit is not None else ""
    return f"update @{name(one.set)} {{ {one.key}{pace} }}"


def _nat(nat: Nat) -> str:
    if nat.direction not in {"dnat", "snat"} or nat.family not in _FAMILIES:
        raise refused("an address translation")
    to = _lookup(nat.to) if isinstance(nat.to, Lookup) else address(_FAMILIES[nat.family], nat.to)
    return f"{nat.direction} {nat.family} to {to}" + (" fully-random" if nat.fully_random else "")


def _lookup(lookup: Lookup) -> str:
    if not lookup.key or not all(field in FIELDS for field in lookup.key):
        raise refused("the key of a lookup")
    return f"{' . '.join(lookup.key)} map @{name(lookup.map)}"


def _element_commands(verb: str, elements: Iterable[NftElement], *, values: bool) -> str:
    ordered = sorted(elements, key=lambda one: (one.set, one.item))
    return _lines(
        f"{verb} {_OURS} {name(set_name)} {{ {', '.join(_element(one, values=values) for one in group)} }}"
        for set_name, group in groupby(ordered, key=lambda one: one.set)
    )


def _element(one: NftElement, *, values: bool) -> str:
    if not one.item:
        raise refused("an element without a key")
    key = " . ".join(map(element_part, one.item))
    return f"{key} : {' . '.join(map(element_part, one.value))}" if values and one.value else key
