"""The piece of a view that some units are made of, as a view of its own."""

from __future__ import annotations

from typing import Any

from deuteron.agent.values import Values
from deuteron.compile.presence import all_router_ports, is_of_a_router, router_ports_here
from deuteron.domain import HostView, Router


class Piece:
    """Collects what units are made of, each with all that it refers to.

    Args:
        values: where from.
    """

    def __init__(self, values: Values) -> None:
        self._values = values
        self._networks: dict[str, Any] = {}
        self._subnets: dict[str, Any] = {}
        self._ports: dict[str, Any] = {}
        self._routers: dict[str, Any] = {}
        self._floating: dict[str, Any] = {}
        self._proxies: dict[str, Any] = {}
        self._gateways: set[str] = set()
        self._legs: dict[str, Any] = {}

    def view(self) -> HostView:
        """The piece.

        Raises:
            FieldError: it does not fit together.
        """
        return HostView(
            host=self._values.host,
            networks=tuple(self._networks.values()),
            subnets=tuple(self._subnets.values()),
            ports=tuple(self._ports.values()),
            routers=tuple(self._routers.values()),
            floating_ips=tuple(self._floating.values()),
            ndp_proxies=tuple(self._proxies.values()),
            agent_gateways=tuple(sorted(self._gateways)),
            legs=tuple(self._legs.values()),
            overrides=self._values.overrides,
        )

    def add_unit(self, name: str) -> None:
        """What a unit is made of; nothing where there is no such thing any more."""
        kind, _, ident = name.partition("/")
        match kind:
            case "network":
                self._network(ident)
                self._plugged(ident)
            case "fip":
                self._fip(ident)
            case "router":
                self._router(ident)
            case _:
                self._port(ident)

    def _network(self, ident: str) -> None:
        values = self._values
        if ident in self._networks or ident not in values.networks:
            return
        self._networks[ident] = values.networks[ident]
        self._subnets |= {one: values.subnets[one] for one in values.subnets_on.get(ident, ())}

    def _port(self, ident: str) -> None:
        port = self._values.ports.get(ident)
        if port is not None and ident not in self._ports:
            self._ports[ident] = port
            self._network(port.network_id)

    def _router(self, ident: str) -> None:
        values = self._values
        router = values.routers.get(ident)
        if router is None or ident in self._routers:
            return
        self._routers[ident] = router
        for port in all_router_ports(router):
            self._port(port)
        if router.gateway is not None:
            self._network(router.gateway.network_id)
        for one in values.floating_of.get(ident, ()):
            floating = self._floating[one] = values.floating_ips[one]
            self._network(floating.floating_network_id)
            self._port(floating.port_id)
        for one in values.proxies_of.get(ident, ()):
            proxy = self._proxies[one] = values.ndp_proxies[one]
            self._port(proxy.port_id)
        if (leg := values.legs.get(ident)) is not None:
            self._legs[ident] = leg
            self._gateway(leg.network_id)

    def _gateway(self, network: str) -> None:
        values = self._values
        for port in values.ports_on.get(network, ()):
            if port in values.agent_gateways:
                self._gateways.add(port)
                self._port(port)

    def _plugged(self, network: str) -> None:
        """One thing that is plugged into the network, for whose sake it has a unit.

        An instance's port is the lightest: a router comes with all that it has.
        """
        values = self._values
        if network not in values.networks or values.networks[network].bridge:
            return
        if (bound := next(iter(values.bound_on.get(network, ())), None)) is not None:
            self._port(bound)
        elif not self._plugged_by_router(network):
            self._fip(network)

    def _plugged_by_router(self, network: str) -> bool:
        values = self._values
        for port in values.ports_on.get(network, ()):
            owners = [one for one in values.owners.get(port, ()) if one in values.routers]
            for owner in owners:
                if port in router_ports_here(values.routers[owner]):
                    self._router(owner)
                    return True
            if not owners and is_of_a_router(values.ports[port]):
                self._port(port)
                return True
        return False

    def _fip(self, network: str) -> None:
        """The routers that the namespace has anything of, and one for whose sake it is there.

        Most routers have neither routes nor NDP proxies: their legs are their own units' affair.
        """
        self._network(network)
        self._gateway(network)
        values = self._values
        legs = [values.routers[one] for one in values.legs_on.get(network, ()) if one in values.routers]
        up = [router for router in legs if router.admin_state_up]
        for router in [*up[:1], *filter(_speaks, up)]:
            self._router(router.id)


def _speaks(router: Router) -> bool:
    return bool(router.routes) or router.enable_ndp_proxy
