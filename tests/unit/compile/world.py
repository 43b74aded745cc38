"""Views of a host in few words; names become ids."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from ipaddress import ip_network
from typing import Any
from uuid import UUID, uuid5

from deuteron.domain import (
    Binding,
    ExtraRoute,
    FixedIP,
    FloatingIP,
    Gateway,
    HostView,
    Leg,
    NdpProxy,
    Network,
    Port,
    Router,
    Subnet,
)

SPACE = UUID("5284755a-0000-4000-8000-000000000000")


def ident(name: str) -> str:
    """The id of what is called so."""
    return str(uuid5(SPACE, name))


def mac(name: str) -> str:
    """The MAC address of the port that is called so."""
    return "fa:16:3e:" + sha256(name.encode()).digest()[:3].hex(":")


class World:
    """Collects resources; :meth:`view` checks them all."""

    def __init__(self) -> None:
        self.networks: dict[str, Network] = {}
        self.subnets: dict[str, Subnet] = {}
        self.ports: dict[str, Port] = {}
        self.routers: dict[str, Router] = {}
        self.floating_ips: dict[str, FloatingIP] = {}
        self.ndp_proxies: list[NdpProxy] = []
        self.agent_gateways: list[str] = []
        self.legs: list[Leg] = []

    def network(self, name: str, *cidrs: str, gateway: str | None = None, **more: Any) -> str:
        """A network with subnets ``<name>-0`` and so on; their gateways are the first addresses."""
        self.networks[name] = Network(id=ident(name), name=name, **more)
        for number, cidr in enumerate(cidrs):
            self.subnet(f"{name}-{number}", name, cidr, gateway)
        return name

    def subnet(self, name: str, network: str, cidr: str, gateway: str | None = None) -> None:
        first = str(ip_network(cidr)[1]) if gateway is None else gateway
        self.subnets[name] = Subnet(
            id=ident(name), name=name, network_id=ident(network), cidr=cidr, gateway_ip=first
        )

    def external(self, name: str, *cidrs: str, bridge: str = "br-ex", **more: Any) -> str:
        more = {"physical_network": "physnet1", "bridge": bridge, **more}
        return self.network(name, *cidrs, external=True, **more)

    def port(self, name: str, network: str, *addresses: str, **more: Any) -> str:
        self.ports[name] = Port(
            id=ident(name),
            name=name,
            network_id=ident(network),
            mac_address=mac(name),
            fixed_ips=tuple(self._fixed(network, address) for address in addresses),
            **more,
        )
        return name

    def _fixed(self, network: str, address: str) -> FixedIP:
        for subnet in self.subnets.values():
            inside = (":" in address) == (":" in subnet.cidr) and _in(address, subnet.cidr)
            if subnet.network_id == ident(network) and inside:
                return FixedIP(subnet_id=subnet.id, ip_address=address)
        raise ValueError(address)

    def vm(self, name: str, network: str, *addresses: str, **more: Any) -> str:
        return self.port(name, network, *addresses, binding=Binding(netns=name), **more)

    def router(
        self,
        name: str,
        inside: Sequence[tuple[str, ...]] = (),
        gateway: tuple[str, ...] | None = None,
        *,
        snat: bool = True,
        sg: Sequence[tuple[str, ...]] = (),
        routes: Sequence[tuple[str, str]] = (),
        **more: Any,
    ) -> str:
        """A router; ``inside`` are its interfaces' ``(network, address, ...)``, ``sg`` its SNAT ports'."""
        interfaces = [self.port(f"{name}-qr{n}", *spec) for n, spec in enumerate(inside)]
        shared = [self.port(f"{name}-sg{n}", *spec) for n, spec in enumerate(sg)]
        way_out = None
        if gateway is not None:
            self.port(f"{name}-qg", *gateway)
            way_out = Gateway(network_id=ident(gateway[0]), port_id=ident(f"{name}-qg"), enable_snat=snat)
        self.routers[name] = Router(
            id=ident(name),
            name=name,
            gateway=way_out,
            interfaces=tuple(map(ident, interfaces)),
            snat_interfaces=tuple(map(ident, shared)),
            routes=tuple(ExtraRoute(destination=to, nexthop=via) for to, via in routes),
            **more,
        )
        return name

    def agent_gateway(self, network: str, *addresses: str, **more: Any) -> None:
        self.agent_gateways.append(ident(self.port(f"{network}-fg", network, *addresses, **more)))

    def leg(self, router: str, network: str, index: int = 0) -> None:
        self.legs.append(Leg(router_id=ident(router), network_id=ident(network), index=index))

    def floating_ip(
        self, address: str, network: str, router: str = "", port: str = "", fixed: str = "", **more: Any
    ) -> None:
        self.floating_ips[address] = FloatingIP(
            id=ident(address),
            floating_ip_address=address,
            floating_network_id=ident(network),
            router_id=ident(router) if router else "",
            port_id=ident(port) if port else "",
            fixed_ip_address=fixed,
            **more,
        )

    def ndp_proxy(self, router: str, port: str, address: str) -> None:
        self.ndp_proxies.append(
            NdpProxy(id=ident(address), router_id=ident(router), port_id=ident(port), ip_address=address)
        )

    def view(self) -> HostView:
        return HostView(
            host="host1",
            networks=tuple(self.networks.values()),
            subnets=tuple(self.subnets.values()),
            ports=tuple(self.ports.values()),
            routers=tuple(self.routers.values()),
            floating_ips=tuple(self.floating_ips.values()),
            ndp_proxies=tuple(self.ndp_proxies),
            agent_gateways=tuple(self.agent_gateways),
            legs=tuple(self.legs),
        )


def _in(address: str, cidr: str) -> bool:
    return ip_network(address).subnet_of(ip_network(cidr))  # type: ignore[arg-type]  # one family, see caller


def distributed(*, here: bool = True) -> World:
    """One distributed router with two instances, floating IPs, and its gateway on this host."""
    world = World()
    world.external("public", "203.0.113.0/24")
    world.network("web", "10.0.0.0/24")
    world.router(
        "r1",
        [("web", "10.0.0.1")],
        ("public", "203.0.113.10"),
        sg=[("web", "10.0.0.2")],
        distributed=True,
        snat_here=here,
    )
    world.agent_gateway("public", "203.0.113.20")
    world.leg("r1", "public", 3)
    for number, floating in ((5, "203.0.113.50"), (6, "203.0.113.51")):
        world.vm(f"vm{number}", "web", f"10.0.0.{number}")
        world.floating_ip(floating, "public", "r1", f"vm{number}", f"10.0.0.{number}")
    world.vm("vm7", "web", "10.0.0.7")
    return world


def centralised() -> World:
    """One centralised router with two instances with floating IPs and one without."""
    world = World()
    world.external("public", "203.0.113.0/24")
    world.network("web", "10.0.0.0/24")
    world.router("r1", [("web", "10.0.0.1")], ("public", "203.0.113.10"))
    for number, floating in ((5, "203.0.113.50"), (6, "203.0.113.51")):
        world.vm(f"vm{number}", "web", f"10.0.0.{number}")
        world.floating_ip(floating, "public", "r1", f"vm{number}", f"10.0.0.{number}")
    world.vm("vm7", "web", "10.0.0.7")
    return world
