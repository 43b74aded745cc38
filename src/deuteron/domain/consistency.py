"""What must hold between the values of one ``HostView``.

Each rule here is a mistake that would otherwise show as packets that go nowhere, or
to the wrong tenant.  Every rule is linear in the number of values, save the overlap of
subnets, which is looked for within one network or router.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from typing import TYPE_CHECKING, NoReturn, Protocol, TypeVar

from deuteron.domain.subnet import Subnet, reserved_numbers
from deuteron.domain.validation import (
    MTU_MIN_IPV6,
    FieldError,
    address_number,
    in_prefix,
    overlap,
)

if TYPE_CHECKING:
    from deuteron.domain.floating_ip import FloatingIP, NdpProxy
    from deuteron.domain.host_view import HostView
    from deuteron.domain.network import Network
    from deuteron.domain.port import FixedIP, Port
    from deuteron.domain.router import ExtraRoute, Router

#: Where the legs of distributed routers take their addresses from.
LEG_RANGE = "169.254.64.0/18"


class _HasId(Protocol):
    @property
    def id(self) -> str: ...


_T = TypeVar("_T", bound=_HasId)


def check(view: HostView) -> None:
    """Check every rule between values.

    Raises:
        FieldError: the first rule that is broken, with kind, id and field.
    """
    _Checker(view).run()


class _Checker:
    """The values of a view by id, and the rules."""

    def __init__(self, view: HostView) -> None:
        self.view = view
        self.networks = _by_id("network", view.networks)
        self.subnets = _by_id("subnet", view.subnets)
        self.ports = _by_id("port", view.ports)
        self.routers = _by_id("router", view.routers)
        _by_id("floatingip", view.floating_ips)
        _by_id("ndp_proxy", view.ndp_proxies)
        self.subnets_of: dict[str, list[Subnet]] = {network: [] for network in self.networks}
        self.owned: dict[str, str] = {}  # router's port -> router
        self.attached: dict[str, set[str]] = {}  # router -> subnets of its interfaces

    def run(self) -> None:
        """Every rule, in an order in which later ones may lean on earlier ones."""
        for subnet in self.view.subnets:
            self._subnet(subnet)
        for network_id, subnets in self.subnets_of.items():
            _no_overlap(subnets, "network", network_id)
        self._ports()
        self._bindings()
        for router in self.view.routers:
            self._router(router)
        self._floating_ips()
        self._ndp_proxies()
        self._agent_gateways()
        self._legs()

    def _subnet(self, subnet: Subnet) -> None:
        network = _find(self.networks, subnet.network_id, "network_id", "subnet", subnet.id)
        self.subnets_of[network.id].append(subnet)
        if subnet.ip_version == 6 and network.mtu < MTU_MIN_IPV6:
            raise FieldError(
                "mtu-too-small",
                "mtu",
                f"IPv6 needs an MTU of at least {MTU_MIN_IPV6} (RFC 8200), and a subnet here is IPv6",
                kind="network",
                entry=network.id,
            )

    def _ports(self) -> None:
        addresses: dict[tuple[str, str], str] = {}
        macs: dict[tuple[str, str], str] = {}
        for port in self.view.ports:
            _find(self.networks, port.network_id, "network_id", "port", port.id)
            mac = (port.network_id, port.mac_address)
            if macs.setdefault(mac, port.id) != port.id:
                _refuse(
                    "duplicate-mac",
                    "mac_address",
                    f"{port.mac_address} is on this network already",
                    "port",
                    port.id,
                )
            for fixed in port.fixed_ips:
                self._fixed_ip(port, fixed)
                if addresses.setdefault((port.network_id, fixed.ip_address), port.id) != port.id:
                    _refuse(
                        "duplicate-address",
                        "fixed_ips",
                        f"{fixed.ip_address} is in use on this network already",
                        "port",
                        port.id,
                    )
        self.addresses = addresses

    def _fixed_ip(self, port: Port, fixed: FixedIP) -> None:
        subnet = _find(self.subnets, fixed.subnet_id, "fixed_ips", "port", port.id)
        if subnet.network_id != port.network_id:
            _refuse("no-such-name", "fixed_ips", "the subnet is on another network", "port", port.id)
        if not in_prefix(fixed.ip_address, subnet.cidr):
            sentence = f"{fixed.ip_address} is not in {subnet.cidr}"
            _refuse("address-outside-subnet", "fixed_ips", sentence, "port", port.id)
        if address_number(fixed.ip_address)[1] in reserved_numbers(subnet.cidr):
            sentence = f"{fixed.ip_address} is the network or broadcast address of {subnet.cidr}"
            _refuse("bad-value", "fixed_ips", sentence, "port", port.id)

    def _bindings(self) -> None:
        seen: dict[tuple[str, str], str] = {}
        for port in self.view.ports:
            if port.binding is None:
                continue
            # A tap is named in the namespace of its bridge; one name on a host stays one device.
            where = (port.binding.netns, port.binding.tap)
            if seen.setdefault(where, port.id) != port.id:
                name = port.binding.netns or port.binding.tap
                _refuse("binding-taken", "binding:profile", f"{name!r} has a port already", "port", port.id)

    def _router(self, router: Router) -> None:
        for field, ports in (("interfaces", router.interfaces), ("snat_interfaces", router.snat_interfaces)):
            for port_id in ports:
                self._own(router, port_id, field)
        inside = [self.subnets[subnet] for subnet in self._subnet_ids(router.interfaces)]
        self.attached[router.id] = {subnet.id for subnet in inside}
        outside = self._gateway_subnets(router)
        _no_overlap([*inside, *outside], "router", router.id)
        if router.distributed:
            _clear_of_legs([*inside, *outside], router.id)
        if router.snat_interfaces and not (router.distributed and router.gateway):
            sentence = "only a distributed router with a gateway has SNAT ports"
            _refuse("bad-value", "snat_interfaces", sentence, "router", router.id)
        own = {fixed.ip_address for fixed in self._fixed_ips(router)}
        near = inside + (self.subnets_of[router.gateway.network_id] if router.gateway else [])
        for route in router.routes:
            _route(router, route, own, near, [*inside, *outside])

    def _own(self, router: Router, port_id: str, field: str) -> None:
        port = _find(self.ports, port_id, field, "router", router.id)
        if self.owned.setdefault(port_id, router.id) != router.id:
            _refuse("port-in-use", field, "the port belongs to another router", "router", router.id)
        if port.binding is not None:
            _refuse("port-in-use", field, "the port belongs to an instance", "router", router.id)
        if not port.fixed_ips:
            _refuse("no-address", field, "the port has no address", "router", router.id)

    def _gateway_subnets(self, router: Router) -> list[Subnet]:
        if router.gateway is None:
            return []
        self._own_gateway(router, router.gateway.port_id)
        network = _find(self.networks, router.gateway.network_id, "gateway", "router", router.id)
        if not network.external:
            sentence = "the network is not external; give it router:external: true"
            _refuse("gateway-not-external", "external_gateway_info", sentence, "router", router.id)
        if self.ports[router.gateway.port_id].network_id != network.id:
            _refuse("no-such-name", "gateway", "the port is on another network", "router", router.id)
        if any(self.ports[port].network_id == network.id for port in router.interfaces):
            sentence = "an interface is on the network of the router's own gateway"
            _refuse("overlapping-subnets", "interfaces", sentence, "router", router.id)
        return [self.subnets[subnet] for subnet in self._subnet_ids((router.gateway.port_id,))]

    def _own_gateway(self, router: Router, port_id: str) -> None:
        _find(self.ports, port_id, "gateway", "router", router.id)
        if self.owned.setdefault(port_id, router.id) != router.id or port_id in router.interfaces:
            _refuse("port-in-use", "gateway", "the port is in use already", "router", router.id)

    def _subnet_ids(self, ports: Iterable[str]) -> list[str]:
        return list(dict.fromkeys(fixed.subnet_id for port in ports for fixed in self.ports[port].fixed_ips))

    def _fixed_ips(self, router: Router) -> Iterator[FixedIP]:
        gateway = (router.gateway.port_id,) if router.gateway else ()
        for port in (*router.interfaces, *router.snat_interfaces, *gateway):
            yield from self.ports[port].fixed_ips

    def _floating_ips(self) -> None:
        fixed: dict[tuple[str, str], str] = {}
        for floating in self.view.floating_ips:
            self._floating_address(floating)
            if floating.router_id:
                self._association(floating)
            if not floating.fixed_ip_address:
                continue
            place = (floating.router_id, floating.fixed_ip_address)
            if fixed.setdefault(place, floating.id) != floating.id:
                sentence = f"{floating.fixed_ip_address} has another floating IP on this router"
                _refuse("fixed-address-taken", "fixed_ip_address", sentence, "floatingip", floating.id)
        self._forwardings(fixed)

    def _forwardings(self, fixed: Mapping[tuple[str, str], str]) -> None:
        """An answer to a forwarded packet would leave by the leg, with another source than was asked."""
        for floating in self.view.floating_ips:
            if not floating.port_forwardings or not self.routers[floating.router_id].distributed:
                continue
            for rule in floating.port_forwardings:
                if (floating.router_id, rule.internal_ip_address) in fixed:
                    sentence = (
                        f"{rule.internal_ip_address} has a floating IP of its own on this distributed router,"
                        " which its answers would leave by; forward to another address, or take that one away"
                    )
                    _refuse("fixed-address-taken", "port_forwardings", sentence, "floatingip", floating.id)

    def _floating_address(self, floating: FloatingIP) -> None:
        field, address = "floating_ip_address", floating.floating_ip_address
        network = _find(
            self.networks, floating.floating_network_id, "floating_network_id", "floatingip", floating.id
        )
        if not network.external:
            sentence = "the network is not external; give it router:external: true"
            _refuse("foreign-floating-ip", "floating_network_id", sentence, "floatingip", floating.id)
        home = next((s for s in self.subnets_of[network.id] if in_prefix(address, s.cidr)), None)
        if home is None:
            sentence = f"{address} is in no subnet of its external network"
            _refuse("foreign-floating-ip", field, sentence, "floatingip", floating.id)
        if address_number(address)[1] in reserved_numbers(home.cidr) or address == home.gateway_ip:
            sentence = f"{address} is the network, broadcast or gateway address of {home.cidr}"
            _refuse("foreign-floating-ip", field, sentence, "floatingip", floating.id)
        if self.addresses.setdefault((network.id, address), floating.id) != floating.id:
            sentence = f"{address} is in use on its network already"
            _refuse("duplicate-floating-ip", field, sentence, "floatingip", floating.id)

    def _association(self, floating: FloatingIP) -> None:
        router = _find(self.routers, floating.router_id, "router_id", "floatingip", floating.id)
        if router.gateway is None or router.gateway.network_id != floating.floating_network_id:
            sentence = "the router has no gateway on the network of the floating IP"
            _refuse("foreign-floating-ip", "floating_network_id", sentence, "floatingip", floating.id)
        for rule in floating.port_forwardings:
            self._inside(router, rule.internal_ip_address, "port_forwardings", floating.id)
        if not floating.fixed_ip_address:
            return
        port = _find(self.ports, floating.port_id, "port_id", "floatingip", floating.id)
        fixed = next((f for f in port.fixed_ips if f.ip_address == floating.fixed_ip_address), None)
        if fixed is None:
            sentence = f"{floating.fixed_ip_address} is not an address of the port"
            _refuse("foreign-floating-ip", "fixed_ip_address", sentence, "floatingip", floating.id)
        elif fixed.subnet_id not in self.attached[router.id]:
            sentence = "the router has no interface on the subnet of the port"
            _refuse("foreign-floating-ip", "port_id", sentence, "floatingip", floating.id)

    def _inside(self, router: Router, address: str, field: str, floating: str) -> None:
        subnets = self.attached[router.id]
        if not any(in_prefix(address, self.subnets[subnet].cidr) for subnet in subnets):
            sentence = f"{address} is on no subnet of the router"
            _refuse("foreign-floating-ip", field, sentence, "floatingip", floating)

    def _ndp_proxies(self) -> None:
        seen: dict[tuple[str, str], str] = {}
        for proxy in self.view.ndp_proxies:
            self._ndp_proxy(proxy)
            if seen.setdefault((proxy.router_id, proxy.ip_address), proxy.id) != proxy.id:
                sentence = f"{proxy.ip_address} has another NDP proxy on this router"
                _refuse("duplicate-address", "ip_address", sentence, "ndp_proxy", proxy.id)

    def _ndp_proxy(self, proxy: NdpProxy) -> None:
        router = _find(self.routers, proxy.router_id, "router_id", "ndp_proxy", proxy.id)
        port = _find(self.ports, proxy.port_id, "port_id", "ndp_proxy", proxy.id)
        if router.gateway is None or not router.enable_ndp_proxy:
            sentence = "the router has no gateway, or not enable_ndp_proxy: true"
            _refuse("foreign-ndp-proxy", "router_id", sentence, "ndp_proxy", proxy.id)
        fixed = next((f for f in port.fixed_ips if f.ip_address == proxy.ip_address), None)
        if fixed is None or fixed.subnet_id not in self.attached[router.id]:
            sentence = f"{proxy.ip_address} is not an address of the port on a subnet of the router"
            _refuse("foreign-ndp-proxy", "ip_address", sentence, "ndp_proxy", proxy.id)

    def _agent_gateways(self) -> None:
        self.gateway_networks: set[str] = set()
        for port_id in self.view.agent_gateways:
            port = _find(self.ports, port_id, "agent_gateways", "port", port_id)
            network: Network = self.networks[port.network_id]
            if not network.external:
                _refuse(
                    "gateway-not-external", "agent_gateways", "the network is not external", "port", port_id
                )
            if network.id in self.gateway_networks or port_id in self.owned:
                _refuse("port-in-use", "agent_gateways", "its network has one already", "port", port_id)
            self.gateway_networks.add(network.id)

    def _legs(self) -> None:
        indices: set[tuple[str, int]] = set()
        routers: set[str] = set()
        for leg in self.view.legs:
            router = _find(self.routers, leg.router_id, "legs", "router", leg.router_id)
            home = router.gateway.network_id if router.gateway else ""
            if not router.distributed or home != leg.network_id or home not in self.gateway_networks:
                sentence = "a leg needs a distributed router and an agent gateway on its external network"
                _refuse("bad-value", "legs", sentence, "router", router.id)
            if (leg.network_id, leg.index) in indices or router.id in routers:
                _refuse("bad-value", "legs", "the leg or its index is taken", "router", router.id)
            indices.add((leg.network_id, leg.index))
            routers.add(router.id)


def _refuse(code: str, field: str, sentence: str, kind: str, entry: str) -> NoReturn:
    raise FieldError(code, field, sentence, kind=kind, entry=entry)


def _by_id(kind: str, values: Iterable[_T]) -> dict[str, _T]:
    found: dict[str, _T] = {}
    for value in values:
        if value.id in found:
            _refuse("duplicate-id", "id", "another entry has this id or name", kind, value.id)
        found[value.id] = value
    return found


def _find(values: dict[str, _T], wanted: str, field: str, kind: str, entry: str) -> _T:
    try:
        return values[wanted]
    except KeyError:
        sentence = f"nothing here has the id {wanted!r}"
        raise FieldError("no-such-name", field, sentence, kind=kind, entry=entry) from None


def _no_overlap(subnets: Iterable[Subnet], kind: str, entry: str) -> None:
    for one, other in combinations(subnets, 2):
        if overlap(one.cidr, other.cidr):
            field = "interfaces" if kind == "router" else "subnets"
            sentence = f"{one.cidr} and {other.cidr} overlap; a packet would have two ways to go"
            raise FieldError("overlapping-subnets", field, sentence, kind=kind, entry=entry)


def _clear_of_legs(subnets: Iterable[Subnet], router: str) -> None:
    for subnet in subnets:
        if overlap(subnet.cidr, LEG_RANGE):
            sentence = f"{subnet.cidr} overlaps {LEG_RANGE}, which distributed routers use inside"
            _refuse("reserved-range", "interfaces", sentence, "router", router)


def _route(
    router: Router, route: ExtraRoute, own: set[str], near: list[Subnet], connected: list[Subnet]
) -> None:
    if route.nexthop in own:
        _refuse("bad-value", "routes", f"{route.nexthop} is the router's own address", "router", router.id)
    if not any(in_prefix(route.nexthop, subnet.cidr) for subnet in near):
        sentence = f"{route.nexthop} is on no subnet of the router"
        _refuse("unreachable-nexthop", "routes", sentence, "router", router.id)
    if any(route.destination == subnet.cidr for subnet in connected):
        # The kernel has this route from the router's own address; it would be cut off with its next hop.
        sentence = (
            f"the router is on {route.destination} itself; remove the route, or the interface or gateway"
        )
        _refuse("connected-destination", "routes", sentence, "router", router.id)
