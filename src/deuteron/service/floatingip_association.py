"""What a floating IP stands for: a port and its fixed address; its router, and the host's own port."""

from __future__ import annotations

import uuid
from typing import Any

import msgspec

from deuteron.domain.port import AGENT_GATEWAY
from deuteron.identity.caller import Caller
from deuteron.resources import RESOURCES
from deuteron.resources.floatingip import FloatingIp
from deuteron.resources.port import Port
from deuteron.resources.refusal import (
    BadRequest,
    Conflict,
    ExternalGatewayForFloatingIPNotFound,
    FloatingIPPortAlreadyAssociated,
    PortHasPortForwarding,
    RouterNotFound,
)
from deuteron.resources.router import Router
from deuteron.resources.subnet import Subnet
from deuteron.service import router_ports as ports_of
from deuteron.service.router_rules import is_ipv4
from deuteron.service.values import kept
from deuteron.store.store import Unit

_DHCP = "network:dhcp"


class Home(msgspec.Struct, frozen=True):
    """What a floating IP stands for, and the router that carries it; empty while it stands for nothing."""

    port_id: str | None = None
    fixed_ip_address: str | None = None
    router_id: str | None = None


def bad(sentence: str) -> BadRequest:
    """Neutron's 400 about a floating IP; the sentence is without its full stop."""
    return BadRequest(resource="floatingip", msg=sentence)


def at(floating: FloatingIp, home: Home) -> FloatingIp:
    """The floating IP at its new home; down until the agent has brought it there."""
    moved = home != Home(floating.port_id, floating.fixed_ip_address, floating.router_id)
    status = "DOWN" if moved else floating.status
    return msgspec.structs.replace(
        floating,
        port_id=home.port_id,
        fixed_ip_address=home.fixed_ip_address,
        router_id=home.router_id,
        status=status,
    )


# ---- what it stands for


def wanted(unit: Unit, caller: Caller, floating: FloatingIp, given: dict[str, Any]) -> Home:
    """Where a request wants the floating IP; what it does not say stays."""
    if given.get("fixed_ip_address") and not given.get("port_id"):
        raise bad("fixed_ip_address cannot be specified without a port_id")
    port_id = given.get("port_id", floating.port_id)
    if not port_id:
        # One that forwards ports keeps its router.
        return Home(router_id=floating.router_id if not floating.port_id else None)
    port: Port = ports_of.seen(unit, caller, "ports", port_id)
    asked = given.get("fixed_ip_address")
    if not asked and "port_id" not in given:
        asked = floating.fixed_ip_address
    subnet_id, address = _fixed(caller, floating, port, asked)
    router = _router(unit, floating, port, subnet_id, given.get("router_id"))
    _refuse_forwarded(unit, port, router, floating, address)
    _refuse_second(unit, floating, port, address)
    return Home(port_id=port.id, fixed_ip_address=address, router_id=router.id)


def _fixed(caller: Caller, floating: FloatingIp, port: Port, asked: str | None) -> tuple[str, str]:
    """The subnet and address of the port that are meant."""
    if port.project_id != floating.project_id and not caller.is_admin:
        raise bad(
            f"Cannot process floating IP association with Port {port.id}, "
            "since that port is owned by a different project"
        )
    if port.device_owner == _DHCP:
        raise bad(f"Port {port.id} is unable to be assigned a floating IP")
    if asked and not is_ipv4(asked):
        raise bad(f"Cannot process floating IP association with {asked}, since that is not an IPv4 address")
    four = [fixed for fixed in port.fixed_ips if is_ipv4(fixed.ip_address)]
    if asked:
        four = [fixed for fixed in four if fixed.ip_address == asked]
        if not four:
            raise bad(f"Port {port.id} does not have fixed ip {asked}")
    if not four:
        raise bad(f"Cannot add floating IP to port {port.id} that has no fixed IPv4 addresses")
    if len(four) > 1:
        raise bad(
            f"Port {port.id} has multiple fixed IPv4 addresses.  "
            "Must provide a specific IPv4 address when assigning a floating IP"
        )
    return four[0].subnet_id, four[0].ip_address


def _router(unit: Unit, floating: FloatingIp, port: Port, subnet_id: str, asked: str | None) -> Router:
    """The router that was asked for, or the one that reaches the port; either must do so."""
    if asked:
        router = unit.get(RESOURCES["routers"], asked)
        if router is None:
            raise RouterNotFound(router_id=asked)
        if _gateway_network(router) != floating.floating_network_id:
            raise Conflict(
                message=f"Router {asked} has no external gateway on network {floating.floating_network_id}."
            )
    found = router_between(unit, subnet_id, floating.floating_network_id, only=asked or "")
    if found is None:
        raise ExternalGatewayForFloatingIPNotFound(
            subnet_id=subnet_id, external_network_id=floating.floating_network_id, port_id=port.id
        )
    return found


