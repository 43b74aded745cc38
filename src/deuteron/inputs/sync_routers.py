"""What a neutron-server answers to ``sync_routers``, read as an L3 agent of one host reads it.

Two forms are taken: a recording, ``{"hosts": {HOST: {"agent_mode", "sync_routers",
"get_agent_gateway_port"}}}``, and the bare list of routers.  Facts about the agent's
behaviour are of Neutron 29: which floating IPs are served where
(``dvr_local_router.floating_ip_added_dist``), who holds a gateway
(``dvr_edge_router._is_this_snat_host``), which port a fip namespace owns
(``dvr_local_router.create_dvr_external_gateway_on_agent``).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Final, NoReturn

import msgspec

from deuteron.domain.floating_ip import FloatingIP, PortForwarding
from deuteron.domain.host_view import LEGS, HostView, Leg, RefusedRouter
from deuteron.domain.port import (
    AGENT_GATEWAY,
    ROUTER_GATEWAY,
    ROUTER_INTERFACE,
    ROUTER_INTERFACE_DISTRIBUTED,
    ROUTER_SNAT,
    Port,
)
from deuteron.domain.router import ExtraRoute, Gateway, Router
from deuteron.domain.validation import FieldError
from deuteron.errors import InputError
from deuteron.inputs import allocate
from deuteron.inputs.allocate import Allocations, ExhaustedError
from deuteron.inputs.forwarding import Fields, expand
from deuteron.inputs.reader import nearest
from deuteron.inputs.record import EntryError, Record, printable
from deuteron.inputs.sync_ports import Bridges, Gatherer
from deuteron.inputs.sync_unhonoured import Notices, check_router

#: ``agent_mode`` of an agent.  "" is unknown: the payload was a bare list.
_MODES: Final = ("legacy", "dvr", "dvr_snat", "dvr_no_external", "")

#: Neutron's word for a floating IP whose port is bound nowhere; the gateway's host serves it.
_NEEDS_BINDING: Final = "FLOATING_IP_HOST_NEEDS_BINDING"


#: Which router of the list a path leads into.
_ROUTER: Final = re.compile(r"(?:^|\.)sync_routers\[(\d+)\]")


def load(
    data: object, file: str, host: str | None, bridges: Bridges, allocations: Allocations
) -> tuple[HostView, Allocations]:
    """Read one host's part of a recording, or a bare list of routers.

    A router that is not acceptable is left out and named in ``HostView.refused``; the others are read.

    Args:
        data: the decoded JSON.
        file: its name, for messages.
        host: ``--host``.
        bridges: ``--external-bridge``.
        allocations: what was chosen before.

    Raises:
        InputError: the payload, or every router of it, is not acceptable, or the host is not in it.
    """
    if isinstance(data, list):
        bare = Record(file, "", {"sync_routers": data})
        return _load(bare, host or _guess_host(bare), bridges, allocations)
    hosts = Record(file, "", data).record("hosts")
    if hosts is None:
        raise InputError("unknown-host", f"{file}: hosts: there is no host in it")
    name = _choose(hosts, host)
    part = hosts.record(name)
    if part is None:
        hosts.refuse("missing-key", name, "must hold sync_routers")
    return _load(part, name, bridges, allocations)


def _load(part: Record, host: str, bridges: Bridges, before: Allocations) -> tuple[HostView, Allocations]:
    """Read the routers; each that cannot be is left out, and the rest read anew without it."""
    refused: dict[int, EntryError] = {}
    while True:
        try:
            view, kept = _Agent(part, host, bridges, refused).load(before)
        except EntryError as error:
            found = _ROUTER.search(error.path)
            position = int(found[1]) if found else -1
            if position < 0 or position in refused or len(refused) + 1 == len(part.items("sync_routers")):
                raise
            refused[position] = error
            continue
        told = (_refused(part.items("sync_routers")[position], error) for position, error in refused.items())
        return msgspec.structs.replace(view, refused=tuple(sorted(told))), kept


def _refused(router: object, error: EntryError) -> RefusedRouter:
    ident, name = (
        str(router.get(key) or "") if isinstance(router, Mapping) else "" for key in ("id", "name")
    )
    return RefusedRouter(id=ident, name=printable(name), code=error.code, sentence=error.message)


def _choose(hosts: Record, host: str | None) -> str:
    names = sorted(hosts.data)
    if host is None and len(names) == 1:
        return names[0]
    if host is None:
        hosts.refuse("host-required", "", f"several hosts are in it; choose with --host: {', '.join(names)}")
    if host not in hosts.data:
        hosts.refuse(
            "unknown-host", "", f"there is no host {host!r}{nearest(host, names)}; it has {', '.join(names)}"
        )
    return host


def _guess_host(part: Record) -> str:
    """The host that a bare list was answered to, from the ports bound to it."""
    bound: set[str] = set()
    routers = list(part.records("sync_routers"))
    for router in routers:
        agents = router.records("_floatingip_agent_interfaces")
        bound.update(port.text("binding:host_id", "") for port in agents)
        if not router.boolean("distributed", False):
            bound.add(router.text("gw_port_host", ""))
    bound.discard("")
    if len(bound) > 1 or (not bound and any(r.boolean("distributed", False) for r in routers)):
        part.refuse("host-required", "", "the list does not tell whose host it is about; name it with --host")
    return bound.pop() if bound else "localhost"


class _Agent:
    """One host's L3 agent, as far as its routers tell.

    Args:
        refused: positions of routers to leave out.
    """

    def __init__(self, part: Record, host: str, bridges: Bridges, refused: Collection[int] = ()) -> None:
        self.part, self.host = part, host
        self.refused = refused
        self.mode = part.text("agent_mode", "")
        if self.mode not in _MODES:
            known = ", ".join(mode for mode in _MODES if mode)
            part.refuse("bad-value", "agent_mode", f"{self.mode!r} is none of {known}")
        self.gather = Gatherer(bridges)
        self.notices = Notices()
        self.routers: dict[str, Router] = {}
        self.records: dict[str, Record] = {}
        self.floating: dict[str, FloatingIP] = {}
        self.agent_gateways: dict[str, str] = {}

    def load(self, before: Allocations) -> tuple[HostView, Allocations]:
        """Read every router, then put the view together."""
        for position, item in enumerate(self.part.items("sync_routers")):
            if position not in self.refused:
                self._router(self.part.element("sync_routers", position, item))
        for router in self.routers.values():
            self._floating_ips(self.records[router.id], router)
        legs = self._legs(before)
        reserved = self._reserved(before)
        self.notices.limited(len(self.gather.limited))
        self.notices.advertised(len(self.gather.advertised))
        self.notices.undelegated(len(self.gather.pending))
        return self._view(legs), allocate.record((allocate.LEG, legs | reserved))

    def _router(self, record: Record) -> None:
        check_router(record, self.notices)
        distributed = record.boolean("distributed", False)
        owner = ROUTER_INTERFACE_DISTRIBUTED if distributed else ROUTER_INTERFACE
        gateway = self._gateway(record)
        interfaces = self._ports(record, "_interfaces", owner)
        snat = self._ports(record, "_snat_router_interfaces", ROUTER_SNAT) if distributed and gateway else []
        here = distributed and gateway is not None and self._is_snat_host(record)
        try:
            router = Router(
                id=record.text("id"),
                name=printable(record.text("name", "")),
                project_id=record.text("project_id", ""),
                admin_state_up=record.boolean("admin_state_up", True),
                distributed=distributed,
                gateway=gateway,
                interfaces=tuple(port.id for port in interfaces),
                snat_interfaces=tuple(port.id for port in snat),
                snat_here=here,
                routes=tuple(sorted({_route(route) for route in record.records("routes")})),
                enable_ndp_proxy=record.boolean("enable_ndp_proxy", False),
            )
        except FieldError as error:
            record.make(error)
        if router.id in self.routers:
            record.refuse("duplicate-id", "id", "another router of the list has this id")
        self.routers[router.id], self.records[router.id] = router, record
        if distributed and gateway and self.mode != "dvr_no_external":
            self._agent_gateway(record, gateway.network_id)

    def _is_snat_host(self, record: Record) -> bool:
        # An unknown mode is taken for the one that the server needs to put a gateway here.
        return self.mode in {"dvr_snat", ""} and record.text("gw_port_host", "") == self.host

    def _ports(self, record: Record, key: str, owner: str) -> list[Port]:
        ports = [self.gather.port(port, owner) for port in record.records(key)]
        addressless = [port for port in ports if not port.fixed_ips]
        self.notices.addressless(len(addressless))
        for port in addressless:
            self.gather.ports.pop(port.id, None)
        return [port for port in ports if port.fixed_ips]

    def _gateway(self, record: Record) -> Gateway | None:
        gw_port = record.record("gw_port")
        if gw_port is None:
            if record.has("gw_port_id"):
                record.refuse(
                    "missing-key", "gw_port", "the router has a gateway, and its port must be there"
                )
            return None
        port = self.gather.port(gw_port, ROUTER_GATEWAY)
        self.gather.external.add(port.network_id)
        info = record.record("external_gateway_info")
        default = info.boolean("enable_snat", True) if info else True
        return Gateway(
            network_id=port.network_id, port_id=port.id, enable_snat=record.boolean("enable_snat", default)
        )

    def _agent_gateway(self, record: Record, network: str) -> None:
        """The ``fg-`` port: of this host in the router's list, else what the server answers for it."""
        found = next(
            (one for one in record.records("_floatingip_agent_interfaces") if self._mine(one, network)), None
        )
        if found is None:
            answers = self.part.record("get_agent_gateway_port")
            found = answers.record(network) if answers else None
        if found is None or not found.items("fixed_ips"):
            if network not in self.agent_gateways:
                self.notices.no_agent_gateway(network)
            return
        port = self.gather.port(found, AGENT_GATEWAY)
        if self.agent_gateways.setdefault(network, port.id) != port.id:
            found.refuse("port-in-use", "id", "this host has another agent gateway port on the network")

    def _mine(self, port: Record, network: str) -> bool:
        return port.text("network_id", "") == network and port.text("binding:host_id", "") in {"", self.host}

    def _floating_ips(self, record: Record, router: Router) -> None:
        for key in ("_floatingips", "_pf_floatingips"):
            for floating in record.records(key):
                if self._is_served(floating, router):
                    self._floating_ip(floating, router)
        told = {floating.text("id", "") for floating in record.records("_pf_floatingips")}
        managed = [one for one in record.items("fip_managed_by_port_forwardings") if one not in told]
        self.notices.untold_forwardings(len(managed))

    def _is_served(self, record: Record, router: Router) -> bool:
        """Whether this host's agent serves the floating IP."""
        if not router.distributed or router.gateway is None:
            return True
        if self._is_centralised(record):
            return router.snat_here
        if self.mode == "dvr_no_external":
            return False
        if not record.has("host") and not record.has("dest_host"):
            self.notices.unbound_floating()
            return False
        return self.host in {record.text("host", ""), record.text("dest_host", "")}

    def _is_centralised(self, record: Record) -> bool:
        return (
            record.boolean("dvr_snat_bound", False)
            or record.text("host", "") == _NEEDS_BINDING
            or bool(record.items("port_forwardings"))
        )

    def _floating_ip(self, record: Record, router: Router) -> None:
        rules = self._forwardings(record)
        fixed = record.address("fixed_ip_address")
        port = self._instance(record, router, fixed) if fixed else ""
        network = record.text("floating_network_id")
        self.gather.external.add(network)
        if record.has("qos_policy_id") or record.has("qos_network_policy_id"):
            self.gather.limited.add(record.text("id"))
        try:
            floating = FloatingIP(
                id=record.text("id"),
                floating_ip_address=record.address("floating_ip_address"),
                floating_network_id=network,
                router_id=router.id if fixed or rules else "",
                port_id=port,
                fixed_ip_address=fixed,
                centralised=router.distributed and self._is_centralised(record),
                port_forwardings=tuple(sorted(rules)),
            )
        except FieldError as error:
            record.make(error)
        if floating.id in self.floating:
            record.refuse("duplicate-id", "id", "another floating IP has this id")
        self.floating[floating.id], self.records[floating.id] = floating, record

    def _forwardings(self, record: Record) -> list[PortForwarding]:
        rules: list[PortForwarding] = []
        for rule in record.records("port_forwardings"):
            if rule.text("protocol") not in {"tcp", "udp"}:
                self.notices.other_protocol()
                continue
            outside, inside = _port_text(rule, "external_port"), _port_text(rule, "internal_port")
            if not outside and not inside:  # Neutron 29 tells a rule for a range without its ports
                self.notices.portless()
                continue
            fields = Fields(
                protocol=rule.text("protocol"),
                address=rule.address("internal_ip_address"),
                external=outside,
                internal=inside,
            )
            try:
                rules += expand(fields)
            except FieldError as error:
                rule.make(error)
        return rules

    def _instance(self, record: Record, router: Router, fixed: str) -> str:
        subnets = [one.subnet_id for port in router.interfaces for one in self.gather.ports[port].fixed_ips]
        port_id = record.text("port_id")
        port = self.gather.instance(record, port_id, fixed, subnets)
        if not port:
            sentence = f"{fixed} is on no subnet of the router"
            record.refuse("foreign-floating-ip", "fixed_ip_address", sentence)
        return port

    def _legs(self, before: Allocations) -> dict[tuple[str, str], str]:
        wanted = [
            (router.gateway.network_id, router.id)
            for router in self.routers.values()
            if router.distributed and router.gateway and router.gateway.network_id in self.agent_gateways
        ]
        ranges = {network: allocate.leg_range() for network, _ in wanted}
        taken = {network: set[str]() for network in ranges}
        for (network, _), value in self._reserved(before).items():
            taken.setdefault(network, set()).add(value)
        try:
            return allocate.allocate(allocate.LEG, wanted, ranges, taken, before)
        except ExhaustedError as error:
            self.records[error.key].refuse(
                "no-leg-left", "", f"{LEGS} distributed routers of this external network are on this host"
            )

    def _reserved(self, before: Allocations) -> dict[tuple[str, str], str]:
        """The legs of routers that are left out: what this host has of them stays."""
        items = self.part.items("sync_routers")
        absent = [item for position in self.refused if isinstance(item := items[position], Mapping)]
        owners = {item.get("id") for item in absent} - self.routers.keys()
        return {
            (one.scope, one.key): one.value
            for one in before.entries
            if one.kind == allocate.LEG and one.key in owners
        }

    def _view(self, legs: dict[tuple[str, str], str]) -> HostView:
        gather = self.gather
        try:
            return HostView(
                host=self.host,
                networks=gather.networks(),
                subnets=gather.scoped_subnets(),
                ports=tuple(sorted(gather.ports.values(), key=lambda one: one.id)),
                routers=tuple(sorted(self.routers.values(), key=lambda one: one.id)),
                floating_ips=tuple(sorted(self.floating.values(), key=lambda one: one.id)),
                agent_gateways=tuple(sorted(self.agent_gateways.values())),
                legs=tuple(
                    sorted(
                        Leg(router_id=router, network_id=network, index=int(index))
                        for (network, router), index in legs.items()
                    )
                ),
                notices=self.notices.sentences(),
            )
        except FieldError as error:
            self._misplaced(error)

    def _misplaced(self, error: FieldError) -> NoReturn:
        record = self.records.get(error.entry)
        if record is not None:
            record.make(error)
        what = f"{error.kind} {error.entry}".strip()
        self.part.refuse(error.code, error.field, f"{what}: {error.sentence}" if what else error.sentence)


def _route(record: Record) -> ExtraRoute:
    try:
        return ExtraRoute(destination=record.prefix("destination"), nexthop=record.address("nexthop"))
    except FieldError as error:
        record.make(error)


def _port_text(rule: Record, key: str) -> str:
    number = rule.integer(key, 0)
    return str(number) if number else rule.text(f"{key}_range", "")
