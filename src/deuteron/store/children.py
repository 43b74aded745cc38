"""What a resource has in tables of its own: read for a page at once, written for one.

Each child is read with one statement for a whole page, whatever its length: the ids go in as one JSON array.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Select, Table, bindparam, func, select

from deuteron.domain.ipam import address_of, key, number, text
from deuteron.store import tables as t
from deuteron.store.driver import Row, Statement

Element = Mapping[str, Any]
#: From an element, its owner's id and its place, the row that keeps it.
ToRow = Callable[[Any, str, int], dict[str, Any]]
FromRow = Callable[[Row], Any]


class Child(NamedTuple):
    """An attribute that is made of another table's rows.

    Attributes:
        attribute: its name in JSON.
        load: takes ``ids``; each row begins with the owner's id.
        element: makes one element of a row.
        table: where it is written; ``None``: it is not, others' rows show here.
        owner: the column of ``table`` that names the owner.
        to_row: makes a row of an element.
        single: there is at most one, and it is the value itself.
        extra: columns of each row that say whose child it is (a tag's resource).
    """

    attribute: str
    load: Statement
    element: FromRow
    table: Table | None = None
    owner: str = ""
    to_row: ToRow | None = None
    single: bool = False


def among(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """Whether a column's value is in the JSON array of parameter ``name``: one text for any length."""
    each = func.json_each(bindparam(name)).table_valued("value")
    return column.in_(select(each.c.value))


def _of(owner: ColumnElement[Any], *columns: ColumnElement[Any]) -> Select[Any]:
    return select(owner, *columns).where(among(owner, "ids"))


def _tags(table: str) -> Child:
    """The tags of one table's resources, in the order of the alphabet."""

    def to_row(element: Any, owner: str, _: int) -> dict[str, Any]:
        return {"resource": table, "id": owner, "tag": element}

    return Child(
        "tags",
        Statement(_of(t.TAGS.c.id, t.TAGS.c.tag).order_by(t.TAGS.c.id, t.TAGS.c.tag)),
        lambda row: row[1],
        t.TAGS,
        "id",
        to_row,
    )


def _pool(row: Row) -> Element:
    first, last = number(row[1]), number(row[2])
    return {"start": text(first, row[3]), "end": text(last, row[3])}


def _pool_row(element: Any, owner: str, _: int) -> dict[str, Any]:
    return {
        "subnet_id": owner,
        "first": key(int(address_of(element["start"]))),
        "last": key(int(address_of(element["end"]))),
    }


def _fixed_ip_row(element: Any, owner: str, position: int) -> dict[str, Any]:
    address = element["ip_address"]
    return {
        "port_id": owner,
        "position": position,
        "subnet_id": element["subnet_id"],
        "ip_address": address,
        "address": key(int(address_of(address))),
    }


def _route_row(element: Any, owner: str, position: int) -> dict[str, Any]:
    return {
        "router_id": owner,
        "position": position,
        **{name: element[name] for name in ("destination", "nexthop")},
    }


def _scope(version: int) -> Child:
    """The address scope of a network's subnets of one family, by their pools."""
    subnet, pool = t.SUBNETS, t.SUBNETPOOLS
    load = (
        _of(subnet.c.network_id, pool.c.address_scope_id)
        .join_from(subnet, pool, subnet.c.subnetpool_id == pool.c.id)
        .where(pool.c.address_scope_id.is_not(None), subnet.c.ip_version == version)
        .distinct()
    )
    return Child(f"ipv{version}_address_scope", Statement(load), lambda row: row[1], single=True)


_FORWARDING: Final = (
    "protocol",
    "internal_ip_address",
    "internal_port",
    "external_port",
    "internal_port_range",
    "external_port_range",
    "internal_port_id",
    "description",
    "id",
)
_DETAILS: Final = (
    "name",
    "network_id",
    "mac_address",
    "admin_state_up",
    "status",
    "device_id",
    "device_owner",
)


def _forwarding(row: Row) -> Element:
    return dict(zip(_FORWARDING, row[1:], strict=True))


def _details(row: Row) -> Element:
    details = dict(zip(_DETAILS, row[1:], strict=True))
    details["admin_state_up"] = bool(details["admin_state_up"])
    return details


_FIXED_IPS: Final = Child(
    "fixed_ips",
    Statement(
        _of(t.FIXED_IPS.c.port_id, t.FIXED_IPS.c.subnet_id, t.FIXED_IPS.c.ip_address).order_by(
            t.FIXED_IPS.c.port_id, t.FIXED_IPS.c.position
        )
    ),
    lambda row: {"subnet_id": row[1], "ip_address": row[2]},
    t.FIXED_IPS,
    "port_id",
    _fixed_ip_row,
)
_POOLS: Final = Child(
    "allocation_pools",
    Statement(
        _of(
            t.ALLOCATION_POOLS.c.subnet_id,
            t.ALLOCATION_POOLS.c.first,
            t.ALLOCATION_POOLS.c.last,
            t.SUBNETS.c.ip_version,
        )
        .join_from(t.ALLOCATION_POOLS, t.SUBNETS, t.ALLOCATION_POOLS.c.subnet_id == t.SUBNETS.c.id)
        .order_by(t.ALLOCATION_POOLS.c.subnet_id, t.ALLOCATION_POOLS.c.first)
    ),
    _pool,
    t.ALLOCATION_POOLS,
    "subnet_id",
    _pool_row,
)
_ROUTES: Final = Child(
    "routes",
    Statement(
        _of(t.ROUTES.c.router_id, t.ROUTES.c.destination, t.ROUTES.c.nexthop).order_by(
            t.ROUTES.c.router_id, t.ROUTES.c.position
        )
    ),
    lambda row: {"destination": row[1], "nexthop": row[2]},
    t.ROUTES,
    "router_id",
    _route_row,
)
_SUBNETS: Final = Child(
    "subnets",
    Statement(_of(t.SUBNETS.c.network_id, t.SUBNETS.c.id).order_by(t.SUBNETS.c.created_at, t.SUBNETS.c.id)),
    lambda row: row[1],
)
_FORWARDINGS: Final = Child(
    "port_forwardings",
    Statement(
        _of(
            t.PORT_FORWARDINGS.c.floatingip_id, *[t.PORT_FORWARDINGS.c[name] for name in _FORWARDING]
        ).order_by(t.PORT_FORWARDINGS.c.created_at, t.PORT_FORWARDINGS.c.id)
    ),
    _forwarding,
)
_PORT_DETAILS: Final = Child(
    "port_details",
    Statement(
        _of(t.FLOATINGIPS.c.id, *[t.PORTS.c[name] for name in _DETAILS]).join_from(
            t.FLOATINGIPS, t.PORTS, t.FLOATINGIPS.c.port_id == t.PORTS.c.id
        )
    ),
    _details,
    single=True,
)

#: The children of each table's resource, in the order in which they are written.
CHILDREN: Final[Mapping[str, tuple[Child, ...]]] = {
    "networks": (_SUBNETS, _scope(4), _scope(6), _tags("networks")),
    "subnets": (_POOLS, _tags("subnets")),
    "ports": (_FIXED_IPS, _tags("ports")),
    "routers": (_ROUTES, _tags("routers")),
    "floatingips": (_FORWARDINGS, _PORT_DETAILS, _tags("floatingips")),
    "subnetpools": (_tags("subnetpools"),),
    "address_scopes": (_tags("address_scopes"),),
}
