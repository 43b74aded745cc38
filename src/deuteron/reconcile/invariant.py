"""What no plan may do, whatever it was computed from."""

from __future__ import annotations

from collections.abc import Collection

from deuteron.errors import DeuteronError
from deuteron.objects import KernelObject, Netns, Observed, Unit, Veth, Wanted


class InvariantError(DeuteronError):
    """The wanted state contradicts itself; a defect of this program, nothing was touched."""


def namespaces_of(obj: KernelObject) -> tuple[str, ...]:
    """The namespaces that ``obj`` touches; a veth pair touches two."""
    if isinstance(obj, Veth):
        return (obj.netns, obj.peer_netns)
    return (obj.key[1],)


def namespaces_in_use(
    wanted: Wanted, observed: Observed, refused: Collection[str] = ()
) -> dict[str, InvariantError]:
    """The units that would delete a namespace while anything in it is wanted: a leg, a floating IP's route.

    Args:
        wanted: the whole wanted state.
        observed: what is there.
        refused: units that stay as they are; where one of them is what stays, it is no defect.

    Returns:
        For each such unit why it must not: ``namespace-in-use``, naming the namespace and what stays in it.
    """
    kept = {obj.key for unit in wanted.units for obj in unit.objects if isinstance(obj, Netns)}
    doomed = {
        obj.name: observed.owners[key]
        for key, obj in observed.objects.items()
        if isinstance(obj, Netns) and key not in kept
    }
    found: dict[str, InvariantError] = {}
    if not doomed:
        return found
    for unit in wanted.units:
        for obj in unit.objects:
            for name in doomed.keys() & namespaces_of(obj):
                found.setdefault(doomed[name], _in_use(name, unit, obj, refused))
    return found


def _in_use(name: str, unit: Unit, obj: KernelObject, refused: Collection[str]) -> InvariantError:
    mend = (
        f"mend {unit.title} first, which could not be tried"
        if unit.name in refused
        else "please report this with the input file"
    )
    return InvariantError(
        "namespace-in-use",
        f"namespace {name} would be deleted while {unit.title} still has {obj} in it;"
        f" it was left alone, {mend}",
    )
