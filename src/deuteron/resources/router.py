"""Routers."""

from __future__ import annotations

from types import MappingProxyType
from typing import Annotated, Final

from deuteron.resources import addresses, checks
from deuteron.resources.attribute import Attr
from deuteron.resources.resource import Resource, declare
from deuteron.resources.standard import Tagged
from deuteron.resources.values import GatewayInfo, Route


class Router(Tagged, frozen=True, kw_only=True):
    """Joins subnets and leads to an external network.

    ``distributed`` and ``ha`` left out or null are the configuration's defaults.  Extra routes are given
    on PUT, not on POST, as the API has it.
    """

    name: Annotated[str, Attr(post=True, put=True, sort=True, check=checks.name())] = ""
    admin_state_up: Annotated[bool, Attr(post=True, put=True, sort=True, check=checks.boolean)] = True
    status: Annotated[str, Attr(filter=False, sort=True)] = "ACTIVE"
    external_gateway_info: Annotated[
        GatewayInfo | None, Attr(post=True, put=True, filter=False, enforce=True, check=addresses.gateway)
    ] = None
    distributed: Annotated[
        bool,
        Attr(
            post=True,
            put=True,
            filter=False,
            enforce=True,
            check=checks.or_none(checks.boolean),
            extension="dvr",
        ),
    ] = False
    ha: Annotated[
        bool,
        Attr(
            post=True,
            put=True,
            filter=False,
            enforce=True,
            check=checks.not_yet("highly available routers"),
        ),
    ] = False
    routes: Annotated[
        tuple[Route, ...], Attr(put=True, filter=False, check=addresses.routes, extension="extraroute")
    ] = ()
    availability_zones: Annotated[
        tuple[str, ...], Attr(filter=False, extension="router_availability_zone", derived=True)
    ] = ()
    availability_zone_hints: Annotated[
        tuple[str, ...],
        Attr(post=True, filter=False, check=checks.zone_hints, extension="router_availability_zone"),
    ] = ()


ROUTER: Final[Resource] = declare(
    Router,
    name="router",
    collection="routers",
    quota="router",
    tags=True,
    extension="router",
    actions=MappingProxyType(
        {
            "add_router_interface": "PUT",
            "remove_router_interface": "PUT",
            "add_extraroutes": "PUT",
            "remove_extraroutes": "PUT",
        }
    ),
)
