"""MTUs: the wire's, and the least that each family of addresses needs."""

from __future__ import annotations

from typing import Final

from deuteron.resources import refusal
from deuteron.resources.network import Network

#: Bytes: what a wire of Ethernet carries, and what a network has when nobody says.
DEFAULT_MTU: Final = 1500
_IPV4_LEAST: Final = 68  # RFC 791
_IPV6_LEAST: Final = 1280  # RFC 8200 section 5
_IPV6: Final = 6


def check_mtu(network: Network, ip_version: int) -> None:
    """Refuse a subnet of a family whose least MTU the network does not have.

    Raises:
        NetworkMTUSubnetConflict: 68 bytes for IPv4, 1280 for IPv6.
    """
    least = _IPV6_LEAST if ip_version == _IPV6 else _IPV4_LEAST
    if network.mtu < least:
        raise refusal.NetworkMTUSubnetConflict(net_id=network.id, mtu=least)


def wanted(asked: int) -> int:
    """The MTU that a network gets; 0 asks for the default.

    Raises:
        InvalidInput: more than the wire carries.
    """
    if asked > DEFAULT_MTU:
        raise refusal.InvalidInput(error_message=f"Requested MTU is too big, maximum is {DEFAULT_MTU}")
    return asked or DEFAULT_MTU
