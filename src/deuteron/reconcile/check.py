"""What must hold before a unit may be tried; all of it is looked at, nothing is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from deuteron.errors import HostError
from deuteron.objects import HOST, Bridge, KernelObject, Need, Netns, Observed, Tap, Veth, Wanted
from deuteron.reconcile.delta import ends


def check(wanted: Wanted, observed: Observed) -> dict[str, tuple[HostError, ...]]:
    """The reasons not to begin with a unit, by its name; units without one are not in it.

    Codes: ``no-such-bridge``, ``no-such-namespace``, ``dead-namespace``, ``foreign-name``.
    """
    ours = {
        end for obj in observed.objects.values() if isinstance(obj, Veth | Bridge | Tap) for end in ends(obj)
    }
    found: dict[str, tuple[HostError, ...]] = {}
    for unit in wanted.units:
        unmet = (_unmet(need, observed) for need in unit.needs)
        problems = [problem for problem in unmet if problem is not None]
        problems += _taken(unit.objects, unit.title, observed, ours)
        if problems:
            found[unit.name] = tuple({problem.message: problem for problem in problems}.values())
    return found


def _unmet(need: Need, observed: Observed) -> HostError | None:
    if need.kind == "bridge":
        return _bridge(need, observed)
    alive = observed.netns.get(need.name)
    if alive is None:
        return HostError(
            "no-such-namespace",
            f"{need.why} needs the network namespace {need.name}, which does not exist;"
            f" make it: ip netns add {need.name}",
        )
    return None if alive else _dead(need.name, need.why)


def _bridge(need: Need, observed: Observed) -> HostError | None:
    kind = observed.links.get(HOST, {}).get(need.name)
    if kind == "bridge":
        return None
    state = "does not exist" if kind is None else f"is a {kind} and no bridge"
    return HostError(
        "no-such-bridge",
        f"{need.why} needs the bridge {need.name}, which {state} on this host;"
        f" make it: ip link add {need.name} type bridge && ip link set {need.name} up,"
        " or name another one in bridge_mappings (--external-bridge for a sync_routers file)",
    )


def _dead(name: str, who: str) -> HostError:
    return HostError(
        "dead-namespace",
        f"{who} needs the network namespace {name}, of which only a dead file is left;"
        f" remove it: ip netns delete {name}",
    )


def _taken(
    objects: Iterable[KernelObject], title: str, observed: Observed, ours: set[tuple[str, str]]
) -> Iterator[HostError]:
    for obj in objects:
        if isinstance(obj, Netns):
            if obj.name in observed.netns and obj.key not in observed.objects:
                yield _foreign_namespace(obj.name, title, alive=observed.netns[obj.name])
        elif isinstance(obj, Veth | Bridge | Tap) and observed.objects.get(obj.key) != obj:
            for netns, name in ends(obj):
                if name in observed.links.get(netns, {}) and (netns, name) not in ours:
                    yield _foreign_link(netns, name, title)


def _foreign_namespace(name: str, title: str, *, alive: bool) -> HostError:
    if not alive:
        return _dead(name, title)
    return HostError(
        "foreign-name",
        f"{title} needs the network namespace {name}, but one of that name exists that is not ours;"
        f" if nothing uses it, remove it: ip netns delete {name}",
    )


def _foreign_link(netns: str, name: str, title: str) -> HostError:
    where, option = (f"namespace {netns}", f"-n {netns} ") if netns else ("the host", "")
    return HostError(
        "foreign-name",
        f"{title} needs the device name {name} in {where}, but a link of that name exists that is not ours;"
        f" if nothing uses it, remove it: ip {option}link delete {name}",
    )
