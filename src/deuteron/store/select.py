"""The SQL of a query, compiled once per shape: which names, one value or many, whose eyes, which order.

Several values go in as one JSON array, so a filter of 10,000 values is the same text as one of two, and
the texts that are kept are bounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import (
    Boolean,
    ColumnElement,
    Integer,
    LargeBinary,
    Select,
    UnaryExpression,
    and_,
    bindparam,
    cast,
    exists,
    false,
    func,
    or_,
    select,
    true,
)
from sqlalchemy.sql.operators import custom_op

from deuteron.resources.resource import Resource
from deuteron.store import tables as t
from deuteron.store.children import among
from deuteron.store.driver import Row, Statement
from deuteron.store.listing import Listing
from deuteron.store.query import Query, project_of
from deuteron.store.shape import Shape, shape_of

#: Compiled statements that are kept.
_KEPT: Final = 1024
_TAG_FILTERS: Final = ("tags", "tags-any", "not-tags", "not-tags-any")
#: Columns whose index has the id behind it.
_PARENTS: Final = frozenset({"network_id", "project_id"})
_SHARED: Final = ("access_as_shared",)
_SEEN: Final = ("access_as_shared", "access_as_external")


class Filter(NamedTuple):
    """A filter without its values.

    Attributes:
        name: the column, or the special filter.
        many: whether the values are an array.
        null: whether NULL is among the values.
    """

    name: str
    many: bool
    null: bool = False


class Plan(NamedTuple):
    """What makes the text of a statement.

    Attributes:
        walks: whether it goes along the index that has the order, and not by what is visible.
        on: of ports on one network, whose that is: the viewer's (``"own"``), who sees all that is on it, or
            another's (``"foreign"``), where a project sees its own ports alone; empty where nobody looked.
    """

    resource: Resource
    filters: tuple[Filter, ...]
    narrowed: bool
    sort: tuple[tuple[str, bool], ...]
    limit: bool
    marker: bool
    reverse: bool
    walks: bool = False
    on: str = ""


def planned(query: Query) -> tuple[Plan, dict[str, Any]]:
    """A query as the plan of its statement, and the parameters.

    Raises:
        KeyError: a filter or sort key that the store does not keep; the declaration should not have let
        it in.
    """
    shape = shape_of(query.resource)
    filters: list[Filter] = []
    values: dict[str, Any] = {}
    for name, given in query.filters:
        for one, value in _split(shape, name, given):
            values[f"f{len(filters)}"] = value
            filters.append(one)
    # Also of who sees everything: whether a thing is shared is told to each project for itself.
    values["project"] = None if query.visible_to is None else query.visible_to.project_id
    values["everybody"] = "*"
    if query.limit:
        values["limit"] = query.limit
    sort = tuple((shape.names[name], up) for name, up in query.sort if name != "id")
    up = next((up for name, up in query.sort if name == "id"), True)
    plan = Plan(
        query.resource,
        tuple(filters),
        project_of(query.visible_to) is not None,
        (*sort, ("id", up)),
        bool(query.limit),
        bool(query.marker),
        query.reverse,
    )
    return plan, values


def _split(shape: Shape, name: str, given: Sequence[Any]) -> list[tuple[Filter, Any]]:
    """The filters that one name stands for, with their parameter."""
    if name in _TAG_FILTERS:
        words = [word for value in given for word in str(value).split(",")]
        return [(Filter(name, many=True), array(sorted(set(words))))]
    if name == "fixed_ips":
        return _fixed_ips(given)
    if name == "changed_since":
        return [(Filter(name, many=False), given[0])]
    if (special := _special(shape, name)) is not None:
        return [(Filter(special, many=True), array([_plain(value) for value in given]))]
    column = shape.names[name]
    values = [_typed(shape, column, value) for value in given if value is not None]
    null = len(values) < len(given)
    if len(values) == 1:
        return [(Filter(column, many=False, null=null), values[0])]
    return [(Filter(column, many=True, null=null), array(values))]


def _special(shape: Shape, name: str) -> str | None:
    """The name of a filter on what is no column of the table."""
    if name in shape.names:
        return None
    return (
        name.replace(":", "_")
        if name in ("shared", "router:external", "router_external", "subnets")
        else None
    )


def _fixed_ips(given: Sequence[Any]) -> list[tuple[Filter, Any]]:
    parts: dict[str, list[str]] = {}
    for one in given:
        name, _, value = str(one).partition("=")
        parts.setdefault(name, []).append(value)
    return [(Filter(f"fixed_ips.{name}", many=True), array(values)) for name, values in parts.items()]


def _typed(shape: Shape, column: str, value: Any) -> Any:
    """A value as the column holds it; what cannot be is no row's."""
    kind = shape.table.c[column].type
    if isinstance(kind, Boolean):
        return _plain(value)
    if isinstance(kind, Integer) and isinstance(value, str):
        return int(value) if value.removeprefix("-").isdecimal() and len(value) < 19 else value
    return value if isinstance(value, int) else str(value)


