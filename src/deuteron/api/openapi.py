"""The OpenAPI 3.1 document of what there is, made of the declarations and of the routes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from deuteron.api.dispatch import Place, Routes
from deuteron.resources.attribute import NO_DEFAULT, Attribute
from deuteron.resources.resource import Resource

Schema = dict[str, Any]

_REF: Final = "#/components/schemas/{name}"
_BODIED: Final = frozenset({"create", "update"})
_LINKS: Final[Schema] = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"rel": {"type": "string"}, "href": {"type": "string"}},
        "required": ["rel", "href"],
    },
}
_FAULT: Final[Schema] = {
    "type": "object",
    "properties": {one: {"type": "string"} for one in ("type", "message", "detail")},
    "required": ["type", "message", "detail"],
}
_ERROR: Final[Schema] = {
    "type": "object",
    "properties": {"NeutronError": _FAULT},
    "required": ["NeutronError"],
}
_CHALLENGE: Final[Schema] = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {
                "code": {"type": "integer"},
                "title": {"type": "string"},
                "message": {"type": "string"},
            },
            "required": ["code", "title", "message"],
        }
    },
    "required": ["error"],
}
_TAGS: Final[Schema] = {
    "type": "object",
    "properties": {"tags": {"type": "array", "items": {"type": "string", "maxLength": 255}}},
    "required": ["tags"],
}
#: Answers with no body.
_EMPTY: Final = frozenset({"delete", "tags.show", "tags.update", "tags.delete", "tags.delete_all"})
_CREATED: Final = frozenset({"create", "tags.update"})
_PAGING: Final = (
    ("fields", {"type": "array", "items": {"type": "string"}}),
    ("sort_key", {"type": "array", "items": {"type": "string"}}),
    ("sort_dir", {"type": "array", "items": {"type": "string", "enum": ["asc", "desc"]}}),
    ("limit", {"type": "integer", "minimum": 0}),
    ("marker", {"type": "string"}),
    ("page_reverse", {"type": "boolean"}),
)


def document(resources: Mapping[str, Resource], routes: Routes, version: str) -> Schema:
    """The document.

    Args:
        resources: the declarations, by collection.
        routes: what can be asked for.
        version: of the program.
    """
    attributes = [one for resource in resources.values() for one in resource.attributes.values()]
    types = list({repr(one.type): one.type for one in attributes}.values())
    made, parts = msgspec.json.schema_components(types, ref_template=_REF)
    of_type = {repr(kind): schema for kind, schema in zip(types, made, strict=True)}
    schemas: Schema = {**parts, "Error": _ERROR, "Unauthorized": _CHALLENGE, "Tags": _TAGS}
    for resource in resources.values():
        schemas |= _schemas_of(resource, of_type)
    paths = {place.path: _path(place, of_type) for place in routes.places()}
    return {
        "openapi": "3.1.0",
        "info": {"title": "OpenStack Networking API v2.0", "version": version},
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "securitySchemes": {"token": {"type": "apiKey", "in": "header", "name": "X-Auth-Token"}},
        },
        "security": [{"token": []}],
    }


def _schemas_of(resource: Resource, of_type: Mapping[str, Schema]) -> Schema:
    name = resource.name
    shown = [one for one in resource.attributes.values() if one.visible and one.field]
    answer = _object(((one.name, _kept(one, of_type)) for one in shown), ())
    if "project_id" in answer["properties"]:
        answer["properties"]["tenant_id"] = answer["properties"]["project_id"]
    post = [one for one in resource.attributes.values() if one.post]
    put = [one for one in resource.attributes.values() if one.put]
    return {
        name: answer,
        f"{name}.create": _object(
            ((one.name, _given(one, of_type)) for one in post), [one.name for one in post if one.required]
        ),
        f"{name}.update": _object(((one.name, _given(one, of_type)) for one in put), ()),
    }


def _object(properties: Iterable[tuple[str, Schema]], required: Iterable[str]) -> Schema:
    made: Schema = {"type": "object", "properties": dict(properties)}
    names = list(required)
    return {**made, "required": names} if names else made


def _kept(attribute: Attribute, of_type: Mapping[str, Schema]) -> Schema:
    """As an answer has it: its type alone, what bodies may say is narrower or wider."""
    return dict(of_type[repr(attribute.type)])


def _given(attribute: Attribute, of_type: Mapping[str, Schema]) -> Schema:
    """As a body may have it."""
    schema = {**of_type[repr(attribute.type)], **(attribute.openapi or {})}
    plain = isinstance(attribute.default, str | int | bool)
    return (
        {**schema, "default": attribute.default} if plain and attribute.default is not NO_DEFAULT else schema
    )


def _path(place: Place, of_type: Mapping[str, Schema]) -> Schema:
    names = [piece[1:-1] for piece in place.path.split("/") if piece.startswith("{")]
    operations = {
        method.lower(): _operation(place, action, of_type) for method, action in sorted(place.methods.items())
    }
    if not names:
        return operations
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names
    ]
    return {"parameters": parameters, **operations}


def _operation(place: Place, action: str, of_type: Mapping[str, Schema]) -> Schema:
    resource = place.resource
    made: Schema = {
        "operationId": f"{resource.collection}.{action}",
        "tags": [resource.collection],
        "responses": _responses(resource, action),
    }
    if action == "index":
        made["parameters"] = _query(resource, of_type)
    body = _body(resource, action)
    if body is not None:
        made["requestBody"] = {"required": True, "content": _json(body)}
    return made


def _query(resource: Resource, of_type: Mapping[str, Schema]) -> list[Schema]:
    filters = [
        (one.name, {"type": "array", "items": _plain(of_type[repr(one.type)])})
        for one in resource.attributes.values()
        if one.filter and one.name not in dict(_PAGING)
    ]
    return [
        {"name": name, "in": "query", "schema": schema, "style": "form", "explode": True}
        for name, schema in (*filters, *_PAGING)
    ]


def _plain(schema: Schema) -> Schema:
    kind = schema.get("type")
    return {"type": kind} if kind in ("boolean", "integer") else {"type": "string"}


def _body(resource: Resource, action: str) -> Schema | None:
    if action in _BODIED:
        inner = _ref(f"{resource.name}.{action}")
        one = _object([(resource.name, inner)], [resource.name])
        many = _object([(resource.collection, {"type": "array", "items": inner})], [resource.collection])
        return {"anyOf": [one, many]} if action == "create" and resource.bulk else one
    if action in ("tags.update_all", "tags.create"):
        return _ref("Tags")
    return {"type": "object"} if resource.actions.get(action) == "PUT" else None


def _responses(resource: Resource, action: str) -> Schema:
    status = "201" if action in _CREATED else "204" if action in _EMPTY else "200"
    good: Schema = {"description": "done"}
    shown = _shown(resource, action)
    if shown is not None:
        good["content"] = _json(shown)
    return {
        status: good,
        "401": {"description": "nobody who is known asks", "content": _json(_ref("Unauthorized"))},
        "4XX": {"description": "refused", "content": _json(_ref("Error"))},
        "503": {"description": "not now", "content": _json(_ref("Error"))},
    }


def _shown(resource: Resource, action: str) -> Schema | None:
    one = _object([(resource.name, _ref(resource.name))], [resource.name])
    many = _object(
        [
            (resource.collection, {"type": "array", "items": _ref(resource.name)}),
            (f"{resource.collection}_links", _LINKS),
        ],
        [resource.collection],
    )
    if action == "index":
        return many
    if action == "create" and resource.bulk:
        return {"anyOf": [one, many]}
    if action in ("show", "create", "update"):
        return one
    if action in ("tags.index", "tags.create", "tags.update_all"):
        return _ref("Tags")
    return None if action in _EMPTY else {"type": "object"}


def _ref(name: str) -> Schema:
    return {"$ref": _REF.format(name=name)}


def _json(schema: Schema) -> Schema:
    return {"application/json": {"schema": schema}}
