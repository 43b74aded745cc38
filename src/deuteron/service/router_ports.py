"""The ports that routers, floating IPs and fip namespaces own, and what they stand on.

They are rows like every port, made by the ports' own code, so that addresses and MACs are taken in one place.
They differ in who owns them: the id of a router or floating IP in ``device_id``, which nobody else writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from deuteron.domain.port import (
    AGENT_GATEWAY,
    ROUTER_GATEWAY,
    ROUTER_INTERFACE,
    ROUTER_INTERFACE_DISTRIBUTED,
    ROUTER_SNAT,
)
from deuteron.identity.caller import Caller
from deuteron.resources import RESOURCES
from deuteron.resources.network import Network
from deuteron.resources.port import Port
from deuteron.resources.refusal import not_found
from deuteron.resources.router import Router
from deuteron.resources.subnet import Subnet
from deuteron.service import port as port_service
from deuteron.store.query import Query
from deuteron.store.store import Unit

FLOATING_IP = "network:floatingip"
INTERFACES = (ROUTER_INTERFACE, ROUTER_INTERFACE_DISTRIBUTED)
ROUTER_OWNERS = (*INTERFACES, ROUTER_SNAT, ROUTER_GATEWAY)


def interface_owner(router: Router) -> str:
    """``device_owner`` of the router's interfaces."""
    return ROUTER_INTERFACE_DISTRIBUTED if router.distributed else ROUTER_INTERFACE


def of_router(unit: Unit, router_id: str) -> list[Port]:
    """Every port that the router owns: interfaces, gateway, SNAT ports."""
    found: list[Port] = unit.find(RESOURCES["ports"], device_id=router_id)
    return [port for port in found if port.device_owner in ROUTER_OWNERS]


def interfaces(ports: Iterable[Port]) -> list[Port]:
    """The internal ones among a router's ports."""
    return [port for port in ports if port.device_owner in INTERFACES]


def gateway(ports: Iterable[Port]) -> Port | None:
    """The one on the external network among a router's ports."""
    return next((port for port in ports if port.device_owner == ROUTER_GATEWAY), None)


def snat(ports: Iterable[Port]) -> list[Port]:
    """The centralised SNAT ones among a distributed router's ports."""
    return [port for port in ports if port.device_owner == ROUTER_SNAT]


def subnets_of(unit: Unit, ports: Iterable[Port]) -> dict[str, Subnet]:
    """The subnets that the ports have addresses on, by id, in one statement."""
    ids = sorted({fixed.subnet_id for port in ports for fixed in port.fixed_ips})
    found: list[Subnet] = unit.find(RESOURCES["subnets"], id=ids) if ids else []
    return {subnet.id: subnet for subnet in found}


def on_network(unit: Unit, network_id: str) -> list[Subnet]:
    """The subnets of a network, by their own rows alone: see ``Unit.peek``."""
    return list(unit.peek_all(RESOURCES["subnets"], network_id=network_id))


def make(
    unit: Unit,
    *,
    network_id: str,
    owner: str,
    device_id: str,
    fixed_ips: Sequence[Mapping[str, str]] | None = None,
    project_id: str = "",
    host: str = "",
) -> Port:
    """Make a port for ``owner``; without ``fixed_ips`` the network chooses its addresses.

    Raises:
        Refusal: an address that is not to be had, as for every port.
    """
    given: dict[str, Any] = {
        "network_id": network_id,
        "device_owner": owner,
        "device_id": device_id,
        "project_id": project_id,
        "admin_state_up": True,
        "name": "",
    }
    if host:
        given["binding:host_id"] = host
    if fixed_ips:
        given["fixed_ips"] = [dict(fixed) for fixed in fixed_ips]
    # No device is behind a floating IP's, so there is nothing that could be up or down.
    return port_service.make(unit, given, status="N/A" if owner == FLOATING_IP else "DOWN")


def readdress(unit: Unit, port: Port, fixed_ips: Sequence[Mapping[str, str]]) -> Port:
    """Give the port these addresses and no others; those that it has and keeps stay its own."""
    return port_service.change(unit, port, {"fixed_ips": [dict(fixed) for fixed in fixed_ips]})


def change(unit: Unit, port: Port, **given: Any) -> Port:
    """Change what no tenant may: owner and device."""
    return port_service.change(unit, port, given)


def drop(unit: Unit, port: Port) -> None:
    """Delete the port and free its addresses."""
    unit.delete(RESOURCES["ports"], port.id)


def as_given(port: Port) -> list[dict[str, str]]:
    """The port's addresses, as a body would give them."""
    return [{"subnet_id": fixed.subnet_id, "ip_address": fixed.ip_address} for fixed in port.fixed_ips]


def seen(unit: Unit, caller: Caller, collection: str, id: str) -> Any:  # noqa: A002  the API's name
    """A resource that the caller may see: own, shared or external, or any for an administrator.

    Raises:
        NotFound: there is none, or it is not for this caller's eyes; the two are not told apart.
    """
    resource = RESOURCES[collection]
    query = Query(resource=resource, filters=(("id", (id,)),), visible_to=None if caller.is_admin else caller)
    found = unit.list(query)
    if not found:
        raise not_found(resource.name, id)
    return found[0]


def network(unit: Unit, network_id: str) -> Network:
    """A network that is known to exist.

    Raises:
        NotFound: it does not.
    """
    found: Network | None = unit.get(RESOURCES["networks"], network_id)
    if found is None:
        raise not_found("network", network_id)
    return found


__all__ = ["AGENT_GATEWAY", "FLOATING_IP", "INTERFACES", "ROUTER_GATEWAY", "ROUTER_OWNERS", "ROUTER_SNAT"]
