"""What the Networking API knows for each resource, and what of it this data path honours.

Three kinds of attributes are not read into the model.  *Descriptive* ones change nothing
in a data path.  *Harmless* ones may stand there with the value that asks for nothing.
*Read-only* ones are the server's answers and no part of a request.
"""

from __future__ import annotations

from typing import Final

import msgspec


class Harmless(msgspec.Struct, frozen=True):
    """An attribute that must ask for nothing: one of ``values``, else ``why`` is the refusal."""

    values: tuple[object, ...]
    why: str


class Schema(msgspec.Struct, frozen=True, kw_only=True):
    """The attributes of one resource."""

    kind: str
    key: str
    read: frozenset[str]
    descriptive: frozenset[str]
    harmless: dict[str, Harmless]
    read_only: frozenset[str] = frozenset()

    @property
    def known(self) -> frozenset[str]:
        """Names to propose for a misspelt one."""
        return self.read | self.descriptive | frozenset(self.harmless)


_COMMON: Final = frozenset({"description", "tags", "tenant_id"})
_READ_ONLY: Final = frozenset({"status", "created_at", "updated_at", "revision_number"})

_QOS = Harmless((None,), "bandwidth limits are not in this data path; remove it")
_DNS = Harmless((None, ""), "nothing here publishes names; remove it")
_DHCP = Harmless((None, ()), "no DHCP server hands it out here; remove it")
_HA = Harmless((None, False), "one host has no standby for a router; remove it or make it false")
_SECURITY = Harmless((None, False, ()), "nothing filters this port here yet, so it would be open; remove it")
_SEGMENT = Harmless((None,), "there are no VLANs or tunnels between hosts here; remove it")

NETWORK: Final = Schema(
    kind="network",
    key="networks",
    read=frozenset(
        {
            "id",
            "name",
            "project_id",
            "mtu",
            "admin_state_up",
            "router:external",
            "provider:network_type",
            "provider:physical_network",
        }
    ),
    descriptive=_COMMON | {"shared", "is_default", "availability_zone_hints"},
    harmless={
        "provider:segmentation_id": _SEGMENT,
        "segments": Harmless((None, ()), _SEGMENT.why),
        "vlan_transparent": Harmless((None, False), _SEGMENT.why),
        "vlan_qinq": Harmless((None, False), _SEGMENT.why),
        "port_security_enabled": _SECURITY,
        "qos_policy_id": _QOS,
        "dns_domain": _DNS,
    },
    read_only=_READ_ONLY
    | {"subnets", "availability_zones", "ipv4_address_scope", "ipv6_address_scope", "l2_adjacency"},
)

SUBNET: Final = Schema(
    kind="subnet",
    key="subnets",
    read=frozenset(
        {
            "id",
            "name",
            "project_id",
            "network_id",
            "cidr",
            "ip_version",
            "gateway_ip",
            "allocation_pools",
            "enable_dhcp",
            "ipv6_ra_mode",
            "ipv6_address_mode",
        }
    ),
    descriptive=_COMMON,
    harmless={
        "dns_nameservers": _DHCP,
        "host_routes": _DHCP,
        "dns_publish_fixed_ip": Harmless((None, False), _DNS.why),
        "subnetpool_id": Harmless((None,), "there are no subnet pools here; write the cidr"),
        "use_default_subnetpool": Harmless((None, False), "there are no subnet pools here; write the cidr"),
        "prefixlen": Harmless((None,), "there are no subnet pools here; write the cidr"),
        "segment_id": _SEGMENT,
        "service_types": Harmless((None, ()), "every port may use every subnet here; remove it"),
    },
    read_only=_READ_ONLY | {"router:external"},
)

ROUTER: Final = Schema(
    kind="router",
    key="routers",
    read=frozenset(
        {
            "id",
            "name",
            "project_id",
            "admin_state_up",
            "distributed",
            "external_gateway_info",
            "routes",
            "enable_ndp_proxy",
            "interfaces",
        }
    ),
    descriptive=_COMMON | {"availability_zone_hints"},
    harmless={
        "ha": _HA,
        "flavor_id": Harmless((None,), "there are no router flavors here; remove it"),
        "service_type_id": Harmless((None,), "there are no router flavors here; remove it"),
        "enable_default_route_bfd": Harmless(
            (None, False), "gateways are not watched by BFD here; remove it"
        ),
        "enable_default_route_ecmp": Harmless((None, False), "a router has one gateway here; remove it"),
        "external_gateways": Harmless((None, ()), "a router has one gateway here: external_gateway_info"),
        "qos_policy_id": _QOS,
    },
    read_only=_READ_ONLY | {"availability_zones", "conntrack_helpers"},
)

