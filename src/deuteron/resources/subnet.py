"""Subnets."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import field

from deuteron.resources import addresses, checks
from deuteron.resources.attribute import Attr
from deuteron.resources.resource import Resource, declare
from deuteron.resources.standard import Tagged
from deuteron.resources.values import AllocationPool, Route

IPV6_MODES: Final = ("dhcpv6-stateful", "dhcpv6-stateless", "slaac")
_MODE: Final = checks.one_of(*IPV6_MODES, None)


class Subnet(Tagged, frozen=True, kw_only=True):
    """Addresses of one family on a network.

    ``cidr`` is the network itself, the bits of a host taken off.  ``gateway_ip`` is null where there is
    none; left out of a POST it is the first address.  ``shared`` and ``router:external`` are its network's.
    """

    name: Annotated[str, Attr(post=True, put=True, sort=True, check=checks.name())] = ""
    ip_version: Annotated[
        int, Attr(post=True, sort=True, required=True, check=checks.ip_version, openapi={"enum": [4, 6]})
    ]
    network_id: Annotated[str, Attr(post=True, sort=True, required=True, check=checks.uuid)]
    subnetpool_id: Annotated[str | None, Attr(post=True, sort=True, check=checks.subnetpool_id)] = None
    cidr: Annotated[str, Attr(post=True, sort=True, check=addresses.cidr)]
    gateway_ip: Annotated[
        str | None, Attr(post=True, put=True, sort=True, check=checks.or_none(addresses.address))
    ] = None
    allocation_pools: Annotated[
        tuple[AllocationPool, ...], Attr(post=True, put=True, filter=False, check=addresses.pools)
    ] = ()
    dns_nameservers: Annotated[
        tuple[str, ...], Attr(post=True, put=True, filter=False, check=addresses.nameservers)
    ] = ()
    host_routes: Annotated[
        tuple[Route, ...], Attr(post=True, put=True, filter=False, check=addresses.routes)
    ] = ()
    enable_dhcp: Annotated[bool, Attr(post=True, put=True, sort=True, check=checks.boolean)] = True
    ipv6_ra_mode: Annotated[str | None, Attr(post=True, sort=True, check=_MODE)] = None
    ipv6_address_mode: Annotated[str | None, Attr(post=True, sort=True, check=_MODE)] = None
    shared: Annotated[bool, Attr(visible=False, enforce=True, derived=True)] = False
    service_types: Annotated[
        tuple[str, ...],
        Attr(post=True, put=True, filter=False, check=checks.service_types, extension="subnet-service-types"),
    ] = ()
    router_external: Annotated[
        bool, Attr(enforce=True, extension="subnet-external-network", derived=True)
    ] = field(default=False, name="router:external")


SUBNET: Final[Resource] = declare(
    Subnet,
    name="subnet",
    collection="subnets",
    quota="subnet",
    tags=True,
    body={
        "prefixlen": Attr(post=True, visible=False, filter=False, check=checks.non_negative),
        "use_default_subnetpool": Attr(
            post=True, visible=False, filter=False, check=checks.boolean, extension="default-subnetpools"
        ),
    },
)
