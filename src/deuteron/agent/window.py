"""A look at a part of the host that is enough to mend it, however large the rest is.

A window is a set of namespaces.  It is widened until every unit that differs in it is in it with
all of its namespaces; what it cannot decide, a namespace that is gone or something unwanted
whose extent is unknown, is left to a look at everything.

Of a pair that reaches out of the window the outer end is compared, and only that: the inner
end's namespace brings the outer's into the window, not the other way round.  So an event in a
``fip-`` namespace does not lead into every router that has a leg there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from collections.abc import Set as AbstractSet
from functools import cached_property
from typing import Final, Protocol

import msgspec

from deuteron.apply.isolate import frozen
from deuteron.apply.look import look_for
from deuteron.kernel.linux.pairs import UNKNOWN
from deuteron.kernel.linux.watched import Interest
from deuteron.kernel.protocol import Kernel
from deuteron.objects import (
    HOST,
    Bridge,
    KernelObject,
    Look,
    NeighbourProxy,
    Observed,
    RefusedUnit,
    Sysctl,
    Tap,
    Unit,
    Veth,
    Wanted,
)
from deuteron.reconcile.delta import compare, ends
from deuteron.reconcile.invariant import namespaces_of

#: How often a window is widened before everything is looked at.
_ROUNDS: Final = 4


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a look found.

    Attributes:
        only: the window; ``None`` where it is everything.
        units: the names of the units that differ.
        wanted: what is wanted in the window.
        observed: what is there.
    """

    only: frozenset[str] | None
    units: frozenset[str]
    wanted: Wanted
    observed: Observed


class Plans(Protocol):
    """What a look is compared with: :class:`Index`, and what follows a view that changes."""

    @property
    def wanted(self) -> Wanted:
        """All that is wanted."""
        ...

    @property
    def known(self) -> AbstractSet[str]:
        """The names of all units."""
        ...

    @property
    def interest(self) -> Interest:
        """What the kernel's notifications are to be heard for."""
        ...

    def reach(self, names: Iterable[str]) -> frozenset[str]:
        """These namespaces, and where the outer ends are of the links in them."""
        ...

    def homes(self, units: Iterable[str]) -> frozenset[str]:
        """The namespaces that the units have anything in."""
        ...

    def users(self, netns: str) -> Collection[str]:
        """The units that have anything in the namespace."""
        ...

    def look(self, only: frozenset[str] | None) -> Look:
        """How to look through a window, or at everything."""
        ...

    def within(self, only: frozenset[str] | None) -> Wanted:
        """What is wanted in a window."""
        ...

    def seen(self, observed: Observed, only: frozenset[str] | None) -> Observed:
        """What was observed in a window."""
        ...


class Index:
    """What is wanted, by namespace; made once for each wanted state."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted: Wanted = wanted
        self.known: AbstractSet[str] = frozenset(unit.name for unit in wanted.units)
        self._look = look_for(wanted)
        self._position = {unit.name: position for position, unit in enumerate(wanted.units)}
        self._objects: defaultdict[str, defaultdict[str, list[KernelObject]]] = defaultdict(
            lambda: defaultdict(list)
        )
        self._homes: defaultdict[str, set[str]] = defaultdict(set)
        self._outer: defaultdict[str, set[str]] = defaultdict(set)
        for unit in wanted.units:
            for thing in unit.objects:
                self._objects[thing.key[1]][unit.name].append(thing)
                self._homes[unit.name].update(namespaces_of(thing))
                if isinstance(thing, Veth):
                    self._outer[thing.peer_netns].add(thing.netns)
        self._needs: dict[str, set[str]] = defaultdict(set)
        for unit in wanted.units:
            for name in self._homes[unit.name]:
                self._needs[name].add(unit.name)

    def reach(self, names: Iterable[str]) -> frozenset[str]:
        """These, and where the outer ends are of the links in them."""
        wide = set(names) | {HOST}
        for name in tuple(wide):
            wide |= self._outer.get(name, set())
        return frozenset(wide)

    def homes(self, units: Iterable[str]) -> frozenset[str]:
        """The namespaces that the units have anything in."""
        return frozenset(name for unit in units for name in self._homes.get(unit, ()))

    def users(self, netns: str) -> Collection[str]:
        """The units that have anything in the namespace."""
        return self._needs.get(netns, ())

    def look(self, only: frozenset[str] | None) -> Look:
        """How to look through a window, or at everything."""
        if only is None:
            return self._look
        sysctls = {netns: paths for netns in only if (paths := self._look.sysctls.get(netns))}
        own = {netns: values for netns in only if (values := self._look.own.get(netns))}
        return Look(namespaces=self._look.namespaces & only, sysctls=sysctls, own=own, only=only)

    def within(self, only: frozenset[str] | None) -> Wanted:
        """What is wanted in a window: the same units, with what is seen of them there."""
        if only is None:
            return self.wanted
        seen: defaultdict[str, list[KernelObject]] = defaultdict(list)
        for netns in only:
            for unit, things in self._objects.get(netns, {}).items():
                seen[unit] += things
        units = [self.wanted.units[position] for position in sorted(map(self._position.__getitem__, seen))]
        return Wanted(units=tuple(trimmed(unit, seen[unit.name]) for unit in units))

    def seen(self, observed: Observed, only: frozenset[str] | None) -> Observed:
        """What was observed in a window; an end whose other is outside passes for the wanted pair's."""
        return whole_ends(observed, only, self._of)

    def _of(self, netns: str, unit: str) -> Sequence[KernelObject]:
        return self._objects[netns].get(unit, ()) if netns in self._objects else ()

    @cached_property
    def interest(self) -> Interest:
        """What the kernel's notifications are to be heard for."""
        links: defaultdict[str, set[str]] = defaultdict(set)
        parameters: defaultdict[str, set[str]] = defaultdict(set)
        proxies: set[str] = set()
        links[HOST] = set()
        for unit in self.wanted.units:
            for need in unit.needs:
                links[HOST if need.kind == "bridge" else need.name].update(
                    {need.name} if need.kind == "bridge" else ()
                )
            for thing in unit.objects:
                links[thing.key[1]].update(())
                if isinstance(thing, Veth | Bridge | Tap):
                    for netns, name in ends(thing):
                        links[netns].add(name)
                        parameters[netns].update(self._own_directories(netns, name))
                elif isinstance(thing, Sysctl):
                    parameters[thing.netns].add(thing.path.rpartition("/")[0])
                elif isinstance(thing, NeighbourProxy):
                    proxies.add(thing.netns)
        return Interest(
            links={netns: frozenset(names) for netns, names in links.items()},
            parameters={netns: frozenset(paths) for netns, paths in parameters.items()},
            proxies=frozenset(proxies),
        )

    def _own_directories(self, netns: str, dev: str) -> set[str]:
        """Where a link keeps what it should say for itself."""
        families = {own.family for own in self._look.own.get(netns, ())}
        return {f"net/{family}/conf/{dev}" for family in families}


