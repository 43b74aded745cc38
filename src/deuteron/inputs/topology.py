"""The topology file: YAML entries, each the body that the OpenStack Networking API takes.

This host is network node and compute node at once: a distributed router with a gateway
has its ``snat-`` namespace here, and every floating IP of a distributed router whose
port forwardings do not ask otherwise is served in its ``fip-`` namespace.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn, TypeVar

from deuteron.domain.host_view import LEGS, HostView, Leg
from deuteron.domain.network import Network
from deuteron.domain.port import Port
from deuteron.domain.router import Router
from deuteron.domain.subnet import Subnet
from deuteron.domain.validation import FieldError
from deuteron.inputs import allocate, attributes
from deuteron.inputs.allocate import Allocations, ExhaustedError
from deuteron.inputs.document import parse
from deuteron.inputs.drafts import Names, PortDraft, derive_id
from deuteron.inputs.reader import Entry
from deuteron.inputs.topology_floating import FloatingReader
from deuteron.inputs.topology_networks import NetworkReader
from deuteron.inputs.topology_ports import PortReader
from deuteron.inputs.topology_routers import RouterReader

_V = TypeVar("_V")


def load(text: str, file: str, host: str, allocations: Allocations) -> tuple[HostView, Allocations]:
    """Read a topology file.

    Args:
        text: what the file holds.
        file: its name, for messages.
        host: this host's name.
        allocations: what was chosen before.

    Raises:
        InputError: the file is not acceptable; the message names line, entry and field.
    """
    node = parse(text, file)
    top = Entry(file, "", node)
    top.check_keys(attributes.TOPOLOGY)
    return Topology(top, host).load(allocations)


class Topology:
    """The state of reading one file: what has been read so far, found by kind and id."""

    def __init__(self, top: Entry, host: str) -> None:
        self.top, self.host = top, host
        self.names = {kind: Names(kind) for kind in ("network", "subnet", "router", "port")}
        self.places: dict[tuple[str, str], Entry] = {}
        self.networks: dict[str, Network] = {}
        self.subnets: dict[str, Subnet] = {}
        self.subnets_of: dict[str, list[Subnet]] = {}
        self.slaac: set[str] = set()
        self.ports: dict[str, PortDraft] = {}
        self.routers: dict[str, Router] = {}
        self.agent_gateways: dict[str, str] = {}
        self.notices: list[str] = []

    def load(self, before: Allocations) -> tuple[HostView, Allocations]:
        """Read everything, choose what is open, and put the view together."""
        networks = NetworkReader(self)
        networks.read()
        PortReader(self).read()
        RouterReader(self).read()
        floating = FloatingReader(self)
        floating.read()
        macs = self._macs(before)
        self._addresses_by_mac(macs)
        addresses = self._addresses(floating, before)
        legs = self._legs(before)
        ports = {port.id: self._finish(port, addresses, macs) for port in self.ports.values()}
        view = self._view(ports, floating, addresses, legs)
        kept = allocate.record((allocate.ADDRESS, addresses), (allocate.MAC, macs), (allocate.LEG, legs))
        return view, kept

    def identify(self, kind: str, entry: Entry, default: str = "") -> tuple[str, str]:
        """Id and name of an entry; one of the two must be there, or a default for the name."""
        name = entry.text("name", "")
        if not (name or default or entry.has("id")):
            entry.refuse("missing-key", "", "needs a name or an id")
        return entry.text("id", "") or derive_id(kind, name or default), name

    def add(self, kind: str, entry: Entry, resource_id: str, name: str) -> None:
        """Remember where a resource stands in the file."""
        if kind in self.names:
            self.names[kind].add(entry, resource_id, name)
        self.places[kind, resource_id] = entry

    def make(self, entry: Entry, build: Callable[[], _V]) -> _V:
        """Build a value; its refusal gets the place of the entry."""
        try:
            return build()
        except FieldError as error:
            entry.refuse(error.code, error.field, error.sentence)

    def _finish(
        self, port: PortDraft, addresses: dict[tuple[str, str], str], macs: dict[tuple[str, str], str]
    ) -> Port:
        return self.make(port.entry, lambda: port.finish(addresses, macs))

    def _macs(self, before: Allocations) -> dict[tuple[str, str], str]:
        taken: dict[str, set[str]] = {network: set() for network in self.networks}
        for port in self.ports.values():
            taken[port.network_id].add(port.mac)
        wanted = [(port.network_id, port.id) for port in self.ports.values() if not port.mac]
        ranges = dict.fromkeys(self.networks, allocate.mac_range())
        return self._allocate(allocate.MAC, wanted, ranges, taken, before)

    def _addresses_by_mac(self, macs: dict[tuple[str, str], str]) -> None:
        for port in self.ports.values():
            PortReader.autoconfigure(self, port, port.mac or macs[port.network_id, port.id])

    def _addresses(self, floating: FloatingReader, before: Allocations) -> dict[tuple[str, str], str]:
        taken: dict[str, set[str]] = {subnet.id: {subnet.gateway_ip} for subnet in self.subnets.values()}
        for port in self.ports.values():
            for subnet, address in port.fixed:
                taken.setdefault(subnet, set()).add(address)
        for subnet, address in floating.explicit():
            taken[subnet].add(address)
        wanted = [place for port in self.ports.values() for place in port.open_addresses()]
        wanted += floating.open_addresses()
        ranges = {subnet.id: allocate.subnet_range(subnet) for subnet in self.subnets.values()}
        return self._allocate(allocate.ADDRESS, wanted, ranges, taken, before)

    def _legs(self, before: Allocations) -> dict[tuple[str, str], str]:
        wanted = [
            (router.gateway.network_id, router.id)
            for router in self.routers.values()
            if router.gateway and router.distributed
        ]
        ranges = {network: allocate.leg_range() for network, _ in wanted}
        return self._allocate(allocate.LEG, wanted, ranges, {}, before)

    def _allocate(
        self,
        kind: str,
        wanted: list[tuple[str, str]],
        ranges: dict[str, allocate.Range],
        taken: dict[str, set[str]],
        before: Allocations,
    ) -> dict[tuple[str, str], str]:
        try:
            return allocate.allocate(kind, wanted, ranges, taken, before)
        except ExhaustedError as error:
            self._exhausted(kind, error)

    def _exhausted(self, kind: str, error: ExhaustedError) -> NoReturn:
        owner = error.key.partition("#")[0]
        if kind == allocate.LEG:
            self.places["router", owner].refuse(
                "no-leg-left",
                "",
                f"{LEGS} distributed routers of this external network are on this host",
            )
        place = self.ports[owner].entry if owner in self.ports else self.places["floatingip", owner]
        subnet = self.subnets.get(error.scope)
        where = subnet.cidr if subnet else "the network"
        place.refuse(
            "no-address-left", "", f"{where} has no free address; widen its pools, or name another subnet"
        )

    def _view(
        self,
        ports: dict[str, Port],
        floating: FloatingReader,
        addresses: dict[tuple[str, str], str],
        legs: dict[tuple[str, str], str],
    ) -> HostView:
        floating_ips = floating.finish(ports, addresses)
        proxies = floating.proxies(ports)
        leg_values = [
            Leg(router_id=router, network_id=network, index=int(index))
            for (network, router), index in legs.items()
        ]
        try:
            return HostView(
                host=self.host,
                networks=tuple(sorted(self.networks.values(), key=lambda one: one.id)),
                subnets=tuple(sorted(self.subnets.values(), key=lambda one: one.id)),
                ports=tuple(sorted(ports.values(), key=lambda one: one.id)),
                routers=tuple(sorted(self.routers.values(), key=lambda one: one.id)),
                floating_ips=tuple(sorted(floating_ips, key=lambda one: one.id)),
                ndp_proxies=tuple(sorted(proxies, key=lambda one: one.id)),
                agent_gateways=tuple(sorted(self.agent_gateways.values())),
                legs=tuple(sorted(leg_values)),
                notices=tuple(self.notices),
            )
        except FieldError as error:
            self._misplaced(error)

    def _misplaced(self, error: FieldError) -> NoReturn:
        place = self.places.get((error.kind, error.entry))
        if place is None and error.entry in self.ports:
            place = self.ports[error.entry].entry
        (place or self.top).refuse(error.code, error.field, error.sentence)