GATEWAY: Final = Schema(
    kind="external_gateway_info",
    key="external_gateway_info",
    read=frozenset({"network_id", "enable_snat", "external_fixed_ips"}),
    descriptive=frozenset(),
    harmless={"qos_policy_id": _QOS},
)

PORT: Final = Schema(
    kind="port",
    key="ports",
    read=frozenset(
        {
            "id",
            "name",
            "project_id",
            "network_id",
            "mac_address",
            "fixed_ips",
            "admin_state_up",
            "device_owner",
            "binding:profile",
        }
    ),
    descriptive=_COMMON | {"device_id", "propagate_uplink_status"},
    harmless={
        "port_security_enabled": _SECURITY,
        "security_groups": _SECURITY,
        "allowed_address_pairs": _SECURITY,
        "extra_dhcp_opts": _DHCP,
        "dns_name": _DNS,
        "dns_domain": _DNS,
        "qos_policy_id": _QOS,
        "binding:host_id": Harmless((None, ""), "a topology file is about this host alone; remove it"),
        "binding:vnic_type": Harmless((None, "normal"), "ports are veth pairs and taps here; remove it"),
        "device_profile": Harmless((None,), "ports are veth pairs and taps here; remove it"),
        "hardware_offload_type": Harmless((None,), "ports are veth pairs and taps here; remove it"),
        "numa_affinity_policy": Harmless((None,), "ports are veth pairs and taps here; remove it"),
        "hints": Harmless((None,), "ports are veth pairs and taps here; remove it"),
        "trusted": Harmless((None, False), "ports are veth pairs and taps here; remove it"),
    },
    read_only=_READ_ONLY
    | {
        "binding:vif_type",
        "binding:vif_details",
        "data_plane_status",
        "dns_assignment",
        "ip_allocation",
        "qos_network_policy_id",
        "resource_request",
    },
)

FLOATING_IP: Final = Schema(
    kind="floatingip",
    key="floatingips",
    read=frozenset(
        {
            "id",
            "project_id",
            "floating_network_id",
            "subnet_id",
            "floating_ip_address",
            "port_id",
            "fixed_ip_address",
            "port_forwardings",
        }
    ),
    descriptive=_COMMON,
    harmless={"qos_policy_id": _QOS, "dns_name": _DNS, "dns_domain": _DNS},
    read_only=_READ_ONLY | {"router_id", "port_details", "qos_network_policy_id"},
)

PORT_FORWARDING: Final = Schema(
    kind="port_forwarding",
    key="port_forwardings",
    read=frozenset(
        {
            "protocol",
            "external_port",
            "internal_port",
            "external_port_range",
            "internal_port_range",
            "internal_ip_address",
            "internal_port_id",
        }
    ),
    descriptive=frozenset({"id", "description", "project_id", "tenant_id"}),
    harmless={},
)

NDP_PROXY: Final = Schema(
    kind="ndp_proxy",
    key="ndp_proxies",
    read=frozenset({"id", "name", "project_id", "router_id", "port_id", "ip_address"}),
    descriptive=_COMMON,
    harmless={},
    read_only=_READ_ONLY,
)


def _plain(kind: str, key: str, *names: str) -> Schema:
    return Schema(kind=kind, key=key, read=frozenset(names), descriptive=frozenset(), harmless={})


FIXED_IP: Final = _plain("fixed address", "fixed_ips", "subnet_id", "ip_address")
POOL: Final = _plain("pool", "allocation_pools", "start", "end")
ROUTE: Final = _plain("route", "routes", "destination", "nexthop")
INTERFACE: Final = _plain("router interface", "interfaces", "subnet_id", "port_id")
BINDING: Final = _plain("binding:profile", "binding:profile", "netns", "tap")
TOPOLOGY: Final = _plain(
    "topology",
    "",
    "bridge_mappings",
    "networks",
    "subnets",
    "routers",
    "ports",
    "floatingips",
    "ndp_proxies",
)
