"""What of a view has a device on this host: where there is none, nothing is made.

A tenant may have a thousand networks and routers with nothing on them here.  Each namespace, with its
table and its parameters, costs the kernel milliseconds and memory, and carries no packet.  Neutron's L3
agent makes one as soon as a router is scheduled to it, which for a distributed one without ports or
gateway is never.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from deuteron.domain import Leg, Port, Router
from deuteron.domain.port import (
    ROUTER_GATEWAY,
    ROUTER_INTERFACE,
    ROUTER_INTERFACE_DISTRIBUTED,
    ROUTER_SNAT,
)

_ROUTERS: Final = frozenset({ROUTER_INTERFACE, ROUTER_INTERFACE_DISTRIBUTED, ROUTER_SNAT, ROUTER_GATEWAY})


def is_of_a_router(port: Port) -> bool:
    """Whether a port says that a router owns it; where none in the view does, that one is refused.

    What the host has of a refused router stays as it is, and so must the networks that it is on.
    """
    return port.device_owner in _ROUTERS


def all_router_ports(router: Router) -> tuple[str, ...]:
    """The ids of all ports that belong to a router, wherever they are."""
    gateway = (router.gateway.port_id,) if router.gateway is not None else ()
    return (*router.interfaces, *router.snat_interfaces, *gateway)


def router_ports_here(router: Router) -> tuple[str, ...]:
    """The ids of a router's ports that are plugged in on this host, be they up or down.

    None of one that is administratively down; the gateway and SNAT ports of a distributed one only
    where it has its ``snat-`` namespace.
    """
    if not router.admin_state_up:
        return ()
    if router.gateway is None or (router.distributed and not router.snat_here):
        return router.interfaces
    shared = router.snat_interfaces if router.distributed else ()
    return (*router.interfaces, *shared, router.gateway.port_id)


def networks_here(
    ports: Mapping[str, Port], routers: Iterable[Router], legs: Iterable[Leg]
) -> frozenset[str]:
    """The ids of the networks that something is plugged into on this host.

    Args:
        ports: all, by id; an instance's has a device where it is bound.
        routers: all that are not refused.
        legs: those that are made; with them goes the ``fg-`` port of their network.
    """
    known = list(routers)
    owned = {ident for router in known for ident in all_router_ports(router)}
    here = {ident for router in known for ident in router_ports_here(router)}
    found = {
        port.network_id
        for port in ports.values()
        if port.binding is not None or port.id in here or (port.id not in owned and is_of_a_router(port))
    }
    return frozenset(found.union(leg.network_id for leg in legs))
