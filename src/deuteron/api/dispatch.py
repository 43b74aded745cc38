"""From a path and a method to what is asked for.

::

    /v2.0/networks                                  GET index, POST create
    /v2.0/networks/ID                               GET show, PUT update, DELETE delete
    /v2.0/routers/ID/add_router_interface           PUT, or GET: an action of one resource
    /v2.0/networks/ID/tags[/TAG]                    the resource's tags
    /v2.0/floatingips/ID/port_forwardings[/ID]      a resource below another

The table is made of the declarations once; what a client sends is only looked up in it, so that unknown paths
leave nothing behind (OSSA-2021-006).  A verb that the service does not have is a 405.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final
from urllib.parse import unquote

import msgspec

from deuteron.api.errors import HTTPMethodNotAllowed
from deuteron.resources.refusal import HTTPBadRequest, HTTPNotFound
from deuteron.resources.resource import Resource

PREFIX: Final = "/v2.0"
_SUFFIX: Final = ".json"

_COLLECTION: Final = {"GET": "index", "POST": "create"}
_ITEM: Final = {"GET": "show", "PUT": "update", "DELETE": "delete"}
_TAGS: Final = {
    "GET": "tags.index",
    "POST": "tags.create",
    "PUT": "tags.update_all",
    "DELETE": "tags.delete_all",
}
_TAG: Final = {"GET": "tags.show", "PUT": "tags.update", "DELETE": "tags.delete"}


class Place(msgspec.Struct, frozen=True):
    """A path without its ids: what it is about and which method does what there.

    Attributes:
        path: in the words of OpenAPI, ``/v2.0/networks/{id}``.
        resource: the declaration.
        methods: the service's action for each method.
    """

    path: str
    resource: Resource
    methods: Mapping[str, str]


class Target(msgspec.Struct, frozen=True):
    """A place, and the ids of a path."""

    place: Place
    id: str = ""
    parent: str = ""
    sub: str = ""

    def action(self, method: str) -> str:
        """What a method does here.

        Raises:
            HTTPMethodNotAllowed: nothing.
            HTTPNotFound: nothing, of extensions, for which Neutron says so.
        """
        action = self.place.methods.get(method)
        if action is not None:
            return action
        if self.place.resource.collection == "extensions":
            raise HTTPNotFound
        raise HTTPMethodNotAllowed(sorted(self.place.methods))


class _Top(msgspec.Struct, frozen=True):
    collection: Place
    item: Place
    below: Mapping[str, tuple[Place, Place | None]]


class Routes:
    """Every place of the API.

    Args:
        resources: by collection.
        verbs: collection and action of everything that the service does.
    """

    def __init__(self, resources: Mapping[str, Resource], verbs: Collection[tuple[str, str]]) -> None:
        self._verbs = frozenset(verbs)
        self._tops: dict[str, _Top] = {}
        for one in resources.values():
            if not one.parent:
                top = self._top(one, [below for below in resources.values() if below.parent == one.name])
                for spelling in (one.collection, one.collection.replace("_", "-")):
                    self._tops[spelling] = top

    def places(self) -> Iterator[Place]:
        """All of them, those without a method left out."""
        for top in dict.fromkeys(map(id, self._tops.values())):
            one = next(candidate for candidate in self._tops.values() if id(candidate) == top)
            below = (place for pair in one.below.values() for place in pair if place is not None)
            yield from (place for place in (one.collection, one.item, *below) if place.methods)

    def find(self, raw_path: bytes) -> Target:
        """What a path below ``/v2.0`` is about.

        Args:
            raw_path: as it was sent, percent-encoded: a tag may have a slash in it.

        Raises:
            HTTPNotFound: nothing.
            HTTPBadRequest: a piece of it is not UTF-8.
        """
        pieces = _pieces(raw_path)
        first = pieces[0] if pieces else ""
        top = self._tops.get(first.removesuffix(_SUFFIX) if len(pieces) == 1 else first)
        if top is None or not all(pieces):
            raise HTTPNotFound
        target = _target(top, pieces)
        if target is None or not target.place.methods:
            raise HTTPNotFound
        return target

    def _top(self, resource: Resource, children: Collection[Resource]) -> _Top:
        path = f"{PREFIX}/{resource.collection.replace('_', '-')}"
        item = f"{path}/{{id}}"
        below: dict[str, tuple[Place, Place | None]] = {
            name: (self._place(f"{item}/{name}", resource, methods), None)
            for name, methods in self._members(resource).items()
        }
        if resource.tags:
            tags, tag = f"{item}/tags", f"{item}/tags/{{tag}}"
            below["tags"] = (self._place(tags, resource, _TAGS), self._place(tag, resource, _TAG))
        for child in children:
            many = f"{path}/{{parent_id}}/{child.collection}"
            below[child.collection] = (
                self._place(many, child, _COLLECTION),
                self._place(f"{many}/{{id}}", child, _ITEM),
            )
        return _Top(self._place(path, resource, _COLLECTION), self._place(item, resource, _ITEM), below)

    def _members(self, resource: Resource) -> Mapping[str, Mapping[str, str]]:
        known = {*_COLLECTION.values(), *_ITEM.values()}
        actions = {action for collection, action in self._verbs if collection == resource.collection}
        members = sorted(action for action in actions - known if "." not in action)
        return {name: {resource.actions.get(name, "GET"): name} for name in members}

    def _place(self, path: str, resource: Resource, methods: Mapping[str, str]) -> Place:
        there = {
            method: action
            for method, action in methods.items()
            if (resource.collection, action) in self._verbs
        }
        return Place(path, resource, there)


def _pieces(raw_path: bytes) -> list[str]:
    path = raw_path.decode("ascii").removeprefix(PREFIX).strip("/")
    if not path:
        return []
    pieces = path.split("/")
    if "%" not in path:
        return pieces
    try:
        return [unquote(piece, errors="strict") for piece in pieces]
    except UnicodeDecodeError:
        raise HTTPBadRequest(message="The path is not UTF-8") from None


def _target(top: _Top, pieces: list[str]) -> Target | None:
    match pieces:
        case [name]:
            return Target(top.collection)
        case [_, one]:
            return Target(top.item, id=one.removesuffix(_SUFFIX))
        case [_, one, name]:
            return _below(top.below.get(name.removesuffix(_SUFFIX)), one)
        case [_, one, name, last]:
            return _last(top.below.get(name), one, last)
        case _:
            return None


def _below(places: tuple[Place, Place | None] | None, one: str) -> Target | None:
    if places is None:
        return None
    many = places[0]
    return Target(many, parent=one) if many.resource.parent else Target(many, id=one)


def _last(places: tuple[Place, Place | None] | None, one: str, last: str) -> Target | None:
    if places is None or places[1] is None:
        return None
    place = places[1]
    if place.resource.parent:
        return Target(place, id=last.removesuffix(_SUFFIX), parent=one)
    return Target(place, id=one, sub=last)
