"""Availability zones: what the agents say they are in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from deuteron.resources import RESOURCES, refusal
from deuteron.resources.availability_zone import AvailabilityZone
from deuteron.store.store import Unit

_KINDS: Final = ("network", "router")


def zones(unit: Unit) -> Iterator[AvailabilityZone]:
    """Each zone for networks and for routers; available while one agent of it may serve."""
    states: dict[str, bool] = {}
    for agent in unit.find(RESOURCES["agents"]):
        if agent.availability_zone:
            states[agent.availability_zone] = (
                states.get(agent.availability_zone, False) or agent.admin_state_up
            )
    for name, up in sorted(states.items()):
        for kind in _KINDS:
            yield AvailabilityZone(name=name, resource=kind, state="available" if up else "unavailable")


def check(unit: Unit, kind: str, hints: Iterable[str]) -> None:
    """Refuse hints that name no zone.

    Raises:
        AvailabilityZoneNotFound: the first that is none.
    """
    wanted = list(hints)
    if not wanted:
        return
    known = {one.name for one in zones(unit) if one.resource == kind}
    for one in wanted:
        if one not in known:
            raise refusal.AvailabilityZoneNotFound(availability_zone=one)
