"""What is in a fake kernel, told apart: what is ours, unit by unit, and what is not ours, byte for byte."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

import msgspec

from deuteron.kernel.fake.state import Namespace, State
from deuteron.objects import PROTOCOL, KernelObject, Key, Observed, Sysctl, Wanted
from deuteron.objects.ownership import may_be_ours, owner_of
from deuteron.reconcile.delta import compare

#: Objects by key, by unit.
Units = dict[str, dict[Key, KernelObject]]


def units_of(observed: Observed) -> Units:
    """Ours by owner."""
    found: defaultdict[str, dict[Key, KernelObject]] = defaultdict(dict)
    for key, thing in observed.objects.items():
        found[observed.owners[key]][key] = thing
    return dict(found)


def homes(wanted: Wanted) -> dict[Key, str]:
    """The unit of every wanted object, by key."""
    return {thing.key: unit.name for unit in wanted.units for thing in unit.objects}


def changed_units(before: Units, now: Units, home: Mapping[Key, str]) -> dict[str, str]:
    """The units that are not as they were, each with one thing that differs.

    A kernel parameter counts where both looks read it: which ones are read is the look's choice.
    What another unit wants by now (the route of a floating IP that moves to another router) is
    that one's affair.  A rule whose link has gone is told of as its namespace's: it has not changed.
    """
    had = {key: thing for things in before.values() for key, thing in things.items()}
    found: dict[str, str] = {}
    for unit in sorted(before.keys() | now.keys()):
        was, has = before.get(unit, {}), now.get(unit, {})
        differs = [
            key
            for key in was.keys() | has.keys()
            if home.get(key, unit) == unit
            and not _same(was, has, key)
            and (key in was or not _same(had, has, key))
        ]
        if differs:
            key = min(differs)
            found[unit] = f"{len(differs)} things, such as {key}: {was.get(key)} -> {has.get(key)}"
    return found


def _same(was: Mapping[Key, KernelObject], has: Mapping[Key, KernelObject], key: Key) -> bool:
    one, other = was.get(key), has.get(key)
    if one is None or other is None:
        return isinstance(one or other, Sysctl)
    return one == other


def unlike(wanted: Wanted, observed: Observed, home: Mapping[Key, str] | None = None) -> dict[str, str]:
    """The units that are not as wanted, each with one thing that differs.

    Args:
        wanted: what to compare with.
        observed: what is there.
        home: what another unit wants by now; see :func:`changed_units`.
    """
    delta = compare(wanted, observed)
    told = {key: f"missing {key}" for key in delta.create}
    told |= {key: f"{old} is not {new}" for key, (old, new) in delta.update.items()}
    told |= {key: f"surplus {key}" for key in sorted(delta.surplus)}
    found: dict[str, str] = {}
    for key, what in told.items():
        unit = delta.unit_of(key)
        if home is None or home.get(key, unit) == unit:
            found.setdefault(unit, what)
    return found


class Theirs(msgspec.Struct, frozen=True):
    """What is not ours.

    Attributes:
        apart: what is on its own: namespaces that are not ours, with all in them but our links.
        guests: what sits in a namespace of ours or on a link of ours, with its container; as long
            as that is there, so must they be.
    """

    apart: dict[str, object]
    guests: list[tuple[object, str, object]]


def theirs(state: State) -> Theirs:
    """Everything that is not ours."""
    apart: dict[str, object] = {}
    guests: list[tuple[object, str, object]] = []
    for namespace in state.namespaces.values():
        ours = namespace.alive and owner_of(namespace.links["lo"].alias) is not None
        if ours:
            guests += _guests(namespace)
        elif namespace.alive or not may_be_ours(namespace.name):
            # A left-over file of our name has no owner: a killed process of ours may have left it.
            apart[namespace.name] = _foreign_namespace(namespace)
    return Theirs(apart, guests)


def _foreign_namespace(namespace: Namespace) -> object:
    links = [
        # Which of our links are plugged in a bridge is told by them, not by the bridge.
        replace(link, addresses=dict(link.addresses), sysctls=dict(link.sysctls))
        for link in namespace.links.values()
        if owner_of(link.alias) is None
    ]
    routes = {key: hops for key, hops in namespace.routes.items() if hops[1] != PROTOCOL}
    rules = {rule: protocol for rule, protocol in namespace.rules.items() if protocol != PROTOCOL}
    return (
        namespace.alive,
        links,
        routes,
        rules,
        dict(namespace.sysctls),
        namespace.table,
        {name: dict(members) for name, members in namespace.elements.items()},
        set(namespace.foreign_tables),
    )


def _guests(namespace: Namespace) -> list[tuple[object, str, object]]:
    found: list[tuple[object, str, object]] = [
        (namespace, f"link {link.name} in {namespace.name}", link)
        for link in namespace.links.values()
        if owner_of(link.alias) is None
    ]
    found += [
        (namespace, f"rule {rule.priority} in {namespace.name}", rule)
        for rule, protocol in namespace.rules.items()
        if protocol != PROTOCOL
    ]
    return found + [
        (namespace, f"table {name} in {namespace.name}", name) for name in sorted(namespace.foreign_tables)
    ]


def disturbed(before: Theirs, now: Theirs, state: State) -> list[str]:
    """What was done to things that are not ours."""
    found = [name for name in before.apart if before.apart[name] != now.apart.get(name)]
    kept = {(id(container), what) for container, what, _ in now.guests}
    living = {id(namespace) for namespace in state.namespaces.values()}
    found += [
        what
        for container, what, _ in before.guests
        if id(container) in living and (id(container), what) not in kept
    ]
    return found
