"""An operation with everything that is to be known of it: what was wanted, what is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache

import msgspec

from deuteron.agent.change import wanted_of
from deuteron.apply.look import look_for
from deuteron.inputs import Allocations, Loaded
from deuteron.objects import KernelObject, Key, Look, Observed
from deuteron.state.journal import Target
from tests.faults.operations import Operation, read

_AT = datetime(2026, 1, 1, tzinfo=UTC)
DESTROY = Target(verb="destroy", view=None, source="", at=_AT)


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """An operation, read.

    Attributes:
        before: what is there.
        after: what is asked for.
        look: at all that either of them has.
    """

    operation: Operation
    before: Target
    after: Target
    look: Look


@cache
def case_of(operation: Operation) -> Case:
    """The operation, read; what was allocated before stays."""
    before = read(operation.before) if operation.before is not None else None
    allocations = before.allocations if before is not None else Allocations()
    after = read(operation.after, allocations) if operation.after is not None else None
    ends = _target(before), _target(after)
    look = look_for(*(wanted_of(end) for end in ends))
    return Case(operation=operation, before=ends[0], after=ends[1], look=look)


def _target(loaded: Loaded | None) -> Target:
    if loaded is None:
        return DESTROY
    return Target(
        verb="apply", view=loaded.view, source="topology.yaml", at=_AT, allocations=loaded.allocations
    )


def by_unit(observed: Observed) -> dict[str, dict[Key, KernelObject]]:
    """What each unit has."""
    units: dict[str, dict[Key, KernelObject]] = {}
    for key, thing in observed.objects.items():
        units.setdefault(observed.owners[key], {})[key] = thing
    return units


def differs(name: str, now: object, then: object) -> Iterator[str]:
    """A sentence where the two are not the same."""
    if now != then:
        yield f"{name}: is {_shortened(now, then)}"


def _shortened(now: object, then: object) -> str:
    if isinstance(now, dict) and isinstance(then, dict):
        keys = [key for key in now.keys() | then.keys() if now.get(key) != then.get(key)]
        first = min(keys, key=str)
        told = f"{_lines(now.get(first), then.get(first))}, was {_lines(then.get(first), now.get(first))}"
        return f"{first}: {told}" + (f"; and {len(keys) - 1} more" if len(keys) > 1 else "")
    return f"{now}, was {then}"[:600]


def _lines(one: object, other: object) -> object:
    """Of a text, the lines that the other has not."""
    if isinstance(one, str) and isinstance(other, str):
        return [line for line in one.splitlines() if line not in other.splitlines()]
    return one
