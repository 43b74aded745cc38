"""What no plan may do, whatever it was computed from."""

from __future__ import annotations

from collections.abc import Iterable

from deuteron.errors import DeuteronError
from deuteron.objects import KernelObject, Netns, Veth, Wanted


class InvariantError(DeuteronError):
    """The wanted state contradicts itself; a defect of this program, nothing was touched."""


def namespaces_of(obj: KernelObject) -> tuple[str, ...]:
    """The namespaces that ``obj`` touches; a veth pair touches two."""
    if isinstance(obj, Veth):
        return (obj.netns, obj.peer_netns)
    return (obj.key[1],)


def refuse_used_namespaces(doomed: Iterable[KernelObject], wanted: Wanted) -> None:
    """Refuse to delete a namespace while anything in it is wanted: a leg, a floating IP's route.

    Args:
        doomed: what is to be deleted.
        wanted: the whole wanted state.

    Raises:
        InvariantError: ``namespace-in-use``, naming the namespace and what stays in it.
    """
    names = {obj.name for obj in doomed if isinstance(obj, Netns)}
    if not names:
        return
    for unit in wanted.units:
        for obj in unit.objects:
            for name in names.intersection(namespaces_of(obj)):
                raise InvariantError(
                    "namespace-in-use",
                    f"namespace {name} would be deleted while {unit.title} still has {obj} in it;"
                    " nothing was changed, please report this with the input file",
                )
