"""Every table, with its constraints: what must be unique is so here, whoever writes.

Times are text as the API shows them, addresses are 16 bytes beside their text so that they sort as
numbers, and what nobody searches (a binding's profile, a subnet's host routes) is JSON.  A table without
rowids has its key's columns first: SQLite 3.40's integrity check takes the others for NULL otherwise.
``migrations/`` makes the same schema step by step; a test holds the two together.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

METADATA: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _text(name: str, *, null: bool = False, default: str | None = "") -> Column[str]:
    """A text, the empty one where nothing is given; ``null``: it may be missing."""
    return Column(name, Text, nullable=null, server_default=None if null else default)


def _ref(name: str, target: str, *, null: bool = False, gone: str | None = None) -> Column[str]:
    """An id of another table's row; ``gone``: what follows when that row goes (refused by default)."""
    return Column(name, Text, ForeignKey(target, ondelete=gone), nullable=null)


def _resource(name: str, *columns: Any, described: bool = True, named: bool = False) -> Table:
    """A table of a resource: what all of them have, and what it has of its own.

    Args:
        name: of the table.
        columns: its own, and what holds for them.
        described: whether it has a name and a description.
        named: whether there are many and people look for them by name.
    """
    more: tuple[Any, ...] = (_text("name"), _text("description")) if described else ()
    if named:
        columns = (*columns, Index(f"ix_{name}_name_id", "name", "id"))
    return Table(
        name,
        METADATA,
        Column("id", Text, primary_key=True, nullable=False),
        _text("project_id"),
        *more,
        Column("revision_number", Integer, nullable=False, server_default="0"),
        _text("created_at"),
        _text("updated_at"),
        *columns,
        Index(f"ix_{name}_project_id_id", "project_id", "id"),
    )


NETWORKS: Final = _resource(
    "networks",
    Column("admin_state_up", Boolean, nullable=False),
    _text("status"),
    Column("mtu", Integer),
    Column("router_external", Boolean, nullable=False, server_default="0"),
    _text("provider_network_type", null=True),
    _text("provider_physical_network", null=True),
    Column("provider_segmentation_id", Integer),
    Column("availability_zone_hints", JSON),
    #: Type, physical network and number in one, where they are somebody's alone; kept by the store.
    _text("segment", null=True),
    UniqueConstraint("segment"),
    named=True,
)

ADDRESS_SCOPES: Final = _resource(
    "address_scopes",
    Column("ip_version", Integer, nullable=False),
)

SUBNETPOOLS: Final = _resource(
    "subnetpools",
    _ref("address_scope_id", "address_scopes.id", null=True),
    Column("ip_version", Integer, nullable=False),
    Column("prefixes", JSON, nullable=False),
    Column("default_prefixlen", Integer),
    Column("min_prefixlen", Integer),
    Column("max_prefixlen", Integer),
    Column("default_quota", Integer),
    Column("is_default", Boolean, nullable=False, server_default="0"),
    Index("uq_subnetpools_is_default", "ip_version", unique=True, sqlite_where=text("is_default = 1")),
)

SUBNETS: Final = _resource(
    "subnets",
    _ref("network_id", "networks.id"),
    #: No key: IPv6 prefix delegation is a "pool" that has no row.
    _text("subnetpool_id", null=True),
    Column("ip_version", Integer, nullable=False),
    _text("cidr"),
    _text("gateway_ip", null=True),
    Column("enable_dhcp", Boolean, nullable=False, server_default="1"),
    _text("ipv6_ra_mode", null=True),
    _text("ipv6_address_mode", null=True),
    Column("dns_nameservers", JSON),
    Column("host_routes", JSON),
    Column("service_types", JSON),
    Index("ix_subnets_network_id", "network_id"),
    Index("ix_subnets_subnetpool_id", "subnetpool_id"),
    named=True,
)