def _plain(value: Any) -> Any:
    """A boolean in any of the words that the API takes, as SQLite's number; anything else as it is."""
    word = str(value).lower()
    return 1 if word in ("true", "1") else 0 if word in ("false", "0") else value


def array(values: Sequence[Any]) -> str:
    """Several values as the one parameter that :func:`among` takes."""
    return msgspec.json.encode(values).decode()


@lru_cache(maxsize=_KEPT)
def list_statement(plan: Plan) -> Statement:
    """The rows of a page, for the structs of its resource."""
    return Statement(_page(plan, shape_of(plan.resource).selected))


@lru_cache(maxsize=_KEPT)
def shown_statement(plan: Plan, listing: Listing) -> Statement:
    """The rows of a page, as it is shown.

    Where SQLite has to sort, it sorts ids alone: what it sorts it has got together for every row that there
    is, and not for those of the page.
    """
    return Statement(_shown(plan, listing.selected))


@lru_cache(maxsize=_KEPT)
def stamps_statement(plan: Plan, more: tuple[str, ...] = ()) -> Statement:
    """The ids of a page and the revision numbers, and of the columns in ``more`` the values: an array each.

    One row, since the driver lets other threads run with each: a thousand times, at a thousand rows.
    """
    table = shape_of(plan.resource).table
    page = _shown(plan, [table.c[name] for name in ("id", "revision_number", *more)]).subquery().c
    return Statement(select(*[func.json_group_array(one) for one in page]))


@lru_cache(maxsize=_KEPT)
def written_statement(listing: Listing, wanted: frozenset[str] | None) -> Statement:
    """Rows by their ids: their revision numbers, and the JSON of each in UTF-8."""
    table = listing.table
    written = cast(listing.written(wanted), LargeBinary)
    return Statement(select(table.c.id, table.c.revision_number, written).where(among(table.c.id, "ids")))


def _shown(plan: Plan, selected: Sequence[ColumnElement[Any]]) -> Select[Any]:
    if _in_order(plan):
        return _page(plan, selected)
    shape = shape_of(plan.resource)
    chosen = _page(plan, [shape.table.c.id]).correlate(None)
    return select(*selected).where(shape.table.c.id.in_(chosen)).order_by(*_order(plan, shape))


def _page(plan: Plan, selected: Sequence[ColumnElement[Any]]) -> Select[Any]:
    shape = shape_of(plan.resource)
    found = select(*selected).where(*conditions(plan, shape))
    if plan.marker:
        found = found.where(_after(plan, shape))
    found = found.order_by(*_order(plan, shape))
    return found.limit(bindparam("limit")) if plan.limit else found


def _in_order(plan: Plan) -> bool:
    """Whether an index has the rows in the order that is wanted."""
    if plan.walks:
        return True
    within = all(one.name in _PARENTS and not (one.many or one.null) for one in plan.filters)
    everything = not plan.narrowed or plan.on == "own"
    return len(plan.sort) == 1 and everything and within and len(plan.filters) <= 1


@lru_cache(maxsize=_KEPT)
def count_statement(plan: Plan) -> Statement:
    """How many rows there are."""
    shape = shape_of(plan.resource)
    return Statement(select(func.count()).select_from(shape.table).where(*conditions(plan, shape)))


@lru_cache(maxsize=_KEPT)
def marker_statement(plan: Plan) -> Statement:
    """The sort keys of the row that a page begins after."""
    shape = shape_of(plan.resource)
    return Statement(
        select(*[shape.table.c[name] for name, _ in plan.sort]).where(shape.table.c.id == bindparam("marker"))
    )


def marker_values(row: Row) -> dict[str, Any]:
    """The parameters that a marker's row gives."""
    return {f"m{place}": value for place, value in enumerate(row)}


def conditions(plan: Plan, shape: Shape) -> list[ColumnElement[bool]]:
    """Filters and visibility."""
    found = [
        _condition(shape, one, f"f{place}", looks_up=plan.on != "foreign" or one.name != "network_id")
        for place, one in enumerate(plan.filters)
    ]
    if plan.on == "foreign":  # others may have a hundred thousand ports there
        found.append(shape.table.c.project_id == bindparam("project"))
    elif plan.narrowed and not plan.on:
        found.append(_visible(shape, walks=plan.walks))
    return found


