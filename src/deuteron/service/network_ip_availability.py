"""How many addresses the networks have to give, and how many are in use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from ipaddress import ip_address, ip_network
from typing import Any

from deuteron.resources import RESOURCES
from deuteron.resources.network_ip_availability import NetworkIpAvailability, SubnetIpAvailability
from deuteron.resources.subnet import Subnet
from deuteron.store.store import Unit


def availability(
    unit: Unit, networks: Iterable[Any], versions: Collection[int] = ()
) -> list[NetworkIpAvailability]:
    """The counts of these networks: three statements, however many they are.

    Args:
        unit: where they are.
        networks: which.
        versions: the families that are meant, all where none is named; a network without is left out.
    """
    wanted = list(networks)
    ids = [one.id for one in wanted]
    if not ids:
        return []
    used: Counter[str] = Counter()
    for port in unit.find(RESOURCES["ports"], network_id=ids):
        used.update(fixed.subnet_id for fixed in port.fixed_ips)
    subnets: dict[str, list[SubnetIpAvailability]] = {}
    for subnet in unit.find(RESOURCES["subnets"], network_id=ids):
        if not versions or subnet.ip_version in versions:
            subnets.setdefault(subnet.network_id, []).append(_of(subnet, used[subnet.id]))
    meant = [one for one in wanted if one.id in subnets] if versions else wanted
    return [_network(one, tuple(subnets.get(one.id, ()))) for one in meant]


def _of(subnet: Subnet, used: int) -> SubnetIpAvailability:
    return SubnetIpAvailability(
        subnet_id=subnet.id,
        subnet_name=subnet.name,
        ip_version=subnet.ip_version,
        cidr=subnet.cidr,
        total_ips=_total(subnet),
        used_ips=used,
    )


def _total(subnet: Subnet) -> int:
    """The addresses of its pools; of a subnet without pools, all of its prefix."""
    if not subnet.allocation_pools:
        return ip_network(subnet.cidr).num_addresses
    return sum(int(ip_address(one.end)) - int(ip_address(one.start)) + 1 for one in subnet.allocation_pools)


def _network(network: Any, subnets: tuple[SubnetIpAvailability, ...]) -> NetworkIpAvailability:
    return NetworkIpAvailability(
        network_id=network.id,
        network_name=network.name,
        project_id=network.project_id,
        total_ips=sum(one.total_ips for one in subnets),
        used_ips=sum(one.used_ips for one in subnets),
        subnet_ip_availability=subnets,
    )