def _gateway_network(router: Router) -> str:
    return router.external_gateway_info.network_id if router.external_gateway_info else ""


def router_between(unit: Unit, subnet_id: str, network_id: str, only: str = "") -> Router | None:
    """The router with an interface on the subnet and its gateway on the external network.

    Of several it is the one that has the subnet's gateway address, else the one of the lowest id.

    Args:
        unit: of work.
        subnet_id: of the fixed address.
        network_id: the external one.
        only: look at this router alone.
    """
    subnet: Subnet = kept(unit, RESOURCES["subnets"], subnet_id)
    owners = list(ports_of.INTERFACES)
    ports: list[Port] = unit.find(RESOURCES["ports"], network_id=subnet.network_id, device_owner=owners)
    here: dict[str, set[str]] = {}
    for port in ports:
        for fixed in port.fixed_ips:
            if fixed.subnet_id == subnet_id and only in ("", port.device_id):
                here.setdefault(port.device_id, set()).add(fixed.ip_address)
    routers: list[Router] = unit.find(RESOURCES["routers"], id=sorted(here)) if here else []
    fitting = [router for router in routers if _gateway_network(router) == network_id]
    return min(
        fitting, key=lambda router: (subnet.gateway_ip not in here[router.id], router.id), default=None
    )


def forwards(unit: Unit, **equal: Any) -> list[Any]:
    """The port forwardings whose attributes are these."""
    return unit.find(RESOURCES["port_forwardings"], **equal)


def _refuse_forwarded(unit: Unit, port: Port, router: Router, floating: FloatingIp, address: str) -> None:
    """Answers of a port with a floating IP leave by that: on a distributed router it is not forwarded to."""
    if router.distributed and forwards(unit, internal_port_id=port.id):
        raise PortHasPortForwarding(floating_ip_id=floating.id, port_id=port.id, fixed_ip=address)


def _refuse_second(unit: Unit, floating: FloatingIp, port: Port, address: str) -> None:
    others = unit.find(
        RESOURCES["floatingips"],
        port_id=port.id,
        fixed_ip_address=address,
        floating_network_id=floating.floating_network_id,
    )
    if any(other.id != floating.id for other in others):
        raise FloatingIPPortAlreadyAssociated(
            port_id=port.id,
            fip_id=floating.id,
            floating_ip_address=floating.floating_ip_address,
            fixed_ip=address,
            net_id=floating.floating_network_id,
        )


def refuse_forwarded_twice(unit: Unit, router: Router) -> None:
    """A router that becomes distributed has no port with both a floating IP and forwarded ports.

    Raises:
        BadRequest: it has; the sentence names the port.
    """
    floating: list[FloatingIp] = unit.find(RESOURCES["floatingips"], router_id=router.id)
    own = {one.port_id for one in floating if one.port_id}
    ids = [one.id for one in floating if not one.port_id]
    for rule in forwards(unit, floatingip_id=ids) if ids else []:
        if rule.internal_port_id in own:
            raise BadRequest(
                resource="router",
                msg=f"port {rule.internal_port_id} has a floating IP and is forwarded to, "
                "which a distributed router cannot do at once",
            )


# ---- distributed: the fip namespaces' ports


def serve(unit: Unit, floating: FloatingIp) -> None:
    """See to the host's port on the external network, where a distributed router serves the address there."""
    if floating.port_id is None or floating.router_id is None:
        return
    router: Router = kept(unit, RESOURCES["routers"], floating.router_id)
    port: Port = kept(unit, RESOURCES["ports"], floating.port_id)
    if router.distributed and port.binding_host_id:
        agent_gateway(unit, floating.floating_network_id, port.binding_host_id)


def agent_gateway(unit: Unit, network_id: str, host: str) -> Port:
    """The port that the fip namespace of a host has on an external network, made when it is first needed."""
    present: list[Port] = unit.find(
        RESOURCES["ports"], network_id=network_id, device_owner=AGENT_GATEWAY, binding_host_id=host
    )
    if present:
        return present[0]
    agents = unit.find(RESOURCES["agents"], host=host, agent_type="L3 agent")
    device = agents[0].id if agents else str(uuid.uuid5(uuid.NAMESPACE_DNS, host))
    return ports_of.make(unit, network_id=network_id, owner=AGENT_GATEWAY, device_id=device, host=host)


def agent_gateways_of(unit: Unit, router: Router) -> None:
    """See to the ports of every host that a router's floating IPs are on."""
    floating: list[FloatingIp] = unit.find(RESOURCES["floatingips"], router_id=router.id)
    for one in floating:
        serve(unit, one)
