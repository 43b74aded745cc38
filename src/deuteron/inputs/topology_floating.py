"""Floating IPs, their port forwardings, and NDP proxies of the topology file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from deuteron.domain.floating_ip import FloatingIP, NdpProxy, PortForwarding
from deuteron.domain.port import FixedIP, Port
from deuteron.domain.router import Router
from deuteron.inputs import attributes
from deuteron.inputs.drafts import home
from deuteron.inputs.forwarding import Fields, expand
from deuteron.inputs.reader import Entry

if TYPE_CHECKING:
    from deuteron.inputs.topology import Topology


class _Draft:
    """A floating IP whose address may be open."""

    def __init__(self, floating_id: str, entry: Entry, network: str) -> None:
        self.id, self.entry, self.network = floating_id, entry, network
        self.subnet = ""
        self.address = ""
        self.port = ""


class FloatingReader:
    """Reads ``floatingips`` and ``ndp_proxies``."""

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self.drafts: list[_Draft] = []
        self.seen: Counter[str] = Counter()
        self.by_subnet: dict[str, list[tuple[Router, str]]] = {}

    def read(self) -> None:
        """Read the floating IPs as far as it goes without addresses of ports."""
        for entry in self.topology.top.entries("floatingips"):
            self.drafts.append(self._floating(entry))

    def _floating(self, entry: Entry) -> _Draft:
        entry.check_keys(attributes.FLOATING_IP)
        network = self.topology.names["network"].find(entry, "floating_network_id")
        if not self.topology.networks[network].external:
            sentence = "the network is not external; give it router:external: true"
            entry.refuse("foreign-floating-ip", "floating_network_id", sentence)
        address = entry.address("floating_ip_address")
        port = self.topology.names["port"].find(entry, "port_id") if entry.has("port_id") else ""
        name = address or f"{port}/{entry.text('fixed_ip_address', '')}"
        self.seen[f"{network}/{name}"] += 1
        nth = self.seen[f"{network}/{name}"]
        key = f"{network}/{name}" if nth == 1 else f"{network}/{name}#{nth}"
        draft = _Draft(self.topology.identify("floatingip", entry, key)[0], entry, network)
        draft.address, draft.port = address, port
        draft.subnet = self._subnet(draft)
        self.topology.add("floatingip", entry, draft.id, "")
        return draft

    def _subnet(self, draft: _Draft) -> str:
        entry, subnets = draft.entry, self.topology.subnets_of[draft.network]
        found = home(subnets, draft.address) if draft.address else None
        if draft.address and found is None:
            sentence = f"{draft.address} is in no subnet of its external network"
            entry.refuse("foreign-floating-ip", "floating_ip_address", sentence)
        if entry.has("subnet_id"):
            wanted = self.topology.names["subnet"].find(entry, "subnet_id")
            if (found and found.id != wanted) or wanted not in {one.id for one in subnets}:
                entry.refuse(
                    "foreign-floating-ip", "subnet_id", "is not the subnet of the address or network"
                )
            return wanted
        if found is None:
            found = next((one for one in subnets if one.ip_version == 4), None)
        if found is None:
            entry.refuse("no-address", "floating_network_id", "the network has no IPv4 subnet")
        return found.id

    def explicit(self) -> Iterator[tuple[str, str]]:
        """``(subnet, address)`` of the addresses that the file gives."""
        return ((draft.subnet, draft.address) for draft in self.drafts if draft.address)

    def open_addresses(self) -> list[tuple[str, str]]:
        """``(subnet, id)`` of the addresses to be chosen."""
        return [(draft.subnet, draft.id) for draft in self.drafts if not draft.address]

    def finish(self, ports: dict[str, Port], chosen: dict[tuple[str, str], str]) -> list[FloatingIP]:
        """The floating IPs, with their routers."""
        self._index(ports)
        return [self._finish(draft, ports, chosen) for draft in self.drafts]

    def _index(self, ports: dict[str, Port]) -> None:
        for router in self.topology.routers.values():
            for port in router.interfaces:
                for fixed in ports[port].fixed_ips:
                    self.by_subnet.setdefault(fixed.subnet_id, []).append((router, fixed.ip_address))

    def _finish(
        self, draft: _Draft, ports: dict[str, Port], chosen: dict[tuple[str, str], str]
    ) -> FloatingIP:
        entry = draft.entry
        rules = self._forwardings(entry, ports)
        fixed = self._fixed(draft, ports) if draft.port else None
        if entry.has("fixed_ip_address") and fixed is None:
            entry.refuse("missing-key", "port_id", "must be there with a fixed_ip_address")
        router: Router | None = None
        if fixed is not None:
            router = self._router(draft, fixed.subnet_id)
        elif rules:
            router = self._router(draft, self._inner_subnet(draft, rules[0].internal_ip_address))
        return self.topology.make(
            entry,
            lambda: FloatingIP(
                id=draft.id,
                floating_ip_address=draft.address or chosen[draft.subnet, draft.id],
                floating_network_id=draft.network,
                router_id=router.id if router else "",
                port_id=draft.port,
                fixed_ip_address=fixed.ip_address if fixed else "",
                # Forwarded ports of many hosts share one address: it is served where SNAT is.
                centralised=bool(rules and router and router.distributed),
                port_forwardings=tuple(sorted(rules)),
            ),
        )

    def _fixed(self, draft: _Draft, ports: dict[str, Port]) -> FixedIP:
        port, entry = ports[draft.port], draft.entry
        wanted = entry.address("fixed_ip_address")
        mine = [fixed for fixed in port.fixed_ips if fixed.ip_version == 4]
        if wanted:
            mine = [fixed for fixed in mine if fixed.ip_address == wanted]
        if not mine:
            sentence = f"{wanted} is not an address of the port" if wanted else "the port has no IPv4 address"
            entry.refuse("foreign-floating-ip", "fixed_ip_address" if wanted else "port_id", sentence)
        if len(mine) > 1:
            entry.refuse("ambiguous-name", "port_id", "the port has several addresses; add fixed_ip_address")
        return mine[0]

    def _router(self, draft: _Draft, subnet: str) -> Router:
        candidates = [
            (router, address)
            for router, address in self.by_subnet.get(subnet, [])
            if router.gateway and router.gateway.network_id == draft.network
        ]
        if not candidates:
            sentence = "no router joins the port's subnet with the network of the floating IP"
            field = "port_id" if draft.port else "port_forwardings"
            draft.entry.refuse("foreign-floating-ip", field, sentence)
        gateway = self.topology.subnets[subnet].gateway_ip
        return next((router for router, address in candidates if address == gateway), candidates[0][0])

    def _inner_subnet(self, draft: _Draft, address: str) -> str:
        reached = (
            self.topology.subnets[subnet]
            for subnet, routers in self.by_subnet.items()
            if any(router.gateway and router.gateway.network_id == draft.network for router, _ in routers)
        )
        found = home(reached, address)
        if found is None:
            sentence = f"no router joins {address} with the network of the floating IP"
            draft.entry.refuse("foreign-floating-ip", "port_forwardings", sentence)
        return found.id

    def _forwardings(self, entry: Entry, ports: dict[str, Port]) -> list[PortForwarding]:
        rules: list[PortForwarding] = []
        for rule in entry.entries("port_forwardings"):
            rule.check_keys(attributes.PORT_FORWARDING)
            rules += self._forwarding(rule, ports)
        return rules

    def _forwarding(self, rule: Entry, ports: dict[str, Port]) -> list[PortForwarding]:
        address = rule.address("internal_ip_address")
        if rule.has("internal_port_id"):
            port = ports[self.topology.names["port"].find(rule, "internal_port_id")]
            own = [fixed.ip_address for fixed in port.fixed_ips if fixed.ip_version == 4]
            if address not in own and (address or len(own) != 1):
                rule.refuse(
                    "foreign-floating-ip", "internal_ip_address", "must be an IPv4 address of the port"
                )
            address = address or own[0]
        if not address:
            rule.refuse("missing-key", "", "needs an internal_port_id or an internal_ip_address")
        fields = Fields(
            protocol=rule.text("protocol"),
            address=address,
            external=rule.text("external_port", "") or rule.text("external_port_range", ""),
            internal=rule.text("internal_port", "") or rule.text("internal_port_range", ""),
        )
        return self.topology.make(rule, lambda: expand(fields))

    def proxies(self, ports: dict[str, Port]) -> list[NdpProxy]:
        """The NDP proxies."""
        return [self._proxy(entry, ports) for entry in self.topology.top.entries("ndp_proxies")]

    def _proxy(self, entry: Entry, ports: dict[str, Port]) -> NdpProxy:
        entry.check_keys(attributes.NDP_PROXY)
        router = self.topology.names["router"].find(entry, "router_id")
        port = self.topology.names["port"].find(entry, "port_id")
        address = entry.address("ip_address")
        own = [fixed.ip_address for fixed in ports[port].fixed_ips if fixed.ip_version == 6]
        if not address and len(own) != 1:
            entry.refuse(
                "missing-key", "ip_address", f"must be there: the port has {len(own)} IPv6 addresses"
            )
        address = address or own[0]
        proxy_id, _ = self.topology.identify("ndp_proxy", entry, f"{router}/{address}")
        self.topology.add("ndp_proxy", entry, proxy_id, "")
        return self.topology.make(
            entry, lambda: NdpProxy(id=proxy_id, router_id=router, port_id=port, ip_address=address)
        )
