"""What a host's addresses need around them, derived from its view: pure.

A payload names gateways, fixed addresses and next hops, but the machines that have them are
elsewhere.  A scene lists them: one ``internet`` with a leg on each provider bridge, and a guest
(a namespace that plays an instance) for each address that a proof talks to.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from deuteron.domain import HostView, Network, Port, Router, Subnet

#: The namespace that plays the provider's router and the internet behind it.
INTERNET: Final = "internet"

_INTERNET_HOSTS4: Final = ("198.51.100.1", "192.0.2.1", "203.0.113.1", "198.18.0.1", "100.64.0.1")
_INTERNET_HOSTS6: Final = ("2001:db8:ffff::1", "2001:db8:fffe::1", "3fff:ffff::1")

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


class Uplink(msgspec.Struct, frozen=True, kw_only=True):
    """The internet's leg on a provider bridge.

    Attributes:
        addresses: the subnets' gateways, with prefix lengths.
        onlink: prefixes on this wire that none of the addresses lies in.
    """

    bridge: str
    dev: str
    mtu: int
    addresses: tuple[str, ...]
    onlink: tuple[str, ...] = ()


class Guest(msgspec.Struct, frozen=True, kw_only=True):
    """A namespace that plays an instance.

    Attributes:
        plugged: the engine plugs it itself (a port with a binding), else the lab does.
        up: its port is administratively up.
        bridge_netns: where the bridge ``bridge`` of its network is.
        addresses: of ``eth0``, with prefix lengths.
        gateways: default routers, one for each address family that has one.
        behind: addresses on its ``lo``: hosts that an extra route leads to.
        router_id: the router that it is meant to use, "" for none.
    """

    netns: str
    plugged: bool
    up: bool = True
    network_id: str
    bridge_netns: str
    bridge: str
    mac: str
    mtu: int
    addresses: tuple[str, ...]
    gateways: tuple[str, ...]
    behind: tuple[str, ...] = ()
    router_id: str = ""

    @property
    def plain(self) -> tuple[str, ...]:
        """Its addresses without prefix lengths."""
        return tuple(each.split("/")[0] for each in self.addresses)


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """All that stands around a host; ``host4`` and ``host6`` are addresses far out in the internet.

    Attributes:
        returns: ``(prefix, router's external address)``: what the internet must know to answer
            addresses that leave untranslated.
    """

    uplinks: tuple[Uplink, ...]
    guests: tuple[Guest, ...]
    host4: str
    host6: str
    returns: tuple[tuple[str, str], ...]

    def guest(self, network_id: str, address: str) -> Guest | None:
        """Who has ``address`` on a network."""
        found = (each for each in self.guests if each.network_id == network_id and address in each.plain)
        return next(found, None)


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """One subnet of a router: by which port, and with which address."""

    router: Router
    port: Port
    subnet: Subnet
    address: str


class Index:
    """A view's resources by id, and the questions that scenes and proofs ask of them."""

    def __init__(self, view: HostView) -> None:
        self.view = view
        self.networks = {each.id: each for each in view.networks}
        self.subnets = {each.id: each for each in view.subnets}
        self.ports = {each.id: each for each in view.ports}
        self.routers = {each.id: each for each in view.routers}

    def live_routers(self) -> Iterator[Router]:
        """Those that are administratively up."""
        return (each for each in self.view.routers if each.admin_state_up)

    def attachments(self, router: Router) -> Iterator[Attachment]:
        """The subnets behind the router's internal ports that are up."""
        for port in (self.ports[each] for each in router.interfaces):
            if port.admin_state_up and self.networks[port.network_id].admin_state_up:
                for fixed in port.fixed_ips:
                    subnet = self.subnets[fixed.subnet_id]
                    yield Attachment(router=router, port=port, subnet=subnet, address=fixed.ip_address)

    def attachment(self, router: Router, address: str) -> Attachment | None:
        """The one whose subnet holds ``address``."""
        held = (each for each in self.attachments(router) if within(address, each.subnet.cidr))
        return next(held, None)

    def gateway_addresses(self, router: Router) -> tuple[str, ...]:
        """The external addresses of a router, none without a gateway."""
        if router.gateway is None:
            return ()
        return tuple(each.ip_address for each in self.ports[router.gateway.port_id].fixed_ips)

    def shares_scope(self, attachment: Attachment) -> bool:
        """Whether a subnet's address scope is that of the router's gateway; having none is one too."""
        gateway, version = attachment.router.gateway, attachment.subnet.ip_version
        if gateway is None:
            return False
        outside = (self.subnets[each.subnet_id] for each in self.ports[gateway.port_id].fixed_ips)
        scopes = {each.address_scope for each in outside if each.ip_version == version}
        return not scopes or attachment.subnet.address_scope in scopes

    def leaves_untranslated(self, attachment: Attachment) -> bool:
        """Whether a subnet's own addresses are seen outside."""
        gateway = attachment.router.gateway
        if gateway is None or not self.shares_scope(attachment):
            return False
        hidden = attachment.subnet.ip_version == 4 and gateway.enable_snat
        return not hidden or attachment.subnet.address_scope != ""

    def externals(self) -> Iterator[Network]:
        """The provider networks that gateways and floating IPs are on."""
        used = {each.gateway.network_id for each in self.view.routers if each.gateway is not None}
        used |= {each.floating_network_id for each in self.view.floating_ips}
        return (each for each in self.view.networks if each.external or each.id in used)

    def gateway_here(self, router: Router) -> bool:
        """Whether the router's own gateway (``qg-``) is on this host."""
        return router.gateway is not None and (router.snat_here or not router.distributed)

    def leads_out(self, attachment: Attachment) -> bool:
        """Whether a subnet's way to the router's own gateway is all on this host."""
        router = attachment.router
        if not self.gateway_here(router):
            return False
        centralised = [fixed for port in router.snat_interfaces for fixed in self.ports[port].fixed_ips]
        return not router.distributed or any(f.subnet_id == attachment.subnet.id for f in centralised)


def within(address: str, cidr: str) -> bool:
    """Whether ``cidr`` holds ``address``; never across families."""
    return ipaddress.ip_address(address) in ipaddress.ip_network(cidr)


def scene(view: HostView) -> Scene:
    """The scene for a view; the same view gives the same scene."""
    index = Index(view)
    return Scene(
        uplinks=tuple(_uplinks(index)),
        guests=tuple(_guests(index)),
        host4=_outside(index, 4) or _far_host(view, _INTERNET_HOSTS4),
        host6=_outside(index, 6) or _far_host(view, _INTERNET_HOSTS6),
        returns=tuple(_returns(index)),
    )


def _far_host(view: HostView, candidates: Iterable[str]) -> str:
    taken = [each.cidr for each in view.subnets]
    taken += [route.destination for router in view.routers for route in router.routes]
    taken = [each for each in taken if not each.endswith("/0")]
    return next(each for each in candidates if not any(within(each, cidr) for cidr in taken))


def _outside(index: Index, number: int) -> str:
    """A neighbour on an external wire, where no gateway leads further; "" where one does."""
    ids = {each.id for each in index.externals()}
    subnets = [s for s in index.view.subnets if s.network_id in ids and s.ip_version == number]
    if not subnets or any(each.gateway_ip for each in subnets):
        return ""
    return _free_address(index, subnets[0])


def _uplinks(index: Index) -> Iterator[Uplink]:
    bridges: dict[str, list[Network]] = {}
    for network in index.externals():
        if network.bridge:
            bridges.setdefault(network.bridge, []).append(network)
    for number, (bridge, networks) in enumerate(sorted(bridges.items())):
        ids = {each.id for each in networks}
        subnets = [each for each in index.view.subnets if each.network_id in ids and each.gateway_ip]
        inside = [each for each in subnets if within(each.gateway_ip, each.cidr)]
        outside = [each for each in subnets if each not in inside]
        addresses = [f"{each.gateway_ip}/{each.prefixlen}" for each in inside]
        addresses += [f"{each.gateway_ip}/{32 if each.ip_version == 4 else 128}" for each in outside]
        addresses += _neighbours(index, ids)
        yield Uplink(
            bridge=bridge,
            dev=f"ext{number}",
            mtu=max(each.mtu for each in networks),
            addresses=tuple(dict.fromkeys(addresses)),
            onlink=tuple(each.cidr for each in outside),
        )


def _neighbours(index: Index, networks: set[str]) -> Iterator[str]:
    """Next hops of extra routes on external networks, and somebody where there is no gateway."""
    taken = {fixed.ip_address for port in index.view.ports for fixed in port.fixed_ips}
    routes = (route for router in index.live_routers() for route in router.routes)
    hops = dict.fromkeys(route.nexthop for route in routes if route.nexthop not in taken)
    for subnet in (each for each in index.view.subnets if each.network_id in networks):
        yield from (f"{hop}/{subnet.prefixlen}" for hop in hops if within(hop, subnet.cidr))
        if not subnet.gateway_ip:
            yield f"{_free_address(index, subnet)}/{subnet.prefixlen}"


def _returns(index: Index) -> Iterator[tuple[str, str]]:
    """Ways back to what no SNAT hides, be it that its address scope must not leave."""
    known: list[IPNetwork] = []
    for router in index.live_routers():
        for each in filter(index.leads_out, index.attachments(router)):
            prefix = ipaddress.ip_network(each.subnet.cidr)
            hidden = each.subnet.ip_version == 4 and router.gateway is not None and router.gateway.enable_snat
            if hidden and not index.leaves_untranslated(each):
                continue
            same = [a for a in index.gateway_addresses(router) if (":" in a) == (prefix.version == 6)]
            if same and not any(overlap(prefix, other) for other in known):
                known.append(prefix)
                yield str(prefix), same[0]


def overlap(one: IPNetwork, other: IPNetwork) -> bool:
    """Whether two prefixes share an address; never across families."""
    if isinstance(one, ipaddress.IPv4Network):
        return isinstance(other, ipaddress.IPv4Network) and one.overlaps(other)
    return isinstance(other, ipaddress.IPv6Network) and one.overlaps(other)


def _guests(index: Index) -> Iterator[Guest]:
    seen: set[tuple[str, str]] = set()
    for port in index.view.ports:
        if port.binding is not None:
            seen |= {(port.network_id, each.ip_address) for each in port.fixed_ips}
            if port.binding.netns:  # what is behind a tap is not ours to play
                yield _bound_guest(index, port, port.binding.netns)
    number = 0
    for attachment, address, behind in _wanted_addresses(index):
        key = (attachment.port.network_id, address)
        if key not in seen:
            seen.add(key)
            yield _loose_guest(index, attachment, address, behind, f"guest-{number}")
            number += 1


def _wanted_addresses(index: Index) -> Iterator[tuple[Attachment, str, tuple[str, ...]]]:
    """Who must be there: the end of each extra route, floating IP and forwarding, and one plain guest."""
    for router in index.live_routers():
        hops: dict[str, list[str]] = {}
        for route in router.routes:
            hops.setdefault(route.nexthop, []).append(first_host(route.destination))
        fixed = [each for each in index.view.floating_ips if each.router_id == router.id]
        forwarded = [rule.internal_ip_address for each in fixed for rule in each.port_forwardings]
        direct = [each.fixed_ip_address for each in fixed if each.fixed_ip_address]
        for address in (*hops, *direct, *forwarded):
            attachment = index.attachment(router, address)
            if attachment is not None:
                yield attachment, address, tuple(hops.get(address, ()))
        for attachment in index.attachments(router):
            yield attachment, _free_address(index, attachment.subnet), ()


def first_host(cidr: str) -> str:
    """The first usable address of a prefix."""
    prefix = ipaddress.ip_network(cidr)
    return str(prefix[1] if prefix.num_addresses > 1 else prefix[0])


def _free_address(index: Index, subnet: Subnet) -> str:
    taken = {fixed.ip_address for port in index.view.ports for fixed in port.fixed_ips}
    taken |= {each.fixed_ip_address for each in index.view.floating_ips}
    taken |= {rule.internal_ip_address for f in index.view.floating_ips for rule in f.port_forwardings}
    taken |= {route.nexthop for router in index.view.routers for route in router.routes}
    taken.add(subnet.gateway_ip)
    prefix = ipaddress.ip_network(subnet.cidr)
    candidates = (str(prefix[-offset]) for offset in range(2, min(prefix.num_addresses, 4000)))
    return next(each for each in candidates if each not in taken)


def _bound_guest(index: Index, port: Port, netns: str) -> Guest:
    network = index.networks[port.network_id]
    subnets = [index.subnets[each.subnet_id] for each in port.fixed_ips]
    router = next((each for each in index.live_routers() if _attached(index, each, port)), None)
    pairs = zip(port.fixed_ips, subnets, strict=True)
    return Guest(
        netns=netns,
        plugged=True,
        up=port.admin_state_up and network.admin_state_up,
        network_id=network.id,
        bridge_netns="",
        bridge="",
        mac=port.mac_address,
        mtu=network.mtu,
        addresses=tuple(f"{fixed.ip_address}/{subnet.prefixlen}" for fixed, subnet in pairs),
        gateways=tuple(each.gateway_ip for each in subnets if each.gateway_ip),
        router_id=router.id if router is not None else "",
    )


def _attached(index: Index, router: Router, port: Port) -> bool:
    subnets = {each.subnet_id for each in port.fixed_ips}
    return any(
        each.subnet.id in subnets and each.address == each.subnet.gateway_ip
        for each in index.attachments(router)
    )


def _loose_guest(
    index: Index, attachment: Attachment, address: str, behind: tuple[str, ...], netns: str
) -> Guest:
    network = index.networks[attachment.port.network_id]
    home = "" if network.bridge else f"net-{network.id}"
    # Each address is a guest of its own, and one MAC address must not be twice on a wire.
    owner = (p for p in index.view.ports if address in [fixed.ip_address for fixed in p.fixed_ips[:1]])
    mac = next((each.mac_address for each in owner if each.network_id == network.id), "")
    return Guest(
        netns=netns,
        plugged=False,
        network_id=network.id,
        bridge_netns=home,
        bridge=network.bridge or f"br-{network.id}"[:14],
        mac=mac or _mac(network.id, address),
        mtu=network.mtu,
        addresses=(f"{address}/{attachment.subnet.prefixlen}",),
        gateways=(attachment.address,),
        behind=behind,
        router_id=attachment.router.id,
    )


def _mac(network_id: str, address: str) -> str:
    digest = hashlib.sha256(f"{network_id} {address}".encode()).hexdigest()
    return "fa:16:3d:" + ":".join(digest[i : i + 2] for i in (0, 2, 4))
