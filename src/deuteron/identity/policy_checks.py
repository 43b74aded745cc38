"""Rules as trees, and what a tree says of a caller and of a target."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import msgspec

_TRUE: Final = frozenset({"true", "yes", "y", "on", "t", "1"})
_FALSE: Final = frozenset({"false", "no", "n", "off", "f", "0"})


class Text(msgspec.Struct, frozen=True):
    """What a check compares with: words, and places that the target fills.

    Attributes:
        words: those around the places, one more than there are places.
        places: keys of the target.
    """

    words: tuple[str, ...]
    places: tuple[str, ...]

    def of(self, target: Mapping[str, object]) -> str | None:
        """As the target fills it; ``None`` where it lacks a key."""
        filled = self.words[0]
        for key, words in zip(self.places, self.words[1:], strict=True):
            if key not in target:
                return None
            filled += f"{target[key]}{words}"
        return filled


class Always(msgspec.Struct, frozen=True):
    """``@`` and ``!``."""

    holds: bool


class Not(msgspec.Struct, frozen=True):
    """The contrary."""

    check: Check


class All(msgspec.Struct, frozen=True):
    """``and``."""

    checks: tuple[Check, ...]


class Any_(msgspec.Struct, frozen=True):  # noqa: N801 - the name beside All, which typing has taken
    """``or``."""

    checks: tuple[Check, ...]


class Rule(msgspec.Struct, frozen=True):
    """``rule:name``: whatever that rule says."""

    name: str


class Role(msgspec.Struct, frozen=True):
    """``role:member``."""

    role: Text


class Owner(msgspec.Struct, frozen=True):
    """``project_id:%(project_id)s``: the caller's project is the target's, or its network's."""

    place: str


class Field(msgspec.Struct, frozen=True):
    """``field:networks:shared=True``: an attribute is as said, or as a pattern behind ``~``."""

    collection: str
    name: str
    value: str


class Credential(msgspec.Struct, frozen=True):
    """``user_id:%(user_id)s``: something of the caller's credentials, by its path."""

    path: tuple[str, ...]
    match: Text


class Literal(msgspec.Struct, frozen=True):
    """``True:%(enabled)s``: a literal is what the target has."""

    value: str
    match: Text


class Equal(msgspec.Struct, frozen=True):
    """What is left of a check once the caller is known: one of these values."""

    match: Text
    values: frozenset[str]
    folded: bool = False


Check = Always | Not | All | Any_ | Rule | Role | Owner | Field | Credential | Literal | Equal

#: Whether it holds for a target.
Test = Callable[[Mapping[str, object]], bool]

YES: Final = Always(True)
NO: Final = Always(False)


def resolve(check: Check, rules: Mapping[str, Check], credentials: Mapping[str, Any]) -> Check:
    """What is left to ask of a target, for this caller: rules put in, all that depends on the caller decided.

    Args:
        check: of ``rules``, which have neither a circle nor a name that is not there.
        rules: all.
        credentials: of the caller.
    """
    match check:
        case Rule(name):
            return resolve(rules[name], rules, credentials) if name in rules else NO
        case Not(inner):
            left = resolve(inner, rules, credentials)
            return Always(not left.holds) if isinstance(left, Always) else Not(left)
        case All(checks):
            return _fold((resolve(one, rules, credentials) for one in checks), All, ends=False)
        case Any_(checks):
            return _fold((resolve(one, rules, credentials) for one in checks), Any_, ends=True)
        case Role(role):
            roles = frozenset(one.lower() for one in credentials.get("roles", ()))
            return _compare(role, roles, folded=True)
        case Owner(place):
            mine = credentials.get("project_id")
            return _compare(Text(("", ""), (place,)), frozenset({mine} if mine else ()))
        case Credential(path, text):
            return _compare(text, frozenset(_found(credentials, path)))
        case Literal(value, text):
            return _compare(text, frozenset({value}))
    return check


def holds(check: Check, target: Mapping[str, object]) -> bool:
    """Whether what :func:`resolve` left holds for a target."""
    return made(check)(target)


def made(check: Check) -> Test:
    """What :func:`resolve` left, as a function: a list asks it of each of its items."""
    match check:
        case Always(value):
            return lambda _target: value
        case Not(inner):
            test = made(inner)
            return lambda target: not test(target)
        case All(checks):
            return _every(tuple(map(made, checks)))
        case Any_(checks):
            return _some(tuple(map(made, checks)))
        case Equal(text, values, folded):
            return _equal(text, values, folded=folded)
        case Field():
            return lambda target: _is(check, _attribute(check, target))
    raise TypeError("a check that depends on the caller was not resolved")


def _every(tests: tuple[Test, ...]) -> Test:
    return lambda target: all(test(target) for test in tests)


def _some(tests: tuple[Test, ...]) -> Test:
    def some(target: Mapping[str, object]) -> bool:
        for test in tests:  # noqa: SIM110 - any() wants a generator, which costs more than most tests
            if test(target):
                return True
        return False

    return some


def _equal(text: Text, values: frozenset[str], *, folded: bool) -> Test:
    if text.words == ("", "") and not folded:  # one attribute, as nearly always
        key = text.places[0]
        return lambda target: key in target and str(target[key]) in values

    def equal(target: Mapping[str, object]) -> bool:
        found = text.of(target)
        return found is not None and (found.lower() if folded else found) in values

    return equal


def _fold(checks: Iterator[Check], made: type[All] | type[Any_], *, ends: bool) -> Check:
    """Join what is left; a check that is certain either decides or falls out."""
    left: list[Check] = []
    for one in checks:
        if not isinstance(one, Always):
            left.append(one)
        elif one.holds is ends:
            return one
    if not left:
        return Always(not ends)
    return left[0] if len(left) == 1 else made(tuple(left))


def _compare(text: Text, values: frozenset[str], *, folded: bool = False) -> Check:
    """Compare now, where there is nothing for a target to fill in."""
    if not values:
        return NO
    left = Equal(text, values, folded)
    return left if text.places else Always(holds(left, {}))


def _found(value: object, path: tuple[str, ...]) -> Iterator[str]:
    """Everything that a path leads to; lists are gone through."""
    if not path:
        yield str(value)
        return
    if not isinstance(value, Mapping) or path[0] not in value:
        return
    within = value[path[0]]
    for one in within if isinstance(within, list) else [within]:
        yield from _found(one, path[1:])


def _attribute(field: Field, target: Mapping[str, object]) -> object:
    """The attribute; ``shared`` of a network is also asked of what is on one, as Neutron does."""
    if field.name in target:
        return target[field.name]
    if field.collection == "networks" and field.name == "shared":
        return target.get("network:shared")
    return None


def _is(field: Field, value: object) -> bool:
    if value is None:
        return False
    if field.value.startswith("~"):
        return isinstance(value, str) and re.match(field.value[1:], value) is not None
    if isinstance(value, bool):
        return field.value.lower() in (_TRUE if value else _FALSE)
    return str(value) == field.value
