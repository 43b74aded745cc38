"""Agents: who serves the hosts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec

from deuteron.resources import checks
from deuteron.resources.attribute import Attr
from deuteron.resources.resource import Resource, declare


class Agent(msgspec.Struct, frozen=True, kw_only=True):
    """One agent of one host; it makes itself known, nobody POSTs it.

    Times are ``2026-11-23 12:00:00``, with a blank, as Neutron shows them here alone.
    """

    id: Annotated[str, Attr(sort=True, check=checks.uuid, openapi={"format": "uuid"})]
    agent_type: Annotated[str, Attr(sort=True)]
    binary: Annotated[str, Attr(sort=True)] = ""
    topic: Annotated[str, Attr(sort=True)] = ""
    host: Annotated[str, Attr(sort=True)] = ""
    admin_state_up: Annotated[bool, Attr(put=True, sort=True, check=checks.boolean)] = True
    created_at: Annotated[str, Attr(sort=True, filter=False)] = ""
    started_at: Annotated[str, Attr(sort=True, filter=False)] = ""
    heartbeat_timestamp: Annotated[str, Attr(sort=True, filter=False)] = ""
    alive: Annotated[bool, Attr(sort=True, derived=True)] = False
    configurations: Annotated[Mapping[str, Any], Attr(filter=False)] = {}
    description: Annotated[str | None, Attr(put=True, sort=True, check=checks.or_none(checks.text(255)))] = (
        None
    )
    availability_zone: Annotated[str | None, Attr(extension="availability_zone")] = None


AGENT: Final[Resource] = declare(Agent, name="agent", collection="agents", bulk=False, extension="agent")
