"""Floating IPs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from deuteron.resources import addresses, checks
from deuteron.resources.attribute import Attr
from deuteron.resources.resource import Resource, declare
from deuteron.resources.standard import Tagged


class FloatingIp(Tagged, frozen=True, kw_only=True):
    """An address of an external network that leads to a port's fixed address.

    ``port_details`` and ``port_forwardings`` are read of the port and of the rules.
    """

    floating_ip_address: Annotated[
        str, Attr(post=True, sort=True, enforce=True, check=checks.or_none(addresses.address))
    ]
    floating_network_id: Annotated[str, Attr(post=True, sort=True, required=True, check=checks.uuid)]
    router_id: Annotated[str | None, Attr(sort=True)] = None
    port_id: Annotated[str | None, Attr(post=True, put=True, check=checks.or_none(checks.uuid))] = None
    fixed_ip_address: Annotated[
        str | None, Attr(post=True, put=True, sort=True, check=checks.or_none(addresses.address))
    ] = None
    status: Annotated[str, Attr(sort=True)] = "DOWN"
    port_details: Annotated[
        Mapping[str, Any] | None, Attr(filter=False, extension="fip-port-details", derived=True)
    ] = None
    port_forwardings: Annotated[
        tuple[Mapping[str, Any], ...],
        Attr(filter=False, extension="expose-port-forwarding-in-fip", derived=True),
    ] = ()


FLOATINGIP: Final[Resource] = declare(
    FloatingIp,
    name="floatingip",
    collection="floatingips",
    quota="floatingip",
    tags=True,
    extension="router",
    body={"subnet_id": Attr(post=True, visible=False, filter=False, check=checks.or_none(checks.uuid))},
)
