"""A resource of the API, made of its struct; bodies decoded and answers rendered by it.

The names in decoded bodies are those of JSON (``router:external``): policy, filters and sentences speak
of them; `Resource.values` makes the struct's of them.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping
from functools import lru_cache
from operator import attrgetter
from types import MappingProxyType
from typing import Any

import msgspec

from deuteron.resources.attribute import NO_DEFAULT, Attr, Attribute, Invalid
from deuteron.resources.checks import quoted
from deuteron.resources.refusal import HTTPBadRequest


class Resource(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One resource, declared once at import; compared and hashed as itself.

    Args:
        name: ``network``, what a body wraps one in.
        collection: ``networks``, what a body wraps several in, and its place in a path.
        model: the struct whose fields are the attributes.
        attributes: by JSON name, in order; with what a body alone may carry.
        parent: the singular name of the resource whose path it lies under, ``floatingip``.
        quota: its name in quotas, "" where it counts for none.
        tags: whether it has tags.
        bulk: whether a POST may make several.
        actions: verbs of its own on one of it, with their method: ``add_router_interface`` -> PUT.
        extension: the alias that brings the whole resource, "" for the core.
    """

    name: str
    collection: str
    model: type[msgspec.Struct]
    attributes: Mapping[str, Attribute]
    parent: str = ""
    quota: str = ""
    tags: bool = False
    bulk: bool = True
    actions: Mapping[str, str] = MappingProxyType({})
    extension: str = ""

    def values(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """What was given, by the struct's names; without what no resource keeps."""
        named = ((self.attributes[name].field, value) for name, value in given.items())
        return {field: value for field, value in named if field}


def declare(
    model: type[msgspec.Struct],
    *,
    name: str,
    collection: str,
    body: Mapping[str, Attr] = MappingProxyType({}),
    parent: str = "",
    quota: str = "",
    tags: bool = False,
    bulk: bool = True,
    actions: Mapping[str, str] = MappingProxyType({}),
    extension: str = "",
) -> Resource:
    """The resource of a struct; ``body`` are attributes that a body may carry and no resource keeps."""
    hints = typing.get_type_hints(model, include_extras=True)
    attributes = {one.name: one for one in (_of_field(hints, f) for f in msgspec.structs.fields(model))}
    attributes |= {key: Attribute(name=key, **msgspec.structs.asdict(rules)) for key, rules in body.items()}
    return Resource(
        name=name,
        collection=collection,
        model=model,
        attributes=MappingProxyType(attributes),
        parent=parent,
        quota=quota,
        tags=tags,
        bulk=bulk,
        actions=MappingProxyType(dict(actions)),
        extension=extension,
    )


def _of_field(hints: Mapping[str, Any], field: msgspec.structs.FieldInfo) -> Attribute:
    plain, *rules = typing.get_args(hints[field.name])
    rule = next(one for one in rules if isinstance(one, Attr))
    default = NO_DEFAULT if field.default is msgspec.NODEFAULT else field.default
    if field.default_factory is not msgspec.NODEFAULT:
        default = field.default_factory()
    return Attribute(
        name=field.encode_name, field=field.name, type=plain, default=default, **msgspec.structs.asdict(rule)
    )


def is_bulk(resource: Resource, body: object) -> bool:
    """Whether a body makes several: ``{"networks": [...]}``."""
    return isinstance(body, dict) and resource.collection in body


def decode_bulk(resource: Resource, body: object) -> list[dict[str, Any]]:
    """Each of ``{"networks": [...]}`` as `decode_post` gives it.

    Raises:
        HTTPBadRequest, InvalidInput: for the whole of it, at the first that is wrong.
    """
    several = body.get(resource.collection) if isinstance(body, dict) else None
    if not resource.bulk:
        raise HTTPBadRequest(message="Bulk operation not supported")
    if not several:
        raise HTTPBadRequest(message="Resources required")
    if not isinstance(several, list):
        raise HTTPBadRequest(message=f"Object '{resource.name}' contains invalid data")
    if None in several:
        raise HTTPBadRequest(message="Body contains invalid data")
    return [
        decode_post(resource, one if _wrapped(resource, one) else {resource.name: one}) for one in several
    ]


def _wrapped(resource: Resource, one: object) -> bool:
    return isinstance(one, dict) and resource.name in one


def decode_post(resource: Resource, body: object) -> dict[str, Any]:
    """What a POST gives, converted; what it leaves out is not filled in.

    Args:
        resource: what is made.
        body: the whole body as JSON has it, ``{"network": {...}}``.

    Raises:
        HTTPBadRequest: not of the form, an attribute that is unknown, missing, not for POST, or wrong.
        InvalidInput: a value that cannot be converted.
    """
    given = _inner(resource, body)
    for attribute in resource.attributes.values():
        if attribute.required and attribute.post and attribute.name not in given:
            raise HTTPBadRequest(
                message=f"Failed to parse request. Required attribute '{attribute.name}' not specified"
            )
        if attribute.name in given and not attribute.post:
            raise HTTPBadRequest(message=f"Attribute '{attribute.name}' not allowed in POST")
    return _converted(resource, given)


def decode_put(resource: Resource, body: object) -> dict[str, Any]:
    """What a PUT gives, converted.

    Args:
        resource: what is changed.
        body: the whole body as JSON has it, ``{"network": {...}}``.

    Raises:
        HTTPBadRequest: not of the form, an attribute that is unknown, read-only, or wrong.
        InvalidInput: a value that cannot be converted.
    """
    given = _inner(resource, body)
    for attribute in resource.attributes.values():
        if attribute.name in given and not attribute.put:
            raise HTTPBadRequest(message=f"Cannot update read-only attribute {_shown(attribute.name)}")
    return _converted(resource, given)


def _inner(resource: Resource, body: object) -> dict[str, Any]:
    if not body:
        raise HTTPBadRequest(message="Resource body required")
    if not isinstance(body, dict):
        raise HTTPBadRequest(message="Body contains invalid data")
    inner = body.get(resource.name)
    if inner is None:
        raise HTTPBadRequest(message=f"Unable to find '{resource.name}' in request body")
    if not isinstance(inner, dict):
        raise HTTPBadRequest(message=f"Object '{resource.name}' contains invalid data")
    given = _with_project(resource, inner)
    unknown = sorted(one for one in given if one not in resource.attributes)
    if unknown:
        raise HTTPBadRequest(message=f"Unrecognized attribute(s) '{quoted(', '.join(unknown))}'")
    return given


def _with_project(resource: Resource, inner: dict[str, Any]) -> dict[str, Any]:
    """``tenant_id`` is the old name of ``project_id``; either may be given, or both alike."""
    if "tenant_id" not in inner or "project_id" not in resource.attributes:
        return inner
    given = {key: value for key, value in inner.items() if key != "tenant_id"}
    if given.setdefault("project_id", inner["tenant_id"]) != inner["tenant_id"]:
        raise HTTPBadRequest(message="'project_id' and 'tenant_id' do not match")
    return given


def _shown(name: str) -> str:
    return "tenant_id" if name == "project_id" else name


def _converted(resource: Resource, given: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for attribute in resource.attributes.values():
        if attribute.name in given:
            values[attribute.name] = convert(attribute, given[attribute.name])
    return values


def convert(attribute: Attribute, value: object) -> Any:
    """One value as it is kept.

    Raises:
        HTTPBadRequest, InvalidInput: with Neutron's sentence.
    """
    if attribute.check is None:
        return value
    try:
        return attribute.check(value)
    except Invalid as refused:
        reason = f"Invalid input for {_shown(attribute.name)}. Reason: {refused.sentence}."
        raise HTTPBadRequest(message=reason) from None


def render(resource: Resource, value: Any, fields: frozenset[str] | None = None) -> dict[str, Any]:
    """The attributes that are shown, by JSON name; of those, the ones of ``fields`` where it is given.

    Values inside stay structs and tuples: msgspec writes them as JSON itself.
    """
    return renderer(resource, fields)(value)


@lru_cache(maxsize=1024)  # every client asks for the same few; `fields` are checked names, so no more come
def renderer(resource: Resource, fields: frozenset[str] | None = None) -> Callable[[Any], dict[str, Any]]:
    """:func:`render` of many: what makes the attributes of a value."""
    pairs = [(one.name, one.field) for one in resource.attributes.values() if one.visible and one.field]
    if "project_id" in resource.attributes and resource.attributes["project_id"].visible:
        pairs.append(("tenant_id", "project_id"))
    chosen = [(name, field) for name, field in pairs if fields is None or name in fields]
    wanted = tuple(name for name, _ in chosen)
    if not chosen:
        return lambda _: {}
    get = attrgetter(*(field for _, field in chosen))
    if len(chosen) == 1:
        return lambda value: {wanted[0]: get(value)}
    return lambda value: dict(zip(wanted, get(value), strict=True))
