"""Which addresses of a subnet may be given out: pure arithmetic on ranges of numbers.

A range is closed, ``first`` and ``last`` both belong to it.  Nothing here costs more than the number of
ranges, so a /8 is no dearer than a /28.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, NamedTuple

#: Bytes of a number in the store: one width for both families, so that keys sort as addresses do.
KEY_BYTES: Final = 16
_IPV4: Final = 4
#: Addresses of a link of two ends, which has none to spare.
_LINK: Final = 2


#: Texts that are remembered: one request asks about its prefix from seven places, and about its gateway.
_REMEMBERED: Final = 1024


@lru_cache(maxsize=_REMEMBERED)
def network_of(cidr: str) -> IPv4Network | IPv6Network:
    """``ip_network`` of a text; it raises what that raises."""
    return ip_network(cidr)


@lru_cache(maxsize=_REMEMBERED)
def address_of(written: str) -> IPv4Address | IPv6Address:
    """``ip_address`` of a text; it raises what that raises."""
    return ip_address(written)


class Range(NamedTuple):
    """The numbers from ``first`` to ``last``."""

    first: int
    last: int

    @property
    def size(self) -> int:
        """How many numbers."""
        return self.last - self.first + 1


def key(number: int) -> bytes:
    """A number as the store sorts it."""
    return number.to_bytes(KEY_BYTES, "big")


def number(stored: bytes) -> int:
    """The number of a key."""
    return int.from_bytes(stored, "big")


def text(value: int, ip_version: int) -> str:
    """An address as people write it (RFC 5952 for IPv6)."""
    return str(IPv4Address(value) if ip_version == _IPV4 else IPv6Address(value))


def hosts(cidr: str) -> Range:
    """The addresses that hosts may have.

    Neutron's rule: all but the network's and the broadcast address; all of a /31 and of a /32 (RFC
    3021); of IPv6 all but the first, which is the routers' anycast address (RFC 4291, 2.6.1), and all
    of a /127 and of a /128 (RFC 6164).
    """
    network = network_of(cidr)
    first, last = int(network.network_address), int(network.broadcast_address)
    if network.num_addresses <= _LINK:
        return Range(first, last)
    return Range(first + 1, last - 1 if network.version == _IPV4 else last)


def default_pools(cidr: str, gateway: int | None) -> tuple[Range, ...]:
    """What is given out when nobody says: all hosts but the gateway."""
    return tuple(without((hosts(cidr),), () if gateway is None else (Range(gateway, gateway),)))


def without(ranges: Iterable[Range], taken: Iterable[Range]) -> Iterator[Range]:
    """``ranges`` less ``taken``, in ascending order.

    Args:
        ranges: they do not overlap each other.
        taken: in ascending order; they may overlap, and lie outside.
    """
    holes = iter(taken)
    hole = next(holes, None)
    for whole in sorted(ranges):
        first = whole.first
        while hole is not None and hole.first <= whole.last:
            if hole.first > first:
                yield Range(first, hole.first - 1)
            first = max(first, hole.last + 1)
            if hole.last >= whole.last:
                break
            hole = next(holes, None)
        if first <= whole.last:
            yield Range(first, whole.last)


def split(whole: Range, taken: int) -> tuple[Range, ...]:
    """What is left of a range when one of its numbers is given out."""
    return tuple(
        part
        for part in (Range(whole.first, taken - 1), Range(taken + 1, whole.last))
        if part.first <= part.last
    )


def blocks(ranges: Iterable[Range]) -> Iterator[tuple[int, int]]:
    """The aligned blocks that ranges are made of, as large as they come: first number, and power of two.

    They are the prefixes that the ranges are joined to where they touch, as CIDR has it (RFC 4632).
    """
    joined: list[Range] = []
    for one in sorted(ranges):
        if joined and one.first <= joined[-1].last + 1:
            joined[-1] = Range(joined[-1].first, max(joined[-1].last, one.last))
        else:
            joined.append(one)
    for first, last in joined:
        while first <= last:
            room = (last - first + 1).bit_length() - 1
            order = min(room, (first & -first).bit_length() - 1) if first else room
            yield first, order
            first += 1 << order
