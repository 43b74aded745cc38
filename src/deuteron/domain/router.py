"""Routers."""

from __future__ import annotations

import msgspec


class ExtraRoute(msgspec.Struct, frozen=True, order=True, kw_only=True):
    """A static route of a router; several with one destination share the load."""

    destination: str
    nexthop: str


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
