"""What requests do to ports, with the guards that protect other projects and the network itself.

A port that poses as a router's is how one project reached into another's router (OSSA-2014-008); how one
that began as an instance's and became the network's got out of filtering (OSSA-2015-018).  So the ports
that routers and floating IPs own are made, moved and removed by the actions of those alone.
"""

from __future__ import annotations

from typing import Any, Final

from deuteron.domain.port import ROUTER_INTERFACE, ROUTER_INTERFACE_DISTRIBUTED
from deuteron.identity.caller import Caller
from deuteron.resources import RESOURCES, refusal
from deuteron.resources.port import Port
from deuteron.service import addresses as ipam
from deuteron.service import port, router_hooks
from deuteron.service.router_rules import is_ipv4
from deuteron.service.sharing import visible
from deuteron.store.store import Unit

_FLOATING: Final = "network:floatingip"
#: Owners of ports that routers, floating IPs and the agent make for themselves.
OWNED: Final = ipam.ROUTER_OWNERS | {
    _FLOATING,
    "network:floatingip_agent_gateway",
    "network:router_ha_interface",
}


def create(unit: Unit, caller: Caller, given: dict[str, Any]) -> Port:
    """A port on a network that the caller may use, DOWN until the kernel says otherwise.

    Raises:
        NetworkNotFound: none that the caller may see.
        DeviceIDNotOwnedByTenant: it poses as another project's router.
        Refusal: MAC or addresses are not to be had.
    """
    if not visible(unit, caller, given["network_id"]):
        raise refusal.NetworkNotFound(net_id=given["network_id"])
    _refuse_posing(unit, given.get("device_owner", ""), given.get("device_id", ""), given["project_id"])
    if given.get("mac_address") is None:
        given = {name: value for name, value in given.items() if name != "mac_address"}
    made = port.make(unit, given)
    if made.binding_host_id:
        router_hooks.port_bound(unit, made)
    return made


def update(unit: Unit, caller: Caller, value: Port, given: dict[str, Any]) -> Port:
    """The port with what is given; a MAC of ``null`` asks for a new one.

    Raises:
        DeviceIDNotOwnedByTenant: it would pose as another project's router.
        UnsupportedPortDeviceOwner: it is a router's, and would become somebody else's or get another MAC.
        PortBound: a MAC that is in use on a host.
        BadRequest: the IPv4 address of a router's interface would change.
        Refusal: MAC or addresses are not to be had.
    """
    owner, device = given.get("device_owner", value.device_owner), given.get("device_id", value.device_id)
    if (owner, device) != (value.device_owner, value.device_id):
        if value.device_owner in OWNED:
            raise _unsupported("device update", value)
        _refuse_posing(unit, owner, device, value.project_id)
    if "mac_address" in given and given["mac_address"] is None:
        given = {**given, "mac_address": port.free_mac(unit, value.network_id)}
    mac = given.get("mac_address")
    if mac and mac != value.mac_address:
        _refuse_mac(value, owner, mac)
    changed = port.change(unit, value, given)
    if changed.fixed_ips != value.fixed_ips:
        _refuse_moved_leg(value, changed)
        router_hooks.port_readdressed(unit, changed, [one.ip_address for one in changed.fixed_ips])
    if changed.binding_host_id != value.binding_host_id:
        router_hooks.port_bound(unit, changed)
    return changed


def delete(unit: Unit, caller: Caller, value: Port) -> None:
    """The port is gone; floating IPs that stood for it stand for nothing.

    Raises:
        ServicePortInUse: a router or a floating IP needs it.
    """
    if value.device_owner in OWNED and value.fixed_ips and _owner_lives(unit, value):
        raise refusal.ServicePortInUse(port_id=value.id, reason=f"has device owner {value.device_owner}")
    router_hooks.port_deleted(unit, caller, value)
    port.remove(unit, value)


def _refuse_posing(unit: Unit, owner: str, device_id: str, project_id: str) -> None:
    """A port is a router's by the router's own actions alone, whoever asks."""
    if owner not in OWNED:
        return
    router = unit.get(RESOURCES["routers"], device_id) if device_id else None
    if router is not None and router.project_id != project_id:
        raise refusal.DeviceIDNotOwnedByTenant(device_id=device_id)
    raise refusal.InvalidInput(
        error_message=f"ports with device_owner {owner} are made by the actions of routers and floating IPs"
    )


def _refuse_mac(value: Port, owner: str, mac: str) -> None:
    if owner.startswith("network:"):
        raise _unsupported("mac address update", value)
    if port.bound(value):
        raise refusal.PortBound(
            port_id=value.id, vif_type=value.binding_vif_type, old_mac=value.mac_address, new_mac=mac
        )


def _refuse_moved_leg(before: Port, after: Port) -> None:
    """What routes through an interface has its address as gateway or next hop; remove it and add another."""
    if before.device_owner in (ROUTER_INTERFACE, ROUTER_INTERFACE_DISTRIBUTED) and _four(before) != _four(
        after
    ):
        raise refusal.BadRequest(resource="ports", msg=f"IP updates for port {before.id} are not allowed")


def _four(one: Port) -> set[str]:
    return {fixed.ip_address for fixed in one.fixed_ips if is_ipv4(fixed.ip_address)}


def _unsupported(op: str, value: Port) -> refusal.UnsupportedPortDeviceOwner:
    return refusal.UnsupportedPortDeviceOwner(op=op, device_owner=value.device_owner, port_id=value.id)


def _owner_lives(unit: Unit, value: Port) -> bool:
    kind = "floatingips" if value.device_owner == _FLOATING else "routers"
    return value.device_owner == "network:floatingip_agent_gateway" or (
        unit.get(RESOURCES[kind], value.device_id) is not None
    )
