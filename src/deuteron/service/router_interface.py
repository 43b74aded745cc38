"""Interfaces of routers: added and removed, by subnet or by port."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from deuteron.domain.validation import address_number, in_prefix
from deuteron.identity.caller import Caller
from deuteron.resources import RESOURCES
from deuteron.resources.port import Port
from deuteron.resources.refusal import (
    PortInUse,
    PortNotFound,
    RouterInterfaceInUseByFloatingIP,
    RouterInterfaceInUseByRoute,
    RouterInterfaceNotFound,
    RouterInterfaceNotFoundForSubnet,
    SubnetMismatchForPort,
)
from deuteron.resources.router import Router
from deuteron.resources.subnet import Subnet
from deuteron.service import router_gateway, router_routes, sharing
from deuteron.service import router_ports as ports_of
from deuteron.service import router_rules as rules
from deuteron.store.store import Unit


def add_router_interface(unit: Unit, caller: Caller, router: Router, body: dict[str, Any]) -> dict[str, Any]:
    """Join the router to a subnet: by its id (the port has the subnet's gateway address), or by a port.

    Raises:
        SubnetNotFound, PortNotFound: none, or not for the caller's eyes.
        PortInUse: the port is something else's.
        BadRequest: the subnet has no gateway, overlaps another one of the router's, is not the caller's.
    """
    port_id, subnet_id = _asked(body)
    if port_id and subnet_id:
        raise rules.bad("Cannot specify both subnet-id and port-id")
    if port_id:
        port, subnets = _add_port(unit, caller, router, port_id)  # nosec R103 # the unit of work takes it back
    else:
        port, subnets = _add_subnet(unit, caller, router, subnet_id)
    if router.distributed and ports_of.gateway(ports_of.of_router(unit, router.id)):
        router_gateway.make_snat_ports(unit, router)
    rules.check(unit, router)
    unit.update(RESOURCES["routers"], router)  # Its revision counts its interfaces, as Neutron's does.
    return _told(router, port, [subnet.id for subnet in subnets])


def remove_router_interface(
    unit: Unit, caller: Caller, router: Router, body: dict[str, Any]
) -> dict[str, Any]:
    """Take the router off a subnet, or delete one of its interfaces.

    Raises:
        RouterInterfaceNotFound, RouterInterfaceNotFoundForSubnet: it has no such interface.
        SubnetMismatchForPort: both are named, and do not belong together.
        RouterInterfaceInUseByFloatingIP, RouterInterfaceInUseByRoute: something needs it.
    """
    port_id, subnet_id = _asked(body)
    inside = ports_of.interfaces(ports_of.of_router(unit, router.id))
    if port_id:
        port, subnets = _remove_port(unit, router, inside, port_id, subnet_id)
    else:
        subnet = ports_of.seen(unit, caller, "subnets", subnet_id)
        port, subnets = _remove_subnet(unit, router, inside, subnet), [subnet]
    router_gateway.drop_snat_ports(unit, router, frozenset(subnet.id for subnet in subnets))
    unit.update(RESOURCES["routers"], router)
    return _told(router, port, [subnet.id for subnet in subnets])


def _asked(body: dict[str, Any]) -> tuple[str, str]:
    """``port_id`` and ``subnet_id``; "" for the one that is not given."""
    if "port_id" not in body and "subnet_id" not in body:
        raise rules.bad("Either subnet_id or port_id must be specified")
    for key in ("port_id", "subnet_id"):
        if key in body and not _is_uuid(body[key]):
            raise rules.bad(f"'{body[key]}' is not a valid UUID")
    return body.get("port_id", ""), body.get("subnet_id", "")


def _is_uuid(value: object) -> bool:
    try:
        return isinstance(value, str) and str(uuid.UUID(value)).replace("-", "") == value.lower().replace(
            "-", ""
        )
    except ValueError:
        return False


def _told(router: Router, port: Port, subnets: Sequence[str]) -> dict[str, Any]:
    return {
        "id": router.id,
        "project_id": port.project_id,
        "port_id": port.id,
        "network_id": port.network_id,
        "subnet_id": subnets[-1],
        "subnet_ids": list(subnets),
    }


# ---- by port


def _add_port(unit: Unit, caller: Caller, router: Router, port_id: str) -> tuple[Port, list[Subnet]]:
    port: Port = ports_of.seen(unit, caller, "ports", port_id)
    if not caller.is_admin and port.project_id != caller.project_id:
        # The owner of a network sees others' ports on it, and does not thereby own them (OSSA-2014-008).
        raise PortNotFound(port_id=port_id)
    if port.device_id:
        raise PortInUse(net_id=port.network_id, port_id=port.id, device_id=port.device_id)
    if port.binding_profile:
        # An instance has it in its namespace or behind its tap.
        raise PortInUse(net_id=port.network_id, port_id=port.id, device_id="")
    subnets = _subnets_of_port(unit, port)
    _refuse_second_ipv6(unit, router, port)
    _fits_beside(unit, router, subnets)
    if sum(subnet.ip_version == 4 for subnet in subnets) > 1:
        raise rules.bad("Cannot have multiple IPv4 subnets on router port")
    _refuse_foreign_address(caller, port, subnets)
    owner = ports_of.interface_owner(router)
    return ports_of.change(unit, port, device_id=router.id, device_owner=owner), subnets


def _subnets_of_port(unit: Unit, port: Port) -> list[Subnet]:
    if not port.fixed_ips:
        raise rules.bad("Router port must have at least one fixed IP")
    found = ports_of.subnets_of(unit, [port])
    subnets = [found[fixed.subnet_id] for fixed in port.fixed_ips]
    for subnet in subnets:
        rules.address_mode_fits(subnet)
    return subnets


def _refuse_second_ipv6(unit: Unit, router: Router, port: Port) -> None:
    """One IPv6 interface for a network: its subnets share router advertisements."""
    if all(rules.is_ipv4(fixed.ip_address) for fixed in port.fixed_ips):
        return
    for other in ports_of.interfaces(ports_of.of_router(unit, router.id)):
        if other.network_id == port.network_id and _has_ipv6(other):
            raise rules.bad(
                f"Router already contains IPv6 port {other.id} belonging to network id {other.network_id}. "
                "Only one IPv6 port from the same network subnet can be connected to a router."
            )


def _has_ipv6(port: Port) -> bool:
    return any(not rules.is_ipv4(fixed.ip_address) for fixed in port.fixed_ips)


def _refuse_foreign_address(caller: Caller, port: Port, subnets: Iterable[Subnet]) -> None:
    """On another project's subnet a tenant's router has an address of the pools alone (CVE-2018-14635)."""
    if caller.is_admin:
        return
    by_id = {subnet.id: subnet for subnet in subnets}
    for fixed in port.fixed_ips:
        subnet = by_id[fixed.subnet_id]
        if subnet.project_id != caller.project_id and not _in_pools(fixed.ip_address, subnet):
            raise rules.bad(
                f"Cannot add interface to router because specified port {port.id} has an IP address out of "
                f"the allocation pool of subnet {subnet.id}, "
                "which is not owned by the project making the request"
            )


def _in_pools(address: str, subnet: Subnet) -> bool:
    number = address_number(address)
    return any(
        address_number(pool.start) <= number <= address_number(pool.end) for pool in subnet.allocation_pools
    )


# ---- by subnet


def _add_subnet(unit: Unit, caller: Caller, router: Router, subnet_id: str) -> tuple[Port, list[Subnet]]:
    subnet: Subnet = ports_of.seen(unit, caller, "subnets", subnet_id)
    if not subnet.gateway_ip:
        raise rules.bad("Subnet for router interface must have a gateway IP")
    _refuse_foreign_subnet(unit, caller, subnet)
    rules.address_mode_fits(subnet)
    _fits_beside(unit, router, [subnet])
    fixed = {"subnet_id": subnet.id, "ip_address": subnet.gateway_ip}
    if subnet.ip_version == 6:
        for port in ports_of.interfaces(ports_of.of_router(unit, router.id)):
            if port.network_id == subnet.network_id and _has_ipv6(port):
                joined = ports_of.readdress(unit, port, [*ports_of.as_given(port), fixed])
                return joined, [subnet]
    made = ports_of.make(
        unit,
        network_id=subnet.network_id,
        owner=ports_of.interface_owner(router),
        device_id=router.id,
        fixed_ips=[fixed],
        project_id=router.project_id,
    )
    return made, [subnet]


def _refuse_foreign_subnet(unit: Unit, caller: Caller, subnet: Subnet) -> None:
    """Of a subnet shared with everybody nobody takes the gateway address (LP 1757482)."""
    if caller.is_admin or subnet.project_id == caller.project_id:
        return
    if caller.project_id not in sharing.targets(unit, subnet.network_id, sharing.SHARED):
        raise rules.bad(
            f"Cannot add interface to router because subnet {subnet.id} "
            "is not owned by project making the request"
        )


def _fits_beside(unit: Unit, router: Router, subnets: Iterable[Subnet]) -> None:
    present = ports_of.subnets_of(unit, ports_of.of_router(unit, router.id))
    outside = {subnet.id: subnet for subnet in router_gateway.external_subnets(unit, router)}
    rules.no_overlap({**outside, **present}.values(), subnets)


# ---- away


def _remove_port(
    unit: Unit, router: Router, inside: Sequence[Port], port_id: str, subnet_id: str
) -> tuple[Port, list[Subnet]]:
    port = next((port for port in inside if port.id == port_id), None)
    if port is None:
        raise RouterInterfaceNotFound(router_id=router.id, port_id=port_id)
    subnets = list(ports_of.subnets_of(unit, [port]).values())
    if subnet_id and subnet_id not in {subnet.id for subnet in subnets}:
        raise SubnetMismatchForPort(port_id=port_id, subnet_id=subnet_id)
    for subnet in subnets:
        _refuse_in_use(unit, router, subnet)
    ports_of.drop(unit, port)
    return port, subnets


def _remove_subnet(unit: Unit, router: Router, inside: Sequence[Port], subnet: Subnet) -> Port:
    for port in inside:
        kept = [one for one in ports_of.as_given(port) if one["subnet_id"] != subnet.id]
        if len(kept) == len(port.fixed_ips):
            continue
        _refuse_in_use(unit, router, subnet)
        if kept:
            ports_of.readdress(unit, port, kept)
        else:
            ports_of.drop(unit, port)
        return port
    raise RouterInterfaceNotFoundForSubnet(router_id=router.id, subnet_id=subnet.id)


def _refuse_in_use(unit: Unit, router: Router, subnet: Subnet) -> None:
    floating = unit.find(RESOURCES["floatingips"], router_id=router.id)
    addresses = [one.fixed_ip_address for one in floating if one.fixed_ip_address]
    ids = [one.id for one in floating]
    rows = unit.find(RESOURCES["port_forwardings"], floatingip_id=ids) if ids else []
    addresses += [row.internal_ip_address for row in rows]
    if any(in_prefix(address, subnet.cidr) for address in addresses):
        raise RouterInterfaceInUseByFloatingIP(router_id=router.id, subnet_id=subnet.id)
    if router_routes.in_use(router, subnet.cidr):
        raise RouterInterfaceInUseByRoute(router_id=router.id, subnet_id=subnet.id)
