"""Addresses and prefixes out of text, each parsed once: a walk asks for the same ones again and again."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network

_ENOUGH = 1 << 14


@lru_cache(_ENOUGH)
def ip_address(text: str) -> IPv4Address | IPv6Address:
    """See :func:`ipaddress.ip_address`."""
    return ipaddress.ip_address(text)


@lru_cache(_ENOUGH)
def ip_interface(text: str) -> IPv4Interface | IPv6Interface:
    """See :func:`ipaddress.ip_interface`."""
    return ipaddress.ip_interface(text)


@lru_cache(_ENOUGH)
def ip_network(text: str) -> IPv4Network | IPv6Network:
    """See :func:`ipaddress.ip_network`."""
    return ipaddress.ip_network(text)
