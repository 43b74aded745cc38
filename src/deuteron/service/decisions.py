"""One policy rule over a whole list, asked only as often as it can say different things.

A rule looks at a few keys of its target, mostly at none once the caller is known.  The keys that it has
read are noted; two targets that are alike in all of them get the same answer, so it is given without
asking again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
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


def fields_of(resource: Resource) -> dict[str, str]:
    """The struct's name of each attribute that it keeps."""
    return {name: one.field for name, one in resource.attributes.items() if one.field}


class _Noted(Mapping[str, Any]):
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


class Decisions:
    """What a rule says, remembered by what it looked at.

    Args:
        ask: the rule, of a target.
    """

    def __init__(self, ask: Callable[[Mapping[str, Any]], Any]) -> None:
        self._ask = ask
        self._keys: tuple[str, ...] = ()
        self._known: dict[tuple[Any, ...], Any] = {}

    def of(self, target: Mapping[str, Any]) -> Any:
        """What it says of this target."""
        alike = self._alike(target)
        if alike in self._known:
            return self._known[alike]
        read = set(self._keys)
        answer = self._ask(_Noted(target, read))
        if len(read) > len(self._keys):
            self._keys = tuple(sorted(read))
            self._known.clear()
            alike = self._alike(target)
        self._known[alike] = answer
        return answer

    def _alike(self, target: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple(_plain(target.get(key, _MISSING)) for key in self._keys)


def _plain(value: Any) -> Any:
    """Something that can be compared and hashed; what cannot is taken for different from all else."""
    try:
        hash(value)
    except TypeError:
        return object()
    return value
