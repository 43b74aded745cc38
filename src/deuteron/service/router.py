"""Routers: made, changed, deleted.  Interfaces are in ``router_interface``, routes in ``router_routes``."""

from __future__ import annotations

from typing import Any, cast

import msgspec

from deuteron.domain.port import ROUTER_INTERFACE, ROUTER_INTERFACE_DISTRIBUTED
from deuteron.identity.caller import Caller
from deuteron.resources import RESOURCES
from deuteron.resources.refusal import RouterInUse, not_found
from deuteron.resources.router import Router
from deuteron.service import availability_zone, router_gateway, router_routes
from deuteron.service import floatingip_association as association
from deuteron.service import router_ports as ports_of
from deuteron.service import router_rules as rules
from deuteron.service.call import Member, Operations
from deuteron.service.router_interface import add_router_interface, remove_router_interface
from deuteron.service.values import build, change
from deuteron.store.store import Unit

_PLAIN = ("name", "description", "admin_state_up", "availability_zone_hints")


def create(unit: Unit, caller: Caller, given: dict[str, Any]) -> Router:
    """Make a router, with its gateway where one is asked for.

    Raises:
        NetworkNotFound, BadRequest: the gateway's network is not to be had.
        BadRequest: ``ha`` is asked for.
    """
    _refuse_ha(given)
    resource = RESOURCES["routers"]
    availability_zone.check(unit, "router", given.get("availability_zone_hints", ()))
    kept = {name: given[name] for name in (*_PLAIN, "project_id", "tags") if name in given}
    router: Router = build(resource, kept, distributed=bool(given.get("distributed")), status="ACTIVE")
    made: Router = unit.insert(resource, router)
    if not (given.get("external_gateway_info") or made.tags):  # nothing else has anything to say of it
        return made
    if given.get("external_gateway_info"):
        router = router_gateway.set_gateway(unit, caller, router, given["external_gateway_info"])
        unit.update(resource, router)
    return _read(unit, router.id)


def update(unit: Unit, caller: Caller, value: Router, given: dict[str, Any]) -> Router:
    """Change a router.

    Raises:
        BadRequest: it is up and would become distributed or centralised; ``ha`` is asked for; the
            gateway's network is not to be had.
        InvalidRoutes: a next hop would be out of reach.
        RouterExternalGatewayInUseByFloatingIp: floating IPs need the gateway.
    """
    _refuse_ha(given)
    router = change(RESOURCES["routers"], value, {name: given[name] for name in _PLAIN if name in given})
    distributed = given.get("distributed")
    if distributed is not None and distributed != value.distributed:
        router = _migrated(unit, value, router, distributed=distributed)
    # Routes first, as Neutron does: those that only a new gateway brings into reach take a second request.
    if "routes" in given:
        router = router_routes.replaced(unit, router, given["routes"])
    if "external_gateway_info" in given:
        router = router_gateway.set_gateway(unit, caller, router, given["external_gateway_info"])
    unit.update(RESOURCES["routers"], router)
    return _read(unit, router.id)


def delete(unit: Unit, caller: Caller, value: Router) -> None:
    """Delete a router without interfaces; its gateway goes with it.

    Raises:
        RouterInUse: it has interfaces.
        RouterExternalGatewayInUseByFloatingIp: floating IPs need its gateway.
    """
    attached = ports_of.interfaces(ports_of.of_router(unit, value.id))
    if attached:
        listed = ", ".join(port.id for port in attached)
        raise RouterInUse(router_id=value.id, reason=f"has ports still attached: {listed}")
    bare = msgspec.structs.replace(value, routes=())
    router_gateway.set_gateway(unit, caller, bare, None)
    for port in ports_of.of_router(unit, value.id):
        ports_of.drop(unit, port)
    unit.delete(RESOURCES["routers"], value.id)


def _read(unit: Unit, router_id: str) -> Router:
    """As it stands in the store, with what is derived there."""
    router = unit.get(RESOURCES["routers"], router_id)
    if router is None:
        raise not_found("router", router_id)
    return cast("Router", router)


def _refuse_ha(given: dict[str, Any]) -> None:
    if given.get("ha"):
        raise rules.bad("highly available routers do not work here yet; leave 'ha' out, or give false")


def _migrated(unit: Unit, before: Router, after: Router, *, distributed: bool) -> Router:
    """Make a centralised router distributed, or the other way; it is down meanwhile, and was before."""
    if before.admin_state_up or after.admin_state_up:
        raise rules.bad(
            "Cannot change the 'distributed' attribute of active routers. "
            "Please set router admin_state_up to False prior to upgrade"
        )
    router = msgspec.structs.replace(after, distributed=distributed)
    owner = ROUTER_INTERFACE_DISTRIBUTED if distributed else ROUTER_INTERFACE
    for port in ports_of.interfaces(ports_of.of_router(unit, router.id)):
        ports_of.change(unit, port, device_owner=owner)
    if not distributed:
        router_gateway.drop_snat_ports(unit, router)
    else:
        association.refuse_forwarded_twice(unit, router)
        if ports_of.gateway(ports_of.of_router(unit, router.id)):
            router_gateway.make_snat_ports(unit, router)
            association.agent_gateways_of(unit, router)
    rules.check(unit, router)
    return router


OPERATIONS = Operations(
    create=create,
    update=update,
    delete=delete,
    members={
        "add_router_interface": Member(run=add_router_interface),
        "remove_router_interface": Member(run=remove_router_interface),
        "add_extraroutes": Member(run=router_routes.add_extraroutes, envelope=True),
        "remove_extraroutes": Member(run=router_routes.remove_extraroutes, envelope=True),
    },
)
