"""Somebody else on the host: deletes and changes what is ours, adds what is not, and goes again."""

from __future__ import annotations

import random

from deuteron.errors import KernelError
from deuteron.kernel.fake import nft
from deuteron.kernel.fake.operations import delete
from deuteron.kernel.fake.state import Namespace
from deuteron.objects import (
    HOST,
    Bridge,
    Delete,
    KernelObject,
    Netns,
    NftElement,
    NftTable,
    Observed,
    Sysctl,
    Tap,
    Veth,
    Wanted,
)
from deuteron.objects.ownership import NETNS_PREFIXES, may_be_ours, owner_of
from tests.simulation.cloud import EXTERNALS, INSTANCES
from tests.simulation.machine import Machine, outside

Chance = random.Random


def spoil(machine: Machine, observed: Observed, chance: Chance) -> str:
    """Delete or change one thing of ours."""
    if not observed.objects:
        return "nothing there to spoil"
    kinds: dict[str, list[KernelObject]] = {}
    for thing in observed.objects.values():
        kinds.setdefault(type(thing).__name__, []).append(thing)
    # By kind first: there are far more elements than bridges.
    thing = chance.choice(kinds[chance.choice(sorted(kinds))])
    changed = _change(machine, thing, chance)
    if changed:
        return f"change {thing.key}: {changed}"
    if isinstance(thing, Netns):
        machine.kernel.remove_netns(thing.name)
    elif isinstance(thing, Veth) and chance.random() < 0.5:
        machine.kernel.remove_link(thing.peer_netns, thing.peer_name)
    elif not isinstance(thing, Sysctl):
        _delete(machine, thing)
    return f"delete {thing.key}"


def _delete(machine: Machine, thing: KernelObject) -> None:
    if isinstance(thing, NftTable | NftElement):
        nft.commit(machine.kernel.state, thing.netns, [Delete(thing)])
    else:
        delete(thing, machine.kernel.state)


def _change(machine: Machine, thing: KernelObject, chance: Chance) -> str:
    state = machine.kernel.state
    if isinstance(thing, Sysctl) and not thing.dev:
        value = "1" if thing.value == "0" else "0"
        machine.kernel.write_sysctl(thing.netns, thing.path, value)
        return value
    if isinstance(thing, Bridge | Veth | Tap) and chance.random() < 0.5:
        link = state.link(thing.netns, thing.name)
        what = chance.choice(["mtu", "master"] if isinstance(thing, Veth | Tap) else ["mtu"])
        if what == "mtu":
            link.mtu = 1300
        else:
            link.master = ""
            link.fdb.clear()
        return what
    if isinstance(thing, NftElement) and thing.value and chance.random() < 0.5:
        members = state.namespace(thing.netns).elements.get(thing.set, {})
        if thing.item in members and len(thing.value) == 1 and thing.value[0].startswith("10."):
            members[thing.item] = ("10.9.9.9",)
            return "value"
    return ""


def add_beside(machine: Machine, chance: Chance) -> str:
    """Something foreign in a namespace of ours, which is in nobody's way."""
    ours = [one for one in machine.kernel.state.alive() if _is_ours(one)]
    if not ours:
        return "nothing there to stand beside"
    namespace = chance.choice(ours)
    what = chance.choice(["address", "rule", "table", "route"])
    try:
        _add(machine, namespace, what, chance)
    except KernelError as error:
        return f"foreign {what} in {namespace.name}: {error.message}"
    return f"foreign {what} in {namespace.name}"


def _add(machine: Machine, namespace: Namespace, what: str, chance: Chance) -> None:
    kernel, name = machine.kernel, namespace.name
    number = chance.randint(1, 250)
    if what == "address":
        kernel.add_foreign_address(name, chance.choice(sorted(namespace.links)), f"192.0.2.{number}/32")
    elif what == "rule":
        kernel.add_foreign_rule(name, 1000 + number, 254)
    elif what == "table":
        kernel.add_foreign_table(name, f"theirs{number % 4}")
    else:
        up = [link.name for link in namespace.links.values() if link.up and link.name != "lo"]
        if up:
            kernel.add_foreign_route(name, f"192.0.2.{number}/32", chance.choice(up), table=77)


