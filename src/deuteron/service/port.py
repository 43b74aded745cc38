"""The rows of ports: made, changed and removed, with their MACs and addresses.

Everything that makes a port comes here, requests for ports (``port_verbs``) as routers and floating IPs, so
that MACs and addresses are given out in one place.  Who may do it is not asked here.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from typing import Any, Final

from deuteron.resources import RESOURCES, refusal
from deuteron.resources.port import Port
from deuteron.resources.values import FixedIp
from deuteron.service import addresses as ipam
from deuteron.service.values import build
from deuteron.service.values import change as changed
from deuteron.store.store import Unit

#: The first three octets of generated MACs: Neutron's ``base_mac``, a locally administered one (RFC 9542).
_BASE_MAC: Final = "fa:16:3e"
_MAC_TRIES: Final = 16
_UNBOUND: Final = frozenset({"", "unbound", "binding_failed"})


def make(unit: Unit, given: Mapping[str, Any], status: str = "DOWN") -> Port:
    """A new port of attributes by their JSON names; ``fixed_ips`` left out or ``None``: the network chooses.

    Raises:
        NetworkNotFound: there is no such network.
        MacAddressInUse: another port of the network has the MAC.
        Refusal: an address that is not to be had, see :mod:`deuteron.service.addresses`.
    """
    resource = RESOURCES["ports"]
    network_id = given["network_id"]
    if unit.peek(RESOURCES["networks"], network_id) is None:
        raise refusal.NetworkNotFound(net_id=network_id)
    mac = _mac(unit, network_id, given.get("mac_address"))
    home = ipam.Home(network_id, given.get("device_owner", ""), mac)
    subnets = ipam.candidates(unit, home)
    said = given.get("fixed_ips")
    wants = (
        ipam.first_choice(subnets)
        if said is None
        else ipam.asked(unit, home, subnets, map(ipam.as_fixed, said))
    )
    told = {want.subnets[0].id for want in wants if want.address}
    fixed = ipam.take(unit, home, [*wants, *ipam.automatics(home, subnets, told)])
    rest = {name: value for name, value in given.items() if name not in ("fixed_ips", "mac_address")}
    host = given.get("binding:host_id", "")
    more = {"mac_address": mac, "status": status, "binding_vif_type": _vif_type(unit, host)}
    port: Port = build(resource, rest, fixed_ips=tuple(fixed), **more)
    made: Port = unit.insert(resource, port)
    return made


def change(unit: Unit, port: Port, given: Mapping[str, Any]) -> Port:
    """The port with what is given; addresses that it has and keeps stay its own.

    Raises:
        MacAddressInUse: another port of the network has the MAC.
        Refusal: an address that is not to be had.
    """
    resource = RESOURCES["ports"]
    told = dict(given)
    mac = told.get("mac_address") or port.mac_address
    more: dict[str, Any] = {"mac_address": mac}
    told.pop("mac_address", None)
    if mac != port.mac_address:
        _mac(unit, port.network_id, mac)
    said = told.pop("fixed_ips", None)
    if said is not None or mac != port.mac_address:
        home = ipam.Home(port.network_id, told.get("device_owner", port.device_owner), mac)
        wanted = port.fixed_ips if said is None else [ipam.as_fixed(one) for one in said]
        more["fixed_ips"] = _readdress(unit, port, home, list(wanted))
    host = told.get("binding:host_id", port.binding_host_id)
    if host != port.binding_host_id:
        more |= {"binding_vif_type": _vif_type(unit, host), "status": "DOWN"}
    after: Port = unit.update(resource, changed(resource, port, told, **more))
    return after


def remove(unit: Unit, port: Port) -> None:
    """The port is gone, its addresses are free."""
    unit.delete(RESOURCES["ports"], port.id)


def _readdress(unit: Unit, port: Port, home: ipam.Home, wanted: Iterable[FixedIp]) -> tuple[FixedIp, ...]:
    subnets = ipam.candidates(unit, home)
    own = frozenset(one.id for one in subnets if ipam.automatic(one))
    unwilling = own if ipam.automatics(home, subnets) else frozenset[str]()
    new_mac = home.mac != port.mac_address
    stale = {one for one in port.fixed_ips if new_mac and one.subnet_id in unwilling}
    old = [one for one in port.fixed_ips if one not in stale]
    moves = ipam.moves(old, [one for one in wanted if one not in stale], unwilling)
    for one in (*moves.remove, *stale):
        unit.release(one.subnet_id, one.ip_address)
    wants = ipam.asked(unit, home, subnets, moves.add)
    handled = {one.subnet_id for one in moves.keep} | {one.subnets[0].id for one in wants if one.address}
    added = ipam.take(unit, home, [*wants, *ipam.automatics(home, subnets, handled)])
    return (*moves.keep, *added)


def _mac(unit: Unit, network_id: str, asked: str | None) -> str:
    """The MAC that is asked for, or one that no other port of the network has."""
    if asked:
        if unit.count_of(RESOURCES["ports"], network_id=network_id, mac_address=asked):
            raise refusal.MacAddressInUse(net_id=network_id, mac=asked)
        return asked
    return free_mac(unit, network_id)


def free_mac(unit: Unit, network_id: str) -> str:
    """A MAC that no port of the network has.

    Raises:
        ServiceUnavailable: chance found none.
    """
    for _ in range(_MAC_TRIES):
        tail = secrets.token_bytes(3)
        made = f"{_BASE_MAC}:{tail.hex(':')}"
        if not unit.count_of(RESOURCES["ports"], network_id=network_id, mac_address=made):
            return made
    raise refusal.ServiceUnavailable


def bound(port: Port) -> bool:
    """Whether a host serves the port."""
    return port.binding_vif_type not in _UNBOUND


def _vif_type(unit: Unit, host: str) -> str:
    """How the host carries the port: a tap, where an agent of ours reports from it."""
    if not host:
        return "unbound"
    return "tap" if unit.find(RESOURCES["agents"], host=host) else "binding_failed"
