"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make every table."""
    op.create_table(
        "address_scopes",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Text(), server_default="", nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("revision_number", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.Text(), server_default="", nullable=False),
        sa.Column("updated_at", sa.Text(), server_default="", nullable=False),
        sa.Column("ip_version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_address_scopes")),
    )
    op.create_index("ix_address_scopes_project_id_id", "address_scopes", ["project_id", "id"], unique=False)
    op.create_table(
        "agents",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Text(), server_default="", nullable=False),
        sa.Column("revision_number", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.Text(), server_default="", nullable=False),
        sa.Column("updated_at", sa.Text(), server_default="", nullable=False),
        sa.Column("agent_type", sa.Text(), server_default="", nullable=False),
        sa.Column("binary", sa.Text(), server_default="", nullable=False),
        sa.Column("topic", sa.Text(), server_default="", nullable=False),
        sa.Column("host", sa.Text(), server_default="", nullable=False),
        sa.Column("admin_state_up", sa.Boolean(), server_default="1", nullable=False),
        sa.Column("availability_zone", sa.Text(), nullable=True),
        sa.Column("configurations", sa.JSON(), nullable=True),
        sa.Column("started_at", sa.Text(), server_default="", nullable=False),
        sa.Column("heartbeat_timestamp", sa.Text(), server_default="", nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agents")),
        sa.UniqueConstraint("agent_type", "host", name=op.f("uq_agents_agent_type_host")),
    )
    op.create_index("ix_agents_project_id_id", "agents", ["project_id", "id"], unique=False)
    op.create_table(
        "changes",
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("network_id", sa.Text(), nullable=True),
        sa.Column("router_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("revision", name=op.f("pk_changes")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "free_ranges",
        sa.Column("pool", sa.Text(), nullable=False),
        sa.Column("first", sa.LargeBinary(), nullable=False),
        sa.Column("last", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("pool", "first", name=op.f("pk_free_ranges")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "networks",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Text(), server_default="", nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("revision_number", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.Text(), server_default="", nullable=False),
        sa.Column("updated_at", sa.Text(), server_default="", nullable=False),
        sa.Column("admin_state_up", sa.Boolean(), nullable=False),
        sa.Column("status", sa.Text(), server_default="", nullable=False),
        sa.Column("mtu", sa.Integer(), nullable=True),
        sa.Column("router_external", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("provider_network_type", sa.Text(), nullable=True),
        sa.Column("provider_physical_network", sa.Text(), nullable=True),
        sa.Column("provider_segmentation_id", sa.Integer(), nullable=True),
        sa.Column("availability_zone_hints", sa.JSON(), nullable=True),
        sa.Column("segment", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_networks")),
        sa.UniqueConstraint("segment", name=op.f("uq_networks_segment")),
    )
    op.create_index("ix_networks_name_id", "networks", ["name", "id"], unique=False)
    op.create_index("ix_networks_project_id_id", "networks", ["project_id", "id"], unique=False)
    op.create_table(
        "numbers",
        sa.Column("pool", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("pool", "number", name=op.f("pk_numbers")),
        sa.UniqueConstraint("pool", "holder", name=op.f("uq_numbers_pool_holder")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "quotas",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("limit", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "resource", name=op.f("pk_quotas")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "rbac_policies",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Text(), server_default="", nullable=False),
        sa.Column("revision_number", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.Text(), server_default="", nullable=False),
        sa.Column("updated_at", sa.Text(), server_default="", nullable=False),
        sa.Column("object_type", sa.Text(), nullable=False),
        sa.Column("object_id", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("target_tenant", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rbac_policies")),
        sa.UniqueConstraint(
            "object_id",
            "action",
            "target_tenant",
            name=op.f("uq_rbac_policies_object_id_action_target_tenant"),
        ),
    )
    op.create_index("ix_rbac_policies_project_id_id", "rbac_policies", ["project_id", "id"], unique=False)
    op.create_index(
        "ix_rbac_policies_target_tenant",
        "rbac_policies",
        ["target_tenant", "action", "object_id"],
        unique=False,
    )
    op.create_table(
        "tags",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tag", sa.Text(), nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", "tag", name=op.f("pk_tags")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_tags_tag", "tags", ["resource", "tag"], unique=False)
    op.create_table(
        "ports",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Text(), server_default="", nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("revision_number", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.Text(), server_default="", nullable=False),
        sa.Column("updated_at", sa.Text(), server_default="", nullable=False),
        sa.Column("network_id", sa.Text(), nullable=False),
        sa.Column("mac_address", sa.Text(), server_default="", nullable=False),
        sa.Column("admin_state_up", sa.Boolean(), nullable=False),
        sa.Column("status", sa.Text(), server_default="", nullable=False),
        sa.Column("device_id", sa.Text(), server_default="", nullable=False),
        sa.Column("device_owner", sa.Text(), server_default="", nullable=False),
        sa.Column("binding_host_id", sa.Text(), server_default="", nullable=False),
        sa.Column("binding_vnic_type", sa.Text(), server_default="", nullable=False),
        sa.Column("binding_vif_type", sa.Text(), server_default="", nullable=False),
        sa.Column("binding_vif_details", sa.JSON(), nullable=True),
        sa.Column("binding_profile", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["network_id"], ["networks.id"], name=op.f("fk_ports_network_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ports")),
        sa.UniqueConstraint("network_id", "mac_address", name=op.f("uq_ports_network_id_mac_address")),
    )
    op.create_index("ix_ports_binding_host_id", "ports", ["binding_host_id"], unique=False)
    op.create_index("ix_ports_device_id", "ports", ["device_id"], unique=False)
    op.create_index("ix_ports_mac_address", "ports", ["mac_address"], unique=False)
    op.create_index("ix_ports_network_id_id", "ports", ["network_id", "id"], unique=False)
    op.create_index("ix_ports_name_id", "ports", ["name", "id"], unique=False)
    op.create_index("ix_ports_project_id_id", "ports", ["project_id", "id"], unique=False)
    op.create_index(
        "uq_ports_agent_gateway",
        "ports",
        ["network_id", "binding_host_id"],
        unique=True,
        sqlite_where=sa.text("device_owner = 'network:floatingip_agent_gateway'"),
    )
    op.create_index(
        "uq_ports_gateway",
        "ports",
        ["device_id"],
        unique=True,
        sqlite_where=sa.text("device_owner = 'network:router_gateway'"),
    )
    op.create_table(
        "routers",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Text(), server_default="", nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("revision_number", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.Text(), server_default="", nullable=False),
        sa.Column("updated_at", sa.Text(), server_default="", nullable=False),
        sa.Column("admin_state_up", sa.Boolean(), nullable=False),
        sa.Column("status", sa.Text(), server_default="", nullable=False),
        sa.Column("distributed", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("ha", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("external_gateway_info", sa.JSON(), nullable=True),
        sa.Column("gateway_network_id", sa.Text(), nullable=True),
        sa.Column("availability_zone_hints", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(
            ["gateway_network_id"], ["networks.id"], name=op.f("fk_routers_gateway_network_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_routers")),
    )
    op.create_index("ix_routers_gateway_network_id", "routers", ["gateway_network_id"], unique=False)
    op.create_index("ix_routers_name_id", "routers", ["name", "id"], unique=False)
    op.create_index("ix_routers_project_id_id", "routers", ["project_id", "id"], unique=False)
    op.create_table(
        "subnetpools",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Text(), server_default="", nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("revision_number", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.Text(), server_default="", nullable=False),
        sa.Column("updated_at", sa.Text(), server_default="", nullable=False),
        sa.Column("address_scope_id", sa.Text(), nullable=True),
        sa.Column("ip_version", sa.Integer(), nullable=False),
        sa.Column("prefixes", sa.JSON(), nullable=False),
        sa.Column("default_prefixlen", sa.Integer(), nullable=True),
        sa.Column("min_prefixlen", sa.Integer(), nullable=True),
        sa.Column("max_prefixlen", sa.Integer(), nullable=True),
        sa.Column("default_quota", sa.Integer(), nullable=True),
        sa.Column("is_default", sa.Boolean(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["address_scope_id"], ["address_scopes.id"], name=op.f("fk_subnetpools_address_scope_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subnetpools")),
    )
    op.create_index("ix_subnetpools_project_id_id", "subnetpools", ["project_id", "id"], unique=False)
    op.create_index(
        "uq_subnetpools_is_default",
        "subnetpools",
        ["ip_version"],
        unique=True,
        sqlite_where=sa.text("is_default = 1"),
    )
    op.create_table(
        "subnets",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Text(), server_default="", nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("revision_number", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.Text(), server_default="", nullable=False),
        sa.Column("updated_at", sa.Text(), server_default="", nullable=False),
        sa.Column("network_id", sa.Text(), nullable=False),
        sa.Column("subnetpool_id", sa.Text(), nullable=True),
        sa.Column("ip_version", sa.Integer(), nullable=False),
        sa.Column("cidr", sa.Text(), server_default="", nullable=False),
        sa.Column("gateway_ip", sa.Text(), nullable=True),
        sa.Column("enable_dhcp", sa.Boolean(), server_default="1", nullable=False),
        sa.Column("ipv6_ra_mode", sa.Text(), nullable=True),
        sa.Column("ipv6_address_mode", sa.Text(), nullable=True),
        sa.Column("dns_nameservers", sa.JSON(), nullable=True),
        sa.Column("host_routes", sa.JSON(), nullable=True),
        sa.Column("service_types", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["network_id"], ["networks.id"], name=op.f("fk_subnets_network_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subnets")),
    )
    op.create_index("ix_subnets_network_id", "subnets", ["network_id"], unique=False)
    op.create_index("ix_subnets_name_id", "subnets", ["name", "id"], unique=False)
    op.create_index("ix_subnets_project_id_id", "subnets", ["project_id", "id"], unique=False)
    op.create_index("ix_subnets_subnetpool_id", "subnets", ["subnetpool_id"], unique=False)
    op.create_table(
        "allocation_pools",
        sa.Column("subnet_id", sa.Text(), nullable=False),
        sa.Column("first", sa.LargeBinary(), nullable=False),
        sa.Column("last", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["subnet_id"], ["subnets.id"], name=op.f("fk_allocation_pools_subnet_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("subnet_id", "first", name=op.f("pk_allocation_pools")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "fixed_ips",
        sa.Column("port_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("subnet_id", sa.Text(), nullable=False),
        sa.Column("address", sa.LargeBinary(), nullable=False),
        sa.Column("ip_address", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["port_id"], ["ports.id"], name=op.f("fk_fixed_ips_port_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["subnet_id"], ["subnets.id"], name=op.f("fk_fixed_ips_subnet_id")),
        sa.PrimaryKeyConstraint("port_id", "position", name=op.f("pk_fixed_ips")),
        sa.UniqueConstraint("subnet_id", "address", name=op.f("uq_fixed_ips_subnet_id_address")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_fixed_ips_ip_address", "fixed_ips", ["ip_address"], unique=False)
    op.create_table(
        "floatingips",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Text(), server_default="", nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("revision_number", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.Text(), server_default="", nullable=False),
        sa.Column("updated_at", sa.Text(), server_default="", nullable=False),
        sa.Column("floating_network_id", sa.Text(), nullable=False),
        sa.Column("floating_ip_address", sa.Text(), server_default="", nullable=False),
        sa.Column("port_id", sa.Text(), nullable=True),
        sa.Column("fixed_ip_address", sa.Text(), nullable=True),
        sa.Column("router_id", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["floating_network_id"], ["networks.id"], name=op.f("fk_floatingips_floating_network_id")
        ),
        sa.ForeignKeyConstraint(["port_id"], ["ports.id"], name=op.f("fk_floatingips_port_id")),
        sa.ForeignKeyConstraint(["router_id"], ["routers.id"], name=op.f("fk_floatingips_router_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_floatingips")),
        sa.UniqueConstraint(
            "floating_network_id",
            "floating_ip_address",
            name=op.f("uq_floatingips_floating_network_id_floating_ip_address"),
        ),
        sa.UniqueConstraint(
            "floating_network_id",
            "port_id",
            "fixed_ip_address",
            name=op.f("uq_floatingips_floating_network_id_port_id_fixed_ip_address"),
        ),
    )
    op.create_index(
        "ix_floatingips_floating_ip_address", "floatingips", ["floating_ip_address"], unique=False
    )
    op.create_index("ix_floatingips_port_id", "floatingips", ["port_id"], unique=False)
    op.create_index("ix_floatingips_project_id_id", "floatingips", ["project_id", "id"], unique=False)
    op.create_index("ix_floatingips_router_id", "floatingips", ["router_id"], unique=False)
    op.create_table(
        "router_ports",
        sa.Column("port_id", sa.Text(), nullable=False),
        sa.Column("router_id", sa.Text(), nullable=False),
        sa.Column("port_type", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["port_id"], ["ports.id"], name=op.f("fk_router_ports_port_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["router_id"], ["routers.id"], name=op.f("fk_router_ports_router_id")),
        sa.PrimaryKeyConstraint("port_id", name=op.f("pk_router_ports")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_router_ports_router_id", "router_ports", ["router_id"], unique=False)
    op.create_table(
        "routes",
        sa.Column("router_id", sa.Text(), nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("nexthop", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["router_id"], ["routers.id"], name=op.f("fk_routes_router_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("router_id", "destination", "nexthop", name=op.f("pk_routes")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "port_forwardings",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Text(), server_default="", nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("revision_number", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.Text(), server_default="", nullable=False),
        sa.Column("updated_at", sa.Text(), server_default="", nullable=False),
        sa.Column("floatingip_id", sa.Text(), nullable=False),
        sa.Column("internal_port_id", sa.Text(), nullable=False),
        sa.Column("internal_ip_address", sa.Text(), server_default="", nullable=False),
        sa.Column("protocol", sa.Text(), server_default="", nullable=False),
        sa.Column("external_port", sa.Integer(), nullable=True),
        sa.Column("internal_port", sa.Integer(), nullable=True),
        sa.Column("external_port_range", sa.Text(), nullable=True),
        sa.Column("internal_port_range", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["floatingip_id"], ["floatingips.id"], name=op.f("fk_port_forwardings_floatingip_id")
        ),
        sa.ForeignKeyConstraint(
            ["internal_port_id"], ["ports.id"], name=op.f("fk_port_forwardings_internal_port_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_port_forwardings")),
        sa.UniqueConstraint(
            "floatingip_id",
            "protocol",
            "external_port",
            name=op.f("uq_port_forwardings_floatingip_id_protocol_external_port"),
        ),
        sa.UniqueConstraint(
            "floatingip_id",
            "protocol",
            "external_port_range",
            name=op.f("uq_port_forwardings_floatingip_id_protocol_external_port_range"),
        ),
    )
    op.create_index(
        "ix_port_forwardings_internal_port_id", "port_forwardings", ["internal_port_id"], unique=False
    )
    op.create_index(
        "ix_port_forwardings_project_id_id", "port_forwardings", ["project_id", "id"], unique=False
    )
