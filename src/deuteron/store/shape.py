"""How a resource's struct and its table's row become each other; made once per resource.

A column has the name of its attribute, ``:`` and ``-`` as ``_``.  An attribute without a column is a child's
(``children.py``), derived (``derived.py``), or the service's to fill in.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any, Final

import msgspec
from sqlalchemy import JSON, Boolean, Table, bindparam, delete, insert, select, update

from deuteron.resources.attribute import Attribute
from deuteron.resources.resource import Resource
from deuteron.store.children import CHILDREN, Child
from deuteron.store.driver import Connection, Row, Statement
from deuteron.store.tables import METADATA

_encode: Final = msgspec.json.Encoder().encode


def _gateway_network(value: Any) -> str | None:
    """The network of a router's gateway."""
    gateway = value.external_gateway_info
    return None if gateway is None else str(gateway.network_id)


def _segment(value: Any) -> str | None:
    """What no two networks may have: a number of a type on a physical network, or a flat one whole."""
    if value.provider_segmentation_id is None and value.provider_network_type != "flat":
        return None
    parts = (value.provider_network_type, value.provider_physical_network, value.provider_segmentation_id)
    return "/".join("" if one is None else str(one) for one in parts)


#: Columns that are made of attributes, for a constraint or for finding.
_EXTRA: Final[Mapping[str, Callable[[Any], str | None]]] = MappingProxyType(
    {"gateway_network_id": _gateway_network, "segment": _segment}
)


def column_name(attribute: str) -> str:
    """The column that keeps an attribute."""
    return attribute.replace(":", "_").replace("-", "_")


