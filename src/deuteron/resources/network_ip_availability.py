"""How many addresses a network has, and how many are used."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from deuteron.resources.attribute import Attr
from deuteron.resources.resource import Resource, declare


class SubnetIpAvailability(msgspec.Struct, frozen=True, kw_only=True):
    """The addresses of one subnet: those of its pools, and those that ports have."""

    subnet_id: str
    subnet_name: str
    ip_version: int
    cidr: str
    total_ips: int
    used_ips: int


class NetworkIpAvailability(msgspec.Struct, frozen=True, kw_only=True):
    """The addresses of one network, which is also its id here."""

    network_id: Annotated[str, Attr(sort=True)]
    network_name: Annotated[str, Attr()] = ""
    project_id: Annotated[str, Attr()] = ""
    total_ips: Annotated[int, Attr(filter=False)] = 0
    used_ips: Annotated[int, Attr(filter=False)] = 0
    subnet_ip_availability: Annotated[tuple[SubnetIpAvailability, ...], Attr(filter=False)] = ()
    ip_version: Annotated[int, Attr(visible=False)] = 0


NETWORK_IP_AVAILABILITY: Final[Resource] = declare(
    NetworkIpAvailability,
    name="network_ip_availability",
    collection="network_ip_availabilities",
    bulk=False,
    extension="network-ip-availability",
)