ALLOCATION_POOLS: Final = Table(
    "allocation_pools",
    METADATA,
    _ref("subnet_id", "subnets.id", gone="CASCADE"),
    Column("first", LargeBinary, nullable=False),
    Column("last", LargeBinary, nullable=False),
    PrimaryKeyConstraint("subnet_id", "first"),
    sqlite_with_rowid=False,
)

#: What may still be given out; ``pool`` is a subnet, or what ``numbers`` are taken of.
FREE_RANGES: Final = Table(
    "free_ranges",
    METADATA,
    _text("pool", default=None),
    Column("first", LargeBinary, nullable=False),
    Column("last", LargeBinary, nullable=False),
    PrimaryKeyConstraint("pool", "first"),
    sqlite_with_rowid=False,
)

#: Numbers that belong to somebody: segment ids, routing tables, the addresses of legs.
NUMBERS: Final = Table(
    "numbers",
    METADATA,
    _text("pool", default=None),
    Column("number", Integer, nullable=False),
    _text("holder", default=None),
    PrimaryKeyConstraint("pool", "number"),
    UniqueConstraint("pool", "holder"),
    sqlite_with_rowid=False,
)

PORTS: Final = _resource(
    "ports",
    _ref("network_id", "networks.id"),
    _text("mac_address"),
    Column("admin_state_up", Boolean, nullable=False),
    _text("status"),
    _text("device_id"),
    _text("device_owner"),
    _text("binding_host_id"),
    _text("binding_vnic_type"),
    _text("binding_vif_type"),
    Column("binding_vif_details", JSON),
    Column("binding_profile", JSON),
    UniqueConstraint("network_id", "mac_address"),
    Index("ix_ports_network_id_id", "network_id", "id"),
    Index("ix_ports_device_id", "device_id"),
    Index("ix_ports_mac_address", "mac_address"),
    Index("ix_ports_binding_host_id", "binding_host_id"),
    Index(
        "uq_ports_gateway",
        "device_id",
        unique=True,
        sqlite_where=text("device_owner = 'network:router_gateway'"),
    ),
    Index(
        "uq_ports_agent_gateway",
        "network_id",
        "binding_host_id",
        unique=True,
        sqlite_where=text("device_owner = 'network:floatingip_agent_gateway'"),
    ),
    named=True,
)

FIXED_IPS: Final = Table(
    "fixed_ips",
    METADATA,
    _ref("port_id", "ports.id", gone="CASCADE"),
    Column("position", Integer, nullable=False),
    _ref("subnet_id", "subnets.id"),
    Column("address", LargeBinary, nullable=False),
    _text("ip_address", default=None),
    #: In the order in which they are shown; that an address is one port's is the other constraint's.
    PrimaryKeyConstraint("port_id", "position"),
    UniqueConstraint("subnet_id", "address"),
    Index("ix_fixed_ips_ip_address", "ip_address"),
    sqlite_with_rowid=False,
)

ROUTERS: Final = _resource(
    "routers",
    Column("admin_state_up", Boolean, nullable=False),
    _text("status"),
    Column("distributed", Boolean, nullable=False, server_default="0"),
    Column("ha", Boolean, nullable=False, server_default="0"),
    Column("external_gateway_info", JSON),
    #: The network of ``external_gateway_info``, for the constraint and for finding it.
    _ref("gateway_network_id", "networks.id", null=True),
    Column("availability_zone_hints", JSON),
    Index("ix_routers_gateway_network_id", "gateway_network_id"),
    named=True,
)

#: Which port serves a router, kept by the store: of one subnet a router has one interface.
ROUTER_PORTS: Final = Table(
    "router_ports",
    METADATA,
    _ref("port_id", "ports.id", gone="CASCADE"),
    _ref("router_id", "routers.id"),
    _text("port_type", default=None),
    PrimaryKeyConstraint("port_id"),
    Index("ix_router_ports_router_id", "router_id"),
    sqlite_with_rowid=False,
)

