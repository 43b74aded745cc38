"""Routers of the topology file, with the ports that they make for themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deuteron.domain.port import (
    AGENT_GATEWAY,
    ROUTER_GATEWAY,
    ROUTER_INTERFACE,
    ROUTER_INTERFACE_DISTRIBUTED,
    ROUTER_SNAT,
)
from deuteron.domain.router import ExtraRoute, Gateway, Router
from deuteron.inputs import attributes
from deuteron.inputs.document import Scalar
from deuteron.inputs.drafts import PortDraft, derive_id
from deuteron.inputs.reader import Entry
from deuteron.inputs.topology_ports import default_addresses, fixed_ip

if TYPE_CHECKING:
    from deuteron.inputs.topology import Topology


class RouterReader:
    """Reads ``routers``."""

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self.used: set[str] = set()  # ports that are interfaces already

    def read(self) -> None:
        """Read all of them into the topology."""
        for entry in self.topology.top.entries("routers"):
            self._router(entry)

    def _router(self, entry: Entry) -> None:
        entry.check_keys(attributes.ROUTER)
        router_id, name = self.topology.identify("router", entry)
        self.topology.add("router", entry, router_id, name)
        distributed = entry.boolean("distributed", False)
        interfaces = self._interfaces(entry, router_id, distributed)
        gateway = self._gateway(entry, router_id)
        snat: list[str] = []
        if distributed and gateway:
            snat = [self._snat_port(entry, router_id, port) for port in interfaces]
            self._agent_gateway(entry, gateway.network_id)
        self.topology.routers[router_id] = self.topology.make(
            entry,
            lambda: Router(
                id=router_id,
                name=name,
                project_id=entry.text("project_id", ""),
                admin_state_up=entry.boolean("admin_state_up", True),
                distributed=distributed,
                gateway=gateway,
                interfaces=tuple(port.id for port in interfaces),
                snat_interfaces=tuple(snat),
                snat_here=distributed and gateway is not None,
                routes=tuple(self._route(route) for route in entry.entries("routes")),
                enable_ndp_proxy=entry.boolean("enable_ndp_proxy", False),
            ),
        )

    def _route(self, entry: Entry) -> ExtraRoute:
        entry.check_keys(attributes.ROUTE)
        destination, nexthop = entry.prefix("destination"), entry.address("nexthop")
        return self.topology.make(entry, lambda: ExtraRoute(destination=destination, nexthop=nexthop))

    def _gateway(self, entry: Entry, router_id: str) -> Gateway | None:
        info = entry.entry("external_gateway_info")
        if info is None:
            return None
        info.check_keys(attributes.GATEWAY)
        network = self.topology.names["network"].find(info, "network_id")
        if not self.topology.networks[network].external:
            sentence = "the network is not external; give it router:external: true"
            info.refuse("gateway-not-external", "network_id", sentence)
        subnets = self.topology.subnets_of[network]
        fixed = [fixed_ip(self.topology, one, subnets) for one in info.entries("external_fixed_ips")]
        port = self._make_port("gateway", router_id, network, entry, ROUTER_GATEWAY)
        port.fixed = fixed or default_addresses(subnets)
        if not port.fixed:
            info.refuse("no-address", "network_id", "the network has no subnet to take an address from")
        snat = info.boolean("enable_snat", True)
        return Gateway(network_id=network, port_id=port.id, enable_snat=snat)

    def _make_port(self, kind: str, key: str, network: str, entry: Entry, owner: str) -> PortDraft:
        port = PortDraft(derive_id(kind, key), network, entry, owner)
        self.topology.ports[port.id] = port
        return port

    def _interfaces(self, entry: Entry, router_id: str, distributed: bool) -> list[PortDraft]:
        owner = ROUTER_INTERFACE_DISTRIBUTED if distributed else ROUTER_INTERFACE
        ports = []
        for index, node in enumerate(entry.nodes("interfaces")):
            path = f"{entry.path}.interfaces[{index}]"
            if isinstance(node, Scalar):
                subnet = self.topology.names["subnet"].find(entry, "interfaces", node.text)
                ports.append(self._by_subnet(entry, "interfaces", router_id, subnet, owner))
            else:
                ports.append(self._interface(Entry(entry.file, path, node), router_id, owner))
        return ports

    def _interface(self, entry: Entry, router_id: str, owner: str) -> PortDraft:
        entry.check_keys(attributes.INTERFACE)
        if entry.has("subnet_id") == entry.has("port_id"):
            entry.refuse("missing-key", "", "needs either a subnet_id or a port_id")
        if entry.has("port_id"):
            return self._by_port(entry, owner)
        subnet = self.topology.names["subnet"].find(entry, "subnet_id")
        return self._by_subnet(entry, "subnet_id", router_id, subnet, owner)

    def _by_subnet(self, entry: Entry, field: str, router_id: str, subnet_id: str, owner: str) -> PortDraft:
        subnet = self.topology.subnets[subnet_id]
        if not subnet.gateway_ip:
            entry.refuse(
                "no-address", field, "the subnet has no gateway_ip; attach a port with port_id instead"
            )
        port = self._make_port("interface", f"{router_id}/{subnet_id}", subnet.network_id, entry, owner)
        if port.id in self.used:
            entry.refuse("port-in-use", field, "the subnet is attached to this router twice")
        self.used.add(port.id)
        port.fixed = [(subnet_id, subnet.gateway_ip)]
        return port

    def _by_port(self, entry: Entry, owner: str) -> PortDraft:
        port = self.topology.ports[self.topology.names["port"].find(entry, "port_id")]
        if port.binding is not None or port.id in self.used:
            user = "an instance" if port.binding else "a router"
            entry.refuse("port-in-use", "port_id", f"the port belongs to {user} already")
        if not port.fixed:
            entry.refuse("no-address", "port_id", "the port has no address; give it fixed_ips")
        self.used.add(port.id)
        port.device_owner = owner
        return port

    def _snat_port(self, entry: Entry, router_id: str, interface: PortDraft) -> str:
        key = f"{router_id}/{interface.id}"
        port = self._make_port("snat", key, interface.network_id, entry, ROUTER_SNAT)
        port.fixed = [(subnet, "") for subnet in dict.fromkeys(subnet for subnet, _ in interface.fixed)]
        return port.id

    def _agent_gateway(self, entry: Entry, network: str) -> None:
        if network in self.topology.agent_gateways:
            return
        port = self._make_port("agent_gateway", network, network, entry, AGENT_GATEWAY)
        port.fixed = default_addresses(self.topology.subnets_of[network])
        self.topology.agent_gateways[network] = port.id
