"""What a host is to have, unit by unit, while its view changes: only what a part touches is compiled.

A unit is a function of a small piece of the view: a router of its ports, their networks with all
their subnets, its floating IPs and its leg.  The piece is cut out, checked as every view is, and
compiled; so the law holds that tests ask of every pair of views: the units are those that the whole
view compiles to.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final

import msgspec

from deuteron.agent.piece import Piece
from deuteron.agent.values import Values
from deuteron.compile.fip_namespace import fip_unit
from deuteron.compile.host import compile_host, refused_units
from deuteron.compile.index import Index, build
from deuteron.compile.names import device_clash, link_ends
from deuteron.compile.network import network_unit
from deuteron.compile.port import port_unit
from deuteron.compile.router import router_unit
from deuteron.domain import HostView, Port
from deuteron.feed.part import Part, difference
from deuteron.objects import KernelObject, Key, Unit, Veth, Wanted
from deuteron.reconcile.invariant import namespaces_of

#: In which order the kinds of units are made (``compile_units``).
_KINDS: Final = ("network", "fip", "router", "port")
_RANK: Final = {kind: rank for rank, kind in enumerate(_KINDS)}


class UnitChange(msgspec.Struct, frozen=True, kw_only=True):
    """One unit that is to be other than it was; ``None``: it is not."""

    name: str
    before: Unit | None
    after: Unit | None


class Model:
    """The values of a view and the units that they compile to.

    Args:
        view: all of it.

    Raises:
        InputError: it does not compile, as :func:`deuteron.compile.compile_host`.
    """

    def __init__(self, view: HostView) -> None:
        self._values = Values(view)
        self._units: dict[str, Unit] = {}
        self._ends: dict[Key, str] = {}
        self._things: defaultdict[str, dict[str, tuple[KernelObject, ...]]] = defaultdict(dict)
        self._inner: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._order: list[tuple[int, str]] = []
        self._wanted: Wanted | None = compile_host(view)
        for unit in self._wanted.units:
            self._take(unit.name, unit)

    @property
    def view(self) -> HostView:
        """All of it as one value; made anew, which costs as much as the view is long.

        Raises:
            FieldError: the values do not fit together.
        """
        return self._values.view()

    @property
    def wanted(self) -> Wanted:
        """What all of it compiles to."""
        if self._wanted is None:
            units = tuple(self._units[f"{_KINDS[rank]}/{ident}"] for rank, ident in self._order)
            self._wanted = Wanted(units=units, refused=refused_units(self._values.head()))
        return self._wanted

    def names(self) -> AbstractSet[str]:
        """The names of all units, as they are at any time."""
        return self._units.keys()

    def things(self, netns: str) -> Mapping[str, tuple[KernelObject, ...]]:
        """By unit, what it has in a namespace: of a pair, its outer end."""
        return self._things.get(netns, {})

    def outer(self, netns: str) -> Collection[str]:
        """Where the outer ends are of the pairs whose inner end is in a namespace."""
        return self._inner.get(netns, {}).keys()

    def order(self, names: Iterable[str]) -> list[str]:
        """Names of units in the order to make them."""
        return sorted(names, key=_order)

    def told(self) -> list[str]:
        """The names of what has a state after a look at everything: all units, and routers that have none."""
        units = self.names()
        bare = (f"router/{ident}" for ident in self._values.routers if f"router/{ident}" not in units)
        return [*(unit.name for unit in self.wanted.units), *sorted(bare)]

    def unit(self, name: str) -> Unit | None:
        """A unit by name; ``None`` where it is not wanted."""
        return self._units.get(name)

    def devices(self, unit: str) -> tuple[Port, ...]:
        """See :meth:`Values.devices`."""
        return self._values.devices(unit)

    def holders(self, part: Part) -> set[str]:
        """See :meth:`Values.holders`."""
        return self._values.holders(part)

    def replace(self, view: HostView) -> tuple[UnitChange, ...]:
        """Go over to another view of the same host, by the part that leads to it.

        Raises:
            FieldError, InputError: as :meth:`change`.
        """
        return self.change(difference(self._values.view(), view))

    def change(self, part: Part) -> tuple[UnitChange, ...]:
        """Take over a part; what becomes other, in the order to make it.

        Raises:
            FieldError: the values do not fit together; all is as it was before.
            InputError: they do not compile; likewise.
        """
        touched = self._values.touched(part)
        back = self._values.put(part)
        try:
            touched |= self._values.touched(part)
            new = self._compiled(touched)
            changes = tuple(self._differing(touched, new))
            self._refuse_clashes(changes)
        except BaseException:  # interrupted too: half of a part would be taken for the view ever after
            self._values.put(back)
            raise
        for one in changes:
            self._take(one.name, one.after)
        if changes or part.refused or any(gone.kind == "refused" for gone in part.gone):
            self._wanted = None
        return changes

    def _compiled(self, names: Iterable[str]) -> dict[str, Unit]:
        piece = Piece(self._values)
        for name in names:
            piece.add_unit(name)
        index = build(piece.view())
        made = (_compile(index, name) for name in names)
        return {unit.name: unit for unit in made if unit is not None}

    def _differing(self, names: Iterable[str], new: dict[str, Unit]) -> Iterator[UnitChange]:
        for name in sorted(names, key=_order):
            before, after = self._units.get(name), new.get(name)
            if before != after:
                yield UnitChange(name=name, before=before, after=after)

    def _refuse_clashes(self, changes: Iterable[UnitChange]) -> None:
        going = {one.name for one in changes}
        seen: dict[Key, str] = {}
        for one in changes:
            for end in _ends(one.after):
                other = seen.get(end) or self._ends.get(end, one.name)
                if end in seen or other not in going:
                    raise device_clash(end, self._title(other), self._title(one.name, one.after))
                seen[end] = one.name

    def _title(self, name: str, unit: Unit | None = None) -> str:
        unit = unit or self._units.get(name)
        return unit.title if unit is not None else name

    def _take(self, name: str, unit: Unit | None) -> None:
        before = self._units.pop(name, None)
        if before is not None:
            self._forget(before)
        if unit is None:
            return
        self._units[name] = unit
        insort(self._order, _order(name))
        self._ends.update(dict.fromkeys(_ends(unit), name))
        for netns, things in _by_netns(unit).items():
            self._things[netns][name] = things
        for inner, outer in _pairs(unit):
            self._inner[inner][outer] += 1

    def _forget(self, unit: Unit) -> None:
        place = bisect_left(self._order, _order(unit.name))
        del self._order[place]
        for end in _ends(unit):
            if self._ends.get(end) == unit.name:
                del self._ends[end]
        for netns in _by_netns(unit):
            del self._things[netns][unit.name]
            if not self._things[netns]:
                del self._things[netns]
        for inner, outer in _pairs(unit):
            self._inner[inner][outer] -= 1
            if not self._inner[inner][outer]:
                del self._inner[inner][outer]


def _by_netns(unit: Unit) -> dict[str, tuple[KernelObject, ...]]:
    found: defaultdict[str, list[KernelObject]] = defaultdict(list)
    for thing in unit.objects:
        found[thing.key[1]].append(thing)
    return {netns: tuple(things) for netns, things in found.items()}


def _pairs(unit: Unit) -> list[tuple[str, str]]:
    """Of each pair, where its inner end is and where its outer one."""
    return [(thing.peer_netns, thing.netns) for thing in unit.objects if isinstance(thing, Veth)]


def homes(unit: Unit | None) -> frozenset[str]:
    """The namespaces that a unit has anything in."""
    things = () if unit is None else unit.objects
    return frozenset(netns for thing in things for netns in namespaces_of(thing))


def _ends(unit: Unit | None) -> list[Key]:
    return [] if unit is None else [end for thing in unit.objects for end in link_ends(thing)]


def _order(name: str) -> tuple[int, str]:
    kind, _, ident = name.partition("/")
    return _RANK[kind], ident


def _compile(index: Index, name: str) -> Unit | None:
    kind, _, ident = name.partition("/")
    if kind == "fip":
        return fip_unit(index, ident)
    values: dict[str, dict[str, Any]] = {
        "network": index.networks,
        "router": index.routers,
        "port": index.ports,
    }
    value = values[kind].get(ident)
    if value is None:
        return None
    if kind == "network":
        return network_unit(index, value)
    return router_unit(index, value) if kind == "router" else port_unit(index, value)