ROUTES: Final = Table(
    "routes",
    METADATA,
    _ref("router_id", "routers.id", gone="CASCADE"),
    _text("destination", default=None),
    _text("nexthop", default=None),
    Column("position", Integer, nullable=False),
    PrimaryKeyConstraint("router_id", "destination", "nexthop"),
    sqlite_with_rowid=False,
)

FLOATINGIPS: Final = _resource(
    "floatingips",
    _ref("floating_network_id", "networks.id"),
    _text("floating_ip_address"),
    _ref("port_id", "ports.id", null=True),
    _text("fixed_ip_address", null=True),
    _ref("router_id", "routers.id", null=True),
    _text("status"),
    UniqueConstraint("floating_network_id", "floating_ip_address"),
    UniqueConstraint("floating_network_id", "port_id", "fixed_ip_address"),
    Index("ix_floatingips_port_id", "port_id"),
    Index("ix_floatingips_router_id", "router_id"),
    Index("ix_floatingips_floating_ip_address", "floating_ip_address"),
)

PORT_FORWARDINGS: Final = _resource(
    "port_forwardings",
    _ref("floatingip_id", "floatingips.id"),
    _ref("internal_port_id", "ports.id"),
    _text("internal_ip_address"),
    _text("protocol"),
    Column("external_port", Integer),
    Column("internal_port", Integer),
    _text("external_port_range", null=True),
    _text("internal_port_range", null=True),
    UniqueConstraint("floatingip_id", "protocol", "external_port"),
    UniqueConstraint("floatingip_id", "protocol", "external_port_range"),
    Index("ix_port_forwardings_internal_port_id", "internal_port_id"),
)

RBAC_POLICIES: Final = _resource(
    "rbac_policies",
    _text("object_type", default=None),
    _text("object_id", default=None),
    _text("action", default=None),
    _text("target_tenant", default=None),
    UniqueConstraint("object_id", "action", "target_tenant"),
    Index("ix_rbac_policies_target_tenant", "target_tenant", "action", "object_id"),
    described=False,
)

AGENTS: Final = _resource(
    "agents",
    _text("agent_type"),
    _text("binary"),
    _text("topic"),
    _text("host"),
    Column("admin_state_up", Boolean, nullable=False, server_default="1"),
    _text("availability_zone", null=True),
    Column("configurations", JSON),
    _text("started_at"),
    _text("heartbeat_timestamp"),
    _text("description", null=True),
    UniqueConstraint("agent_type", "host"),
    described=False,
)

TAGS: Final = Table(
    "tags",
    METADATA,
    _text("id", default=None),
    _text("tag", default=None),
    _text("resource", default=None),
    PrimaryKeyConstraint("id", "tag"),
    Index("ix_tags_tag", "resource", "tag"),
    sqlite_with_rowid=False,
)

QUOTAS: Final = Table(
    "quotas",
    METADATA,
    _text("project_id", default=None),
    _text("resource", default=None),
    Column("limit", Integer, nullable=False),
    PrimaryKeyConstraint("project_id", "resource"),
    sqlite_with_rowid=False,
)

#: What changed, in order; written in the transaction that changes it.  A reader that is further behind
#: than the oldest row takes everything anew.
CHANGES: Final = Table(
    "changes",
    METADATA,
    Column("revision", Integer, primary_key=True, nullable=False),
    _text("resource", default=None),
    _text("id", default=None),
    _text("kind", default=None),
    _text("network_id", null=True),
    _text("router_id", null=True),
    sqlite_autoincrement=True,
)

#: Columns of what must be unique, as SQLite names them -> the constraint's name.
UNIQUE: Final = {
    frozenset(f"{table.name}.{column.name}" for column in constraint.columns): str(constraint.name)
    for table in METADATA.tables.values()
    for constraint in table.constraints
    if isinstance(constraint, UniqueConstraint | PrimaryKeyConstraint)
} | {
    frozenset(f"{table.name}.{column.name}" for column in index.columns): str(index.name)
    for table in METADATA.tables.values()
    for index in table.indexes
    if index.unique
}
