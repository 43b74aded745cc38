"""The view of a host, looked up by id: built once, so that no feature has to search."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from ipaddress import ip_address, ip_network
from typing import Protocol, TypeVar

import msgspec

from deuteron.compile import names
from deuteron.compile.policy import Policy, packaged
from deuteron.compile.presence import networks_here
from deuteron.domain import FloatingIP, HostView, Leg, NdpProxy, Network, Port, Router, Subnet
from deuteron.objects import HOST, Need


class _HasId(Protocol):
    @property
    def id(self) -> str: ...


_T = TypeVar("_T", bound=_HasId)


class Index(msgspec.Struct, frozen=True, kw_only=True):
    """What compile asks of a view; lists are sorted by id.

    Attributes:
        floating_ips: those that stand for something, by router.
        ndp_proxies: by router.
        legs: by router; only of routers that are up, distributed and have their gateway there.
        legs_of: the same legs by external network, sorted by router.
        agent_gateways: the ``fg-`` port by external network.
        plugged: ids of the networks that something is plugged into here.
        policy: the host policy with the operator's overrides.
    """

    networks: dict[str, Network]
    subnets: dict[str, Subnet]
    subnets_of: dict[str, list[Subnet]]
    ports: dict[str, Port]
    routers: dict[str, Router]
    floating_ips: dict[str, list[FloatingIP]]
    ndp_proxies: dict[str, list[NdpProxy]]
    legs: dict[str, Leg]
    legs_of: dict[str, list[Leg]]
    agent_gateways: dict[str, Port]
    plugged: frozenset[str]
    policy: Policy

    def network_of(self, port: Port) -> Network:
        """The network that a port is on."""
        return self.networks[port.network_id]

    def is_up(self, port: Port) -> bool:
        """Whether a port carries packets: it and its network are administratively up."""
        return port.admin_state_up and self.network_of(port).admin_state_up

    def own_subnets(self, port: Port) -> list[Subnet]:
        """The subnets of a port's addresses, in the order of the addresses."""
        return [self.subnets[fixed.subnet_id] for fixed in port.fixed_ips]

    def other_subnets(self, port: Port) -> list[Subnet]:
        """The subnets of a port's network that it has no address in."""
        own = {fixed.subnet_id for fixed in port.fixed_ips}
        return [subnet for subnet in self.subnets_of.get(port.network_id, ()) if subnet.id not in own]

    def first_subnet(self, port: Port, family: int) -> Subnet | None:
        """The subnet of a port's first address of a family (4 or 6) whose gateway is another's."""
        own = {fixed.ip_address for fixed in port.fixed_ips}
        for subnet in self.own_subnets(port):
            if subnet.ip_version == family and subnet.gateway_ip and subnet.gateway_ip not in own:
                return subnet
        return None


def build(view: HostView) -> Index:
    """Index a view."""
    routers = _by_id(view.routers)
    ports = _by_id(view.ports)
    agent_gateways = {ports[ident].network_id: ports[ident] for ident in sorted(view.agent_gateways)}
    legs = [leg for leg in sorted(view.legs) if _is_served(leg, routers, agent_gateways)]
    associated = (fip for fip in view.floating_ips if fip.fixed_ip_address or fip.port_forwardings)
    return Index(
        networks=_by_id(view.networks),
        subnets=_by_id(view.subnets),
        subnets_of=_group(view.subnets, lambda subnet: subnet.network_id),
        ports=ports,
        routers=routers,
        floating_ips=_group(associated, lambda fip: fip.router_id),
        ndp_proxies=_group(view.ndp_proxies, lambda proxy: proxy.router_id),
        legs={leg.router_id: leg for leg in legs},
        legs_of=_group_legs(legs),
        agent_gateways=agent_gateways,
        plugged=networks_here(ports, view.routers, legs),
        policy=packaged().effective(view.overrides),
    )


def _is_served(leg: Leg, routers: dict[str, Router], agent_gateways: dict[str, Port]) -> bool:
    router = routers.get(leg.router_id)
    return (
        router is not None
        and router.admin_state_up
        and router.distributed
        and router.gateway is not None
        and router.gateway.network_id == leg.network_id
        and leg.network_id in agent_gateways
    )


def _by_id(items: Iterable[_T]) -> dict[str, _T]:
    return {_id(item): item for item in sorted(items, key=_id)}


def _group(items: Iterable[_T], by: Callable[[_T], str]) -> dict[str, list[_T]]:
    groups: defaultdict[str, list[_T]] = defaultdict(list)
    for item in sorted(items, key=_id):
        groups[by(item)].append(item)
    return dict(groups)


def _group_legs(legs: list[Leg]) -> dict[str, list[Leg]]:
    groups: defaultdict[str, list[Leg]] = defaultdict(list)
    for leg in legs:
        groups[leg.network_id].append(leg)
    return dict(groups)


def _id(item: _HasId) -> str:
    return item.id


def wire(network: Network) -> tuple[str, str]:
    """Where the network's bridge is and what it is called: ``(namespace, bridge)``."""
    if network.bridge:
        return HOST, network.bridge
    return names.network_netns(network.id), names.device("br-", network.id)


def bridge_need(network: Network) -> tuple[Need, ...]:
    """The foreign bridge that a provider network is on; nothing for a network of our own."""
    if not network.bridge:
        return ()
    why = f"network {network.name or network.id}"
    if network.physical_network:
        why += f" ({network.physical_network})"
    return (Need(kind="bridge", name=network.bridge, why=why),)


def contains(subnet: Subnet, address: str) -> bool:
    """Whether an address lies in a subnet."""
    return ip_address(address) in ip_network(subnet.cidr)
