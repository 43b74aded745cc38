"""Hosts to measure, as values: no file is parsed."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Final

from deuteron.domain import (
    Binding,
    FixedIP,
    FloatingIP,
    Gateway,
    HostView,
    Leg,
    Network,
    Port,
    Router,
    Subnet,
)
from deuteron.domain.port import AGENT_GATEWAY, ROUTER_GATEWAY, ROUTER_INTERFACE_DISTRIBUTED, ROUTER_SNAT

BRIDGE: Final = "br-ex"
INSTANCE: Final = "vm"
INTERNET_ADDRESS: Final = "198.18.0.1/15"

_EXTERNAL_NET, _EXTERNAL_SUBNET, _AGENT_GATEWAY = 1, 2, 3
_NETWORK, _SUBNET, _ROUTER, _INSIDE, _OUTSIDE, _SNAT, _INSTANCE, _FLOATING = range(4, 12)
_FIRST_GATEWAY: Final = IPv4Address("198.18.128.0")
_FIRST_FLOATING: Final = IPv4Address("198.19.0.1")
_FIRST_FIXED: Final = IPv4Address("10.0.1.1")


def ident(kind: int, number: int = 0) -> str:
    """An id whose first 28 bits are its own: table numbers and device names come from them."""
    return f"{kind:x}{number:06x}0-0000-4000-8000-{number:012x}"


def mac(kind: int, number: int = 0) -> str:
    """A MAC address for a port."""
    digits = f"{kind:x}{number:05x}"
    return f"fa:16:3e:{digits[:2]}:{digits[2:4]}:{digits[4:]}"


def floating_address(number: int) -> str:
    """The address of floating IP ``number``."""
    return str(_FIRST_FLOATING + number)


def many_routers(count: int) -> HostView:
    """Distributed routers, each with a tenant network and one floating IP."""
    return _host(routers=count, floating_ips=1, bound=False)


def many_floating_ips(count: int, *, bound: bool = False) -> HostView:
    """One distributed router with ``count`` floating IPs; ``bound`` puts the first one's instance here."""
    return _host(routers=1, floating_ips=count, bound=bound)


def _host(*, routers: int, floating_ips: int, bound: bool) -> HostView:
    external = Port(
        id=ident(_AGENT_GATEWAY),
        name="",
        network_id=ident(_EXTERNAL_NET),
        mac_address=mac(_AGENT_GATEWAY),
        device_owner=AGENT_GATEWAY,
        fixed_ips=(FixedIP(subnet_id=ident(_EXTERNAL_SUBNET), ip_address="198.18.0.2"),),
    )
    numbers = range(routers)
    instances = [(number, router) for router in numbers for number in range(router, router + floating_ips)]
    return HostView(
        host="bench",
        networks=(_external_network(), *map(_network, numbers)),
        subnets=(_external_subnet(), *map(_subnet, numbers)),
        ports=(
            external,
            *(port for number in numbers for port in _router_ports(number)),
            *(_instance(number, router, bound=bound and number == 0) for number, router in instances),
        ),
        routers=tuple(map(_router, numbers)),
        floating_ips=tuple(_floating(number, router) for number, router in instances),
        agent_gateways=(external.id,),
        legs=tuple(
            Leg(router_id=ident(_ROUTER, number), network_id=ident(_EXTERNAL_NET), index=number)
            for number in numbers
        ),
    )


def _external_network() -> Network:
    return Network(
        id=ident(_EXTERNAL_NET), name="public", external=True, bridge=BRIDGE, physical_network="physnet1"
    )


def _external_subnet() -> Subnet:
    return Subnet(
        id=ident(_EXTERNAL_SUBNET),
        name="public-v4",
        network_id=ident(_EXTERNAL_NET),
        cidr="198.18.0.0/15",
        gateway_ip=INTERNET_ADDRESS.split("/")[0],
    )


def _network(number: int) -> Network:
    return Network(id=ident(_NETWORK, number), name=f"net{number}")


def _subnet(number: int) -> Subnet:
    return Subnet(
        id=ident(_SUBNET, number),
        name=f"net{number}-v4",
        network_id=ident(_NETWORK, number),
        cidr="10.0.0.0/16",
        gateway_ip="10.0.0.1",
    )


def _router(number: int) -> Router:
    return Router(
        id=ident(_ROUTER, number),
        name=f"r{number}",
        distributed=True,
        gateway=Gateway(network_id=ident(_EXTERNAL_NET), port_id=ident(_OUTSIDE, number)),
        interfaces=(ident(_INSIDE, number),),
        snat_interfaces=(ident(_SNAT, number),),
    )


def _router_ports(number: int) -> tuple[Port, ...]:
    tenant, subnet = ident(_NETWORK, number), ident(_SUBNET, number)
    outside = str(_FIRST_GATEWAY + number)
    return (
        _port(_INSIDE, number, tenant, FixedIP(subnet_id=subnet, ip_address="10.0.0.1")),
        _port(_SNAT, number, tenant, FixedIP(subnet_id=subnet, ip_address="10.0.0.2")),
        _port(
            _OUTSIDE,
            number,
            ident(_EXTERNAL_NET),
            FixedIP(subnet_id=ident(_EXTERNAL_SUBNET), ip_address=outside),
        ),
    )


def _port(kind: int, number: int, network: str, fixed: FixedIP) -> Port:
    owners = {_INSIDE: ROUTER_INTERFACE_DISTRIBUTED, _SNAT: ROUTER_SNAT, _OUTSIDE: ROUTER_GATEWAY}
    return Port(
        id=ident(kind, number),
        name="",
        network_id=network,
        mac_address=mac(kind, number),
        device_owner=owners[kind],
        fixed_ips=(fixed,),
    )


def _fixed(number: int) -> str:
    return str(_FIRST_FIXED + number)


def _instance(number: int, router: int, *, bound: bool) -> Port:
    return Port(
        id=ident(_INSTANCE, number),
        name=f"vm{number}",
        network_id=ident(_NETWORK, router),
        mac_address=mac(_INSTANCE, number),
        device_owner="compute:nova",
        fixed_ips=(FixedIP(subnet_id=ident(_SUBNET, router), ip_address=_fixed(number)),),
        binding=Binding(netns=INSTANCE) if bound else None,
    )


def _floating(number: int, router: int) -> FloatingIP:
    return FloatingIP(
        id=ident(_FLOATING, number),
        floating_ip_address=floating_address(number),
        floating_network_id=ident(_EXTERNAL_NET),
        router_id=ident(_ROUTER, router),
        port_id=ident(_INSTANCE, number),
        fixed_ip_address=_fixed(number),
    )
