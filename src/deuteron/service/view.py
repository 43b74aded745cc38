"""What an answer shows: the attributes that the declaration shows, less those that policy hides."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from functools import cache
from operator import attrgetter
from typing import Any

from deuteron.resources.resource import Resource, render
from deuteron.resources.shown import shower, shown
from deuteron.service.around import BASES
from deuteron.service.authority import Authority, rule
from deuteron.service.decisions import Attributes, Decisions, Noted, fields_of
from deuteron.store.reading import GROUNDS, Ground, Wanted

_ON_NETWORKS = frozenset({"port", "subnet"})
Render = Callable[[Any], Any]


def _itself(value: Any) -> Any:
    return value


@cache
def _visible(resource: Resource) -> frozenset[str]:
    return frozenset(one.name for one in resource.attributes.values() if one.visible and one.field)


class View:
    """One type of resource as one caller sees it."""

    def __init__(self, authority: Authority, resource: Resource) -> None:
        self._authority = authority
        self._resource = resource
        self._action = rule("get", resource)
        self._names = _visible(resource)
        self._fields = fields_of(resource)

    def one(self, value: Any, fields: frozenset[str] | None = None) -> dict[str, Any]:
        """One resource, with the wanted fields alone."""
        return render(self._resource, value, self._wanted(self._target(value), fields))

    def alike(self, fields: frozenset[str] | None = None) -> Wanted | None:
        """What this caller sees of every resource of the type; ``None``: that depends on which one it is."""
        authority, read = self._authority, set[str]()
        target = Noted({}, read)
        seen = authority.policy.may(authority.caller, self._action, target)
        found = Wanted(self._wanted(target, fields))
        return found if seen and not read else None

    def by_grounds(
        self, grounds: Collection[Ground], fields: frozenset[str] | None = None
    ) -> Mapping[Ground, Wanted | None] | None:
        """What this caller sees of resources by their grounds; ``None``: it depends on more than those."""
        if not self._authority.caller.is_admin:
            self._authority.around.know("networks", (network for _, network in grounds))
        found: dict[Ground, Wanted | None] = {}
        for ground in grounds:
            read = set[str]()
            target = Noted(self._authority.around.target(dict(zip(GROUNDS, ground, strict=True))), read)
            seen = self._authority.policy.may(self._authority.caller, self._action, target)
            found[ground] = Wanted(self._wanted(target, fields)) if seen else None
            if self._bases(read) - set(GROUNDS):
                return None
        return found

    def many(self, values: Sequence[Any], fields: frozenset[str] | None = None) -> list[Any]:
        """What of the resources this caller sees, in their order; those that policy hides are left out."""
        authority, resource = self._authority, self._resource
        if not values:
            return []
        if resource.name in _ON_NETWORKS and not authority.caller.is_admin:
            authority.around.know("networks", (one.network_id for one in values))
        whole = isinstance(values[0], shown(resource))

        def ask(target: Mapping[str, Any]) -> Render | None:
            if not authority.policy.may(authority.caller, self._action, target):
                return None
            wanted = self._wanted(target, fields)
            return _itself if whole and wanted is None else shower(resource, wanted)

        asked = Decisions(ask, self._target, self._reader)
        if asked.of(values[0]) is _itself and asked.same:
            return list(values)
        rows = ((value, asked.of(value)) for value in values)
        return [shows(value) for value, shows in rows if shows is not None]

    def _target(self, value: Any) -> Mapping[str, Any]:
        return self._authority.around.target(Attributes(self._fields, value))

    def _reader(self, keys: Sequence[str]) -> Callable[[Any], Hashable]:
        """What reads from a struct all that the keys of its target depend on."""
        fields = sorted(self._fields[name] for name in self._bases(keys))
        return attrgetter(*fields) if fields else lambda _: ()

    def _bases(self, keys: Iterable[str]) -> set[str]:
        """The attributes that the keys of a target depend on."""
        return {name for key in keys for name in BASES.get(key, (key,)) if name in self._fields}

    def _wanted(self, target: Mapping[str, Any], fields: frozenset[str] | None) -> frozenset[str] | None:
        authority = self._authority
        seen = authority.policy.visible_attributes(authority.caller, self._action, self._names, target)
        if fields is None and len(seen) == len(self._names):  # nothing is hidden
            return None
        if "project_id" in seen:
            seen = seen | {"tenant_id"}
        return seen if fields is None else seen & fields
