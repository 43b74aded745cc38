"""Lists that no table keeps (zones, extensions, counts of addresses): filtered, sorted and paged in memory.

They are as long as there are networks or hosts, and made anew for each request.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from deuteron.store.query import Query


def narrowed(values: Iterable[Any], query: Query | None, key: str) -> list[Any]:
    """The values that a query names, in its order.

    Args:
        values: structs of the query's resource.
        query: ``None`` for all of them.
        key: the field that a page's marker names.
    """
    found = list(values)
    if query is None:
        return found
    attributes = query.resource.attributes
    for name, wanted in query.filters:
        field = attributes[name].field if name in attributes else name
        told = {str(one) for one in wanted}
        found = [one for one in found if str(getattr(one, field, None)) in told]
    for name, ascending in reversed(query.sort):
        field = attributes[name].field
        found.sort(key=lambda one, field=field: str(getattr(one, field)), reverse=not ascending)  # type: ignore[misc]  # the default binds the loop's name
    return _page(found, query, key)


def _page(found: list[Any], query: Query, key: str) -> list[Any]:
    at = next((place for place, one in enumerate(found) if getattr(one, key) == query.marker), None)
    if query.marker and at is not None:
        found = found[:at] if query.reverse else found[at + 1 :]
    if not query.limit:
        return found
    return found[-query.limit :] if query.reverse else found[: query.limit]