class Shape:
    """A resource and its table.

    Attributes:
        resource: the declaration.
        table: where it is kept.
        columns: column -> the struct's field, in the order of every row that is read.
        children: what other tables hold of it.
        names: every name that an attribute goes by (JSON's, the struct's, the column's) -> column.
    """

    def __init__(self, resource: Resource) -> None:
        self.resource = resource
        self.table: Table = METADATA.tables[resource.collection]
        kept = {column_name(one.name): one for one in resource.attributes.values() if one.field}
        names: list[str] = list(self.table.c.keys())
        self.columns = {name: kept[name].field for name in names if name in kept}
        self.extra = frozenset(self.table.c.keys()) - frozenset(self.columns)
        self.names = self._names(kept)
        known = {one.name: one for one in kept.values()}
        self.children = tuple(one for one in CHILDREN.get(resource.collection, ()) if one.attribute in known)
        self.fields = {one.attribute: known[one.attribute].field for one in self.children}
        self._elements = {one.attribute: _element(known[one.attribute]) for one in self.children}
        self._decoders = self._convert(kept)
        self._encoded = frozenset(name for name in self.columns if isinstance(self.table.c[name].type, JSON))
        self._fields = tuple(self.columns.values())
        self.selected = [self.table.c[name] for name in self.columns]
        self._statements()

    def _statements(self) -> None:
        table = self.table
        written = [*self.columns, *(one for one in _EXTRA if one in self.extra)]
        self.insert = Statement(insert(table).values({name: bindparam(name) for name in written}))
        fixed = {"id", "created_at", "revision_number"}
        changed: dict[str, Any] = {name: bindparam(name) for name in written if name not in fixed}
        if "revision_number" in table.c:
            changed["revision_number"] = table.c.revision_number + bindparam("bump")
        self.update = Statement(update(table).where(table.c.id == bindparam("id")).values(changed))
        self.delete = Statement(delete(table).where(table.c.id == bindparam("id")))
        self.by_id = Statement(select(*self.selected).where(table.c.id == bindparam("id")))
        if "project_id" in table.c:
            of_one = select(table.c.id).where(table.c.project_id == bindparam("project_id"))
            self.beyond = Statement(of_one.limit(1).offset(bindparam("number")))
        self.bump = Statement(
            update(table)
            .where(table.c.id == bindparam("id"))
            .values(revision_number=table.c.revision_number + 1, updated_at=bindparam("now"))
        )

    def _names(self, kept: Mapping[str, Attribute]) -> Mapping[str, str]:
        names: dict[str, str] = {}
        for column in self.columns:
            names |= {kept[column].name: column, kept[column].field: column, column: column}
        if "project_id" in self.columns:
            names["tenant_id"] = "project_id"
        return MappingProxyType(names)

    def _convert(self, kept: Mapping[str, Attribute]) -> tuple[tuple[str, Callable[[Any], Any]], ...]:
        """The fields whose column holds them differently, and what makes the value of it."""
        found: list[tuple[str, Callable[[Any], Any]]] = []
        for column, field in self.columns.items():
            kind = self.table.c[column].type
            if isinstance(kind, Boolean):
                found.append((field, _boolean))
            elif isinstance(kind, JSON):
                found.append((field, _json(kept[column].type)))
        return tuple(found)

    def row(self, value: Any) -> dict[str, Any]:
        """The row of a struct, without its children."""
        row = {column: getattr(value, field) for column, field in self.columns.items()}
        for column in self._encoded:
            row[column] = None if row[column] is None else _encode(row[column]).decode()
        for column, make in _EXTRA.items():
            if column in self.extra:
                row[column] = make(value)
        return row

    def values(self, rows: Sequence[Row], children: Mapping[str, Mapping[str, Any]]) -> list[Any]:
        """The structs of rows.

        Args:
            rows: as ``selected`` names them.
            children: field -> id -> its value.
        """
        model, fields, decoders = self.resource.model, self._fields, self._decoders
        more = tuple(children.items())
        made: list[Any] = []
        for row in rows:
            values = dict(zip(fields, row, strict=True))
            for field, decode in decoders:
                values[field] = decode(values[field])
            for field, of in more:
                if (found := of.get(values["id"])) is not None:
                    values[field] = found
            made.append(model(**values))
        return made

    def load(self, db: Connection, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The children of these: one statement for each kind of child."""
        if not ids:
            return {}
        wanted = {"ids": _encode(ids).decode()}
        return {
            self.fields[one.attribute]: self._group(one, db.rows(one.load, wanted)) for one in self.children
        }

    def _group(self, child: Child, rows: Sequence[Row]) -> dict[str, Any]:
        make, convert = child.element, self._elements[child.attribute]
        if child.single:
            return {row[0]: convert(make(row)) for row in rows}
        grouped: dict[str, list[Any]] = {}
        for row in rows:
            grouped.setdefault(row[0], []).append(convert(make(row)))
        return {owner: tuple(found) for owner, found in grouped.items()}


@cache
def shape_of(resource: Resource) -> Shape:
    """The shape of a resource."""
    return Shape(resource)


def _boolean(stored: Any) -> bool | None:
    return None if stored is None else stored == 1


def _json(kind: Any) -> Callable[[Any], Any]:
    """What decodes a JSON column to its attribute's type; many rows of a page hold the same text."""
    decode = msgspec.json.Decoder(kind).decode
    empty: Any = None if type(None) in typing.get_args(kind) else decode("{}" if _is_mapping(kind) else "[]")
    constant = {None: empty, "[]": empty} if isinstance(empty, tuple) else {None: empty}

    def convert(stored: Any) -> Any:
        return constant[stored] if stored in constant else decode(stored)

    return convert


def _is_mapping(kind: Any) -> bool:
    origin = typing.get_origin(kind) or kind
    return isinstance(origin, type) and issubclass(origin, Mapping)


def _element(attribute: Attribute) -> Callable[[Any], Any]:
    """What makes an element of the attribute's type of a mapping."""
    for kind in _structs(attribute.type):
        return lambda given: kind(**given)
    return lambda given: given


def _structs(kind: Any) -> list[type[msgspec.Struct]]:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return [kind]
    return [found for part in typing.get_args(kind) for found in _structs(part)]
