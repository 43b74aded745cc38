"""The resource that a path names, if the caller may see it."""

from __future__ import annotations

from typing import Any

from deuteron.resources import RESOURCES, refusal
from deuteron.resources.resource import Resource
from deuteron.service.authority import Authority, rule
from deuteron.service.call import Call
from deuteron.service.values import to_dict
from deuteron.store.query import Query
from deuteron.store.store import Unit


def seen(unit: Unit, authority: Authority, call: Call) -> Any:
    """The resource of the call.

    A child is looked for within its parent only (OSSN-0102), so a foreign parent is a 404.

    Raises:
        NotFound: there is none, or none that the caller may see; the two are not told apart.
    """
    resource = call.resource
    if not resource.parent:
        return _allowed(unit, authority, resource, call.id)
    parent = parent_of(unit, authority, call)
    filters = (("id", (call.id,)), (f"{resource.parent}_id", (parent.id,)))
    found = unit.list(Query(resource=resource, filters=filters, visible_to=call.caller))
    if not found or not authority.may(rule("get", resource), to_dict(resource, found[0])):
        raise refusal.not_found(resource.name, call.id)
    return found[0]


def parent_of(unit: Unit, authority: Authority, call: Call) -> Any:
    """The resource in front of a nested one.

    Raises:
        NotFound: as :func:`seen`.
    """
    parent = next(one for one in RESOURCES.values() if one.name == call.resource.parent)
    return _allowed(unit, authority, parent, call.parent)


def _allowed(unit: Unit, authority: Authority, resource: Resource, id: str) -> Any:  # noqa: A002  the API's name
    found = unit.get(resource, id, authority.caller)
    if found is None or not authority.may(rule("get", resource), to_dict(resource, found)):
        raise refusal.not_found(resource.name, id)
    return found
