"""The prefix that a subnet takes from a subnet pool."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Final

from deuteron.domain.ipam import Range, text, without
from deuteron.identity.caller import Caller
from deuteron.resources import RESOURCES, refusal
from deuteron.resources.network import Network
from deuteron.resources.subnet import Subnet
from deuteron.resources.subnetpool import SubnetPool
from deuteron.store.blocks import Blocks
from deuteron.store.store import Unit

Prefix = IPv4Network | IPv6Network

_DELEGATION: Final = "prefix_delegation"
#: Bits of the unit in which a pool's quota is counted: an address, or a /64.
_UNIT: Final = {4: 32, 6: 64}
_BITS: Final = {4: 32, 6: 128}


def block(prefix: Prefix) -> tuple[int, int]:
    """A prefix as a block: its first address, and the power of two that it has of them."""
    return int(prefix.network_address), prefix.max_prefixlen - prefix.prefixlen


def span(prefix: Prefix) -> Range:
    """A prefix as the range of its addresses."""
    return Range(int(prefix.network_address), int(prefix.broadcast_address))


def overlap(one: Prefix, other: Prefix) -> bool:
    """Whether two prefixes have addresses in common."""
    return one.version == other.version and one.overlaps(other)


def within(one: Prefix, other: Prefix) -> bool:
    """Whether all addresses of one prefix are of the other."""
    return one.prefixlen >= other.prefixlen and overlap(one, other)


def _bad(sentence: str) -> refusal.BadRequest:
    return refusal.BadRequest(resource="subnets", msg=sentence)


def pool_for(unit: Unit, caller: Caller, given: dict[str, Any]) -> SubnetPool | None:
    """The pool that a new subnet takes its prefix from; ``None`` where it has one of its own.

    Raises:
        BadRequest: it says neither, or both, or what does not go together.
        SubnetPoolNotFound: none that the caller may see.
    """
    cidr, length = given.get("cidr"), given.get("prefixlen")
    if cidr and length is not None:
        raise _bad("cidr and prefixlen must not be supplied together")
    pool = _named(unit, caller, given)
    if pool is None:
        if not cidr:
            raise _bad("a subnetpool must be specified in the absence of a cidr")
        return None
    if not cidr and given.get("allocation_pools"):
        raise _bad("allocation_pools allowed only for specific subnet requests.")
    if given["ip_version"] != pool.ip_version:
        raise _bad(f"Cannot allocate IPv{given['ip_version']} subnet from IPv{pool.ip_version} subnet pool")
    return pool


def _named(unit: Unit, caller: Caller, given: dict[str, Any]) -> SubnetPool | None:
    pool_id, default = given.get("subnetpool_id"), given.get("use_default_subnetpool", False)
    if default and pool_id:
        raise _bad("subnetpool_id and use_default_subnetpool cannot both be specified")
    if pool_id == _DELEGATION:
        raise _bad("Prefix Delegation is not available here")
    if pool_id:
        found: SubnetPool | None = unit.get(RESOURCES["subnetpools"], pool_id, caller)
        if found is None:
            raise refusal.SubnetPoolNotFound(subnetpool_id=pool_id)
        return found
    if not default:
        return None
    version = given["ip_version"]
    pools: list[SubnetPool] = unit.find(RESOURCES["subnetpools"], is_default=True, ip_version=version)
    if not pools:
        raise _bad(f"No default subnetpool found for IPv{version}")
    return pools[0]


def take(unit: Unit, pool: SubnetPool, given: dict[str, Any]) -> Prefix:
    """The prefix: the one that is asked for, or one of the smallest that is free, as Neutron chooses.

    Raises:
        MinPrefixSubnetAllocationError, MaxPrefixSubnetAllocationError: longer or shorter than the pool gives.
        SubnetPoolQuotaExceeded: the project has its share.
        SubnetAllocationError: it is not free.
    """
    wanted = ip_network(given["cidr"]) if given.get("cidr") else None
    length = _length(pool, given) if wanted is None else wanted.prefixlen
    if length > pool.max_prefixlen:
        raise refusal.MaxPrefixSubnetAllocationError(prefixlen=length, max_prefixlen=pool.max_prefixlen)
    if length < pool.min_prefixlen:
        raise refusal.MinPrefixSubnetAllocationError(prefixlen=length, min_prefixlen=pool.min_prefixlen)
    _check_quota(unit, pool, given["project_id"], length)
    if wanted is None:
        first = _free(unit, pool).take_best(_BITS[pool.ip_version] - length)
        if first is None:
            raise refusal.SubnetAllocationError(
                reason=f"Insufficient prefix space to allocate subnet size /{length}"
            )
        return ip_network(f"{text(first, pool.ip_version)}/{length}")
    if wanted.version != pool.ip_version or not _free(unit, pool).take(*block(wanted)):
        raise refusal.SubnetAllocationError(
            reason="Cannot allocate requested subnet from the available set of prefixes"
        )
    return wanted


def give_back(unit: Unit, subnet: Subnet) -> None:
    """A subnet is going: its prefix is its pool's again."""
    if subnet.subnetpool_id is not None:
        unit.blocks(subnet.subnetpool_id).give_back(*block(ip_network(subnet.cidr)))


def _free(unit: Unit, pool: SubnetPool) -> Blocks:
    """What the pool has left."""
    blocks = unit.blocks(pool.id)
    if not blocks.known:
        subnets: list[Subnet] = unit.peek_all(RESOURCES["subnets"], subnetpool_id=pool.id)
        used = sorted(span(ip_network(one.cidr)) for one in subnets)
        blocks.begin(without([span(ip_network(one)) for one in pool.prefixes], used))
    return blocks


def check_affinity(
    unit: Unit, network_id: str, pool: SubnetPool | None, ip_version: int, others: Iterable[Subnet]
) -> None:
    """A network's subnets of one family are of one pool, or of pools of one address scope.

    Raises:
        NetworkAddressScopeAffinityError, NetworkSubnetPoolAffinityError: they would not be.
    """
    scope = None if pool is None else _scope(unit, network_id, ip_version)
    if scope is not None and pool is not None and pool.address_scope_id != scope:
        raise refusal.NetworkAddressScopeAffinityError
    for one in others:
        same = one.subnetpool_id == (None if pool is None else pool.id)
        if not same and not (pool is not None and scope is not None):
            raise refusal.NetworkSubnetPoolAffinityError


def _scope(unit: Unit, network_id: str, ip_version: int) -> str | None:
    network: Network | None = unit.get(RESOURCES["networks"], network_id)
    if network is None:
        return None
    return network.ipv4_address_scope if ip_version == 4 else network.ipv6_address_scope


def _length(pool: SubnetPool, given: dict[str, Any]) -> int:
    asked = given.get("prefixlen")
    return pool.default_prefixlen if asked is None else int(asked)


def _check_quota(unit: Unit, pool: SubnetPool, project_id: str, length: int) -> None:
    if not pool.default_quota:
        return
    bits = _UNIT[pool.ip_version]
    own: list[Subnet] = unit.peek_all(RESOURCES["subnets"], project_id=project_id, subnetpool_id=pool.id)
    units = sum(2.0 ** (bits - ip_network(one.cidr).prefixlen) for one in own)
    if units + 2.0 ** (bits - length) > pool.default_quota:
        raise refusal.SubnetPoolQuotaExceeded
