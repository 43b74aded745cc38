"""All that one host must know, as one value: the input of ``compile``."""

from __future__ import annotations

import msgspec

from deuteron.domain import consistency
from deuteron.domain.floating_ip import FloatingIP, NdpProxy
from deuteron.domain.network import Network
from deuteron.domain.policy import Override
from deuteron.domain.port import Port
from deuteron.domain.router import Router
from deuteron.domain.subnet import Subnet
from deuteron.domain.validation import FieldError

#: Number of /31s in 169.254.64.0/18.
LEGS = 8192


class Leg(msgspec.Struct, frozen=True, order=True, kw_only=True):
    """The wire between a distributed router and the fip namespace of its external network.

    Attributes:
        index: number of its address pair, the ``index``-th /31 of 169.254.64.0/18.
    """

    router_id: str
    network_id: str
    index: int

    def __post_init__(self) -> None:
        if not 0 <= self.index < LEGS:
            raise FieldError("bad-value", "index", f"a leg's index lies between 0 and {LEGS - 1}")


class RefusedRouter(msgspec.Struct, frozen=True, order=True, kw_only=True):
    """A router that this host was told of and cannot serve; the others are not affected.

    Attributes:
        code: why, as in ``docs/errors.md``.
        sentence: the same for people, with the place and the mend.
    """

    id: str
    name: str
    code: str
    sentence: str


class HostView(msgspec.Struct, frozen=True, kw_only=True):
    """The model as far as it concerns one host; every reference in it resolves.

    Attributes:
        agent_gateways: ids of the ports that this host's fip namespaces own on their
            external networks (``fg-``), at most one per external network.
        legs: of distributed routers with a gateway whose external network has an agent gateway
            port here, at most one each; the floating IPs of one without are not served here.
        notices: what the reader should know about the input, a sentence each.
        refused: routers that are not among ``routers``; what this host has of them stays as it is.
        overrides: what the operator wants otherwise than the host policy says.
    """

    host: str
    networks: tuple[Network, ...] = ()
    subnets: tuple[Subnet, ...] = ()
    ports: tuple[Port, ...] = ()
    routers: tuple[Router, ...] = ()
    floating_ips: tuple[FloatingIP, ...] = ()
    ndp_proxies: tuple[NdpProxy, ...] = ()
    agent_gateways: tuple[str, ...] = ()
    legs: tuple[Leg, ...] = ()
    notices: tuple[str, ...] = ()
    refused: tuple[RefusedRouter, ...] = ()
    overrides: tuple[Override, ...] = ()

    def __post_init__(self) -> None:
        consistency.check(self)
