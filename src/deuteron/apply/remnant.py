"""What a process that was killed left of its making: links without a mark, files without a namespace.  Pure.

A link is made by one message and marked by another, and a namespace's file is made before the
namespace is mounted on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from deuteron.objects import Bridge, Delete, Key, Netns, Observed, Step, Tap, Update, Veth
from deuteron.objects.step import objects_of

Link = Bridge | Veth | Tap

_KINDS = {Bridge: "bridge", Veth: "veth", Tap: "tap"}


def remnants(steps: Iterable[Step], observed: Observed) -> Iterator[Link | Netns]:
    """What is left of the links and namespaces that the steps tell of."""
    told: dict[Key, Link | Netns] = {}
    for step in steps:
        told.update((thing.key, thing) for thing in objects_of(step) if isinstance(thing, Netns | Link))
    for thing in told.values():
        if isinstance(thing, Netns):
            if observed.netns.get(thing.name) is False:
                yield thing
        elif is_remnant(thing, observed):
            yield thing


def is_remnant(thing: Link, observed: Observed) -> bool:
    """Whether it is there without a mark: name, MAC address and kind of every unmarked end are its own."""
    if thing.key in observed.objects:
        return False
    there = [
        (observed.links.get(netns, {}).get(name), unmarked[name]) == (_KINDS[type(thing)], mac)
        for netns, name, mac in _ends(thing)
        if name in (unmarked := observed.unmarked.get(netns, {}))
    ]
    return bool(there) and all(there)


def sweeping(thing: Link | Netns) -> tuple[Step, ...]:
    """The steps that remove a remnant: a link gets its mark first, since without one nobody removes it."""
    if isinstance(thing, Netns):
        return (Delete(thing),)
    return (Update(replace(thing, owner=""), thing), Delete(thing))


def _ends(link: Link) -> Iterator[tuple[str, str, str]]:
    yield link.netns, link.name, link.mac
    if isinstance(link, Veth):
        yield link.peer_netns, link.peer_name, link.peer_mac
