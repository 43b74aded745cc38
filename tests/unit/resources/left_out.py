"""What neutron-lib defines and Deuteron does not have (yet), each with its reason."""

from __future__ import annotations

from typing import Final

GUARDS: Final = "what guards a port comes with the next step of the API"
QOS: Final = "no QoS: nothing shapes traffic yet"
DNS: Final = "no DNS: nothing publishes names"
SEGMENTS: Final = "one segment for each network"
HARDWARE: Final = "hardware offload and NUMA hints have no meaning in this data path"
ELSEWHERE: Final = "belongs to a driver or service that is not here"

#: By collection and attribute.
LEFT_OUT: Final[dict[str, dict[str, str]]] = {
    "networks": {
        "port_security_enabled": GUARDS,
        "qos_policy_id": QOS,
        "dns_domain": DNS,
        "segments": SEGMENTS,
        "l2_adjacency": SEGMENTS,
        "vlan_transparent": "802.1Q inside of tenant networks is not carried",
        "qinq": "802.1ad inside of tenant networks is not carried",
        "is_default": "no automatic topology is made for a project",
        "ha": "the network between highly available routers comes with them",
        "pvlan": ELSEWHERE,
        "project_default": "no network is chosen for a port that names none",
    },
    "ports": {
        "port_security_enabled": GUARDS,
        "allowed_address_pairs": GUARDS,
        "extra_dhcp_opts": GUARDS,
        "qos_policy_id": QOS,
        "qos_network_policy_id": QOS,
        "resource_request": QOS,
        "dns_name": DNS,
        "dns_domain": DNS,
        "dns_assignment": DNS,
        "trunk_details": "no trunks yet",
        "data_plane_status": "what a person says of the data plane; here the kernel says it in `status`",
        "propagate_uplink_status": HARDWARE,
        "numa_affinity_policy": HARDWARE,
        "hints": HARDWARE,
        "device_profile": HARDWARE,
        "hardware_offload_type": HARDWARE,
        "trusted": HARDWARE,
        "ip_allocation": SEGMENTS,
        "pvlan_type": ELSEWHERE,
        "pvlan_community": ELSEWHERE,
    },
    "subnets": {
        "leak_routes": ELSEWHERE,
        "segment_id": SEGMENTS,
        "dns_publish_fixed_ip": DNS,
    },
    "routers": {
        "conntrack_helpers": "no conntrack helpers",
        "enable_ndp_proxy": "the engine has NDP proxies, the API not yet",
        "flavor_id": ELSEWHERE,
        "service_type_id": ELSEWHERE,
        "external_gateways": "one gateway for each router",
        "enable_default_route_bfd": "one gateway for each router",
        "enable_default_route_ecmp": "one gateway for each router",
        "enable_snat": "the gateway says it; this copy of it is of a later API",
        "evpn_vni": ELSEWHERE,
    },
    "floatingips": {
        "qos_policy_id": QOS,
        "qos_network_policy_id": QOS,
        "dns_name": DNS,
        "dns_domain": DNS,
        "distributed": "each distributed router's floating IPs are distributed",
    },
    "agents": {
        "resources_synced": "no placement service is told anything",
        "ha_chassis_priority": "a router is on one host",
    },
    "network_ip_availabilities": {"ip_availability_details": "of a later API"},
}

#: Where a flag is not neutron-lib's, on purpose.
DIFFERENT: Final[dict[tuple[str, str, str], str]] = {}

#: Attributes that neutron-lib's definitions do not have, or whose default is another.
OURS: Final[dict[tuple[str, str], str]] = {
    ("routers", "ha"): "known without its extension, so that `ha: false` is taken; true is refused",
}

#: Actions of routers that do not work yet.
ACTIONS_LEFT_OUT: Final[dict[str, str]] = {
    "add_external_gateways": "one gateway for each router",
    "update_external_gateways": "one gateway for each router",
    "remove_external_gateways": "one gateway for each router",
}