def trimmed(unit: Unit, things: Sequence[KernelObject]) -> Unit:
    """The unit with what is seen of it through a window."""
    if len(things) == len(unit.objects):
        return unit
    return msgspec.structs.replace(unit, objects=tuple(sorted(things, key=lambda one: one.key)))


def whole_ends(
    observed: Observed, only: frozenset[str] | None, wanted: Callable[[str, str], Sequence[KernelObject]]
) -> Observed:
    """What was observed in a window; an end whose other is outside passes for the wanted pair's.

    Args:
        observed: by a look through the window.
        only: the window; ``None`` where it is everything.
        wanted: what a unit wants in a namespace, by the names of both.
    """
    if only is None:
        return observed

    def whole(thing: KernelObject) -> KernelObject:
        if not isinstance(thing, Veth) or thing.peer_netns != UNKNOWN:
            return thing
        for one in wanted(thing.netns, thing.owner):
            if one.key == thing.key and isinstance(one, Veth) and one.peer_netns not in only:
                return msgspec.structs.replace(
                    thing,
                    peer_netns=one.peer_netns,
                    peer_name=one.peer_name,
                    peer_mac=one.peer_mac,
                    peer_altname=one.peer_altname,
                )
        return thing

    objects = {key: whole(thing) for key, thing in observed.objects.items() if key[1] in only}
    return msgspec.structs.replace(observed, objects=objects)


def look_at(kernel: Kernel, index: Plans, names: Iterable[str], held: Collection[str]) -> Found:
    """Look at these namespaces, and at as much more as it takes.

    Args:
        kernel: where to look.
        index: what is wanted.
        names: of namespaces, "" for the host's.
        held: units that are left as they are.

    Raises:
        KernelError: a look was refused.
    """
    only = index.reach(names)
    for _ in range(_ROUNDS):
        observed = index.seen(kernel.observe(index.look(only)), only)
        if _gone(index, observed, only, held):
            break
        wanted = index.within(only)
        units = _differing(wanted, observed) - frozenset(held)
        if not units <= index.known:
            break
        wider = index.reach(only | index.homes(units)) if units else only
        if wider == only:
            return Found(only=only, units=units, wanted=wanted, observed=observed)
        only = wider
    return look_at_all(kernel, index, held)


def look_at_all(kernel: Kernel, index: Plans, held: Collection[str]) -> Found:
    """Look at everything.

    Raises:
        KernelError: the look was refused.
    """
    observed = kernel.observe(index.look(None))
    units = _differing(index.wanted, observed) - frozenset(held)
    return Found(only=None, units=units, wanted=index.wanted, observed=observed)


def parting(found: Found) -> frozenset[str]:
    """The units of which one end of a pair is there and the other is not to be seen.

    So it is for a moment after a namespace has lost its name: the kernel takes the pairs that reach
    out of it away later (``cleanup_net()``).
    """
    return frozenset(
        unit.name
        for unit in found.wanted.units
        if unit.name in found.units and any(_halved(thing, found.observed) for thing in unit.objects)
    )


def _halved(thing: KernelObject, observed: Observed) -> bool:
    if not isinstance(thing, Veth):
        return False
    if (there := observed.objects.get(thing.key)) is not None:
        return isinstance(there, Veth) and there.peer_netns == UNKNOWN
    return any(
        observed.links.get(netns, {}).get(name) == "veth" and name not in observed.unmarked.get(netns, {})
        for netns, name in ends(thing)
    )


def without(found: Found, held: Iterable[RefusedUnit]) -> Wanted:
    """What is wanted, with the held units wanting what they have."""
    return frozen(found.wanted, found.observed, {one.unit: one for one in held})


def _gone(index: Plans, observed: Observed, only: frozenset[str], held: Collection[str]) -> bool:
    """Whether a namespace is missing, or one is there that nobody wants."""
    for name in only - {HOST}:
        users = index.users(name)
        if not users or (not observed.netns.get(name) and not set(users) <= set(held)):
            return True
    return False


def _differing(wanted: Wanted, observed: Observed) -> frozenset[str]:
    delta = compare(wanted, observed)
    keys = (*delta.create, *delta.update, *delta.surplus)
    return frozenset(delta.unit_of(key) for key in keys)
