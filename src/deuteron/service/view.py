"""What an answer shows: the attributes that the declaration shows, less those that policy hides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from deuteron.resources.resource import Resource, render
from deuteron.service.authority import Authority, rule
from deuteron.service.decisions import Attributes, Decisions, fields_of

_ON_NETWORKS = frozenset({"port", "subnet"})


class View:
    """One type of resource as one caller sees it."""

    def __init__(self, authority: Authority, resource: Resource) -> None:
        self._authority = authority
        self._resource = resource
        self._names = [one.name for one in resource.attributes.values() if one.visible and one.field]
        self._fields = fields_of(resource)

    def one(self, value: Any, fields: frozenset[str] | None = None) -> dict[str, Any]:
        """One resource, with the wanted fields alone."""
        return render(self._resource, value, self._wanted(self._seen(self._target(value)), fields))

    def many(self, values: Sequence[Any], fields: frozenset[str] | None = None) -> list[dict[str, Any]]:
        """The resources that the policy lets this caller see, in their order."""
        authority, resource = self._authority, self._resource
        if resource.name in _ON_NETWORKS and not authority.caller.is_admin:
            authority.around.know("networks", (one.network_id for one in values))
        action = rule("get", resource)
        allowed = Decisions(lambda target: authority.policy.may(authority.caller, action, target))
        shown = Decisions(lambda target: self._wanted(self._seen(target), fields))
        rows = []
        for value in values:
            target = self._target(value)
            if allowed.of(target):
                rows.append(render(resource, value, shown.of(target)))
        return rows

    def _target(self, value: Any) -> Mapping[str, Any]:
        return self._authority.around.target(Attributes(self._fields, value))

    def _seen(self, target: Mapping[str, Any]) -> frozenset[str]:
        authority = self._authority
        return authority.policy.visible_attributes(
            authority.caller, rule("get", self._resource), self._names, target
        )

    def _wanted(self, seen: frozenset[str], fields: frozenset[str] | None) -> frozenset[str] | None:
        if fields is None and len(seen) == len(self._names):
            return None
        if "project_id" in seen:
            seen = seen | {"tenant_id"}
        return seen if fields is None else seen & fields
