"""What becomes of routers, floating IPs and forwardings when a request changes or deletes a port of theirs.

The ports' code calls these within its unit of work, so that both are done or neither.
"""

from __future__ import annotations

from collections.abc import Iterable

from deuteron.domain.validation import in_prefix
from deuteron.identity.caller import Caller
from deuteron.resources import RESOURCES
from deuteron.resources.floatingip import FloatingIp
from deuteron.resources.port import Port
from deuteron.resources.port_forwarding import PortForwarding
from deuteron.resources.refusal import BadRequest, FipAssociated, RouterInterfaceInUseByFloatingIP
from deuteron.resources.router import Router
from deuteron.service import floatingip_association as association
from deuteron.service import port_forwarding, router_gateway
from deuteron.service import router_ports as ports_of
from deuteron.service import router_rules as rules
from deuteron.store.store import Unit


def port_bound(unit: Unit, port: Port) -> None:
    """A port has come to a host: with a floating IP, the fip namespace there needs a port of its own."""
    for one in _of_port(unit, port.id):
        association.serve(unit, one)


def port_readdressed(unit: Unit, port: Port, addresses: Iterable[str]) -> None:
    """A port has these addresses now and no others.

    Its forwardings to other addresses go, as in Neutron; the router of a router's port stays sound.

    Raises:
        BadRequest: a floating IP stands for one that it has no longer, or the router could not be programmed.
        RouterInterfaceInUseByFloatingIP: a floating IP's subnet would be out of its router's reach.
    """
    kept = set(addresses)
    if any(one.fixed_ip_address not in kept for one in _of_port(unit, port.id)):
        raise BadRequest(
            resource="port",
            msg=f"Cannot update the fixed_ips of the port {port.id}, because its original fixed_ip "
            "has been associated to a floating ip",
        )
    if port.device_owner == ports_of.FLOATING_IP:
        raise BadRequest(
            resource="port", msg=f"the address of port {port.id} is that of a floating IP, which keeps it"
        )
    _forget_forwardings(unit, port, kept)
    if port.device_owner in ports_of.ROUTER_OWNERS:
        _router_readdressed(unit, port.device_id)


def port_deleted(unit: Unit, caller: Caller, port: Port) -> None:
    """Take floating IPs and forwardings from a port that is about to go.

    Raises:
        FipAssociated: a floating IP is another project's, which the caller does not take.
    """
    for one in _of_port(unit, port.id):
        if not caller.is_admin and one.project_id != caller.project_id:
            raise FipAssociated(port_id=port.id)
        unit.update(RESOURCES["floatingips"], association.at(one, association.Home()))
    _forget_forwardings(unit, port, set())


def _forget_forwardings(unit: Unit, port: Port, kept: set[str]) -> None:
    found: list[PortForwarding] = unit.find(RESOURCES["port_forwardings"], internal_port_id=port.id)
    port_forwarding.drop(unit, [rule for rule in found if rule.internal_ip_address not in kept])


def _router_readdressed(unit: Unit, router_id: str) -> None:
    router: Router | None = unit.get(RESOURCES["routers"], router_id)
    if router is None:
        return
    info = router.external_gateway_info
    router = router_gateway.with_gateway(
        unit, router, enable_snat=info is None or info.enable_snat is not False
    )
    rules.check(unit, router)
    _still_reached(unit, router)
    unit.update(RESOURCES["routers"], router)


def _still_reached(unit: Unit, router: Router) -> None:
    inside = ports_of.subnets_of(unit, ports_of.interfaces(ports_of.of_router(unit, router.id)))
    floating: list[FloatingIp] = unit.find(RESOURCES["floatingips"], router_id=router.id)
    for one in floating:
        fixed = [one.fixed_ip_address] if one.fixed_ip_address else []
        forwarded = unit.find(RESOURCES["port_forwardings"], floatingip_id=one.id)
        for address in (*fixed, *(rule.internal_ip_address for rule in forwarded)):
            if not any(in_prefix(address, subnet.cidr) for subnet in inside.values()):
                raise RouterInterfaceInUseByFloatingIP(subnet_id=f"of {address}", router_id=router.id)


def _of_port(unit: Unit, port_id: str) -> list[FloatingIp]:
    found: list[FloatingIp] = unit.find(RESOURCES["floatingips"], port_id=port_id)
    return found
