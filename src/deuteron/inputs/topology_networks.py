"""Networks and subnets of the topology file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deuteron.domain.network import Network
from deuteron.domain.subnet import Subnet, reserved_numbers
from deuteron.domain.validation import FieldError, canonical_address, check_device_name, prefix_range
from deuteron.inputs import attributes
from deuteron.inputs.allocate import Range
from deuteron.inputs.reader import Entry

if TYPE_CHECKING:
    from deuteron.inputs.topology import Topology

#: ``ipv6_ra_mode`` and ``ipv6_address_mode``.
_MODES = ("slaac", "dhcpv6-stateful", "dhcpv6-stateless")


class NetworkReader:
    """Reads ``bridge_mappings``, ``networks`` and ``subnets``."""

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self.mappings: dict[str, str] = {}
        self.wires: dict[str, str] = {}  # physical network -> network

    def read(self) -> None:
        """Read all of them into the topology."""
        top = self.topology.top
        self._mappings(top.entry("bridge_mappings"))
        for entry in top.entries("networks"):
            self._network(entry)
        advertised = False
        for entry in top.entries("subnets"):
            advertised |= self._subnet(entry)
        if advertised:
            self.topology.notices.append(
                "No router advertisements are sent here yet: instances do not configure IPv6 by themselves."
            )

    def _mappings(self, entry: Entry | None) -> None:
        if entry is None:
            return
        for physical in entry.items:
            bridge = entry.text(physical)
            try:
                check_device_name(physical, bridge)
            except FieldError as error:
                entry.refuse(error.code, physical, error.sentence)
            self.mappings[physical] = bridge

    def _network(self, entry: Entry) -> None:
        entry.check_keys(attributes.NETWORK)
        network_id, name = self.topology.identify("network", entry)
        physical = self._physical(entry, network_id)
        network = self.topology.make(
            entry,
            lambda: Network(
                id=network_id,
                name=name,
                project_id=entry.text("project_id", ""),
                mtu=entry.integer("mtu", 1500),
                admin_state_up=entry.boolean("admin_state_up", True),
                external=entry.boolean("router:external", False),
                bridge=self.mappings[physical] if physical else "",
                physical_network=physical,
            ),
        )
        self.topology.add("network", entry, network_id, name)
        self.topology.networks[network_id] = network
        self.topology.subnets_of[network_id] = []

    def _physical(self, entry: Entry, network_id: str) -> str:
        kind, key = entry.text("provider:network_type", ""), "provider:physical_network"
        physical = entry.text(key, "")
        if kind not in {"", "local", "flat"}:
            sentence = f"{kind!r} networks are not in this data path; local and flat are"
            entry.refuse("not-honoured", "provider:network_type", sentence)
        if kind != "flat":
            if physical:
                entry.refuse("bad-value", key, "needs provider:network_type: flat")
            return ""
        if not physical:
            entry.refuse("missing-key", key, "must be there: a flat network is on a physical one")
        if physical not in self.mappings:
            sentence = f"{physical!r} has no bridge; add it to bridge_mappings, like {{{physical}: br-ex}}"
            entry.refuse("no-bridge-mapping", key, sentence)
        if self.wires.setdefault(self.mappings[physical], network_id) != network_id:
            sentence = "another flat network is on this bridge; the two would be one network"
            entry.refuse("physical-network-in-use", key, sentence)
        return physical

    def _subnet(self, entry: Entry) -> bool:
        """Read one; true where it asks for router advertisements."""
        entry.check_keys(attributes.SUBNET)
        network_id = self.topology.names["network"].find(entry, "network_id")
        cidr = entry.prefix("cidr")
        subnet_id, name = self.topology.identify("subnet", entry, f"{network_id}/{cidr}")
        modes = [self._mode(entry, key) for key in ("ipv6_ra_mode", "ipv6_address_mode")]
        subnet = self.topology.make(
            entry,
            lambda: Subnet(
                id=subnet_id,
                name=name,
                network_id=network_id,
                cidr=cidr,
                gateway_ip=_gateway(entry, cidr),
                pools=tuple(_pool(pool) for pool in entry.entries("allocation_pools")),
            ),
        )
        if entry.integer("ip_version", subnet.ip_version) != subnet.ip_version:
            entry.refuse("bad-value", "ip_version", f"{cidr} is IPv{subnet.ip_version}")
        entry.boolean("enable_dhcp", True)
        self._automatic(entry, subnet, modes)
        self.topology.add("subnet", entry, subnet_id, name)
        self.topology.subnets[subnet_id] = subnet
        self.topology.subnets_of[network_id].append(subnet)
        return any(modes)

    def _mode(self, entry: Entry, key: str) -> str:
        mode = entry.text(key, "")
        if mode and mode not in _MODES:
            entry.refuse("bad-value", key, f"is one of {', '.join(_MODES)}")
        return mode

    def _automatic(self, entry: Entry, subnet: Subnet, modes: list[str]) -> None:
        if any(modes) and subnet.ip_version == 4:
            entry.refuse("bad-value", "ipv6_ra_mode" if modes[0] else "ipv6_address_mode", "is for IPv6")
        if modes[1] in {"slaac", "dhcpv6-stateless"}:
            if subnet.prefixlen != 64:
                entry.refuse("bad-value", "cidr", "addresses made from a MAC need a /64 (RFC 4862)")
            self.topology.slaac.add(subnet.id)


def _gateway(entry: Entry, cidr: str) -> str:
    """The gateway as written, none where it is null, else the first address as in Neutron."""
    if "gateway_ip" in entry.items:
        return entry.address("gateway_ip")
    try:
        version, first, last = prefix_range(cidr)
    except ValueError:
        return ""  # the subnet itself refuses the cidr
    if last == first:
        return ""
    number = first + 1 if reserved_numbers(cidr) else first
    return Range(version, ((number, number),)).text(0)


def _pool(entry: Entry) -> tuple[str, str]:
    entry.check_keys(attributes.POOL)
    entry.text("start"), entry.text("end")
    return canonical_address(entry.address("start")), canonical_address(entry.address("end"))
