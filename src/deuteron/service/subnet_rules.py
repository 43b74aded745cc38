"""What the parts of a subnet must be to fit each other, new or changed; in Neutron's order and words."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Address, IPv6Network
from typing import Any, Final

from deuteron.domain.ipam import address_of, network_of
from deuteron.resources import refusal
from deuteron.resources.subnet import Subnet

_MAX_NAMESERVERS: Final = 5
_MAX_HOST_ROUTES: Final = 20
_AUTOMATIC: Final = frozenset({"slaac", "dhcpv6-stateless"})
_IPV4: Final = 4
#: The longest prefixes that DHCP can serve, by IP version.
_DHCP_LONGEST: Final = {4: 30, 6: 126}


def _invalid(sentence: str) -> refusal.InvalidInput:
    return refusal.InvalidInput(error_message=sentence)


def check_given(given: Mapping[str, Any], before: Subnet | None) -> None:
    """Refuse what does not fit.

    Args:
        given: what the body gives, with ``ip_version``, and ``cidr`` where it is known.
        before: the subnet that is changed; ``None`` for a new one.

    Raises:
        InvalidInput, DNSNameServersExhausted, HostRoutesExhausted: with what is wrong.
    """
    version, cidr = given["ip_version"], given.get("cidr")
    if cidr:
        _check_version(version, cidr, "cidr")
        _check_prefix(network_of(cidr), version)
        if given.get("enable_dhcp", before is None) and not (before is not None and before.enable_dhcp):
            _check_dhcp(network_of(cidr), version)
        _check_hosts(network_of(cidr))
    if given.get("gateway_ip"):
        _check_gateway(given["gateway_ip"], version, cidr)
    _check_lists(given, version, "new subnet" if before is None else before.id)
    _check_modes(given, version, cidr, before)


def _check_version(version: int, written: str, name: str) -> None:
    if (6 if ":" in written else 4) != version:  # its form was checked when it was decoded
        raise _invalid(f"{name} '{written}' does not match the ip_version '{version}'")


def _check_prefix(prefix: IPv4Network | IPv6Network, version: int) -> None:
    if version != _IPV4 and prefix.network_address == IPv6Address(0):
        raise _invalid("IPv6 subnet '::' is not supported")


def _check_dhcp(prefix: IPv4Network | IPv6Network, version: int) -> None:
    if prefix.prefixlen > _DHCP_LONGEST[version]:
        raise _invalid("Subnet has a prefix length that is incompatible with DHCP service enabled")
    if prefix.is_multicast:
        raise _invalid("Multicast IP subnet is not supported if enable_dhcp is True")
    if prefix.is_loopback:
        raise _invalid("Loopback IP subnet is not supported if enable_dhcp is True")
    if version == _IPV4 and int(prefix.network_address) == 0:
        raise _invalid("First IP '0.0.0.0' of network is not supported if enable_dhcp is True.")


def _check_hosts(prefix: IPv4Network | IPv6Network) -> None:
    """Neutron takes these where DHCP is off; no kernel lets a host have an address of theirs on a link."""
    if prefix.is_multicast:
        raise _invalid("Multicast IP subnet is not supported")
    if prefix.is_loopback:
        raise _invalid("Loopback IP subnet is not supported")


def _check_gateway(gateway: str, version: int, cidr: str | None) -> None:
    _check_version(version, gateway, "gateway_ip")
    if not cidr or version != _IPV4:
        return
    prefix, address = network_of(cidr), address_of(gateway)
    if address in (prefix.network_address, prefix.broadcast_address):
        raise _invalid("Gateway is not valid on subnet")


def _check_lists(given: Mapping[str, Any], version: int, name: str) -> None:
    servers, routes = given.get("dns_nameservers") or (), given.get("host_routes") or ()
    if len(servers) > _MAX_NAMESERVERS:
        raise refusal.DNSNameServersExhausted(subnet_id=name, quota=_MAX_NAMESERVERS)
    for one in servers:
        _check_version(version, one, "dns_nameserver")
    if len(routes) > _MAX_HOST_ROUTES:
        raise refusal.HostRoutesExhausted(subnet_id=name, quota=_MAX_HOST_ROUTES)
    for route in routes:
        _check_version(version, route.nexthop, "nexthop")
        _check_version(version, route.destination, "destination")


def _check_modes(given: Mapping[str, Any], version: int, cidr: str | None, before: Subnet | None) -> None:
    router, address = given.get("ipv6_ra_mode"), given.get("ipv6_address_mode")
    if version == _IPV4:
        for name, mode in (("ipv6_ra_mode", router), ("ipv6_address_mode", address)):
            if mode:
                raise _invalid(f"{name} is not valid when ip_version is 4")
        return
    if before is not None:
        if given.get("enable_dhcp") is False and (before.ipv6_ra_mode or before.ipv6_address_mode):
            raise _invalid("Cannot disable enable_dhcp with ipv6 attributes set")
        return
    if (router or address) and not given.get("enable_dhcp", True):
        raise _invalid("ipv6_ra_mode or ipv6_address_mode cannot be set when enable_dhcp is set to False")
    if router and address and router != address:
        raise _invalid(
            f"ipv6_ra_mode set to '{router}' with ipv6_address_mode set to '{address}' is not valid. "
            "If both attributes are set, they must be the same value"
        )
    if cidr and {router, address} & _AUTOMATIC and network_of(cidr).prefixlen != 64:
        raise _invalid(
            f"Invalid CIDR {cidr} for IPv6 address mode. OpenStack uses the EUI-64 address format, "
            "which requires the prefix to be /64"
        )
