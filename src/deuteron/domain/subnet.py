"""Subnets."""

from __future__ import annotations

import msgspec


class Subnet(msgspec.Struct, frozen=True, kw_only=True):
    """A range of addresses on a network.

    Attributes:
        cidr: canonical prefix.
        gateway_ip: canonical address, or "" for none; may lie outside ``cidr``, it is
            then reached on the link.
        pools: ``(first, last)`` addresses to allocate from, inclusive.
    """

    id: str
    name: str
    network_id: str
    cidr: str
    gateway_ip: str = ""
    pools: tuple[tuple[str, str], ...] = ()

    @property
    def ip_version(self) -> int:
        """4 or 6."""
        return 6 if ":" in self.cidr else 4

    @property
    def prefixlen(self) -> int:
        """Length of the prefix in bits."""
        return int(self.cidr.rsplit("/", 1)[1])
