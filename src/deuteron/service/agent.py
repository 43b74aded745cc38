"""Agents: who serves the hosts, and whether they have been heard of lately."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from deuteron.identity.caller import Caller
from deuteron.resources import RESOURCES, refusal
from deuteron.resources.agent import Agent
from deuteron.service.values import change, kept
from deuteron.store.store import Unit

#: Seconds after which an agent that has not reported counts as down: Neutron's ``agent_down_time``.
DOWN_AFTER: Final = 75


def looked_at(unit: Unit, agents: Iterable[Agent]) -> list[Agent]:
    """The agents with ``alive`` as it is now."""
    now = datetime.fromisoformat(unit.now)
    return [msgspec.structs.replace(one, alive=_alive(one, now)) for one in agents]


def _alive(agent: Agent, now: datetime) -> bool:
    if not agent.heartbeat_timestamp:
        return False
    heard = datetime.fromisoformat(agent.heartbeat_timestamp).replace(tzinfo=UTC)
    return (now - heard).total_seconds() <= DOWN_AFTER


def update(unit: Unit, caller: Caller, value: Agent, given: dict[str, Any]) -> Agent:
    """An agent's description, or whether it is to serve."""
    unit.update(RESOURCES["agents"], change(RESOURCES["agents"], value, given))
    return looked_at(unit, [kept(unit, RESOURCES["agents"], value.id)])[0]


def delete(unit: Unit, caller: Caller, value: Agent) -> None:
    """Forget an agent; one that still reports makes itself known again.

    Raises:
        AgentInUse: ports are bound to its host.
    """
    if unit.find(RESOURCES["ports"], binding_host_id=value.host):
        raise AgentInUse
    unit.delete(RESOURCES["agents"], value.id)


class AgentInUse(refusal.Conflict):
    """Ports are bound to the agent's host."""

    sentence = "The agent cannot be deleted while ports are bound to its host."
