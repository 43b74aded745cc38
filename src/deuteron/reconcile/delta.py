"""What differs between wanted and observed: one comparison of two dictionaries."""

from __future__ import annotations

import msgspec

from deuteron.objects import Bridge, KernelObject, Key, LinkUp, Observed, Sysctl, Tap, Veth, Wanted

Change = tuple[KernelObject, KernelObject]
Link = Bridge | Veth | Tap


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
    surplus = {key: have[key] for key in have.keys() - home.keys() if _removable(have[key])}
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
