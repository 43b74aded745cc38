"""What to look at in the kernel, given what is wanted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from msgspec.structs import replace

from deuteron.compile.policy import LINK_KINDS, kind_of, packaged
from deuteron.objects import (
    Delete,
    KernelObject,
    Look,
    Netns,
    OwnValue,
    Step,
    Sysctl,
    Veth,
    Wanted,
    own_values,
)
from deuteron.objects.base import HOST
from deuteron.objects.ownership import may_be_ours
from deuteron.reconcile import Plan
from deuteron.reconcile.invariant import namespaces_of


def look_for(wanted: Wanted, *earlier: Wanted) -> Look:
    """The instances' namespaces to look into and the kernel parameters to read.

    Args:
        wanted: what will be compared with what is there.
        earlier: what was wanted before, where it is known: what goes is then seen whole, so
            that an undo can make all of it again.
    """
    units = [unit for one in (wanted, *earlier) for unit in one.units]
    # Whatever a unit has in an instance's namespace is on a pair of its own into it.
    look = look_at_objects(obj for unit in units for obj in unit.objects if isinstance(obj, Sysctl | Veth))
    needed = _of_instances(need.name for unit in units for need in unit.needs if need.kind == "netns")
    return replace(look, namespaces=look.namespaces | needed, own=_own(wanted))


def _own(wanted: Wanted) -> dict[str, tuple[OwnValue, ...]]:
    """What links should say for themselves."""
    of_netns: defaultdict[str, list[Sysctl]] = defaultdict(list)
    for unit in wanted.units:
        for thing in unit.objects:
            if isinstance(thing, Sysctl) and not thing.dev:
                of_netns[thing.netns].append(thing)
    values = {netns: own_values(things) for netns, things in of_netns.items()}
    return {netns: one for netns, one in values.items() if one}


def look_at_objects(objects: Iterable[KernelObject]) -> Look:
    """The instances' namespaces that objects are in, and the kernel parameters among them."""
    namespaces: set[str] = set()
    sysctls: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for obj in objects:
        if isinstance(obj, Sysctl):
            sysctls[obj.netns][obj.path] = None
        else:
            namespaces.update(namespaces_of(obj))
    paths = {netns: tuple(known) for netns, known in sysctls.items()}
    return Look(namespaces=_of_instances(namespaces), sysctls=paths)


def _of_instances(names: Iterable[str]) -> frozenset[str]:
    return frozenset(name for name in names if name != HOST and not may_be_ours(name))


def look_again(look: Look, plan: Plan, netns: Mapping[str, bool]) -> Look | None:
    """The look that also sees what the plan would take along unseen.

    A namespace that nobody has told us of (an apply without memory, a destroy without a state
    directory) goes with parameters that no look read, and a pair into the namespace of an
    instance that nobody has told us of with its addresses: an undo could not give them back.

    Args:
        look: the first one.
        plan: what came of it.
        netns: every name in the namespace directory, mapped to whether it is alive.

    Returns:
        ``None`` where the first look has seen all.
    """
    sysctls = dict(look.sysctls)
    for unit in plan.units:
        for step in unit.steps:
            if isinstance(step, Delete) and isinstance(step.object, Netns):
                name = step.object.name
                if name not in look.sysctls:
                    sysctls[name] = tuple(_policy_paths(name, step))
    namespaces = look.namespaces
    if any(_out_of_sight(step, look) for unit in plan.units for step in unit.steps):
        # Which one it is a pair does not tell.
        namespaces |= {name for name, alive in netns.items() if alive and not may_be_ours(name)}
    more = replace(look, sysctls=sysctls, namespaces=namespaces)
    return None if more == look else more


def _out_of_sight(step: Step, look: Look) -> bool:
    """Whether it removes a pair whose inner end is in a namespace that was not looked into."""
    if not isinstance(step, Delete) or not isinstance(step.object, Veth):
        return False
    inner = step.object.peer_netns
    return inner != HOST and not may_be_ours(inner) and inner not in look.namespaces


def _policy_paths(netns: str, gone: Delete) -> Iterator[str]:
    kind, policy = kind_of(netns), packaged()
    if kind is None:
        return
    yield from (one.path for one in policy.netns_sysctls(kind, netns))
    for thing in gone.contents:
        if (
            isinstance(thing, Veth)
            and thing.peer_netns == netns
            and thing.peer_name.startswith(("fg-", "qg-"))
        ):
            for link in LINK_KINDS:
                yield from (one.path for one in policy.link_sysctls(link, netns, thing.peer_name))
