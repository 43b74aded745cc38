"""From attributes by their JSON names to the structs that the store keeps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from deuteron.resources.refusal import not_found
from deuteron.resources.resource import Resource
from deuteron.service.ids import new_id
from deuteron.store.store import Unit


def build(resource: Resource, given: Mapping[str, Any], **more: Any) -> Any:
    """A new resource of what was given, the struct's defaults, and ``more`` by field."""
    return resource.model(**{"id": new_id(), **resource.values(given), **more})


def change(resource: Resource, value: Any, given: Mapping[str, Any], **more: Any) -> Any:
    """The same resource with what was given, and ``more`` by field."""
    return msgspec.structs.replace(value, **{**resource.values(given), **more})


def kept(unit: Unit, resource: Resource, id: str) -> Any:  # noqa: A002  the API's name
    """A resource as the store has it now, with what is derived of others.

    Raises:
        NotFound: it is gone.
    """
    found = unit.get(resource, id)
    if found is None:
        raise not_found(resource.name, id)
    return found


def to_dict(resource: Resource, value: Any) -> dict[str, Any]:
    """Every attribute of a resource by its JSON name, shown or not: what policy is asked about."""
    return {name: getattr(value, one.field) for name, one in resource.attributes.items() if one.field}
