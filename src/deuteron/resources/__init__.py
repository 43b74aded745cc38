"""The resources of the Networking API v2.0: ONE declaration each drives the whole API."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from deuteron.resources.address_scope import ADDRESS_SCOPE
from deuteron.resources.agent import AGENT
from deuteron.resources.availability_zone import AVAILABILITY_ZONE
from deuteron.resources.extension import EXTENSION
from deuteron.resources.extensions import EXTENSIONS
from deuteron.resources.floatingip import FLOATINGIP
from deuteron.resources.network import NETWORK
from deuteron.resources.network_ip_availability import NETWORK_IP_AVAILABILITY
from deuteron.resources.port import PORT
from deuteron.resources.port_forwarding import PORT_FORWARDING
from deuteron.resources.quota import QUOTA
from deuteron.resources.rbac_policy import RBAC_POLICY
from deuteron.resources.resource import Resource
from deuteron.resources.router import ROUTER
from deuteron.resources.subnet import SUBNET
from deuteron.resources.subnetpool import SUBNETPOOL
from deuteron.resources.tag import TAG

__all__ = ["EXTENSIONS", "RESOURCES"]

RESOURCES: Final[Mapping[str, Resource]] = MappingProxyType(
    {
        one.collection: one
        for one in (
            NETWORK,
            SUBNET,
            SUBNETPOOL,
            ADDRESS_SCOPE,
            PORT,
            ROUTER,
            FLOATINGIP,
            PORT_FORWARDING,
            QUOTA,
            RBAC_POLICY,
            TAG,
            AVAILABILITY_ZONE,
            AGENT,
            NETWORK_IP_AVAILABILITY,
            EXTENSION,
        )
    }
)
