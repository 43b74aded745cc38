"""Everything that a host's state knows by name: what a pseudonym is looked up in."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Final

import msgspec

from deuteron.compile import names
from deuteron.domain import HostView
from deuteron.domain.floating_ip import PortForwarding
from deuteron.domain.port import Port
from deuteron.logs.reference import KINDS, Kind, Ref
from deuteron.state.directory import State


class Known(msgspec.Struct, frozen=True):
    """A thing, and what a person calls it.

    Attributes:
        thing: in any form.
        what: in clear.
    """

    thing: Ref
    what: str


#: What devices of a port are called, by the beginning of the name.
_PORT_DEVICES: Final = ("qr-", "qg-", "sg-", "fg-", "tap")
#: The same of both ends of a leg, by router.
_LEG_DEVICES: Final = ("rfp-", "fpr-")


def things_in_state(state: State, kinds: Collection[Kind] = KINDS) -> Iterator[Known]:
    """What was committed, what is pending, and units that are neither and left a trace.

    Args:
        state: where to look.
        kinds: of the pseudonyms that are asked for.

    Raises:
        HostError: the state directory cannot be read.
    """
    committed, pending = state.record(), state.pending()
    for target in (committed, pending):
        if target is None:
            continue
        if target.source:
            yield Known(Ref("path", target.source), f"file {target.source}")
        if target.view is not None:
            yield from things_in(target.view, kinds)
    yield Known(Ref("path", str(state.path)), f"state directory {state.path}")
    for held in state.quarantine():
        yield Known(Ref("unit", held.unit), f"{held.title} ({held.unit})")
    for intent in state.intents():
        yield Known(Ref("unit", intent.unit), f"{intent.title} ({intent.unit})")
    for unit in state.history():
        yield Known(Ref("unit", unit), unit)


def things_in(view: HostView, kinds: Collection[Kind] = KINDS) -> Iterator[Known]:
    """Of a view all things whose pseudonyms may be of these kinds, and some others."""
    yield Known(Ref("host", view.host), f"host {view.host}")
    for part, of_kinds in _PARTS.items():
        if not of_kinds.isdisjoint(kinds):
            yield from part(view)


def _resources(view: HostView) -> Iterator[Known]:
    """Ids and names."""
    groups: tuple[tuple[Kind, Iterable[tuple[str, str]]], ...] = (
        ("router", ((one.id, one.name) for one in view.routers)),
        ("router", ((one.id, one.name) for one in view.refused)),
        ("network", ((one.id, one.name) for one in view.networks)),
        ("subnet", ((one.id, one.name) for one in view.subnets)),
        ("port", ((one.id, one.name) for one in view.ports)),
        ("floating-ip", ((one.id, one.floating_ip_address) for one in view.floating_ips)),
        ("floating-ip", ((one.id, one.ip_address) for one in view.ndp_proxies)),
    )
    for kind, resources in groups:
        for ident, name in resources:
            what = f"{kind} {name} ({ident})"
            yield Known(Ref(kind, ident), what)
            if kind != "floating-ip":
                yield Known(Ref("name", name), f"the name of {what}")


def _of(port: Port) -> str:
    return f"of port {port.name} ({port.id})"


def _macs(view: HostView) -> Iterator[Known]:
    for port in view.ports:
        yield Known(Ref("mac", port.mac_address), f"MAC address {port.mac_address} {_of(port)}")
        outer = names.outer_mac(port.mac_address)
        yield Known(Ref("mac", outer), f"MAC address {outer} on the bridge's side {_of(port)}")


def _fixed_addresses(view: HostView) -> Iterator[Known]:
    for port in view.ports:
        for fixed in port.fixed_ips:
            yield Known(Ref("address", fixed.ip_address), f"address {fixed.ip_address} {_of(port)}")
        local = names.link_local(port.mac_address)
        yield Known(Ref("address", local), f"link-local address {local} {_of(port)}")


def _port_devices(view: HostView) -> Iterator[Known]:
    for port in view.ports:
        for device in _devices(port):
            yield Known(Ref("device", device), f"device {device} {_of(port)}")


def _devices(port: Port) -> Iterator[str]:
    for prefix in _PORT_DEVICES:
        yield names.device(prefix, port.id)
    if port.binding is not None and port.binding.tap:
        yield port.binding.tap


def _places(view: HostView) -> Iterator[Known]:
    """Namespaces, and the devices that are no port's."""
    spaces: tuple[tuple[Callable[[str], str], Iterable[str]], ...] = (
        (names.router_netns, (one.id for one in view.routers)),
        (names.snat_netns, (one.id for one in view.routers)),
        (names.network_netns, (one.id for one in view.networks)),
        (names.fip_netns, (one.id for one in view.networks)),
    )
    for name, idents in spaces:
        for ident in idents:
            yield Known(Ref("namespace", name(ident)), f"namespace {name(ident)}")
    for port in view.ports:
        if port.binding is not None and port.binding.netns:
            yield Known(Ref("namespace", port.binding.netns), f"namespace {port.binding.netns}")
    for network in view.networks:
        for device in (names.device("br-", network.id), network.bridge):
            yield Known(Ref("device", device), f"bridge {device} of network {network.name} ({network.id})")
    for router in view.routers:
        for prefix in _LEG_DEVICES:
            device = names.device(prefix, router.id)
            yield Known(Ref("device", device), f"device {device} of router {router.name} ({router.id})")


def _addresses(view: HostView) -> Iterator[Known]:
    for subnet in view.subnets:
        of = f"of subnet {subnet.name} ({subnet.id})"
        yield Known(Ref("prefix", subnet.cidr), f"prefix {subnet.cidr} {of}")
        for address in (subnet.gateway_ip, *(end for pool in subnet.pools for end in pool)):
            yield Known(Ref("address", address), f"address {address} {of}")
    for floating in view.floating_ips:
        what = f"floating IP {floating.floating_ip_address} ({floating.id})"
        yield Known(Ref("address", floating.floating_ip_address), what)
        for inner in (floating.fixed_ip_address, *_forwarded(floating.port_forwardings)):
            yield Known(Ref("address", inner), f"address {inner} behind {what}")
    for proxy in view.ndp_proxies:
        what = f"address {proxy.ip_address} of an NDP proxy ({proxy.id})"
        yield Known(Ref("address", proxy.ip_address), what)
    for router in view.routers:
        for route in router.routes:
            of = f"of a route of router {router.name} ({router.id})"
            yield Known(Ref("prefix", route.destination), f"prefix {route.destination} {of}")
            yield Known(Ref("address", route.nexthop), f"next hop {route.nexthop} {of}")


def _forwarded(rules: Iterable[PortForwarding]) -> Iterator[str]:
    for rule in rules:
        yield rule.internal_ip_address


def _projects(view: HostView) -> Iterator[Known]:
    groups = (view.routers, view.networks, view.ports)
    for project in dict.fromkeys(one.project_id for group in groups for one in group):
        yield Known(Ref("project", project), f"project {project}")


#: Who tells of which kinds; a namespace's name may turn out to be a router's or a network's.
_PARTS: Final[dict[Callable[[HostView], Iterator[Known]], frozenset[Kind]]] = {
    _resources: frozenset({"router", "network", "subnet", "port", "floating-ip", "name"}),
    _macs: frozenset({"mac"}),
    _fixed_addresses: frozenset({"address"}),
    _port_devices: frozenset({"device"}),
    _places: frozenset({"namespace", "router", "network", "device"}),
    _addresses: frozenset({"address", "prefix"}),
    _projects: frozenset({"project"}),
}
