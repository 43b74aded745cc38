"""What a unit of work reads: resources whole, their own rows alone, pages as they are shown, and counts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from deuteron.resources.refusal import not_found
from deuteron.resources.resource import Resource
from deuteron.store import derived
from deuteron.store.driver import Connection, Row, Statement
from deuteron.store.listing import Listing, listing_of
from deuteron.store.query import Query, Viewer, project_of
from deuteron.store.rendered import Rendered, Stamp, Text, array_of
from deuteron.store.select import (
    Plan,
    array,
    count_statement,
    list_statement,
    marker_statement,
    marker_values,
    planned,
    shown_statement,
    stamps_statement,
    written_statement,
)
from deuteron.store.shape import Shape, shape_of
from deuteron.store.whose import MANY, many_statements, may_walk, on_network, own_network_statement

Values = list[Any]

#: What of a row may decide what of it is shown: whose it is and whose network it is on.
GROUNDS: Final = ("project_id", "network_id")
#: The values of those.
Ground = tuple[str, ...]


class Wanted(NamedTuple):
    """What is shown of a row: these attributes, ``None`` for all."""

    attributes: frozenset[str] | None


#: What is shown of rows with these grounds, ``None`` for a row that is not; ``None``: grounds do not tell.
Decide = Callable[[Collection[Ground]], Mapping[Ground, Wanted | None] | None]


class Written(NamedTuple):
    """A page in JSON.

    Attributes:
        rows: how many.
        first: id of the first, "" where there is none.
        last: likewise.
        text: a JSON array of what is shown of each.
    """

    rows: int
    first: str
    last: str
    text: bytes


class Reading:
    """One moment of the store.

    Args:
        db: the connection, in a transaction.
        rendered: rows that lists have shown.
        keeps: whether what is read is kept for what comes to write it.
    """

    def __init__(self, db: Connection, rendered: Rendered, *, keeps: bool) -> None:
        self._db = db
        self._rendered = rendered
        self._keeps = keeps
        self._read: dict[tuple[str, str], Any] = {}
        self._peeked: dict[str, dict[object, Values]] = {}

    def get(
        self,
        resource: Resource,
        id: str,  # noqa: A002  the API's word
        visible_to: Viewer | None = None,
    ) -> Any | None:
        """The resource of this id; ``None`` when there is none, or none that ``visible_to`` sees."""
        if project_of(visible_to) is not None:
            found: Values = self.list(
                Query(resource=resource, filters=(("id", (id,)),), visible_to=visible_to)
            )
            return found[0] if found else None
        shape = shape_of(resource)
        project = None if visible_to is None else visible_to.project_id
        values = self._values(shape, self._db.rows(shape.by_id, {"id": id}), project)
        return values[0] if values else None

    def find(self, resource: Resource, **equal: Any) -> Values:
        """Every resource whose attributes (by the struct's names) are these; a list: one of these."""
        return self.list(Query(resource=resource, filters=_filters(equal)))

    def peek(self, resource: Resource, id: str) -> Any | None:  # noqa: A002  the API's word
        """:meth:`get` for a decision: what the resource's own row says, in one statement, once in a unit.

        What other rows say of it (children, tags, ``shared``) is at its default: neither show it nor
        write it back.
        """
        known = self._peeked.setdefault(resource.collection, {})
        if id not in known:
            shape = shape_of(resource)
            known[id] = shape.values(self._db.rows(shape.by_id, {"id": id}), {})
        return known[id][0] if known[id] else None

    def peek_all(self, resource: Resource, **equal: Any) -> Values:
        """:meth:`find` as :meth:`peek`: one statement, once until a resource of its kind is written."""
        query = Query(resource=resource, filters=_filters(equal))
        known = self._peeked.setdefault(resource.collection, {})
        if query.filters not in known:
            plan, values = planned(query)
            rows = self._db.rows(list_statement(plan), values)
            known[query.filters] = shape_of(resource).values(rows, {})
        return known[query.filters]

    def list(self, query: Query) -> Values:
        """The resources that a query names, in its order.

        Raises:
            NotFound: there is no such marker.
        """
        plan, values = self._planned(query)
        rows = self._rows(list_statement(plan), values, query)
        return self._values(shape_of(query.resource), rows, values["project"])

    def page(self, query: Query) -> Values:
        """:meth:`list` for an answer: one statement, and values that are JSON already.

        They are those of ``resources/shown.py``; where the tables do not hold all that a resource shows, it
        is :meth:`list`.

        Raises:
            NotFound: there is no such marker.
        """
        listing = listing_of(query.resource)
        if listing is None:
            return self.list(query)
        plan, values = self._planned(query)
        return listing.values(self._rows(shown_statement(plan, listing), values, query))

    def written(self, query: Query, wanted: frozenset[str] | None = None) -> Written | None:
        """:meth:`page` as JSON; ``None`` where the tables do not hold all that the resource shows.

        Two statements, and one where nothing changed since it was last asked for.

        Args:
            query: as there.
            wanted: the attributes of each row, ``None`` for all.

        Raises:
            NotFound: there is no such marker.
        """
        listing = listing_of(query.resource)
        if listing is None:
            return None
        stamps: Sequence[Stamp] = [*zip(*self._stamps(query), strict=True)]
        return _written(stamps, self._texts(query.resource, listing, wanted, stamps))

    def written_each(self, query: Query, decide: Decide) -> Written | None:
        """:meth:`written` where each row's grounds decide what of it is shown.

        Its number of rows and its ends are those of the page, with the rows that are not shown.

        Raises:
            NotFound: there is no such marker.
        """
        listing = listing_of(query.resource)
        if listing is None or not all(name in listing.table.c for name in GROUNDS):
            return None
        ids, numbers, *rest = self._stamps(query, GROUNDS)
        stamps: Sequence[Stamp] = [*zip(ids, numbers, strict=True)]
        grounds: Sequence[Ground] = [*zip(*rest, strict=True)]
        shown = decide(set(grounds))
        if shown is None:
            return None
        texts: dict[str, bytes] = {}
        for wanted in {one for one in shown.values() if one is not None}:
            of = {ground for ground, one in shown.items() if one == wanted}
            mine = [stamp for stamp, ground in zip(stamps, grounds, strict=True) if ground in of]
            made = self._texts(query.resource, listing, wanted.attributes, mine)
            texts.update(zip((ident for ident, _ in mine), made, strict=True))
        return _written(stamps, [texts[ident] for ident in ids if ident in texts])

    def _texts(
        self, resource: Resource, listing: Listing, wanted: frozenset[str] | None, stamps: Sequence[Stamp]
    ) -> Sequence[bytes]:
        def render(ids: Values) -> Iterable[Text]:
            rows: Values = self._db.rows(written_statement(listing, wanted), {"ids": array(ids)})
            return rows

        return self._rendered.texts((resource.collection, wanted), stamps, render)

    def _stamps(self, query: Query, more: tuple[str, ...] = ()) -> Sequence[Values]:
        """Of a page's rows the ids, the revision numbers and each of ``more``, in its order."""
        plan, values = self._planned(query)
        row = self._db.first(stamps_statement(plan, more), values)
        columns: Sequence[Values] = [msgspec.json.decode(one) for one in row or ()]
        return [one[::-1] for one in columns] if plan.reverse else columns

    def _planned(self, query: Query) -> tuple[Plan, dict[str, Any]]:
        plan, values = planned(query)
        if query.marker:
            row = self._db.first(marker_statement(plan), {"marker": query.marker})
            if row is None:
                raise not_found(query.resource.name, query.marker)
            values |= marker_values(row)
        if (on := on_network(plan)) is not None:
            asked = {"id": values[on], "project": values["project"]}
            own = self._db.first(own_network_statement(), asked) is not None
            return plan._replace(on="own" if own else "foreign"), values
        return plan._replace(walks=may_walk(plan) and self._sees_many(values)), values

    def _sees_many(self, values: dict[str, Any]) -> bool:
        """Whether a project sees so many ports that going along all of them finds a page sooner."""
        wanted = {**values, "many": MANY}
        return any(self._db.first(one, wanted) is not None for one in many_statements())

    def _rows(self, statement: Statement, values: dict[str, Any], query: Query) -> Values:
        rows: Values = self._db.rows(statement, values)
        if query.reverse:
            rows.reverse()
        return rows

    def count(self, query: Query) -> int:
        """How many there are; ``sort``, ``limit`` and ``marker`` do not count."""
        plan, values = planned(query)
        row = self._db.first(count_statement(plan._replace(sort=(), limit=False, marker=False)), values)
        return 0 if row is None else int(row[0])

    def has(self, resource: Resource, project_id: str, number: int) -> bool:
        """Whether a project has so many of a kind; what it has beyond that is not counted."""
        if number <= 0:
            return True
        wanted = {"project_id": project_id, "number": number - 1}
        return self._db.first(shape_of(resource).beyond, wanted) is not None

    def count_of(self, resource: Resource, **equal: Any) -> int:
        """How many :meth:`find` would find."""
        return self.count(Query(resource=resource, filters=_filters(equal)))

    def _values(self, shape: Shape, rows: Sequence[Row], project: str | None) -> Values:
        values = shape.values(rows, shape.load(self._db, [row[0] for row in rows]))
        values = derived.fill(self._db, shape.table.name, values, project)
        if self._keeps:
            for value in values:
                self._read[shape.table.name, value.id] = value
        return values


def _written(stamps: Sequence[Stamp], texts: Iterable[bytes]) -> Written:
    ends = (stamps[0][0], stamps[-1][0]) if stamps else ("", "")
    return Written(len(stamps), *ends, array_of(texts))


def _filters(equal: dict[str, Any]) -> tuple[tuple[str, tuple[Any, ...]], ...]:
    several = (list, tuple, set, frozenset)
    return tuple(
        (name, tuple(value) if isinstance(value, several) else (value,)) for name, value in equal.items()
    )
