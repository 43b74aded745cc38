"""From the raw difference to steps per unit: containment, replacement, what has to go first."""

from __future__ import annotations

from collections import defaultdict

import msgspec

from deuteron.objects import (
    Address,
    Bridge,
    Create,
    Delete,
    KernelObject,
    Key,
    NftElement,
    NftTable,
    Observed,
    Route,
    Step,
    Tap,
    Update,
    Veth,
    Wanted,
)
from deuteron.reconcile import handed
from deuteron.reconcile.containment import Containment, devices
from deuteron.reconcile.delta import Delta, Link, ends, must_replace
from deuteron.reconcile.disturbed import disturbed
from deuteron.reconcile.invariant import namespaces_of
from deuteron.reconcile.order import Rank, phase, rank

#: Removal of these, or their replacement, touches other objects.
_STRUCTURAL = (Veth, Bridge, Tap, NftTable, Address)


class Work(msgspec.Struct, kw_only=True):
    """One unit's steps before they are put in order.

    Attributes:
        clear: deletions that must come before anything is made.
        make: creations and changes.
        drop: deletions that come afterwards.
    """

    clear: dict[Key, Delete] = msgspec.field(default_factory=dict)
    make: dict[Key, Create | Update] = msgspec.field(default_factory=dict)
    drop: dict[Key, Delete] = msgspec.field(default_factory=dict)

    def steps(self) -> list[Step]:
        """In order: what must go first, what is made, what goes.

        Deleted elements of a table that stays follow the made ones at once, so that
        all changes of one table are one transaction.
        """
        elements = [d for d in self.drop.values() if isinstance(d.object, NftElement)]
        others = [d for d in self.drop.values() if not isinstance(d.object, NftElement)]
        middle: list[Create | Update | Delete] = [*self.make.values(), *elements]
        return [
            *sorted(self.clear.values(), key=lambda step: rank(step.object), reverse=True),
            *sorted(middle, key=_transaction_rank),
            *sorted(others, key=lambda step: rank(step.object), reverse=True),
        ]


def _transaction_rank(step: Create | Update | Delete) -> tuple[int, str, bool, Rank]:
    obj = step.new if isinstance(step, Update) else step.object
    if isinstance(obj, NftTable | NftElement):
        return (phase(obj), obj.netns, isinstance(step, Delete), rank(obj))
    return (phase(obj), "", False, rank(obj))


def settle(delta: Delta, wanted: Wanted, observed: Observed) -> dict[str, Work]:
    """The work of every unit that has any."""
    if not _structural(delta):
        return _simple(delta, wanted, observed)
    return _Settling(delta, wanted, observed).run()


def _structural(delta: Delta) -> bool:
    return any(key[0] in ("netns", "link", "nft_table", "up", "address") for key in delta.surplus) or any(
        isinstance(old, _STRUCTURAL) for old, _ in delta.update.values()
    )


def _simple(delta: Delta, wanted: Wanted, observed: Observed) -> dict[str, Work]:
    """Nothing that contains anything goes or is replaced: every difference stands alone."""
    work: defaultdict[str, Work] = defaultdict(Work)
    for key, obj in delta.create.items():
        work[delta.home[key]].make[key] = Create(obj)
    for key, (old, new) in delta.update.items():
        work[delta.home[key]].make[key] = handed.change(old, new, wanted, observed)
    for key, obj in delta.surplus.items():
        work[delta.unit_of(key)].drop[key] = Delete(obj)
    return work