def _condition(shape: Shape, one: Filter, name: str, *, looks_up: bool = True) -> ColumnElement[bool]:
    table, collection = shape.table, shape.table.name
    if one.name in _TAG_FILTERS:
        return _tagged(shape, one.name, name)
    if one.name.startswith("fixed_ips."):
        return _address(one.name.removeprefix("fixed_ips."), table.c.id, name)
    if one.name == "changed_since":
        return table.c.updated_at >= bindparam(name)
    if one.name == "subnets":
        return table.c.id.in_(select(t.SUBNETS.c.network_id).where(among(t.SUBNETS.c.id, name)))
    if one.name == "shared" and "shared" not in shape.names:
        owner = table.c.network_id if collection == "subnets" else table.c.id
        return among(func.iif(_granted(owner, _SHARED), 1, 0), name)
    if one.name == "router_external" and collection == "subnets":
        return table.c.network_id.in_(
            select(t.NETWORKS.c.id).where(among(t.NETWORKS.c.router_external, name))
        )
    column = table.c[one.name] if looks_up else _unindexed(table.c[one.name])
    equal: ColumnElement[bool] = among(column, name) if one.many else column == bindparam(name)
    return or_(equal, column.is_(None)) if one.null else equal


def _tagged(shape: Shape, kind: str, name: str) -> ColumnElement[bool]:
    tags = t.TAGS.c
    having = select(tags.id).where(tags.resource == shape.table.name, among(tags.tag, name))
    if not kind.endswith("any"):
        having = having.group_by(tags.id).having(func.count() == func.json_array_length(bindparam(name)))
    inside = shape.table.c.id.in_(having)
    return ~inside if kind.startswith("not") else inside


def _address(part: str, port: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    fixed = t.FIXED_IPS.c
    ports = select(fixed.port_id)
    if part == "ip_address_substr":
        each = func.json_each(bindparam(name)).table_valued("value")
        like = select(1).select_from(each).where(func.instr(fixed.ip_address, each.c.value) > 0)
        return port.in_(ports.where(exists(like)))
    if part not in ("ip_address", "subnet_id"):
        return false()
    return port.in_(ports.where(among(fixed[part], name)))


def _granted(owner: ColumnElement[Any], actions: Sequence[str]) -> ColumnElement[bool]:
    """Whether an RBAC policy gives an object to the project, or to everybody."""
    rbac = t.RBAC_POLICIES.c
    return exists(
        select(1).where(
            rbac.object_id == owner,
            rbac.action.in_([bindparam(f"action_{one}", one, literal_execute=False) for one in actions]),
            or_(rbac.target_tenant == bindparam("project"), rbac.target_tenant == bindparam("everybody")),
        )
    )


def own_networks() -> Select[Any]:
    """The ids of the viewer's networks."""
    return select(t.NETWORKS.c.id).where(t.NETWORKS.c.project_id == bindparam("project"))


def _unindexed(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """A column by which SQLite looks nothing up: a unary plus keeps it from its indexes."""
    return UnaryExpression(column, operator=custom_op("+"), type_=column.type)


def _visible(shape: Shape, *, walks: bool = False) -> ColumnElement[bool]:
    """What a project sees: its own, what was shared with it, and ports on its networks."""
    table = shape.table
    if walks:
        mine = _unindexed(table.c.project_id) == bindparam("project")
        return or_(mine, _unindexed(table.c.network_id).in_(own_networks()))
    own = table.c.project_id == bindparam("project")
    match table.name:
        case "networks":
            return or_(own, _granted(table.c.id, _SEEN))
        case "subnets":
            return or_(own, _granted(table.c.network_id, _SEEN))
        case "subnetpools" | "address_scopes":
            return or_(own, _granted(table.c.id, _SHARED))
        case "ports":
            return or_(own, table.c.network_id.in_(own_networks()))
        case "agents":
            return true()
        case "rbac_policies":
            return or_(own, table.c.target_tenant == bindparam("project"))
        case _:
            return own


def _order(plan: Plan, shape: Shape) -> list[ColumnElement[Any]]:
    keys = [(shape.table.c[name], up != plan.reverse) for name, up in plan.sort]
    return [column.asc() if up else column.desc() for column, up in keys]


def _after(plan: Plan, shape: Shape) -> ColumnElement[bool]:
    """The rows after the marker, in lexicographic order of the keys; NULL comes before everything."""
    alternatives: list[ColumnElement[bool]] = []
    same: list[ColumnElement[bool]] = []
    for place, (name, up) in enumerate(plan.sort):
        column = shape.table.c[name]
        at: ColumnElement[Any] = bindparam(f"m{place}")
        alternatives.append(and_(*same, _beyond(column, at, up=up != plan.reverse)))
        same.append(column.is_not_distinct_from(at))
    name, up = plan.sort[0]
    first = shape.table.c[name]
    if first.nullable:
        return or_(*alternatives)
    # Says nothing new, but where in an index to begin.
    at = bindparam("m0")
    return and_(first >= at if up != plan.reverse else first <= at, or_(*alternatives))


def _beyond(column: ColumnElement[Any], at: ColumnElement[Any], *, up: bool) -> ColumnElement[bool]:
    if getattr(column, "nullable", False):
        if up:
            return or_(column > at, and_(at.is_(None), column.is_not(None)))
        return or_(column < at, and_(column.is_(None), at.is_not(None)))
    return column > at if up else column < at
