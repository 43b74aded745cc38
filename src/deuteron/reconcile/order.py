"""The order of creation, fail-closed: policy and filters before links, links up before routes.

Deletion runs it backwards.
"""

from __future__ import annotations

from typing import Final

from deuteron.objects import Address, Bridge, KernelObject, Key, LinkUp, NftElement, NftTable, Route, Sysctl

#: Kinds in the order in which they are made; see ``docs/design/engine.md``, "Order".
_PHASES: Final = {
    "netns": 0,
    "sysctl": 1,
    "nft_table": 2,
    "nft_element": 2,  # the elements right after their table: one transaction
    "link": 4,
    # 5: sysctls of links
    "address": 6,
    "neighbour": 7,
    "proxy": 7,
    "fdb": 7,
    "up": 8,
    "rule": 9,
    "route": 10,
}
LINK_SYSCTL: Final = 5

_OUTER: Final = ("tap", "fpr-", "br-")
_GATEWAY: Final = ("qg-", "fg-", "rfp-")

Rank = tuple[int, int, Key]


def phase(obj: KernelObject) -> int:
    """The phase of creation that ``obj`` belongs to, the first is 0."""
    if isinstance(obj, Sysctl) and obj.dev:
        return LINK_SYSCTL
    return _PHASES[obj.key[0]]


def rank(obj: KernelObject) -> Rank:
    """Sort key for creation; reversed, for deletion."""
    if isinstance(obj, NftTable | NftElement):
        # By namespace, so that all of one transaction follow one another.
        return phase(obj), 0, (obj.netns, "1" if isinstance(obj, NftElement) else "0", *obj.key[2:])
    return phase(obj), _within(obj), obj.key


def _within(obj: KernelObject) -> int:
    match obj:
        case Bridge():
            return 0  # the links that are plugged in it name it as their master
        case LinkUp(dev=dev):
            # Outer ends first; the way out of a router opens when all else is in place.
            return 0 if dev.startswith(_OUTER) else 2 if dev.startswith(_GATEWAY) else 1
        case Address(address=address):
            return int(":" in address)
        case Route(nexthops=nexthops):
            # The kernel refuses a gateway that no route on the link leads to yet.
            return int(any(hop.via for hop in nexthops))
        case _:
            return 1
