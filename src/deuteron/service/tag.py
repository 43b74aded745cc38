"""Tags of a resource, by the paths below it; who may is asked about the resource's owner (OSSA-2024-005)."""

from __future__ import annotations

from typing import Any

from deuteron.resources import refusal
from deuteron.resources.resource import Resource
from deuteron.resources.tag import decode_tag, decode_tags
from deuteron.service.values import change
from deuteron.store.store import Unit

_MOST = 50


def listed(value: Any) -> dict[str, Any]:
    """All of them, as the API shows them."""
    return {"tags": list(value.tags)}


def has(value: Any, word: str) -> None:
    """Whether the resource has the tag.

    Raises:
        TagNotFound: it has not.
    """
    if word not in value.tags:
        raise refusal.TagNotFound(tag=word)


def replace(unit: Unit, resource: Resource, value: Any, body: object) -> dict[str, Any]:
    """These tags and no others."""
    words = decode_tags(body, resource.collection)
    _keep(unit, resource, value, words)
    return {"tags": list(words)}


def add(unit: Unit, resource: Resource, value: Any, body: object) -> dict[str, Any]:
    """These tags too."""
    words = decode_tags(body, resource.collection)
    _keep(unit, resource, value, (*value.tags, *words))
    return {"tags": list(words)}


def put(unit: Unit, resource: Resource, value: Any, word: str) -> None:
    """This tag too."""
    _keep(unit, resource, value, (*value.tags, decode_tag(word)))


def drop(unit: Unit, resource: Resource, value: Any, word: str) -> None:
    """Not this tag.

    Raises:
        TagNotFound: it has not got it.
    """
    has(value, word)
    _keep(unit, resource, value, [one for one in value.tags if one != word])


def clear(unit: Unit, resource: Resource, value: Any) -> None:
    """No tags."""
    _keep(unit, resource, value, ())


def _keep(unit: Unit, resource: Resource, value: Any, words: Any) -> None:
    tags = tuple(sorted(set(words)))
    if len(tags) > _MOST:
        raise refusal.BadRequest(
            resource=resource.collection, msg=f"The number of tags exceed the per-resource limit of {_MOST}"
        )
    if tags != value.tags:
        unit.update(resource, change(resource, value, {}, tags=tags))
