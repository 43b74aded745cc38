"""What links say for themselves, compared at each look with what they should say.

The arrays of one namespace's links are alike, as a rule to the last octet, so that what was once
compared is found again by them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final

from deuteron.kernel.linux.look import View
from deuteron.kernel.linux.netlink import devconf, link
from deuteron.objects import OwnValue, Sysctl

#: How many different arrays are remembered: links differ by MTU, and by what somebody has written.
_REMEMBERED: Final = 256

Odd = tuple[tuple[OwnValue, str], ...]


class _Judge:
    """Compares with one set of values."""

    def __init__(self, values: tuple[OwnValue, ...]) -> None:
        self._ipv4 = _places(values, "ipv4", devconf.IPV4)
        self._ipv6 = _places(values, "ipv6", devconf.IPV6)
        self._known: dict[devconf.Devconf, Odd] = {}

    def odd(self, af_spec: bytes) -> Odd:
        """What is otherwise, each with what the link says."""
        arrays = devconf.parse_devconf(af_spec)
        known = self._known.get(arrays)
        if known is None:
            known = tuple(self._compare(arrays))
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[arrays] = known
        return known

    def _compare(self, arrays: devconf.Devconf) -> Iterator[tuple[OwnValue, str]]:
        for array, places in ((arrays.ipv4, self._ipv4), (arrays.ipv6, self._ipv6)):
            for place, own in places:
                number = devconf.number_at(array, place)
                if number is not None and not own.admits(str(number)):
                    yield own, str(number)


def _places(
    values: tuple[OwnValue, ...], family: str, places: Mapping[str, int]
) -> list[tuple[int, OwnValue]]:
    """Where to find each value in the array of a family."""
    return [(places[own.name], own) for own in values if own.family == family and own.name in places]


#: There is one for each kind of namespace, and one more for each set of overrides.
_judge = lru_cache(maxsize=64)(_Judge)


def own_of(
    view: View, records: list[link.LinkRecord], values: tuple[OwnValue, ...]
) -> Iterator[tuple[Sysctl, str]]:
    """The parameters of links of ours that say otherwise, with their owners.

    Not those of ``lo``: it was there before anything was written, and no packet of others comes in by it.

    Raises:
        MalformedError: what the kernel says is malformed.
    """
    judge = _judge(values)
    for record in records:
        owner = view.owners[record.index]
        if owner is None or record.name == "lo":
            continue
        for own, value in judge.odd(record.af_spec):
            path = own.path(record.name)
            yield Sysctl(netns=view.netns, path=path, value=value, dev=record.name), owner
