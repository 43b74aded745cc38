"""Subnets."""

from __future__ import annotations

import ipaddress

import msgspec

from deuteron.domain import validation as check


class Subnet(msgspec.Struct, frozen=True, kw_only=True):
    """A range of addresses on a network.

    Attributes:
        cidr: canonical prefix.
        gateway_ip: canonical address, or "" for none; may lie outside ``cidr``, it is
            then reached on the link.
        pools: ``(first, last)`` addresses to allocate from, inclusive.
        address_scope: where its addresses are unique, "" for none; subnets of one scope are routed
            between without translation, those of different scopes are kept apart.
    """

    id: str
    name: str
    network_id: str
    cidr: str
    gateway_ip: str = ""
    pools: tuple[tuple[str, str], ...] = ()
    address_scope: str = ""

    @property
    def ip_version(self) -> int:
        """4 or 6."""
        return 6 if ":" in self.cidr else 4

    @property
    def prefixlen(self) -> int:
        """Length of the prefix in bits."""
        return int(self.cidr.rsplit("/", 1)[1])

    def __post_init__(self) -> None:
        check.check_id("id", self.id)
        check.check_name("name", self.name)
        check.check_prefix("cidr", self.cidr)
        self._check_range()
        if self.gateway_ip:
            self._check_gateway()
        for first, last in self.pools:
            self._check_pool(first, last)

    def _check_range(self) -> None:
        network = ipaddress.ip_network(self.cidr)
        if network.prefixlen == 0 or network.is_multicast or network.is_loopback:
            raise check.FieldError("bad-value", "cidr", f"hosts cannot have addresses from {self.cidr}")

    def _check_gateway(self) -> None:
        check.check_address("gateway_ip", self.gateway_ip)
        family, number = check.address_number(self.gateway_ip)
        if family != self.ip_version:
            raise check.FieldError("bad-value", "gateway_ip", f"is not of the family of {self.cidr}")
        if number in reserved_numbers(self.cidr):
            raise check.FieldError(
                "bad-value", "gateway_ip", f"is the network or broadcast address of {self.cidr}"
            )

    def _check_pool(self, first: str, last: str) -> None:
        for address in (first, last):
            check.check_address("pools", address)
            if not check.in_prefix(address, self.cidr):
                raise check.FieldError("address-outside-subnet", "pools", f"{address} is not in {self.cidr}")
        if check.address_number(first) > check.address_number(last):
            raise check.FieldError("bad-value", "pools", f"{first} comes after {last}")


def reserved_numbers(cidr: str) -> tuple[int, ...]:
    """Numbers of the addresses that no host may have: IPv4's network and broadcast address.

    A /31 (RFC 3021) and a /32 have none.  IPv6 has none: the first address is the
    subnet-router anycast one (RFC 4291), which OpenStack gives to routers by default.
    """
    version, first, last = check.prefix_range(cidr)
    return (first, last) if version == 4 and last - first > 1 else ()
