"""What is asked, by topic; each begins at a server that has nothing, and leaves nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from tests.api_parity.record import Recorder
from tests.api_parity.sequences.floating import floatingips, port_forwardings
from tests.api_parity.sequences.networks import network_lists, network_refusals, networks
from tests.api_parity.sequences.other import access, agents, discovery, quotas, rbac, tags
from tests.api_parity.sequences.pools import address_scopes, subnetpools
from tests.api_parity.sequences.ports import port_refusals, ports
from tests.api_parity.sequences.routers import distributed, router_refusals, routers
from tests.api_parity.sequences.subnets import subnet_refusals, subnets

SEQUENCES: Final[Mapping[str, Callable[[Recorder], None]]] = MappingProxyType(
    {
        "discovery": discovery,
        "networks": networks,
        "network-lists": network_lists,
        "network-refusals": network_refusals,
        "subnets": subnets,
        "subnet-refusals": subnet_refusals,
        "address-scopes": address_scopes,
        "subnetpools": subnetpools,
        "ports": ports,
        "port-refusals": port_refusals,
        "routers": routers,
        "router-refusals": router_refusals,
        "distributed": distributed,
        "floatingips": floatingips,
        "port-forwardings": port_forwardings,
        "quotas": quotas,
        "rbac": rbac,
        "tags": tags,
        "agents": agents,
        "access": access,
    }
)
