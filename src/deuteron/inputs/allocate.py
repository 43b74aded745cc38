"""Values that a file leaves open, chosen once and then kept.

An allocation names a value of a kind within a scope: an address of a subnet, the
index of a leg on an external network.  The first choice comes from the SHA-256 of the
owner, and from the next free value where that one is taken; so it does not depend on
the order of the file, and hardly on the other owners.  What was chosen before stays
while its owner asks for it, and nothing is kept for owners that are gone.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

import msgspec

from deuteron.domain.host_view import LEGS
from deuteron.domain.subnet import Subnet, reserved_numbers
from deuteron.domain.validation import address_number, prefix_range

#: Kinds of allocations.
ADDRESS, LEG, MAC = "address", "leg", "mac"

#: The first three octets of every MAC address that OpenStack gives by default.
MAC_PREFIX = 0xFA163E


class Allocation(msgspec.Struct, frozen=True, order=True, kw_only=True):
    """One choice: ``key`` (the owner's id) has ``value`` in ``scope``."""

    kind: str
    scope: str
    key: str
    value: str


class Allocations(msgspec.Struct, frozen=True, kw_only=True):
    """Choices, sorted; unique by owner and by value within a kind and a scope.

    Raises:
        ValueError: two owners with one value, or one owner with two.
    """

    entries: tuple[Allocation, ...] = ()

    def __post_init__(self) -> None:
        owners = {(one.kind, one.scope, one.key) for one in self.entries}
        values = {(one.kind, one.scope, one.value) for one in self.entries}
        if len(owners) < len(self.entries) or len(values) < len(self.entries):
            raise ValueError("allocations are not unique")


class Range(msgspec.Struct, frozen=True):
    """Numbers to choose from: ``(first, last)`` pairs, without overlap.

    Attributes:
        version: how they are written: 4 and 6 are addresses, 48 MAC addresses, 0 plain numbers.
    """

    version: int
    spans: tuple[tuple[int, int], ...]

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return sum(last - first + 1 for first, last in self.spans)

    def text(self, index: int) -> str:
        """The ``index``-th value as text."""
        for first, last in self.spans:
            if index <= last - first:
                return self._write(first + index)
            index -= last - first + 1
        raise IndexError(index)

    def _write(self, number: int) -> str:
        if self.version == 4:
            return str(ipaddress.IPv4Address(number))
        if self.version == 6:
            return str(ipaddress.IPv6Address(number))
        return number.to_bytes(6, "big").hex(":") if self.version == 48 else str(number)

    def holds(self, text: str) -> bool:
        """Whether the text is one of the values."""
        number = self._read(text)
        return number is not None and any(first <= number <= last for first, last in self.spans)

    def _read(self, text: str) -> int | None:
        try:
            if self.version == 48:
                return int(text.replace(":", ""), 16)
            version, number = (0, int(text)) if self.version == 0 else address_number(text)
        except ValueError:
            return None
        return number if version == self.version else None


class ExhaustedError(ValueError):
    """Nothing is free in a scope.

    Args:
        scope: the scope.
        key: the owner that got nothing.
    """

    def __init__(self, scope: str, key: str) -> None:
        super().__init__(f"nothing is free in {scope}")
        self.scope = scope
        self.key = key


def leg_range() -> Range:
    """The indices of legs."""
    return Range(0, ((0, LEGS - 1),))


def mac_range() -> Range:
    """The MAC addresses that ports get."""
    return Range(48, ((MAC_PREFIX << 24, (MAC_PREFIX << 24) + 0xFFFFFF),))


def subnet_range(subnet: Subnet) -> Range:
    """The addresses of a subnet that ports may get: its pools, or all of it."""
    version, first, last = prefix_range(subnet.cidr)
    # The network address of IPv6 is the routers' anycast address (RFC 4291, 2.6.1).
    low, high = (first + 1, last) if last > first else (first, last)
    if reserved_numbers(subnet.cidr):
        high -= 1
    elif version == 4:
        low = first
    spans = [(address_number(start)[1], address_number(end)[1]) for start, end in subnet.pools]
    return Range(version, _disjoint(spans) if spans else ((low, high),))


def _disjoint(spans: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    merged: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return tuple(merged)


def allocate(
    kind: str,
    requests: Iterable[tuple[str, str]],
    ranges: Mapping[str, Range],
    taken: Mapping[str, AbstractSet[str]],
    before: Allocations,
) -> dict[tuple[str, str], str]:
    """Choose a value for each ``(scope, owner)``.

    Args:
        kind: ``ADDRESS``, ``LEG`` or ``MAC``.
        requests: who wants a value where.
        ranges: what there is, by scope.
        taken: values that are given elsewhere (in the file), by scope; they always win.
        before: earlier choices, which stay where they are still possible.

    Raises:
        ExhaustedError: a scope has no value left.
    """
    wanted = sorted(set(requests))
    used = {scope: set(taken.get(scope, ())) for scope in ranges}
    chosen = _kept(kind, wanted, ranges, used, before)
    for scope, key in wanted:
        if (scope, key) not in chosen:
            chosen[scope, key] = _probe(scope, key, ranges[scope], used[scope])
    return chosen


def _kept(
    kind: str,
    wanted: list[tuple[str, str]],
    ranges: Mapping[str, Range],
    used: Mapping[str, set[str]],
    before: Allocations,
) -> dict[tuple[str, str], str]:
    asked = set(wanted)
    kept: dict[tuple[str, str], str] = {}
    for one in before.entries:
        place = (one.scope, one.key)
        if one.kind != kind or place not in asked or one.value in used[one.scope]:
            continue
        if ranges[one.scope].holds(one.value):
            used[one.scope].add(one.value)
            kept[place] = one.value
    return kept


def _probe(scope: str, key: str, values: Range, used: set[str]) -> str:
    size = values.size
    start = int.from_bytes(hashlib.sha256(f"{scope}/{key}".encode()).digest()[:16], "big") % max(size, 1)
    for step in range(min(size, len(used) + 1)):
        text = values.text((start + step) % size)
        if text not in used:
            used.add(text)
            return text
    raise ExhaustedError(scope, key)


def record(*choices: tuple[str, Mapping[tuple[str, str], str]]) -> Allocations:
    """Choices of several kinds as one value, to keep until the next time."""
    entries = [
        Allocation(kind=kind, scope=scope, key=key, value=value)
        for kind, chosen in choices
        for (scope, key), value in chosen.items()
    ]
    return Allocations(entries=tuple(sorted(entries)))
