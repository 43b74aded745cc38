"""Which addresses a port gets: the choice of subnets that Neutron's IPAM makes, and the addresses themselves.

Without ``fixed_ips`` a port gets one address of one IPv4 subnet and one of one IPv6 subnet that has no
automatic addresses, the first of each that has any left; and one of each IPv6 subnet with automatic
addresses (SLAAC or stateless DHCPv6), made of its MAC (EUI-64, RFC 4291 appendix A).  Routers' ports get no
automatic ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import IPv6Address
from typing import Any, Final

import msgspec

from deuteron.domain.ipam import address_of, network_of
from deuteron.domain.port import ROUTER_GATEWAY, ROUTER_INTERFACE, ROUTER_INTERFACE_DISTRIBUTED, ROUTER_SNAT
from deuteron.resources import RESOURCES, refusal
from deuteron.resources.subnet import Subnet
from deuteron.resources.values import FixedIp
from deuteron.store.store import Unit

INTERFACE_OWNERS: Final = frozenset(
    {ROUTER_INTERFACE, ROUTER_INTERFACE_DISTRIBUTED, "network:ha_router_replicated_interface"}
)
#: Owners whose ports may have the first address of an IPv6 subnet (the subnet-router anycast address).
ROUTER_OWNERS: Final = INTERFACE_OWNERS | {ROUTER_SNAT, ROUTER_GATEWAY}
_NO_AUTOMATIC: Final = INTERFACE_OWNERS | {ROUTER_SNAT}
_AUTOMATIC: Final = frozenset({"slaac", "dhcpv6-stateless"})


class AllocationOnAutoAddressSubnet(refusal.BadRequest):
    """An automatic address is what the MAC makes it, and no other."""

    sentence = (
        "IPv6 address {ip} cannot be directly assigned to a port on subnet {subnet_id} as the "
        "subnet is configured for automatic addresses"
    )


class Home(msgspec.Struct, frozen=True):
    """The port that addresses are for."""

    network_id: str
    owner: str
    mac: str


class Want(msgspec.Struct, frozen=True):
    """One address that is wanted: this one, or any of the first of these subnets that has one left."""

    subnets: tuple[Subnet, ...]
    address: str = ""


def automatic(subnet: Subnet) -> bool:
    """Whether hosts make their own addresses on the subnet."""
    return subnet.ipv6_address_mode in _AUTOMATIC or subnet.ipv6_ra_mode in _AUTOMATIC


def eui64(cidr: str, mac: str) -> str:
    """The address that a MAC makes in a /64 (RFC 4291 appendix A)."""
    octets = bytearray(bytes.fromhex(mac.replace(":", "")))
    octets[0] ^= 0x02
    interface = int.from_bytes(octets[:3] + b"\xff\xfe" + octets[3:], "big")
    return str(IPv6Address(int(network_of(cidr).network_address) | interface))


def made_of_mac(address: str) -> bool:
    """Whether an IPv6 address has the form of EUI-64."""
    value = address_of(address)
    return value.version == 6 and (int(value) >> 24) & 0xFFFF == 0xFFFE


def on_subnet(subnet: Subnet, address: str, owner: str) -> bool:
    """Whether a port of this owner may have the address on the subnet.

    Not the network's nor the broadcast address of IPv4; the first address of an IPv6 subnet is for routers.
    """
    network, value = network_of(subnet.cidr), address_of(address)
    if value not in network:
        return False
    if network.version == 4:
        return value not in (network.network_address, network.broadcast_address)
    return value != network.network_address or owner in ROUTER_OWNERS or not owner


def candidates(unit: Unit, home: Home) -> list[Subnet]:
    """The subnets of the network that serve such a port, those that serve it in particular first.

    Raises:
        IpAddressGenerationFailureNoMatchingSubnet: there are subnets, and all are for others.
    """
    subnets: list[Subnet] = unit.peek_all(RESOURCES["subnets"], network_id=home.network_id)
    serving = [one for one in subnets if not one.service_types or home.owner in one.service_types]
    if subnets and not serving:
        raise refusal.IpAddressGenerationFailureNoMatchingSubnet(
            network_id=home.network_id, service_type=home.owner
        )
    return sorted(serving, key=_order)


def _order(subnet: Subnet) -> tuple[bool, str, int]:
    """Those for this kind of port alone come first; then the older, then the lower."""
    return not subnet.service_types, subnet.created_at, int(network_of(subnet.cidr).network_address)


def first_choice(subnets: Sequence[Subnet]) -> list[Want]:
    """What a port gets when nobody says."""
    four = tuple(one for one in subnets if one.ip_version == 4)
    six = tuple(one for one in subnets if one.ip_version == 6 and not automatic(one))
    return [Want(group) for group in (four, six) if group]


def asked(unit: Unit, home: Home, subnets: Sequence[Subnet], fixed: Iterable[FixedIp]) -> list[Want]:
    """What a body asks for, each with its subnet found.

    Raises:
        InvalidInput, InvalidIpForSubnet, InvalidIpForNetwork, SubnetNotFound: it is not to be had here.
    """
    wants = []
    for one in fixed:
        subnet = _subnet_of(unit, home, subnets, one)
        if one.ip_address:
            _check_automatic(home, subnet, one.ip_address)
            wants.append(Want((subnet,), one.ip_address))
        elif home.owner in _NO_AUTOMATIC or not automatic(subnet):
            wants.append(Want((subnet,)))
    return wants


def automatics(home: Home, subnets: Iterable[Subnet], but: Iterable[str] = ()) -> list[Want]:
    """The addresses that the port makes itself."""
    if home.owner in _NO_AUTOMATIC:
        return []
    handled = set(but)
    return [
        Want((one,), eui64(one.cidr, home.mac))
        for one in subnets
        if one.ip_version == 6 and automatic(one) and one.id not in handled
    ]


def take(unit: Unit, home: Home, wants: Iterable[Want]) -> list[FixedIp]:
    """The addresses themselves.

    Raises:
        IpAddressAlreadyAllocated: another port has it.
        IpAddressGenerationFailure: none is left.
    """
    return [_take(unit, home, one) for one in wants]


def _take(unit: Unit, home: Home, want: Want) -> FixedIp:
    if want.address:
        subnet = want.subnets[0]
        if unit.holder(subnet.id, want.address) is not None:
            raise refusal.IpAddressAlreadyAllocated(ip=want.address, subnet_id=subnet.id)
        unit.allocate(subnet.id, want.address)
        return FixedIp(subnet.id, want.address)
    for subnet in want.subnets:
        address = unit.allocate(subnet.id, ip_version=subnet.ip_version)
        if address is not None:
            return FixedIp(subnet.id, address)
    raise refusal.IpAddressGenerationFailure(net_id=home.network_id)


def _subnet_of(unit: Unit, home: Home, subnets: Sequence[Subnet], fixed: FixedIp) -> Subnet:
    if not subnets:
        raise refusal.InvalidInput(error_message="IP allocation requires subnets for network")
    if not fixed.subnet_id:
        if not fixed.ip_address:
            raise refusal.InvalidInput(error_message="IP allocation requires subnet_id or ip_address")
        for one in subnets:
            if on_subnet(one, fixed.ip_address, home.owner):
                return one
        raise refusal.InvalidIpForNetwork(ip_address=fixed.ip_address)
    found = next((one for one in subnets if one.id == fixed.subnet_id), None)
    if found is None:
        if unit.peek(RESOURCES["subnets"], fixed.subnet_id) is None:
            raise refusal.SubnetNotFound(subnet_id=fixed.subnet_id)
        raise refusal.InvalidInput(
            error_message=f"Failed to create port on network {home.network_id}, because fixed_ips included "
            f"invalid subnet {fixed.subnet_id}"
        )
    if fixed.ip_address and not on_subnet(found, fixed.ip_address, home.owner):
        raise refusal.InvalidIpForSubnet(ip_address=fixed.ip_address)
    return found


def _check_automatic(home: Home, subnet: Subnet, address: str) -> None:
    if automatic(subnet) and home.owner not in INTERFACE_OWNERS and address != eui64(subnet.cidr, home.mac):
        raise AllocationOnAutoAddressSubnet(ip=address, subnet_id=subnet.id)


def as_fixed(value: FixedIp | Mapping[str, Any]) -> FixedIp:
    """An address as a body or another part of the service gives it."""
    return (
        value
        if isinstance(value, FixedIp)
        else FixedIp(value.get("subnet_id", ""), value.get("ip_address", ""))
    )


class Moves(msgspec.Struct, frozen=True):
    """What a change of ``fixed_ips`` comes to."""

    add: list[FixedIp]
    keep: list[FixedIp]
    remove: list[FixedIp]


def moves(old: Sequence[FixedIp], new: Sequence[FixedIp], unwilling: frozenset[str]) -> Moves:
    """Match what is wanted with what there is: the same address first, then any address of the same subnet.

    Args:
        old: what the port has.
        new: what it is to have; an empty address for any of the subnet.
        unwilling: ids of subnets whose automatic addresses stay although nobody lists them.
    """
    left = {one.ip_address: one for one in old}
    add: list[FixedIp] = []
    keep: list[FixedIp] = []
    remove: list[FixedIp] = []
    for one in new:
        if one.ip_address:
            had = left.pop(one.ip_address, None)
            (add if had is None else keep).append(had or one)
    for one in new:
        if one.ip_address:
            continue
        had = next((other for other in left.values() if other.subnet_id == one.subnet_id), None)
        if had is None or made_of_mac(had.ip_address):
            add.append(one)
        else:
            keep.append(left.pop(had.ip_address))
    for one in left.values():
        (keep if one.subnet_id in unwilling else remove).append(one)
    return Moves(add, keep, remove)
