"""Floating IPs: an external address, and the port that it stands for.

The address belongs to a port of its own on the external network (``network:floatingip``), which no project
owns; so floating IPs, gateways and whatever else is there take their addresses in one place.
"""

from __future__ import annotations

from typing import Any, cast

import msgspec

from deuteron.identity.caller import Caller
from deuteron.resources import RESOURCES
from deuteron.resources.floatingip import FloatingIp
from deuteron.resources.network import Network
from deuteron.resources.refusal import ExternalIpAddressExhausted, FipInUseByPortForwarding, not_found
from deuteron.service import floatingip_association as association
from deuteron.service import router_ports as ports_of
from deuteron.service.call import Operations
from deuteron.service.ids import new_id
from deuteron.service.router_hooks import port_bound, port_deleted, port_readdressed
from deuteron.service.router_rules import is_ipv4
from deuteron.service.sharing import visible
from deuteron.service.values import build
from deuteron.store.store import Unit

_ASSOCIATION = frozenset({"port_id", "fixed_ip_address", "router_id"})


def create(unit: Unit, caller: Caller, given: dict[str, Any]) -> FloatingIp:
    """Take an address of an external network, and bring it to a port where one is given.

    Raises:
        NetworkNotFound, PortNotFound: none, or not for the caller's eyes.
        BadRequest: the network is not external, or has no IPv4; the address is its gateway's; the port is
            somebody else's, or has not the fixed address named.
        IpAddressGenerationFailure, IpAddressAlreadyAllocated: no such address is left.
        ExternalGatewayForFloatingIPNotFound: no router joins port and network.
        FloatingIPPortAlreadyAssociated: the fixed address has another one.
    """
    network_id = given["floating_network_id"]
    network: Network | None = unit.peek(RESOURCES["networks"], network_id)
    if network is None or not visible(unit, caller, network_id):
        raise not_found("network", network_id)
    _check_network(unit, network, given.get("floating_ip_address"))
    resource = RESOURCES["floatingips"]
    floating_id = new_id()
    address = _take_address(unit, network, floating_id, given)
    kept: dict[str, Any] = {
        name: given[name] for name in ("project_id", "description", "tags") if name in given
    }
    floating: FloatingIp = build(
        resource,
        kept,
        id=floating_id,
        floating_network_id=network.id,
        floating_ip_address=address,
        status="DOWN",  # The agent says otherwise, once the kernel has it.
    )
    home = association.wanted(unit, caller, floating, given)
    floating = association.at(floating, home)
    made: FloatingIp = unit.insert(resource, floating)
    if made.port_id is None and not made.tags:  # nothing else has anything to say of it
        return made
    association.serve(unit, floating)
    return _read(unit, floating_id)


def update(unit: Unit, caller: Caller, value: FloatingIp, given: dict[str, Any]) -> FloatingIp:
    """Describe it otherwise, associate it, or take it from its port (``port_id: null``).

    What says nothing of port, fixed address or router leaves the association as it is; what says nothing
    at all takes it from its port, as Neutron has it.

    Raises:
        FipInUseByPortForwarding: it forwards ports, and is not also a port's.
        Refusal: as `create`.
    """
    given = given or {"port_id": None}
    floating = msgspec.structs.replace(value, **{k: given[k] for k in ("description",) if k in given})
    if not _ASSOCIATION & given.keys():
        unit.update(RESOURCES["floatingips"], floating)
        return _read(unit, value.id)
    if given.get("port_id") and association.forwards(unit, floatingip_id=value.id):
        raise FipInUseByPortForwarding(id=value.id)
    home = association.wanted(unit, caller, value, given)
    floating = association.at(floating, home)
    unit.update(RESOURCES["floatingips"], floating)
    association.serve(unit, floating)
    return _read(unit, value.id)


def delete(unit: Unit, _caller: Caller, value: FloatingIp) -> None:
    """Delete it, and free its address.

    Raises:
        FipInUseByPortForwarding: it forwards ports.
    """
    if association.forwards(unit, floatingip_id=value.id):
        raise FipInUseByPortForwarding(id=value.id)
    unit.delete(RESOURCES["floatingips"], value.id)
    for port in unit.find(RESOURCES["ports"], device_id=value.id):
        if port.device_owner == ports_of.FLOATING_IP:
            ports_of.drop(unit, port)


def _read(unit: Unit, floating_id: str) -> FloatingIp:
    """As it stands in the store, with what is derived there."""
    floating = unit.get(RESOURCES["floatingips"], floating_id)
    if floating is None:
        raise not_found("floatingip", floating_id)
    return cast("FloatingIp", floating)


# ---- the external address


def _check_network(unit: Unit, network: Network, address: str | None) -> None:
    if not network.router_external:
        raise association.bad(f"Network {network.id} is not a valid external network")
    subnets = ports_of.on_network(unit, network.id)
    if not any(subnet.ip_version == 4 for subnet in subnets):
        raise association.bad(f"Network {network.id} does not contain any IPv4 subnet")
    if address and any(subnet.gateway_ip == address for subnet in subnets):
        raise association.bad(f"Floating IP address {address} is the gateway IP of its subnet")


def _take_address(unit: Unit, network: Network, floating_id: str, given: dict[str, Any]) -> str:
    wanted = {"subnet_id": given.get("subnet_id"), "ip_address": given.get("floating_ip_address")}
    fixed = {key: value for key, value in wanted.items() if value}
    port = ports_of.make(
        unit,
        network_id=network.id,
        owner=ports_of.FLOATING_IP,
        device_id=floating_id,
        fixed_ips=[fixed] if fixed else None,
    )
    address = next((one.ip_address for one in port.fixed_ips if is_ipv4(one.ip_address)), None)
    if address is None:
        raise ExternalIpAddressExhausted(net_id=network.id)
    return address


OPERATIONS = Operations(create=create, update=update, delete=delete)

__all__ = ["OPERATIONS", "create", "delete", "port_bound", "port_deleted", "port_readdressed", "update"]