class _Settling:
    """The analysis where containers go or change; the sets of keys that it works out."""

    def __init__(self, delta: Delta, wanted: Wanted, observed: Observed) -> None:
        self.delta = delta
        self.wanted = wanted
        self.observed = observed
        self.have = observed.objects
        self.create = dict(delta.create)
        self.update = dict(delta.update)
        self.surplus = dict(delta.surplus)
        self.around = Containment(self.have, self._touched())
        self.replaced = self._replaced()
        self.roots = self._roots()
        self.contents: defaultdict[Key, list[KernelObject]] = defaultdict(list)

    def run(self) -> dict[str, Work]:
        tables = self._tables()
        # Links out of the way of new ones, and what is lost in passing, go first.
        first = self.replaced | self._in_the_way()
        lost = disturbed(self.delta, self.around, self._stays)
        again = {key for key in lost if self._stays(self.have[key])} | self._torn(first, lost)
        self._empty_roots(first, again)
        for key in again:
            self._make_again(key)
        return self._work(first | again, again, tables)

    def _touched(self) -> frozenset[str]:
        """The namespaces in which anything of consequence happens."""
        names = {name for obj in self.surplus.values() for name in namespaces_of(obj)}
        for old, new in self.update.values():
            names.update(namespaces_of(old), namespaces_of(new))
        return frozenset(names)

    def _replaced(self) -> set[Key]:
        """Links that cannot be changed in place, and those plugged in a bridge among them."""
        found = {key for key, (old, new) in self.update.items() if must_replace(old, new)}
        bridges = {(key[1], key[2]) for key in found if isinstance(self.have[key], Bridge)}
        if bridges:
            for obj in self.around.local:
                if isinstance(obj, Veth | Tap) and (obj.netns, obj.master) in bridges:
                    found.add(obj.key)
        return found & self.delta.home.keys()

    def _roots(self) -> set[Key]:
        """What is deleted by a step of its own and takes other objects with it."""
        doomed = {key for key in self.surplus if key[0] == "netns"}
        roots = doomed | self.replaced
        for key, obj in self.surplus.items():
            if key[0] not in ("link", "nft_table"):
                continue
            homes = {("netns", name) for name in namespaces_of(obj)}
            units = {self.delta.unit_of(home) for home in homes}
            # Implied only where all it stands in goes with the same unit; else it could outlive the step.
            if not (homes <= doomed and units == {self.delta.unit_of(key)}):
                roots.add(key)
        return roots

    def _in_the_way(self) -> set[Key]:
        """Unwanted links that hold a name which a new link needs."""
        new = [obj for obj in self.create.values() if isinstance(obj, Link)]
        new += [
            obj for key, (_, obj) in self.update.items() if key in self.replaced and isinstance(obj, Link)
        ]
        taken = {name for link in new for name in _names(link)}
        return {
            key
            for key, obj in self.surplus.items()
            if isinstance(obj, Link) and key in self.roots and not taken.isdisjoint(_names(obj))
        }

    def _stays(self, obj: KernelObject) -> bool:
        return self.around.root(obj, self.roots) is None

    def _torn(self, first: set[Key], lost: set[Key]) -> set[Key]:
        """Routes that lose some of their links, and what is then left of them, by family, the kernel decides.

        So a step of their own deletes them before; those that are wanted are made again.
        """
        found: set[Key] = set()
        for obj in self.around.local:
            if not isinstance(obj, Route) or len(links := devices(obj)) < 2:
                continue
            going = [root for root in self.around.roots(obj, self.roots) if root is not None]
            if not going:
                continue
            early = any(root in first or self._goes_before(root, obj.key) for root in going)
            surplus = obj.key in self.delta.surplus
            if (early and not (surplus and len(going) == len(links))) or obj.key in lost:
                found.add(obj.key)
        return found

    def _empty_roots(self, first: set[Key], alone: set[Key]) -> None:
        """List what vanishes with each root, but what goes alone; make again what is wanted of it."""
        for obj in self.around.local:
            key = obj.key
            if key in alone or key in self.roots:
                continue
            if (root := self._first_root(obj, first)) is None:
                continue
            if key in self.delta.surplus:
                if self.delta.unit_of(key) == self.delta.unit_of(root):
                    self.contents[root].append(obj)
                    self.surplus.pop(key, None)
            elif key not in self.delta.home:
                self.contents[root].append(obj)  # a sysctl, or lo being up
            elif root in first or self._goes_before(root, key):
                self.contents[root].append(obj)
                self._make_again(key)

    def _first_root(self, obj: KernelObject, first: set[Key]) -> Key | None:
        """What takes ``obj`` along: of several containers that go, the one whose step comes first."""
        roots = self.around.roots(obj, self.roots)
        found = {key for key in roots if key is not None}
        if None in roots:
            return None  # something of it would stay
        if len(found) == 1:
            return found.pop()
        # The ranks' order is reversed for deletions, and of equals the first one is taken.
        latest = sorted(found, key=lambda key: rank(self.have[key]), reverse=True)
        return min(latest, key=lambda key: (self.delta.turn(self.delta.unit_of(key)), key not in first))

    def _goes_before(self, root: Key, key: Key) -> bool:
        turn, unit = self.delta.turn, self.delta.unit_of
        return turn(unit(root)) < turn(unit(key))

    def _make_again(self, key: Key) -> None:
        """Turn whatever is to happen with a wanted object into a creation."""
        if key in self.delta.home:
            change = self.update.pop(key, None)
            self.create[key] = change[1] if change is not None else self.have[key]

    def _tables(self) -> dict[Key, Update]:
        """Changed tables, with all their elements; these are no steps of their own."""
        tables = {key: change for key, change in self.update.items() if isinstance(change[0], NftTable)}
        if not tables:
            return {}
        names = {key[1] for key in tables}
        wanted: defaultdict[str, list[KernelObject]] = defaultdict(list)
        for unit in self.wanted.units:
            for obj in unit.objects:
                if isinstance(obj, NftElement) and obj.netns in names:
                    wanted[obj.netns].append(obj)
        for changes in (self.create, self.update, self.surplus):
            for key in [k for k in changes if k[0] == "nft_element" and k[1] in names]:
                del changes[key]
        for key in tables:
            del self.update[key]
        return {
            key: Update(
                old,
                new,
                contents=tuple(sorted(wanted[key[1]], key=lambda o: o.key)),
                old_contents=self.around.elements(key[1]),
            )
            for key, (old, new) in tables.items()
        }

    def _work(self, first: set[Key], again: set[Key], tables: dict[Key, Update]) -> dict[str, Work]:
        work: defaultdict[str, Work] = defaultdict(Work)
        unit = self.delta.unit_of
        for key in self.replaced:
            self._make_again(key)
        for key in self.surplus.keys() | self.replaced | again:
            side = work[unit(key)].clear if key in first else work[unit(key)].drop
            side[key] = Delete(self.have[key], tuple(sorted(self.contents[key], key=rank)))
        for key, obj in self.create.items():
            work[unit(key)].make[key] = Create(obj)
        for key, (old, new) in self.update.items():
            work[unit(key)].make[key] = handed.change(old, new, self.wanted, self.observed)
        for key, table in tables.items():
            work[unit(key)].make[key] = table
        return work


def _names(link: Link) -> frozenset[tuple[str, str]]:
    """Every name that a link has in a namespace; the kernel keeps alternative ones and names in one table."""
    found = {*ends(link), (link.netns, link.altname)}
    if isinstance(link, Veth):
        found.add((link.peer_netns, link.peer_altname))
    return frozenset(name for name in found if name[1])
