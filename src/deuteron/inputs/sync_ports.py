"""Ports, subnets and networks of a ``sync_routers`` answer, gathered from all places they stand in.

An answer describes no network by itself: its MTU stands at each port, and its subnets
are the ``subnets`` (with an address of the port) and ``extra_subnets`` of each port.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

import msgspec

from deuteron.domain.network import Network
from deuteron.domain.port import FixedIP, Port
from deuteron.domain.subnet import Subnet
from deuteron.domain.validation import FieldError, in_prefix
from deuteron.inputs.drafts import derive_id, home
from deuteron.inputs.record import Record, printable

#: What Neutron writes for a subnet whose prefix is still to be delegated.
_PROVISIONAL = "::/64"


class Bridges:
    """``--external-bridge``: which host bridge carries which external network."""

    def __init__(self, default: str, by_network: Mapping[str, str]) -> None:
        self.default, self.by_network = default, by_network

    def of(self, network: str) -> str:
        """The bridge of an external network."""
        return self.by_network.get(network, self.default)


class Gatherer:
    """Collects ports and what stands with them; one id is one value."""

    def __init__(self, bridges: Bridges) -> None:
        self.bridges = bridges
        self.ports: dict[str, Port] = {}
        self.subnets: dict[str, Subnet] = {}
        self.bare: set[str] = set()  # subnets that no port has described yet
        self.pending: set[str] = set()  # subnets whose prefix is still to be delegated
        self.mtus: dict[str, int] = {}
        self.projects: dict[str, str] = {}
        self.scopes: dict[tuple[str, int], str] = {}  # of a network's subnets, by address family
        self.external: set[str] = set()
        self.advertised: set[str] = set()
        self.limited: set[str] = set()

    def port(self, record: Record, owner: str) -> Port:
        """Read one port of a router; the same port may stand in several places."""
        network = record.text("network_id")
        self._network(record, network)
        for key in ("subnets", "extra_subnets"):
            for subnet in record.records(key):
                self._subnet(subnet, network)
        fixed = tuple(
            self._fixed(one, network)
            for one in record.records("fixed_ips")
            if one.text("subnet_id", "") not in self.pending
        )
        try:
            port = Port(
                id=record.text("id"),
                name=printable(record.text("name", "")),
                network_id=network,
                mac_address=record.mac("mac_address"),
                project_id=record.text("project_id", ""),
                admin_state_up=record.boolean("admin_state_up", True),
                device_owner=record.text("device_owner", owner),
                fixed_ips=fixed,
            )
        except FieldError as error:
            record.make(error)
        if self.ports.setdefault(port.id, port) != port:
            record.refuse("duplicate-id", "id", "the same port stands elsewhere with other values")
        if record.has("qos_policy_id") or record.has("qos_network_policy_id"):
            self.limited.add(port.id)
        return port

    def _network(self, record: Record, network: str) -> None:
        mtu = record.integer("mtu", 0)
        if mtu:
            self.mtus[network] = min(mtu, self.mtus.get(network, mtu))
        self.projects.setdefault(network, record.text("project_id", ""))
        scopes = record.record("address_scopes")
        for family in (4, 6) if scopes else ():
            scope = scopes.text(str(family), "") if scopes else ""
            if scope and self.scopes.setdefault((network, family), scope) != scope:
                record.refuse(
                    "address-scopes",
                    "address_scopes",
                    "another port of the network has others; record the answer again",
                )

    def _subnet(self, record: Record, network: str) -> None:
        cidr = record.prefix("cidr")
        if cidr == _PROVISIONAL:
            self.pending.add(record.text("id"))
            return
        try:
            subnet = Subnet(
                id=record.text("id"),
                name="",
                network_id=network,
                cidr=cidr,
                gateway_ip=record.address("gateway_ip"),
            )
        except FieldError as error:
            record.make(error)
        if subnet.id in self.bare:
            self.bare.remove(subnet.id)
            del self.subnets[subnet.id]
        known = self.subnets.setdefault(subnet.id, subnet)
        if known != subnet:
            record.refuse("duplicate-id", "id", "the same subnet stands elsewhere with other values")
        if record.has("ipv6_ra_mode"):
            self.advertised.add(subnet.id)

    def _fixed(self, record: Record, network: str) -> FixedIP:
        address, subnet_id = record.address("ip_address"), record.text("subnet_id", "")
        if not address:
            record.refuse("missing-key", "ip_address", "must be there")
        if subnet_id not in self.subnets:
            subnet_id = self._bare_subnet(record, network, subnet_id, address)
        try:
            return FixedIP(subnet_id=subnet_id, ip_address=address)
        except FieldError as error:
            record.make(error)

    def _bare_subnet(self, record: Record, network: str, subnet_id: str, address: str) -> str:
        """A subnet that is known by an address and its prefix length alone."""
        if not subnet_id:
            mine = (one for one in self.subnets.values() if one.network_id == network)
            found = home(mine, address)
            if found is not None:
                return found.id
        length = record.integer("prefixlen", -1)
        if not 0 < length <= (128 if ":" in address else 32):
            record.refuse(
                "missing-key", "subnet_id", "its subnet is not described, and there is no prefixlen"
            )
        cidr = str(ipaddress.ip_network(f"{address}/{length}", strict=False))
        subnet_id = subnet_id or derive_id("subnet", f"{network}/{cidr}")
        try:
            self.subnets[subnet_id] = Subnet(id=subnet_id, name="", network_id=network, cidr=cidr)
            self.bare.add(subnet_id)
        except FieldError as error:
            record.make(error)
        return subnet_id

    def instance(self, record: Record, port_id: str, address: str, subnets: list[str]) -> str:
        """The port of an instance, known by its floating IPs alone.

        Returns:
            The id of the port, "" where the address lies in none of the subnets.
        """
        details = record.record("port_details")
        network = details.text("network_id", "") if details else ""
        inside = [
            self.subnets[one]
            for one in subnets
            if network in {"", self.subnets[one].network_id} and in_prefix(address, self.subnets[one].cidr)
        ]
        if not inside:
            return ""
        fixed = FixedIP(subnet_id=inside[0].id, ip_address=address)
        known = self.ports.get(port_id)
        addresses = tuple(sorted({fixed, *(known.fixed_ips if known else ())}))
        mac = details.mac("mac_address") if details else ""
        try:
            self.ports[port_id] = Port(
                id=port_id,
                name=printable(details.text("name", "")) if details else "",
                network_id=inside[0].network_id,
                mac_address=mac or _mac(port_id),
                project_id=record.text("project_id", ""),
                admin_state_up=details.boolean("admin_state_up", True) if details else True,
                device_owner=details.text("device_owner", "") if details else "",
                fixed_ips=addresses,
            )
        except FieldError as error:
            record.make(error)
        return port_id

    def scoped_subnets(self) -> tuple[Subnet, ...]:
        """The subnets, each in its address scope: Neutron gives a network one of each family."""
        found = (
            msgspec.structs.replace(
                subnet, address_scope=self.scopes.get((subnet.network_id, subnet.ip_version), "")
            )
            for subnet in self.subnets.values()
        )
        return tuple(sorted(found, key=lambda one: one.id))

    def networks(self) -> tuple[Network, ...]:
        """The networks that anything stands on."""
        ids = {port.network_id for port in self.ports.values()} | self.external
        return tuple(self._make_network(network) for network in sorted(ids))

    def _make_network(self, network: str) -> Network:
        external = network in self.external
        return Network(
            id=network,
            name="",
            project_id=self.projects.get(network, ""),
            mtu=self.mtus.get(network, 1500),
            external=external,
            bridge=self.bridges.of(network) if external else "",
        )


def _mac(port_id: str) -> str:
    """A stand-in for a MAC address that is not told; nothing here is sent to it."""
    return "fe:" + bytes.fromhex(derive_id("mac", port_id).replace("-", ""))[:5].hex(":")
