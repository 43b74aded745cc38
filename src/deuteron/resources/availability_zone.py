"""Availability zones: what the agents say they are in."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from deuteron.resources.attribute import Attr
from deuteron.resources.resource import Resource, declare


class AvailabilityZone(msgspec.Struct, frozen=True, kw_only=True):
    """A zone, for networks or for routers; ``available`` while one agent of it may serve."""

    name: Annotated[str, Attr()]
    resource: Annotated[str, Attr(openapi={"enum": ["network", "router"]})]
    state: Annotated[str, Attr(openapi={"enum": ["available", "unavailable"]})]


AVAILABILITY_ZONE: Final[Resource] = declare(
    AvailabilityZone,
    name="availability_zone",
    collection="availability_zones",
    bulk=False,
    extension="availability_zone",
)
