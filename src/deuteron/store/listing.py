"""The rows of a list as the answer shows them, where the tables hold all of it as JSON has it.

SQLite puts a row's children together (``json_group_array``), a page is one statement, and its rows become
structs column by column: nothing is done in Python for each attribute of each row.  Where what is shown is
the same of every row, SQLite writes the JSON of each, and :mod:`deuteron.store.rendered` keeps it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final

import msgspec
from sqlalchemy import JSON, Boolean, ColumnElement, Select, Table, func, literal_column, select

from deuteron.resources.resource import Resource
from deuteron.resources.shown import shown
from deuteron.store import tables as t
from deuteron.store.driver import Row
from deuteron.store.shape import Shape, column_name, shape_of

Column = Sequence[Any]
Convert = Callable[[Column], Iterable[Any]]

_BOOLEANS: Final = (False, True)
_NO_MAPPING: Final = msgspec.Raw(b"{}")


def _booleans(stored: Column) -> Iterable[Any]:
    return [_BOOLEANS[one] for one in stored]


def _json(stored: Column) -> Iterable[Any]:
    return map(msgspec.Raw, stored)


def _mappings(stored: Column) -> Iterable[Any]:
    return [_NO_MAPPING if one is None else msgspec.Raw(one) for one in stored]


def _group(each: Select[Any], element: Callable[[Any], Any]) -> ColumnElement[Any]:
    """One JSON array of the rows of ``each``, in their order."""
    rows = each.subquery()
    return select(func.json_group_array(element(rows.c))).scalar_subquery()


def _true_or_false(column: ColumnElement[Any]) -> ColumnElement[Any]:
    return func.json(func.iif(column, "true", "false"))


def _tags(table: Table) -> ColumnElement[Any]:
    tags = t.TAGS.c
    each = select(tags.tag).where(tags.id == table.c.id).order_by(tags.tag).correlate(table)
    return _group(each, lambda row: row.tag)


def _fixed_ips(ports: Table) -> ColumnElement[Any]:
    fixed = t.FIXED_IPS.c
    each = select(fixed.subnet_id, fixed.ip_address).where(fixed.port_id == ports.c.id)
    return _group(each.order_by(fixed.position).correlate(ports), _object)


def _object(row: Any) -> ColumnElement[Any]:
    """A row as a JSON object."""
    parts: list[Any] = []
    for column in row:
        parts += [literal_column(f"'{column.name}'"), column]
    return func.json_object(*parts)


#: What makes a child of a row, by the attribute.
_CHILDREN: Final[Mapping[str, Callable[[Table], ColumnElement[Any]]]] = {
    "tags": _tags,
    "fixed_ips": _fixed_ips,
}


class Listing:
    """How a page of one resource is read.

    Attributes:
        table: where the rows are.
        selected: what of each row, in the order of the answer.
    """

    def __init__(self, shape: Shape, names: Sequence[str]) -> None:
        self.table = shape.table
        self._made = shown(shape.resource)
        self._project = "project_id" in names
        self._names = tuple(names)
        self._written = {name: _written(shape, name) for name in names}
        if self._project:
            self._written["tenant_id"] = self._written["project_id"]
        self.selected: list[ColumnElement[Any]] = []
        self._converted: list[tuple[int, Convert]] = []
        for place, name in enumerate(names):
            column, convert = _column(shape, name)
            self.selected.append(column)
            if convert is not None:
                self._converted.append((place, convert))

    def written(self, wanted: frozenset[str] | None) -> ColumnElement[Any]:
        """A row as it is shown, in JSON; of its attributes those that are wanted, ``None`` for all."""
        parts: list[Any] = []
        for name, value in self._written.items():
            if wanted is None or name in wanted:
                parts += [literal_column(f"'{name}'"), value]
        return func.json_object(*parts)

    def values(self, rows: Sequence[Row]) -> list[Any]:
        """Each row as it is shown."""
        if not rows:
            return []
        columns: list[Iterable[Any]] = list(zip(*rows, strict=True))
        if self._project:
            columns.append(columns[self._names.index("project_id")])
        for place, convert in self._converted:
            columns[place] = convert(columns[place])  # type: ignore[arg-type]  # not converted yet
        return list(map(self._made, *columns))


def _column(shape: Shape, name: str) -> tuple[ColumnElement[Any], Convert | None]:
    if name in _CHILDREN:
        return _CHILDREN[name](shape.table), _json
    column = shape.table.c[column_name(name)]
    if isinstance(column.type, Boolean):
        return column, _booleans
    return column, _mappings if isinstance(column.type, JSON) else None


def _written(shape: Shape, name: str) -> ColumnElement[Any]:
    """An attribute for SQLite to write: it would quote JSON that is not said to be JSON."""
    column, convert = _column(shape, name)
    if convert is _booleans:
        return _true_or_false(column)
    if convert is _mappings:
        return func.json(func.coalesce(column, "{}"))
    return column if convert is None else func.json(column)


@cache
def listing_of(resource: Resource) -> Listing | None:
    """How lists of a resource are read; ``None`` where they show what only its structs know."""
    shape = shape_of(resource)
    attributes = [one for one in resource.attributes.values() if one.field]
    kept = {column_name(one.name) for one in attributes if column_name(one.name) in shape.columns}
    whole = all(
        one.visible and not one.derived and (one.name in _CHILDREN or column_name(one.name) in kept)
        for one in attributes
    )
    return Listing(shape, [one.name for one in attributes]) if whole else None
