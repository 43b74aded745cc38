"""One policy rule over a whole list, asked only as often as it can say different things.

A rule looks at a few keys of its target, mostly at none once the caller is known.  The keys that it has
read are noted; two targets that are alike in all of them get the same answer, so it is given without
asking again.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any

from deuteron.resources.resource import Resource

_MISSING = object()


class Attributes(Mapping[str, Any]):
    """The attributes of a resource by their JSON names, read from its struct when they are asked for."""

    __slots__ = ("_fields", "_value")

    def __init__(self, fields: Mapping[str, str], value: Any) -> None:
        self._fields = fields
        self._value = value

    def __getitem__(self, name: str) -> Any:
        return getattr(self._value, self._fields[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)


@cache
def fields_of(resource: Resource) -> Mapping[str, str]:
    """The struct's name of each attribute that it keeps."""
    return MappingProxyType({name: one.field for name, one in resource.attributes.items() if one.field})


class Noted(Mapping[str, Any]):
    """A target that notes which of its keys were asked for, those that it lacks too."""

    def __init__(self, target: Mapping[str, Any], read: set[str]) -> None:
        self._target = target
        self._read = read

    def __getitem__(self, key: str) -> Any:
        self._read.add(key)
        return self._target[key]

    def __iter__(self) -> Iterator[str]:
        self._read.update(self._target)
        return iter(self._target)

    def __len__(self) -> int:
        return len(self._target)


def _of_mapping(keys: Sequence[str]) -> Callable[[Any], Hashable]:
    """What reads the keys of a mapping."""
    return lambda target: tuple(target.get(key, _MISSING) for key in keys)


def _nothing(_: Any) -> Hashable:
    return ()


def _itself(value: Any) -> Any:
    return value


class Decisions:
    """What a rule says, remembered by what it looked at.

    Args:
        ask: the rule, of a target.
        target: makes the target of a value; without it the value is the target.
        read: of keys that the rule has looked at makes what reads all that they depend on from a value, at
            once; so that a value that is like another costs one reading and one look-up, and no target.
    """

    def __init__(
        self,
        ask: Callable[[Mapping[str, Any]], Any],
        target: Callable[[Any], Mapping[str, Any]] = _itself,
        read: Callable[[Sequence[str]], Callable[[Any], Hashable]] = _of_mapping,
    ) -> None:
        self._ask = ask
        self._target = target
        self._read = read
        self._keys: frozenset[str] = frozenset()
        self._alike: Callable[[Any], Hashable] = _nothing
        self._known: dict[Hashable, Any] = {}

    @property
    def same(self) -> bool:
        """Whether it has looked at nothing so far: what it has said of one it says of all."""
        return not self._keys

    def of(self, value: Any) -> Any:
        """What it says of this one."""
        try:
            return self._known[self._alike(value)]
        except KeyError:
            return self._asked(value)
        except TypeError:  # what cannot be hashed is different from all else
            return self._ask(self._target(value))

    def _asked(self, value: Any) -> Any:
        read = set(self._keys)
        answer = self._ask(Noted(self._target(value), read))
        if len(read) > len(self._keys):
            self._keys = frozenset(read)
            self._alike = self._read(sorted(read))
            self._known.clear()
        try:
            self._known[self._alike(value)] = answer
        except TypeError:
            return answer
        return answer