def _is_ours(namespace: Namespace) -> bool:
    return may_be_ours(namespace.name) and owner_of(namespace.links["lo"].alias) is not None


def stand_in_the_way(machine: Machine, wanted: Wanted, chance: Chance) -> str:
    """Something foreign where something of ours is or is to be."""
    way = chance.choice([_take_netns, _take_link, _move_in, _lose_instance, _lose_bridge])
    return way(machine, wanted, chance) or "no place to stand in the way"


def _take_netns(machine: Machine, wanted: Wanted, chance: Chance) -> str:
    names = [thing.name for unit in wanted.units for thing in unit.objects if isinstance(thing, Netns)]
    if not names:
        return ""
    kernel, name, dead = machine.kernel, chance.choice(names), chance.random() < 0.5
    if name in kernel.state.namespaces:
        kernel.remove_netns(name)
    (kernel.add_dead_netns if dead else kernel.add_foreign_netns)(name)
    return f"{'dead' if dead else 'foreign'} namespace {name}"


def _take_link(machine: Machine, wanted: Wanted, chance: Chance) -> str:
    kernel, alive = machine.kernel, {one.name for one in machine.kernel.state.alive()}
    things = [thing for unit in wanted.units for thing in unit.objects]
    ports = [thing for thing in things if isinstance(thing, Veth) and thing.netns in alive]
    if not ports:
        return ""
    port = chance.choice(ports)
    kernel.remove_link(port.netns, port.name)
    kernel.add_foreign_link(port.netns, port.name)
    return f"foreign link {port.name} in {port.netns or 'the host'}"


def _move_in(machine: Machine, wanted: Wanted, chance: Chance) -> str:
    del wanted
    ours = [one for one in machine.kernel.state.alive() if _is_ours(one) and "theirs0" not in one.links]
    if not ours:
        return ""
    name = chance.choice(ours).name
    machine.kernel.add_foreign_link(name, "theirs0")
    return f"foreign link inside {name}"


def _lose_instance(machine: Machine, wanted: Wanted, chance: Chance) -> str:
    del wanted
    name = chance.choice(INSTANCES)
    if name not in machine.kernel.state.namespaces:
        return ""
    machine.kernel.remove_netns(name)
    return f"instance {name} is gone"


def _lose_bridge(machine: Machine, wanted: Wanted, chance: Chance) -> str:
    del wanted
    external = chance.choice(list(EXTERNALS))
    machine.kernel.remove_link(HOST, EXTERNALS[external][0])
    return f"bridge of {external} is gone"


def make_way(machine: Machine) -> None:
    """All that stands in the way goes; what the host owes comes back."""
    kernel, state = machine.kernel, machine.kernel.state
    for namespace in list(state.namespaces.values()):
        if not namespace.alive:
            del state.namespaces[namespace.name]
        elif namespace.name.startswith(NETNS_PREFIXES) and not _is_ours(namespace):
            kernel.remove_netns(namespace.name)
        else:
            _clear(machine, namespace)
    for name in INSTANCES:
        if name not in state.namespaces:
            kernel.add_instance_netns(name)
    for external, spec in EXTERNALS.items():
        if spec[0] not in state.namespaces[HOST].links:
            kernel.remove_netns(outside(external))
            machine.add_bridge(external)


def _clear(machine: Machine, namespace: Namespace) -> None:
    """Links that are neither ours nor the host's own go."""
    outsiders = {outside(one) for one in EXTERNALS}
    if namespace.name in outsiders:
        return
    known = {"lo", *(f"veth-{one}"[:15] for one in outsiders), *(spec[0] for spec in EXTERNALS.values())}
    for link in list(namespace.links.values()):
        if owner_of(link.alias) is None and link.name not in known:
            machine.kernel.remove_link(namespace.name, link.name)
