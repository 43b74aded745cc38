"""Subnets: their prefix, given or taken from a pool; their gateway and the addresses that ports are given."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from deuteron.domain.ipam import address_of, default_pools, hosts, network_of, text
from deuteron.identity.caller import Caller
from deuteron.resources import RESOURCES, refusal
from deuteron.resources.network import Network
from deuteron.resources.subnet import Subnet
from deuteron.resources.values import AllocationPool
from deuteron.service import addresses, pool_prefixes, subnet_rules
from deuteron.service.mtu import check_mtu
from deuteron.service.pool_prefixes import Prefix
from deuteron.service.sharing import visible
from deuteron.service.values import build, change, kept
from deuteron.store.store import Unit

#: Ports that go with their subnet and network.
AUTO_DELETE_OWNERS: Final = frozenset(
    {"network:dhcp", "network:distributed", "network:floatingip_agent_gateway"}
)
_INTERFACES: Final = addresses.INTERFACE_OWNERS


def create(unit: Unit, caller: Caller, given: dict[str, Any]) -> Subnet:
    """A new subnet on a network that the caller may see.

    Raises:
        NetworkNotFound: none that the caller may see.
        InvalidInput: it overlaps another of the network, or its parts do not fit each other.
        SubnetAllocationError: its pool has no such prefix left.
        Refusal: see :mod:`deuteron.service.subnet_rules` and :mod:`deuteron.service.pool_prefixes`.
    """
    network: Network | None = unit.peek(RESOURCES["networks"], given["network_id"])
    if network is None or not visible(unit, caller, network.id):
        raise refusal.NetworkNotFound(net_id=given["network_id"])
    pool = pool_prefixes.pool_for(unit, caller, given)
    subnet_rules.check_given(given, None)
    check_mtu(network, given["ip_version"])
    cidr = given.get("cidr") or ""
    prefix = network_of(cidr) if pool is None else pool_prefixes.take(unit, pool, given)
    gateway = _gateway(prefix, given)
    pools = _pools(prefix, gateway, given.get("allocation_pools"))
    others = unit.peek_all(RESOURCES["subnets"], network_id=network.id, ip_version=prefix.version)
    _check_prefix(network, prefix, others)
    pool_prefixes.check_affinity(unit, network.id, pool, given["ip_version"], others)
    rest = {
        name: value for name, value in given.items() if name not in ("gateway_ip", "allocation_pools", "cidr")
    }
    subnet: Subnet = build(
        RESOURCES["subnets"],
        rest,
        cidr=str(prefix),
        gateway_ip=gateway,
        allocation_pools=pools,
        subnetpool_id=None if pool is None else pool.id,
    )
    made: Subnet = unit.insert(RESOURCES["subnets"], subnet)
    if addresses.automatic(subnet):
        _number_ports(unit, subnet)
    shown: Subnet = change(RESOURCES["subnets"], made, {}, router_external=network.router_external)
    return shown


def update(unit: Unit, caller: Caller, value: Subnet, given: dict[str, Any]) -> Subnet:
    """The subnet with what is given; its prefix never changes.

    Raises:
        GatewayIpInUse: a router has the address that would no longer be the gateway.
        GatewayConflictWithAllocationPools, InvalidInput: its parts do not fit each other.
    """
    subnet_rules.check_given({**given, "ip_version": value.ip_version, "cidr": value.cidr}, value)
    gateway = given.get("gateway_ip", value.gateway_ip)
    if gateway != value.gateway_ip:
        _refuse_moved_gateway(unit, value)
    given = dict(given)
    if given.get("allocation_pools") is not None and "allocation_pools" in given:
        given["allocation_pools"] = _checked(network_of(value.cidr), given["allocation_pools"])
    pools = given.get("allocation_pools", value.allocation_pools)
    if gateway is not None and (gateway != value.gateway_ip or "allocation_pools" in given):
        _check_gateway_outside(gateway, pools)
    unit.update(RESOURCES["subnets"], change(RESOURCES["subnets"], value, given))
    return _again(unit, value)


def delete(unit: Unit, caller: Caller, value: Subnet) -> None:
    """The subnet is gone; ports lose the addresses that they made themselves.

    Raises:
        SubnetInUse: a router, or a port that was given an address, is on it.
    """
    used = ports_of(unit, value.id)
    if any(one.device_owner in _INTERFACES for one in used):
        raise in_use(value)
    if not addresses.automatic(value) and any(one.device_owner not in AUTO_DELETE_OWNERS for one in used):
        raise in_use(value)
    remove(unit, value)


def remove(unit: Unit, value: Subnet) -> None:
    """The subnet and the addresses that ports have of it, gone."""
    for one in ports_of(unit, value.id):
        left = tuple(fixed for fixed in one.fixed_ips if fixed.subnet_id != value.id)
        unit.update(RESOURCES["ports"], change(RESOURCES["ports"], one, {}, fixed_ips=left))
    pool_prefixes.give_back(unit, value)
    unit.delete(RESOURCES["subnets"], value.id)


def in_use(value: Subnet) -> refusal.SubnetInUse:
    """Neutron's 409 for a subnet that ports are on."""
    return refusal.SubnetInUse(
        subnet_id=value.id, reason="One or more ports have an IP allocation from this subnet"
    )


