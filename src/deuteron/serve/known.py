"""The agent as the API shows it: one row for this host, from its first start on.

Whether it lives is not the API's to say: the row's sign of life is of when the agent was heard.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from uuid import NAMESPACE_URL, uuid5

import msgspec

from deuteron.resources import RESOURCES
from deuteron.resources.agent import Agent
from deuteron.store.store import Unit

#: Seconds between two signs of life, and for which the agent is waited for: a third of what Neutron takes
#: for silence (``agent_down_time``, 75).
HEARTBEAT: Final = 25.0
_TYPE: Final = "L3 agent"
_ZONE: Final = "nova"


def make_known(unit: Unit, host: str, bridges: Mapping[str, str]) -> None:
    """Write that this host is served from now on, by bridges that may differ from those of before.

    Args:
        unit: of a write.
        host: as in ``binding:host_id``.
        bridges: the host's bridge of each physical network.
    """
    resource, now = RESOURCES["agents"], _shown(unit.now)
    known = unit.find(resource, host=host, agent_type=_TYPE)
    settings = {"agent_mode": "dvr_snat", "bridge_mappings": dict(bridges)}
    if known:
        unit.update(resource, msgspec.structs.replace(known[0], started_at=now, configurations=settings))
        return
    made = Agent(
        id=str(uuid5(NAMESPACE_URL, f"deuteron:{host}")),
        agent_type=_TYPE,
        binary="deuteron",
        topic="l3_agent",
        host=host,
        created_at=now,
        started_at=now,
        configurations=settings,
        availability_zone=_ZONE,
    )
    unit.insert(resource, made)


def heard(unit: Unit, host: str) -> None:
    """Write that the agent lives; one that was deleted stays so until the next start."""
    resource = RESOURCES["agents"]
    for one in unit.find(resource, host=host, agent_type=_TYPE):
        unit.update(resource, msgspec.structs.replace(one, heartbeat_timestamp=_shown(unit.now)))


def _shown(now: str) -> str:
    """``2026-11-23T12:00:00Z`` as agents alone show it."""
    return now.replace("T", " ").removesuffix("Z")
