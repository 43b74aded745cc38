"""Small clouds for the fake: an external network with a machine on it, tenants, routers, floating IPs."""

from __future__ import annotations

from deuteron.compile import compile_host
from deuteron.domain import (
    Binding,
    FixedIP,
    FloatingIP,
    Gateway,
    HostView,
    Leg,
    NdpProxy,
    Network,
    Port,
    PortForwarding,
    Router,
    Subnet,
)
from deuteron.kernel.fake import FakeKernel, Packet, Trace
from deuteron.objects import Create, Delete, FlushFlows, KernelObject, Run, Step

PUBLIC, WEB, DB = "00000001-public", "00000002-web", "00000003-db"
FIP, FIXED = "203.0.113.50", "10.0.0.5"
GATEWAY_ADDRESS, INTERNET = "203.0.113.10", "203.0.113.1"


def external() -> tuple[tuple[Network, ...], tuple[Subnet, ...]]:
    """The external network and two tenants' networks that use the same addresses."""
    networks = (
        Network(id=PUBLIC, name="public", external=True, bridge="br-ex", physical_network="physnet1"),
        Network(id=WEB, name="web"),
        Network(id=DB, name="db"),
    )
    subnets = (
        Subnet(id="s-pub", name="public-v4", network_id=PUBLIC, cidr="203.0.113.0/24", gateway_ip=INTERNET),
        Subnet(
            id="s-pub6",
            name="public-v6",
            network_id=PUBLIC,
            cidr="2001:db8:ff::/64",
            gateway_ip="2001:db8:ff::1",
        ),
        Subnet(id="s-web", name="web-v4", network_id=WEB, cidr="10.0.0.0/24", gateway_ip="10.0.0.1"),
        Subnet(
            id="s-web6", name="web-v6", network_id=WEB, cidr="2001:db8:1::/64", gateway_ip="2001:db8:1::1"
        ),
        Subnet(id="s-db", name="db-v4", network_id=DB, cidr="10.0.0.0/24", gateway_ip="10.0.0.1"),
    )
    return networks, subnets


def port(number: int, network: str, *addresses: tuple[str, str], owner: str = "", netns: str = "") -> Port:
    """A port with addresses of subnets."""
    return Port(
        id=f"{number:08x}-0000-port",
        name=netns,
        network_id=network,
        mac_address=f"fa:16:3e:00:00:{number:02x}",
        device_owner=owner,
        fixed_ips=tuple(FixedIP(subnet_id=subnet, ip_address=address) for subnet, address in addresses),
        binding=Binding(netns=netns) if netns else None,
    )


def ports() -> tuple[Port, ...]:
    """Router ports of both tenants and their instances."""
    gateway = "network:router_gateway"
    inner = "network:router_interface"
    return (
        port(1, PUBLIC, ("s-pub", GATEWAY_ADDRESS), ("s-pub6", "2001:db8:ff::10"), owner=gateway),
        port(2, WEB, ("s-web", "10.0.0.1"), owner=inner),
        port(3, WEB, ("s-web6", "2001:db8:1::1"), owner=inner),
        port(4, WEB, ("s-web", FIXED), ("s-web6", "2001:db8:1::5"), netns="vm1"),
        port(5, WEB, ("s-web", "10.0.0.6"), ("s-web6", "2001:db8:1::6"), netns="vm2"),
        port(6, PUBLIC, ("s-pub", "203.0.113.20"), owner=gateway),
        port(7, DB, ("s-db", "10.0.0.1"), owner=inner),
        port(8, DB, ("s-db", FIXED), netns="db1"),
        port(9, WEB, ("s-web", "10.0.0.2"), owner="network:router_centralized_snat"),
        port(10, PUBLIC, ("s-pub", "203.0.113.30"), ("s-pub6", "2001:db8:ff::30"), owner="agent"),
        port(11, WEB, ("s-web6", "2001:db8:1::2"), owner="network:router_centralized_snat"),
        port(12, DB, ("s-db", "10.0.0.2"), owner="network:router_centralized_snat"),
    )


def port_id(number: int) -> str:
    """The id of the port of that number."""
    return f"{number:08x}-0000-port"