def ports_of(unit: Unit, subnet_id: str) -> list[Any]:
    """The ports with an address of a subnet."""
    return list(unit.find(RESOURCES["ports"], fixed_ips=f"subnet_id={subnet_id}"))


def _check_prefix(network: Network, prefix: Prefix, others: Iterable[Subnet]) -> None:
    if prefix.prefixlen == 0:
        raise refusal.InvalidInput(error_message="0 is not allowed as CIDR prefix length")
    for one in others:
        if pool_prefixes.overlap(prefix, network_of(one.cidr)):
            raise refusal.InvalidInput(
                error_message=f"Requested subnet with cidr: {prefix} for network: {network.id} overlaps with "
                "another subnet"
            )


def _gateway(prefix: Prefix, given: dict[str, Any]) -> str | None:
    """What is said, ``None`` included; else the first address."""
    if "gateway_ip" in given:
        said: str | None = given["gateway_ip"]
        return said
    return text(hosts(str(prefix)).first, prefix.version)


def _pools(
    prefix: Prefix, gateway: str | None, said: tuple[AllocationPool, ...] | None
) -> tuple[AllocationPool, ...]:
    if not said:
        inside = gateway is not None and address_of(gateway) in prefix
        ranges = default_pools(str(prefix), int(address_of(gateway)) if inside and gateway else None)
        return tuple(
            AllocationPool(text(one.first, prefix.version), text(one.last, prefix.version)) for one in ranges
        )
    pools = _checked(prefix, said)
    if gateway is not None:
        _check_gateway_outside(gateway, pools)
    return pools


def _checked(prefix: Prefix, pools: Iterable[AllocationPool]) -> tuple[AllocationPool, ...]:
    """Pools within the prefix, in the right order, that do not overlap."""
    allowed, seen = hosts(str(prefix)), list[tuple[int, int, str]]()
    for pool in pools:
        start, end = address_of(pool.start), address_of(pool.end)
        if start.version != prefix.version or end.version != prefix.version or int(start) > int(end):
            as_given = f"{{'start': '{pool.start}', 'end': '{pool.end}'}}"
            raise refusal.InvalidAllocationPool(pool=as_given)
        if int(start) < allowed.first or int(end) > allowed.last:
            raise refusal.OutOfBoundsAllocationPool(pool=_shown(pool), subnet_cidr=str(prefix))
        for first, last, other in seen:
            if int(start) <= last and first <= int(end):
                raise refusal.OverlappingAllocationPools(
                    pool_1=other, pool_2=_shown(pool), subnet_cidr=str(prefix)
                )
        seen.append((int(start), int(end), _shown(pool)))
    return tuple(pools)


def _check_gateway_outside(gateway: str, pools: Iterable[AllocationPool]) -> None:
    at = address_of(gateway)
    for pool in pools:
        if address_of(pool.start).version == at.version and int(address_of(pool.start)) <= int(at) <= int(
            address_of(pool.end)
        ):
            raise refusal.GatewayConflictWithAllocationPools(ip_address=gateway, pool=_shown(pool))


def _shown(pool: AllocationPool) -> str:
    return f"{pool.start}-{pool.end}"


def _refuse_moved_gateway(unit: Unit, value: Subnet) -> None:
    if value.gateway_ip is None:
        return
    holder = unit.holder(value.id, value.gateway_ip)
    port = None if holder is None else unit.get(RESOURCES["ports"], holder)
    if port is not None and port.device_owner in addresses.ROUTER_OWNERS:
        raise refusal.GatewayIpInUse(ip_address=value.gateway_ip, port_id=port.id)


def _number_ports(unit: Unit, subnet: Subnet) -> None:
    """Ports that are on the network already make their addresses on a new subnet of automatic ones."""
    for one in unit.find(RESOURCES["ports"], network_id=subnet.network_id):
        home = addresses.Home(one.network_id, one.device_owner, one.mac_address)
        if subnet.service_types and one.device_owner not in subnet.service_types:
            continue
        added = addresses.take(unit, home, addresses.automatics(home, [subnet]))
        if added:
            unit.update(
                RESOURCES["ports"], change(RESOURCES["ports"], one, {}, fixed_ips=(*one.fixed_ips, *added))
            )


def _again(unit: Unit, value: Subnet) -> Subnet:
    found: Subnet = kept(unit, RESOURCES["subnets"], value.id)
    return found


__all__ = ["AUTO_DELETE_OWNERS", "create", "delete", "in_use", "ports_of", "remove", "update"]
