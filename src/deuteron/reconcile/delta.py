"""What differs between wanted and observed: one comparison of two dictionaries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator
from typing import Final

import msgspec

from deuteron.objects import (
    Bridge,
    KernelObject,
    Key,
    LinkUp,
    Observed,
    OwnValue,
    Sysctl,
    Tap,
    Unit,
    Veth,
    Wanted,
    own_values,
)

Change = tuple[KernelObject, KernelObject]
Link = Bridge | Veth | Tap

#: RFC 8200, 5: a link with less has no IPv6, and no directory of its own below net/ipv6/conf.
_IPV6_MIN_MTU: Final = 1280


class Delta(msgspec.Struct, frozen=True, kw_only=True):
    """The raw difference, before containment is considered.

    Attributes:
        create: wanted and not there.
        update: there and not as wanted, ``(old, new)``.
        surplus: there and not wanted.
        home: the unit of every wanted object, by key.
        owner: the unit of every observed object, by key.
        position: of each wanted unit in the order of units.
    """

    create: dict[Key, KernelObject]
    update: dict[Key, Change]
    surplus: dict[Key, KernelObject]
    home: dict[Key, str]
    owner: dict[Key, str]
    position: dict[str, int]

    def unit_of(self, key: Key) -> str:
        """The unit that an object belongs to: the one that wants it, else the one that has it."""
        return self.home.get(key) or self.owner.get(key, "")

    def turn(self, unit: str) -> int:
        """When the unit is worked on; units no longer wanted come last."""
        return self.position.get(unit, len(self.position))


def compare(wanted: Wanted, observed: Observed) -> Delta:
    """The difference by key and ``==``; the cost of no difference is this loop."""
    create: dict[Key, KernelObject] = {}
    update: dict[Key, Change] = {}
    home: dict[Key, str] = {}
    have = observed.objects
    for unit in wanted.units:
        name = unit.name
        for obj in unit.objects:
            key = obj.key
            home[key] = name
            old = have.get(key)
            if old is None:
                create[key] = obj
            elif old != obj:
                update[key] = (old, obj)
    _lo(observed, create, home)
    unnamed = have.keys() - home.keys()
    _own(wanted, observed, unnamed, update, home)
    _born(wanted, create, update, home)
    surplus = {key: have[key] for key in unnamed if _removable(have[key])}
    position = {unit.name: index for index, unit in enumerate(wanted.units)}
    return Delta(
        create=create, update=update, surplus=surplus, home=home, owner=observed.owners, position=position
    )


def _lo(observed: Observed, create: dict[Key, KernelObject], home: dict[Key, str]) -> None:
    """``lo`` is up in a namespace of ours as it comes; somebody may have taken it down since."""
    for name in observed.netns:
        key = ("netns", name)
        if key in home and key in observed.objects and ("up", name, "lo") not in observed.objects:
            up = LinkUp(netns=name, dev="lo")
            create[up.key] = up
            home[up.key] = home[key]


def _own(
    wanted: Wanted,
    observed: Observed,
    unnamed: Iterable[Key],
    update: dict[Key, Change],
    home: dict[Key, str],
) -> None:
    """What links of wanted units say for themselves against what their namespaces say.

    It is wanted without being an object: a look shows what is otherwise, and so nothing of it as a rule.
    """
    odd = [thing for key in unnamed if isinstance(thing := observed.objects[key], Sysctl) and thing.dev]
    if not odd:
        return
    units = {unit.name: unit for unit in wanted.units}
    values = {netns: own_values_in(wanted, netns) for netns in {thing.netns for thing in odd}}
    for thing in odd:
        unit = units.get(observed.owners.get(thing.key, ""))
        for own in values[thing.netns]:
            if own.path(thing.dev) == thing.path and unit is not None and _has(unit, thing):
                home[thing.key] = unit.name
                if not own.admits(thing.value):
                    update[thing.key] = (thing, msgspec.structs.replace(thing, value=own.value))


def _born(
    wanted: Wanted, create: dict[Key, KernelObject], update: dict[Key, Change], home: dict[Key, str]
) -> None:
    """What links that are to be made say for themselves where their namespace says otherwise by now.

    A link starts with what `default` says then, and the unit that puts `default` right may fail before it.
    """
    loose: defaultdict[str, list[Sysctl]] = defaultdict(list)
    for _old, new in update.values():
        if isinstance(new, Sysctl) and not new.dev:
            loose[new.netns].append(new)
    if not loose:
        return
    names = {netns: {(own.family, own.name) for own in own_values(things)} for netns, things in loose.items()}
    made = create.keys() | {key for key, (old, new) in update.items() if must_replace(old, new)}
    for unit, link, netns, dev in _made(wanted, made, loose):
        for own in own_values_in(wanted, netns):
            thing = Sysctl(netns=netns, path=own.path(dev), value=own.value, dev=dev)
            if (own.family, own.name) in names[netns] and thing.key not in home and says(link, own):
                create[thing.key] = thing
                home[thing.key] = unit


def _made(
    wanted: Wanted, made: Container[Key], netns: Container[str]
) -> Iterator[tuple[str, Link, str, str]]:
    """Each end of a new link in these namespaces: the unit, the link, the namespace and the name."""
    for unit in wanted.units:
        for thing in unit.objects:
            if isinstance(thing, Link) and thing.key in made:
                yield from ((unit.name, thing, *end) for end in ends(thing) if end[0] in netns)


def says(link: Link, own: OwnValue) -> bool:
    """Whether a link says this for itself: of IPv6 nothing below its least MTU, of ``all`` only more."""
    return not own.less and (own.family == "ipv4" or link.mtu >= _IPV6_MIN_MTU)


def own_values_in(wanted: Wanted, netns: str) -> tuple[OwnValue, ...]:
    """What links of a namespace should say for themselves."""
    return own_values(
        thing
        for unit in wanted.units
        for thing in unit.objects
        if isinstance(thing, Sysctl) and thing.netns == netns and not thing.dev
    )


def _has(unit: Unit, thing: Sysctl) -> bool:
    """Whether the link of a parameter is one that the unit wants."""
    return any(isinstance(one, Link) and (thing.netns, thing.dev) in ends(one) for one in unit.objects)


def _removable(obj: KernelObject) -> bool:
    # A sysctl cannot be unset, and ``lo`` is up as long as its namespace is.
    return not (isinstance(obj, Sysctl) or (isinstance(obj, LinkUp) and obj.dev == "lo"))


def ends(link: Link) -> tuple[tuple[str, str], ...]:
    """Where a link has a name: ``(namespace, device)``, two of them for a veth pair."""
    if isinstance(link, Veth):
        return ((link.netns, link.name), (link.peer_netns, link.peer_name))
    return ((link.netns, link.name),)


def must_replace(old: KernelObject, new: KernelObject) -> bool:
    """Whether a link cannot become ``new`` in place: another kind, owner or other end."""
    if not isinstance(old, Link) or not isinstance(new, Link):
        return False
    return type(old) is not type(new) or old.owner != new.owner or ends(old) != ends(new)
