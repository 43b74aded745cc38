"""Networks."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import field

from deuteron.resources import checks
from deuteron.resources.attribute import Attr
from deuteron.resources.resource import Resource, declare
from deuteron.resources.standard import Tagged


class Network(Tagged, frozen=True, kw_only=True):
    """A broadcast domain.

    ``shared`` is as the asking project sees it: an RBAC policy makes it.  ``provider:*`` is what carries
    it, chosen by the service where nobody says.
    """

    name: Annotated[str, Attr(post=True, put=True, sort=True, check=checks.name())] = ""
    subnets: Annotated[tuple[str, ...], Attr(filter=False, derived=True)] = ()
    admin_state_up: Annotated[bool, Attr(post=True, put=True, sort=True, check=checks.boolean)] = True
    status: Annotated[str, Attr(sort=True)] = "ACTIVE"
    shared: Annotated[bool, Attr(post=True, put=True, enforce=True, check=checks.boolean, derived=True)] = (
        False
    )
    ipv4_address_scope: Annotated[str | None, Attr(filter=False, extension="address-scope", derived=True)] = (
        None
    )
    ipv6_address_scope: Annotated[str | None, Attr(filter=False, extension="address-scope", derived=True)] = (
        None
    )
    router_external: Annotated[
        bool, Attr(post=True, put=True, enforce=True, check=checks.boolean, extension="external-net")
    ] = field(default=False, name="router:external")
    availability_zones: Annotated[
        tuple[str, ...], Attr(filter=False, extension="network_availability_zone", derived=True)
    ] = ()
    availability_zone_hints: Annotated[
        tuple[str, ...],
        Attr(
            post=True, filter=False, sort=True, check=checks.zone_hints, extension="network_availability_zone"
        ),
    ] = ()
    mtu: Annotated[
        int,
        Attr(
            post=True,
            put=True,
            sort=True,
            enforce=True,
            check=checks.non_negative,
            extension="net-mtu-writable",
        ),
    ] = 0
    provider_network_type: Annotated[
        str | None, Attr(post=True, put=True, enforce=True, check=checks.text(32), extension="provider")
    ] = field(default=None, name="provider:network_type")
    provider_physical_network: Annotated[
        str | None, Attr(post=True, put=True, enforce=True, check=checks.text(64), extension="provider")
    ] = field(default=None, name="provider:physical_network")
    provider_segmentation_id: Annotated[
        int | None, Attr(post=True, put=True, enforce=True, check=checks.int32, extension="provider")
    ] = field(default=None, name="provider:segmentation_id")


NETWORK: Final[Resource] = declare(Network, name="network", collection="networks", quota="network", tags=True)
