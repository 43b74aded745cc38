"""Why is this object here."""

from __future__ import annotations

from typing import Final

from deuteron.objects import KernelObject, Key, Sysctl, Wanted

#: One sentence per kind of object, by the first word of its key.
_WHY: Final = {
    "netns": "keeps this unit's addresses, routes and filters apart from everybody else's",
    "sysctl": "is part of the policy that every namespace gets before it has a link",
    "nft_table": "drops what is not expected and translates addresses",
    "nft_element": "is looked up by the namespace's rules, one entry per address",
    "link": "is a wire or a bridge that carries this unit's packets",
    "up": "lets the link carry packets",
    "address": "is where this unit answers and is routed to",
    "neighbour": "saves the question for the other end of a leg, whose MAC address is known",
    "proxy": "answers neighbour solicitations for an address behind the router",
    "fdb": "says behind which port a MAC address is",
    "rule": "chooses the routing table for the packets that it matches",
    "route": "leads packets on",
}
_WHY_LINK_SYSCTL: Final = "is what this one link says for itself beside its namespace's policy"


def why(obj: KernelObject) -> str:
    """One sentence about objects of this kind."""
    if isinstance(obj, Sysctl) and obj.dev:
        return _WHY_LINK_SYSCTL
    return _WHY[obj.key[0]]


def explain(wanted: Wanted, key: Key) -> str | None:
    """Which unit wants the object of that key and what it is for, or ``None`` where no unit does."""
    for unit in wanted.units:
        for obj in unit.objects:
            if obj.key == key:
                return f"{unit.title}: {why(obj)}"
    return None
