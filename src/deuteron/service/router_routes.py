"""Extra routes of routers: the whole list by PUT, or some added and removed (``extraroute-atomic``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from deuteron.domain.validation import in_prefix
from deuteron.identity.caller import Caller
from deuteron.resources import RESOURCES
from deuteron.resources.refusal import InvalidRoutes, OverQuota
from deuteron.resources.resource import convert, render
from deuteron.resources.router import Router
from deuteron.resources.values import Route
from deuteron.service import router_ports as ports_of
from deuteron.service import router_rules as rules
from deuteron.store.store import Unit

#: Routes of one router (Neutron's default quota ``router_route``); each is a route in the router's namespace.
MAX_ROUTES = 30


def add_extraroutes(unit: Unit, _caller: Caller, router: Router, body: dict[str, Any]) -> dict[str, Any]:
    """Add routes to those that the router has; one that it has already is no error.

    Raises:
        HTTPBadRequest, InvalidRoutes: one of them is malformed, or leads nowhere.
        OverQuota: there would be more than `MAX_ROUTES`.
    """
    return _kept(unit, router, (*router.routes, *(one for one in _given(body) if one not in router.routes)))


def remove_extraroutes(unit: Unit, _caller: Caller, router: Router, body: dict[str, Any]) -> dict[str, Any]:
    """Take routes away; one that the router does not have is no error.

    Raises:
        HTTPBadRequest: one of them is malformed.
    """
    given = _given(body)
    return _kept(unit, router, tuple(one for one in router.routes if one not in given))


def replaced(unit: Unit, router: Router, routes: Sequence[Route]) -> Router:
    """The router with these routes and no others; nothing is written yet.

    Raises:
        InvalidRoutes: see :func:`deuteron.service.router_rules.routes_fit`.
        OverQuota: there are more than `MAX_ROUTES`.
    """
    if len(routes) > MAX_ROUTES:
        raise OverQuota(overs=["router_route"])
    ports = ports_of.of_router(unit, router.id)
    wanted = msgspec.structs.replace(router, routes=tuple(routes))
    rules.routes_fit(wanted, ports, ports_of.subnets_of(unit, ports).values())
    return wanted


def in_use(router: Router, cidr: str) -> bool:
    """Whether a next hop of the router is on a subnet."""
    return any(in_prefix(route.nexthop, cidr) for route in router.routes)


def _given(body: dict[str, Any]) -> tuple[Route, ...]:
    if "routes" not in body:
        raise InvalidRoutes(routes=None, reason="the body has no routes")
    resource = RESOURCES["routers"]
    routes: tuple[Route, ...] = convert(resource.attributes["routes"], body["routes"])
    return routes


def _kept(unit: Unit, router: Router, routes: Sequence[Route]) -> dict[str, Any]:
    resource = RESOURCES["routers"]
    unit.update(resource, replaced(unit, router, routes))
    return render(resource, unit.get(resource, router.id), None)
