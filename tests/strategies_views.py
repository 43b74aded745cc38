"""Hypothesis strategies: whole views of a host, of every feature, always consistent."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TypeVar

from hypothesis import strategies as st
from msgspec.structs import replace

from deuteron.domain import Binding, HostView, PortForwarding
from tests.unit.compile.world import World, ident

_T = TypeVar("_T")

EXTERNAL = ("203.0.113.0/24", "198.51.100.0/24", "2001:db8:ff::/64")


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Up to two external networks, three tenant networks and three routers."""
    world = World()
    for number in range(draw(st.integers(1, 2))):
        external(draw, world, f"ext{number}")
    tenants = [tenant(draw, world, number) for number in range(draw(st.integers(1, 3)))]
    for number in range(draw(st.integers(0, 3))):
        router(draw, world, number, tenants)
    return world


views = worlds().map(World.view)


def external(draw: st.DrawFn, world: World, name: str) -> None:
    """An external network on a bridge, or in a namespace of its own, perhaps with an agent gateway."""
    cidrs = draw(st.sampled_from([EXTERNAL[:1], EXTERNAL[:2], EXTERNAL[2:], EXTERNAL]))
    world.external(
        name,
        *cidrs,
        bridge=draw(st.sampled_from([f"br-{name}", ""])),
        gateway=draw(st.sampled_from([None, ""])) if len(cidrs) == 1 else None,
        mtu=draw(st.sampled_from([1500, 9000])),
        admin_state_up=_mostly(draw),
    )
    if draw(st.booleans()):
        world.agent_gateway(name, *(_host(cidr, 250) for cidr in cidrs[:1]), admin_state_up=_mostly(draw))


def tenant(draw: st.DrawFn, world: World, number: int) -> str:
    """A tenant network with one to three subnets and up to four instances."""
    name, cidrs = (
        f"net{number}",
        [f"10.{number}.0.0/24", f"10.{number}.1.0/24", f"2001:db8:{number + 1}::/64"],
    )
    used = draw(st.sampled_from([cidrs[:1], cidrs[:2], cidrs[::2], cidrs]))
    world.network(name, *used, mtu=draw(st.sampled_from([1450, 1500])), admin_state_up=_mostly(draw))
    for instance in range(draw(st.integers(0, 4))):
        port = f"{name}-vm{instance}"
        binding = draw(st.sampled_from([Binding(netns=port), Binding(tap=port), None]))
        addresses = [_host(cidr, 10 + instance) for cidr in used]
        world.port(port, name, *addresses, binding=binding, admin_state_up=_mostly(draw))
    return name


def router(draw: st.DrawFn, world: World, number: int, tenants: list[str]) -> None:
    """A router of its own interface ports (``.<number + 1>``), with floating IPs, forwardings and proxies."""
    name = f"r{number}"
    inside = draw(st.lists(st.sampled_from(tenants), unique=True, max_size=len(tenants)))
    gateway = draw(st.sampled_from([None, *_externals(world)]))
    distributed = draw(st.booleans())
    shared = [(net, *_addresses(world, net, number + 100)) for net in inside]
    world.router(
        name,
        [(net, *_addresses(world, net, number + 1)) for net in inside],
        None if gateway is None else (gateway, _addresses(world, gateway, number + 10)[0]),
        sg=shared if distributed and gateway else [],
        distributed=distributed,
        snat_here=distributed and gateway is not None and draw(st.booleans()),
        snat=draw(st.booleans()),
        routes=_extra_routes(draw, world, [*inside, *([gateway] if gateway else [])]),
        admin_state_up=_mostly(draw),
        enable_ndp_proxy=draw(st.booleans()),
    )
    if gateway is None:
        return
    if distributed and f"{gateway}-fg" in world.ports:
        world.leg(name, gateway, number)
    _floating_ips(draw, world, name, gateway, inside, number)


def _floating_ips(
    draw: st.DrawFn, world: World, name: str, gateway: str, inside: list[str], number: int
) -> None:
    cidrs = [s.cidr for s in world.subnets.values() if s.network_id == ident(gateway) and s.ip_version == 4]
    ports = [port for port in world.ports if any(port.startswith(f"{net}-vm") for net in inside)]
    for count, port in enumerate(ports):
        fixed = world.ports[port].fixed_ips
        v6 = next((one.ip_address for one in fixed if one.ip_version == 6), "")
        if v6 and world.routers[name].enable_ndp_proxy and draw(st.booleans()):
            world.ndp_proxies = [proxy for proxy in world.ndp_proxies if proxy.id != ident(f"{name}{v6}")]
            world.ndp_proxy(name, port, v6)
            world.ndp_proxies[-1] = replace(world.ndp_proxies[-1], id=ident(f"{name}{v6}"))
        if cidrs:
            address = _host(draw(st.sampled_from(cidrs)), 30 + 40 * number + count)
            _floating_ip(draw, world, address, gateway, name, port)


def _floating_ip(
    draw: st.DrawFn, world: World, address: str, gateway: str, router_name: str, port: str
) -> None:
    fixed, kind = world.ports[port].fixed_ips[0].ip_address, draw(st.integers(0, 3))
    if kind == 0:
        rule = PortForwarding(protocol="tcp", external_port=80, internal_ip_address=fixed, internal_port=8080)
        world.floating_ip(address, gateway, router_name, port_forwardings=(rule,))
    elif kind == 1:
        world.floating_ip(address, gateway)
    else:
        world.floating_ip(address, gateway, router_name, port, fixed, centralised=kind == 2)


def _extra_routes(draw: st.DrawFn, world: World, near: list[str]) -> list[tuple[str, str]]:
    """By internal and external nexthops, several of them perhaps to one destination."""
    nexthops = [
        _host(subnet.cidr, 200)
        for network in near
        for subnet in world.subnets.values()
        if subnet.network_id == ident(network) and subnet.ip_version == 4
    ]
    if not nexthops:
        return []
    pairs = st.tuples(
        st.sampled_from(["192.168.7.0/24", "192.168.8.0/24", "0.0.0.0/0"]), st.sampled_from(nexthops)
    )
    return draw(st.lists(pairs, unique=True, max_size=3))


def _externals(world: World) -> list[str]:
    return [name for name, network in world.networks.items() if network.external]


def _addresses(world: World, network: str, number: int) -> list[str]:
    subnets = [subnet for subnet in world.subnets.values() if subnet.network_id == ident(network)]
    return [_host(subnet.cidr, number) for subnet in subnets]


def _host(cidr: str, number: int) -> str:
    return str(ip_network(cidr)[number])


def _mostly(draw: st.DrawFn) -> bool:
    return draw(st.integers(0, 5)) > 0


@st.composite
def shuffled(draw: st.DrawFn, view: HostView) -> HostView:
    """The same view with every collection of resources in another order."""

    def mix(items: tuple[_T, ...]) -> tuple[_T, ...]:
        return tuple(draw(st.permutations(items)))

    return replace(
        view,
        networks=mix(view.networks),
        subnets=mix(view.subnets),
        ports=mix(view.ports),
        routers=mix(view.routers),
        floating_ips=mix(view.floating_ips),
        ndp_proxies=mix(view.ndp_proxies),
        agent_gateways=mix(view.agent_gateways),
        legs=mix(view.legs),
    )
