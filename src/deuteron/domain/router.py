"""Routers."""

from __future__ import annotations

import msgspec

from deuteron.domain import validation as check


class ExtraRoute(msgspec.Struct, frozen=True, order=True, kw_only=True):
    """A static route of a router; several with one destination share the load."""

    destination: str
    nexthop: str

    def __post_init__(self) -> None:
        check.check_prefix("destination", self.destination)
        check.check_address("nexthop", self.nexthop)
        if (":" in self.destination) != (":" in self.nexthop):
            raise check.FieldError("bad-value", "nexthop", f"is not of the family of {self.destination}")


class Gateway(msgspec.Struct, frozen=True, kw_only=True):
    """A router's way out.

    Attributes:
        port_id: the gateway port, whose first IPv4 address is the source for SNAT.
        enable_snat: without it tenant addresses leave as they are.
    """

    network_id: str
    port_id: str
    enable_snat: bool = True


class Router(msgspec.Struct, frozen=True, kw_only=True):
    """A router as one host sees it.

    Attributes:
        interfaces: ids of its internal ports, in every host's ``qrouter-`` where distributed.
        snat_interfaces: ids of the ``sg-`` ports of a distributed router with a gateway.
        snat_here: this host holds the gateway of a distributed router (its ``snat-`` namespace).
        enable_ndp_proxy: answer neighbour solicitations for the IPv6 addresses of its
            NDP proxies, and let nothing else in from outside.
    """

    id: str
    name: str
    project_id: str = ""
    admin_state_up: bool = True
    distributed: bool = False
    gateway: Gateway | None = None
    interfaces: tuple[str, ...] = ()
    snat_interfaces: tuple[str, ...] = ()
    snat_here: bool = False
    routes: tuple[ExtraRoute, ...] = ()
    enable_ndp_proxy: bool = False

    def __post_init__(self) -> None:
        check.check_id("id", self.id)
        check.check_name("name", self.name)
        ports = [*self.interfaces, *self.snat_interfaces]
        if len(set(ports)) < len(ports):
            raise check.FieldError("duplicate-id", "interfaces", "one port stands here twice")
        if len(set(self.routes)) < len(self.routes):
            raise check.FieldError("duplicate-route", "routes", "one route stands here twice")
        if self.snat_here and not (self.distributed and self.gateway):
            raise check.FieldError("bad-value", "snat_here", "needs a distributed router with a gateway")
