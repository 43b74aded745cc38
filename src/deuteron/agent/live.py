"""What is wanted, by namespace, of a host whose view changes: kept by what changes, never made anew.

An index of 1,000 routers takes a quarter of a second of processor time to make, a floating IP a
millisecond to take over.  The law that tests hold: it says what :class:`deuteron.agent.window.Index`
says of the same wanted state.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet

from msgspec.structs import replace

from deuteron.agent.model import Model, UnitChange, homes
from deuteron.agent.window import trimmed, whole_ends
from deuteron.apply.look import look_for
from deuteron.kernel.linux.watched import Interest
from deuteron.objects import (
    HOST,
    Bridge,
    KernelObject,
    Look,
    NeighbourProxy,
    Observed,
    Sysctl,
    Tap,
    Unit,
    Veth,
    Wanted,
)
from deuteron.reconcile.delta import ends
from deuteron.reconcile.invariant import namespaces_of


class LiveIndex:
    """The index of a model; to be told of each change that the model has taken over.

    Args:
        model: what the host is to have.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self._units: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._names: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._links: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._directories: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._proxies: Counter[str] = Counter()
        self._heard: Counter[str] = Counter({HOST: 1})
        self._heard_links: dict[str, frozenset[str]] = {}
        self._heard_parameters: dict[str, frozenset[str]] = {}
        touched = {HOST}
        for unit in model.wanted.units:
            touched |= self._count(unit, 1)
        self._render(touched)

    def change(self, changes: Sequence[UnitChange]) -> None:
        """The model has other units now."""
        touched: set[str] = set()
        for one in changes:
            if one.before is not None:
                touched |= self._count(one.before, -1)
            if one.after is not None:
                touched |= self._count(one.after, 1)
        self._render(touched)

    # What a look asks of it, as of any index ----------------------------------------------------

    @property
    def wanted(self) -> Wanted:
        """All that is wanted."""
        return self._model.wanted

    @property
    def known(self) -> AbstractSet[str]:
        """The names of all units."""
        return self._model.names()

    def reach(self, names: Iterable[str]) -> frozenset[str]:
        """See :meth:`deuteron.agent.window.Index.reach`."""
        wide = {*names, HOST}
        return frozenset(wide.union(*(self._model.outer(name) for name in wide)))

    def homes(self, units: Iterable[str]) -> frozenset[str]:
        """See :meth:`deuteron.agent.window.Index.homes`."""
        return frozenset(name for unit in units for name in homes(self._model.unit(unit)))

    def users(self, netns: str) -> Collection[str]:
        """See :meth:`deuteron.agent.window.Index.users`."""
        return self._units.get(netns, {}).keys()

    def look(self, only: frozenset[str] | None) -> Look:
        """See :meth:`deuteron.agent.window.Index.look`."""
        if only is None:
            return look_for(self.wanted)
        look = look_for(self.within(only))
        return replace(
            look,
            namespaces=frozenset(name for name in look.namespaces if name in only),
            sysctls={netns: paths for netns, paths in look.sysctls.items() if netns in only},
            own={netns: values for netns, values in look.own.items() if netns in only},
            only=only,
        )

    def within(self, only: frozenset[str] | None) -> Wanted:
        """See :meth:`deuteron.agent.window.Index.within`."""
        if only is None:
            return self.wanted
        seen: defaultdict[str, list[KernelObject]] = defaultdict(list)
        for netns in only:
            for name, things in self._model.things(netns).items():
                seen[name] += things
        units = ((self._model.unit(name), things) for name, things in seen.items())
        found = {unit.name: trimmed(unit, things) for unit, things in units if unit is not None}
        return Wanted(units=tuple(found[name] for name in self._model.order(found)))

    def seen(self, observed: Observed, only: frozenset[str] | None) -> Observed:
        """See :meth:`deuteron.agent.window.Index.seen`."""
        return whole_ends(observed, only, self._of)

    def _of(self, netns: str, unit: str) -> Sequence[KernelObject]:
        return self._model.things(netns).get(unit, ())

    @property
    def interest(self) -> Interest:
        """See :attr:`deuteron.agent.window.Index.interest`."""
        return Interest(
            links=self._heard_links, parameters=self._heard_parameters, proxies=frozenset(self._proxies)
        )

    # What is heard --------------------------------------------------------------------------------

    def _count(self, unit: Unit, by: int) -> set[str]:
        """Count what a unit adds to what is heard; the namespaces that it is of."""
        touched: set[str] = set()
        for netns, name in _needed(unit):
            touched.add(netns)
            _add(self._heard, netns, by)
            if name:
                _add(self._names[netns], name, by)
        for thing in unit.objects:
            touched.add(thing.key[1])
            _add(self._heard, thing.key[1], by)
            for netns in set(namespaces_of(thing)):
                touched.add(netns)
                _add(self._units[netns], unit.name, by)
            self._count_thing(thing, by)
        return touched

    def _count_thing(self, thing: KernelObject, by: int) -> None:
        match thing:
            case Veth() | Bridge() | Tap():
                for netns, name in ends(thing):
                    _add(self._heard, netns, by)
                    _add(self._links[netns], name, by)
            case Sysctl(netns=netns, path=path):
                _add(self._directories[netns], path.rpartition("/")[0], by)
            case NeighbourProxy(netns=netns):
                _add(self._proxies, netns, by)

    def _render(self, touched: Iterable[str]) -> None:
        """Say anew what is heard in some namespaces."""
        own = self.look(frozenset(touched)).own
        for netns in touched:
            self._heard_links.pop(netns, None)
            self._heard_parameters.pop(netns, None)
            if not self._heard[netns]:
                self._drop(netns)
                continue
            mine = self._links[netns]
            self._heard_links[netns] = frozenset(mine) | frozenset(self._names[netns])
            families = {value.family for value in own.get(netns, ())}
            devices = {f"net/{family}/conf/{dev}" for family in families for dev in mine}
            if directories := frozenset(self._directories[netns]) | devices:
                self._heard_parameters[netns] = directories

    def _drop(self, netns: str) -> None:
        for counts in (self._units, self._names, self._links, self._directories):
            counts.pop(netns, None)


def _needed(unit: Unit) -> Iterator[tuple[str, str]]:
    """What of others a unit needs: the namespace, and the name of a link of the host in it, or ""."""
    for need in unit.needs:
        yield (HOST, need.name) if need.kind == "bridge" else (need.name, "")


def _add(counts: Counter[str], name: str, by: int) -> None:
    counts[name] += by
    if not counts[name]:
        del counts[name]
