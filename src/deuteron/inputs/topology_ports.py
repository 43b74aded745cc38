"""Ports of the topology file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deuteron.domain.port import Binding
from deuteron.domain.subnet import Subnet
from deuteron.inputs import attributes
from deuteron.inputs.drafts import PortDraft, eui64, home
from deuteron.inputs.reader import Entry

if TYPE_CHECKING:
    from deuteron.inputs.topology import Topology


class PortReader:
    """Reads ``ports``."""

    def __init__(self, topology: Topology) -> None:
        self.topology = topology

    def read(self) -> None:
        """Read all of them into the topology."""
        for entry in self.topology.top.entries("ports"):
            self._port(entry)
        taps = sum(1 for port in self.topology.ports.values() if port.binding and port.binding.tap)
        if taps:
            what = "port is a tap" if taps == 1 else "ports are taps"
            self.topology.notices.append(
                f"{taps} {what}: no DHCP server answers here yet, "
                "so set the address inside the virtual machine."
            )

    def _port(self, entry: Entry) -> None:
        entry.check_keys(attributes.PORT)
        port_id, name = self.topology.identify("port", entry)
        network = self.topology.names["network"].find(entry, "network_id")
        port = PortDraft(port_id, network, entry)
        port.name = name
        port.project_id = entry.text("project_id", "")
        port.mac = entry.mac("mac_address")
        port.admin_state_up = entry.boolean("admin_state_up", True)
        port.device_owner = entry.text("device_owner", "")
        if port.device_owner.startswith("network:"):
            entry.refuse(
                "not-honoured", "device_owner", "routers make their own ports; list it in interfaces"
            )
        port.binding = self._binding(entry)
        port.fixed = self._fixed_ips(entry, network)
        self.topology.add("port", entry, port_id, name)
        self.topology.ports[port_id] = port

    def _binding(self, entry: Entry) -> Binding | None:
        profile = entry.entry("binding:profile")
        if profile is None:
            return None
        profile.check_keys(attributes.BINDING)
        netns, tap = profile.text("netns", ""), profile.text("tap", "")
        return self.topology.make(profile, lambda: Binding(netns=netns, tap=tap))

    def _fixed_ips(self, entry: Entry, network: str) -> list[tuple[str, str]]:
        subnets = self.topology.subnets_of[network]
        if "fixed_ips" in entry.items:
            return [fixed_ip(self.topology, fixed, subnets) for fixed in entry.entries("fixed_ips")]
        return default_addresses(subnets, self.topology.slaac)

    @staticmethod
    def autoconfigure(topology: Topology, port: PortDraft, mac: str) -> None:
        """Give an instance the address its MAC yields in a subnet of SLAAC."""
        if port.device_owner.startswith("network:"):
            return
        port.fixed = [
            (
                subnet,
                address or (eui64(topology.subnets[subnet].cidr, mac) if subnet in topology.slaac else ""),
            )
            for subnet, address in port.fixed
        ]


def fixed_ip(topology: Topology, entry: Entry, subnets: list[Subnet]) -> tuple[str, str]:
    """One of ``fixed_ips``: the subnet, and the address or "" where it is to be chosen."""
    entry.check_keys(attributes.FIXED_IP)
    address = entry.address("ip_address")
    if entry.has("subnet_id"):
        subnet_id = topology.names["subnet"].find(entry, "subnet_id")
        if subnet_id not in {subnet.id for subnet in subnets}:
            entry.refuse("no-such-name", "subnet_id", "the subnet is on another network")
        return subnet_id, address
    if not address:
        entry.refuse("missing-key", "", "needs a subnet_id or an ip_address")
    subnet = home(subnets, address)
    if subnet is None:
        known = ", ".join(one.cidr for one in subnets) or "there is none"
        entry.refuse(
            "address-outside-subnet", "ip_address", f"{address} is in no subnet of the network ({known})"
        )
    return subnet.id, address


def default_addresses(subnets: list[Subnet], slaac: set[str] | None = None) -> list[tuple[str, str]]:
    """One address of each family, and one of each subnet whose hosts configure themselves."""
    automatic = slaac or set()
    chosen = [next((s.id for s in subnets if s.ip_version == 4), "")]
    chosen.append(next((s.id for s in subnets if s.ip_version == 6 and s.id not in automatic), ""))
    chosen += [subnet.id for subnet in subnets if subnet.id in automatic]
    return [(subnet, "") for subnet in chosen if subnet]