def view(
    *,
    distributed: bool,
    floating: bool = True,
    snat: bool = True,
    ndp: bool = False,
    forwarding: bool = False,
) -> HostView:
    """Two tenants with the same addresses; the first has a floating IP on its first instance."""
    networks, subnets = external()
    routers = (
        Router(
            id="000000aa-r1",
            name="r1",
            distributed=distributed,
            gateway=Gateway(network_id=PUBLIC, port_id=port_id(1), enable_snat=snat),
            interfaces=(port_id(2), port_id(3)),
            snat_interfaces=(port_id(9), port_id(11)) if distributed else (),
            snat_here=distributed,
            enable_ndp_proxy=ndp,
        ),
        Router(
            id="000000bb-r2",
            name="r2",
            distributed=distributed,
            gateway=Gateway(network_id=PUBLIC, port_id=port_id(6)),
            interfaces=(port_id(7),),
            snat_interfaces=(port_id(12),) if distributed else (),
            snat_here=distributed,
        ),
    )
    legs = tuple(
        Leg(router_id=router.id, network_id=PUBLIC, index=number) for number, router in enumerate(routers)
    )
    return HostView(
        host="host1",
        networks=networks,
        subnets=subnets,
        ports=ports(),
        routers=routers,
        floating_ips=_floating(floating, forwarding),
        ndp_proxies=(
            NdpProxy(id="ndp1", router_id=routers[0].id, port_id=port_id(4), ip_address="2001:db8:1::5"),
        )
        if ndp
        else (),
        agent_gateways=(port_id(10),) if distributed else (),
        legs=legs if distributed else (),
    )


def _floating(floating: bool, forwarding: bool) -> tuple[FloatingIP, ...]:
    one = FloatingIP(
        id="f1",
        floating_ip_address=FIP,
        floating_network_id=PUBLIC,
        router_id="000000aa-r1",
        port_id=port_id(4),
        fixed_ip_address=FIXED,
    )
    two = FloatingIP(
        id="f2",
        floating_ip_address="203.0.113.51",
        floating_network_id=PUBLIC,
        router_id="000000aa-r1",
        centralised=True,
        port_forwardings=(
            PortForwarding(
                protocol="tcp", external_port=8080, internal_ip_address="10.0.0.6", internal_port=80
            ),
        ),
    )
    return (one,) * floating + (two,) * forwarding


def cloud() -> FakeKernel:
    """The host before anything is applied: a provider bridge, a machine behind it, instances."""
    kernel = FakeKernel()
    kernel.add_host_bridge("br-ex")
    kernel.add_machine("internet", "br-ex", f"{INTERNET}/24", "198.51.100.7/32", "2001:db8:ff::1/64")
    kernel.write_sysctl("internet", "net/ipv4/ip_forward", "1")
    for instance in ("vm1", "vm2", "db1"):
        kernel.add_instance_netns(instance)
    return kernel


_ORDER = (
    "Netns", "Sysctl", "NftTable", "NftElement", "Bridge", "Veth", "Tap", "LinkSysctl", "Address", "Fdb",
    "Neighbour", "NeighbourProxy", "LinkUp", "Rule", "Route",
)  # fmt: skip


def _rank(thing: KernelObject) -> tuple[int, int]:
    kind = type(thing).__name__
    if kind == "Sysctl" and thing.container and thing.container[0] == "link":
        kind = "LinkSysctl"
    connected = kind == "Route" and any(hop.via for hop in thing.nexthops)  # type: ignore[attr-defined]  # a Route
    return _ORDER.index(kind), int(connected)


def objects(wanted: HostView) -> list[KernelObject]:
    """All objects of a host in an order in which they can be made."""
    return sorted((one for unit in compile_host(wanted).units for one in unit.objects), key=_rank)


def apply(kernel: FakeKernel, new: HostView, old: HostView | None = None) -> None:
    """Bring the host from ``old`` to ``new`` without the engine: objects that differ, removed and made."""
    before, after = objects(old) if old else [], objects(new)
    steps: list[Step] = [Delete(one) for one in reversed(before) if one not in after]
    steps += [Create(one) for one in after if one not in before]
    if old:
        steps += [
            Run(FlushFlows(netns=name, address=FIP)) for name in kernel.state.namespaces if name[:2] == "qr"
        ]
    outcome = kernel.run(steps)
    assert outcome.failed is None, (steps[outcome.failed], outcome.error)


def ping(kernel: FakeKernel, netns: str, dst: str, src: str = "") -> Trace:
    """One echo request."""
    return kernel.trace(Packet(netns=netns, dst=dst, src=src))
