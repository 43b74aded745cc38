"""The values inside attributes: addresses of a port, routes, pools, a router's gateway."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType


class FixedIp(msgspec.Struct, frozen=True):
    """An address of a port.

    In a body either part may be missing ("" here): the service chooses it.  A kept one has both.
    """

    subnet_id: str = ""
    ip_address: str = ""


class Route(msgspec.Struct, frozen=True):
    """A route by its next hop; of a subnet (for DHCP) or of a router."""

    destination: str
    nexthop: str


class AllocationPool(msgspec.Struct, frozen=True):
    """Addresses that ports are given, both ends included."""

    start: str
    end: str


class GatewayInfo(msgspec.Struct, frozen=True):
    """A router's external gateway.

    In a body ``enable_snat`` and ``external_fixed_ips`` may be UNSET: the service chooses them, and an
    update leaves them as they are.  A kept one has both.
    """

    network_id: str
    external_fixed_ips: tuple[FixedIp, ...] | UnsetType = UNSET
    enable_snat: bool | UnsetType = UNSET
