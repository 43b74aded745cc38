"""What the query string of a list asks for, and the links to the pages around it.

Filters are attributes (repeated ones are alternatives); ``fields`` choose what is shown; ``sort_key`` and
``sort_dir`` come in pairs; ``limit``, ``marker`` and ``page_reverse`` page.  Without ``limit`` a marker means
nothing, as in Neutron.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from types import UnionType
from typing import Any, Final, Union, get_args, get_origin
from urllib.parse import parse_qsl, urlencode

import msgspec

from deuteron.api.limits import Limits
from deuteron.resources.attribute import Attribute
from deuteron.resources.checks import quoted
from deuteron.resources.refusal import BadRequest, HTTPBadRequest, InvalidInput
from deuteron.resources.resource import Resource
from deuteron.store.query import Query, Viewer

Pairs = tuple[tuple[str, str], ...]

_RESERVED: Final = frozenset({"fields", "sort_key", "sort_dir", "limit", "marker", "page_reverse"})
_TAG_FILTERS: Final = frozenset({"tags", "tags-any", "not-tags", "not-tags-any"})
_CHANGED: Final = "changed_since"
_DIRECTIONS: Final = frozenset({"asc", "desc"})
_TRUE: Final = frozenset({"true", "t", "yes", "y", "on", "1"})
_FALSE: Final = frozenset({"false", "f", "no", "n", "off", "0"})
#: More digits than any number here has.
_DIGITS: Final = 18


class Asked(msgspec.Struct, frozen=True):
    """A query string, understood.

    Attributes:
        query: what is listed.
        fields: the attributes to show, ``None`` for all.
        pairs: all of it, in order, for the links.
        limit: as the client gave it, 0 for none; ``query.limit`` is never more than a page.
    """

    query: Query
    fields: frozenset[str] | None
    pairs: Pairs
    limit: int


class Page(msgspec.Struct, frozen=True):
    """What a page holds: how many, and the ids at its ends, empty where it has none."""

    count: int
    first: str = ""
    last: str = ""


def pairs_of(raw: bytes, limits: Limits) -> Pairs:
    """Names and values, in order.

    Raises:
        HTTPBadRequest: too many, or not UTF-8.
    """
    if not raw:
        return ()
    if raw.count(b"&") >= limits.parameters:
        raise HTTPBadRequest(message=f"At most {limits.parameters} parameters can stand in one query")
    try:
        return tuple(parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict"))
    except UnicodeError:
        raise HTTPBadRequest(message="The query is not UTF-8") from None


def fields_of(pairs: Pairs, resource: Resource) -> frozenset[str] | None:
    """The attributes that are wanted, ``None`` for all; names that nobody knows want nothing."""
    wanted = {value for name, value in pairs if name == "fields" and value}
    if not wanted:
        return None
    known = wanted.intersection(resource.attributes)
    return frozenset(known | {"tenant_id"} if "tenant_id" in wanted else known)


def asked(raw: bytes, resource: Resource, viewer: Viewer, limits: Limits) -> Asked:
    """What a list is asked for.

    Args:
        raw: the query string.
        resource: of what.
        viewer: who looks.
        limits: what is too much.

    Raises:
        Refusal: 400, with Neutron's sentence.
    """
    pairs = pairs_of(raw, limits)
    limit = _limit(_last(pairs, "limit", "0"))
    query = Query(
        resource=resource,
        filters=_filters(pairs, resource),
        visible_to=viewer,
        sort=_sort(pairs, resource),
        limit=min(limit or limits.page, limits.page),
        marker=_last(pairs, "marker", "") if limit else "",
        reverse=_last(pairs, "page_reverse", "False").lower() == "true",
    )
    return Asked(query, fields_of(pairs, resource), pairs, limit)


def _last(pairs: Pairs, name: str, default: str) -> str:
    return next((value for key, value in reversed(pairs) if key == name), default)


def _limit(given: str) -> int:
    text = given.strip()
    if text.isdecimal() and len(text) <= _DIGITS:
        return int(text)
    raise BadRequest(resource="limit", msg=f"Limit must be an integer 0 or greater and not '{quoted(text)}'")


def _filters(pairs: Pairs, resource: Resource) -> tuple[tuple[str, tuple[Any, ...]], ...]:
    found: dict[str, list[Any]] = {}
    wrong: list[str] = []
    for name, value in pairs:
        if name in _RESERVED:
            continue
        if name in _filterable(resource):
            found.setdefault(name, []).append(_converted(resource, name, value))
        elif name not in wrong:
            wrong.append(name)
    if wrong:
        raise HTTPBadRequest(message=f"{quoted(wrong)} is invalid attribute for filtering")
    return tuple((name, tuple(values)) for name, values in found.items())


@lru_cache(maxsize=64)  # one entry a resource
def _filterable(resource: Resource) -> frozenset[str]:
    names = {name for name, one in resource.attributes.items() if one.filter}
    both = {"project_id", "tenant_id"} if "project_id" in names else set()
    tags = _TAG_FILTERS if resource.tags else frozenset[str]()
    times = {_CHANGED} if _timed(resource) else set()
    return frozenset(names | both | tags | times)


def _timed(resource: Resource) -> bool:
    one = resource.attributes.get("updated_at")
    return one is not None and one.visible


def _converted(resource: Resource, name: str, value: str) -> Any:
    if name == _CHANGED:
        return _time(value)
    if name == "fixed_ips" and "=" not in value:
        raise InvalidInput(error_message=f"'{value}' is not of the form <key>=[value]")
    if name == "mac_address":
        return value.lower()  # as they are kept
    attribute = resource.attributes.get(name)
    kinds = _kinds(attribute) if attribute is not None else frozenset()
    if bool in kinds:
        return _boolean(value)
    if int in kinds and str not in kinds:
        return _integer(value)
    return value


@lru_cache(maxsize=1024)  # one entry an attribute
def _kinds_of(kind: Any) -> frozenset[type]:
    members = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    return frozenset(one for one in members if isinstance(one, type))


def _kinds(attribute: Attribute) -> frozenset[type]:
    return _kinds_of(attribute.type)


def _time(value: str) -> str:
    """A time as the store keeps it: in UTC, to the second."""
    try:
        given = datetime.fromisoformat(value)
        given = given.astimezone(UTC) if given.tzinfo is not None else given
    except (ValueError, OverflowError):
        raise InvalidInput(
            error_message=f"The input {_CHANGED} must be in the following format: YYYY-MM-DDTHH:MM:SS[Z]"
        ) from None
    return given.strftime("%Y-%m-%dT%H:%M:%SZ")


def _boolean(value: str) -> bool:
    lower = value.lower()
    if lower in _TRUE or lower in _FALSE:
        return lower in _TRUE
    raise InvalidInput(error_message=f"'{quoted(value)}' cannot be converted to boolean")


def _integer(value: str) -> int:
    digits = value.removeprefix("-")
    if digits.isdecimal() and len(digits) <= _DIGITS:
        return int(value)
    raise InvalidInput(error_message=f"'{quoted(value)}' is not an integer")


def _sort(pairs: Pairs, resource: Resource) -> tuple[tuple[str, bool], ...]:
    keys = [value for name, value in pairs if name == "sort_key" and value]
    directions = [value for name, value in pairs if name == "sort_dir" and value]
    if len(keys) != len(directions):
        raise HTTPBadRequest(message="The number of sort_keys and sort_dirs must be same")
    absent = [key for key in keys if key not in _sortable(resource)]
    if absent:
        raise HTTPBadRequest(message=f"{quoted(absent)} is invalid attribute for sort_keys")
    bad = [one for one in directions if one not in _DIRECTIONS]
    if bad:
        raise HTTPBadRequest(
            message=f"{quoted(bad)} is invalid value for sort_dirs, valid value is 'asc' and 'desc'"
        )
    pairs_in_order: dict[str, bool] = {}
    for key, one in zip(keys, directions, strict=True):
        pairs_in_order.setdefault(key, one == "asc")  # what is there twice decides nothing the second time
    return tuple(pairs_in_order.items())


@lru_cache(maxsize=64)
def _sortable(resource: Resource) -> frozenset[str]:
    names = {name for name, one in resource.attributes.items() if one.sort}
    return frozenset(names | ({"project_id", "tenant_id"} if "project_id" in names else set()))


def links(asked_for: Asked, base: str, page: Page) -> list[Mapping[str, str]]:
    """The links to the pages around one.

    Neutron's rule: unless a page is short there is a next one, and there is a previous one unless a page
    read backwards is short.  A list that nobody asked to page is cut only where it is longer than a page.

    Args:
        asked_for: the query of this page.
        base: scheme, host and path of the list.
        page: what it holds.
    """
    query, pairs = asked_for.query, asked_for.pairs
    full = page.count >= query.limit
    if not asked_for.limit:
        # A marker counts beside a limit only.
        limited = (*_without(pairs, "limit"), ("limit", str(query.limit)))
        return [_link("next", base, _next(limited, page.last))] if full else []
    found = []
    if full or query.reverse:
        found.append(_link("next", base, _next(pairs, page.last)))
    if full or not query.reverse:
        found.append(_link("previous", base, _previous(pairs, page.first)))
    return found


def _link(rel: str, base: str, pairs: Pairs) -> Mapping[str, str]:
    return {"rel": rel, "href": f"{base}?{urlencode(pairs)}"}


def _without(pairs: Pairs, *names: str) -> Pairs:
    return tuple(pair for pair in pairs if pair[0] not in names)


def _next(pairs: Pairs, last: str) -> Pairs:
    return (*_without(pairs, "marker", "page_reverse"), *_marker(last))


def _previous(pairs: Pairs, first: str) -> Pairs:
    return (*_without(pairs, "marker", "page_reverse"), *_marker(first), ("page_reverse", "True"))


def _marker(one: str) -> Pairs:
    return (("marker", one),) if one else ()
