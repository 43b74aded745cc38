"""The way out of a router: its gateway port, SNAT, and the SNAT ports of a distributed one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from deuteron.domain.port import AGENT_GATEWAY, ROUTER_GATEWAY, ROUTER_SNAT
from deuteron.identity.caller import Caller
from deuteron.resources import RESOURCES
from deuteron.resources.network import Network
from deuteron.resources.port import Port
from deuteron.resources.refusal import RouterExternalGatewayInUseByFloatingIp
from deuteron.resources.router import Router
from deuteron.resources.subnet import Subnet
from deuteron.resources.values import GatewayInfo
from deuteron.service import router_ports as ports_of
from deuteron.service import router_rules as rules
from deuteron.store.store import Unit


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What ``external_gateway_info`` asks for; without a network, no gateway."""

    network_id: str = ""
    enable_snat: bool = True
    fixed_ips: tuple[Mapping[str, str], ...] = ()


def wish(info: Any) -> Wish:
    """Read ``external_gateway_info``; ``enable_snat`` that is not given is true, also on an update."""
    plain = msgspec.to_builtins(info) if isinstance(info, msgspec.Struct) else info
    if not plain or not plain.get("network_id"):
        return Wish()
    snat = plain.get("enable_snat")
    return Wish(
        network_id=plain["network_id"],
        enable_snat=True if snat is None else snat,
        fixed_ips=tuple(_given(one) for one in plain.get("external_fixed_ips") or ()),
    )


def _given(fixed: Mapping[str, Any]) -> dict[str, str]:
    return {key: value for key, value in fixed.items() if value}


def set_gateway(unit: Unit, caller: Caller, router: Router, info: Any) -> Router:
    """Give, move or take away the router's gateway.

    Returns:
        the router with ``enable_snat`` as wished; the caller writes it.

    Raises:
        NetworkNotFound: no such network, or not for the caller's eyes.
        BadRequest: it is not external, or overlaps an interface.
        RouterExternalGatewayInUseByFloatingIp: floating IPs need the present one.
    """
    wanted = wish(info)
    ports = ports_of.of_router(unit, router.id)
    present = ports_of.gateway(ports)
    if wanted.network_id:
        network = ports_of.seen(unit, caller, "networks", wanted.network_id)
        _check_network(unit, network, wanted)
    if present is not None and present.network_id == wanted.network_id:
        _move(unit, present, wanted.fixed_ips)
    else:
        if present is not None:
            _drop(unit, router, present, replaced=bool(wanted.network_id))
        if wanted.network_id:
            _make(unit, router, wanted)
    router = with_gateway(unit, router, enable_snat=wanted.enable_snat)
    rules.check(unit, router)
    return router


def with_gateway(unit: Unit, router: Router, *, enable_snat: bool = True) -> Router:
    """The router's own fields, as its gateway port is now."""
    port = ports_of.gateway(ports_of.of_router(unit, router.id))
    info = port and GatewayInfo(
        network_id=port.network_id, external_fixed_ips=tuple(port.fixed_ips), enable_snat=enable_snat
    )
    return msgspec.structs.replace(router, external_gateway_info=info)


def _check_network(unit: Unit, network: Network, wanted: Wish) -> None:
    if not network.router_external:
        raise rules.bad(f"Network {network.id} is not an external network")
    gateways = {subnet.gateway_ip for subnet in ports_of.on_network(unit, network.id)}
    for fixed in wanted.fixed_ips:
        if fixed.get("ip_address") in gateways and fixed.get("ip_address"):
            raise rules.bad(f"External IP {fixed['ip_address']} is the same as the gateway IP")


def _move(unit: Unit, port: Port, fixed_ips: Sequence[Mapping[str, str]]) -> None:
    """Other addresses on the same network, where other ones are asked for."""
    if not fixed_ips:
        return
    present = ports_of.as_given(port)
    met = all(any(wanted.items() <= one.items() for one in present) for wanted in fixed_ips)
    if not met or len(fixed_ips) != len(present):
        ports_of.readdress(unit, port, fixed_ips)


def _make(unit: Unit, router: Router, wanted: Wish) -> None:
    inside = ports_of.subnets_of(unit, ports_of.of_router(unit, router.id))
    rules.no_overlap(inside.values(), ports_of.on_network(unit, wanted.network_id))
    ports_of.make(
        unit,
        network_id=wanted.network_id,
        owner=ROUTER_GATEWAY,
        device_id=router.id,
        fixed_ips=wanted.fixed_ips,
    )
    if router.distributed:
        make_snat_ports(unit, router)


def _drop(unit: Unit, router: Router, port: Port, *, replaced: bool) -> None:
    if unit.find(RESOURCES["floatingips"], router_id=router.id):
        raise RouterExternalGatewayInUseByFloatingIp(router_id=router.id, net_id=port.network_id)
    ports_of.drop(unit, port)
    if not replaced:
        drop_snat_ports(unit, router)
    drop_agent_gateways(unit, port.network_id)


def drop_agent_gateways(unit: Unit, network_id: str) -> None:
    """Delete the fip namespaces' ports on an external network that no router has a gateway on any longer."""
    ports: list[Port] = unit.find(
        RESOURCES["ports"], network_id=network_id, device_owner=[ROUTER_GATEWAY, AGENT_GATEWAY]
    )
    if any(port.device_owner == ROUTER_GATEWAY for port in ports):
        return
    for port in ports:
        ports_of.drop(unit, port)


def make_snat_ports(unit: Unit, router: Router) -> None:
    """Make the SNAT ports that a distributed router with a gateway has: one for each subnet inside.

    IPv6 subnets of a network share one, as they share an interface.
    """
    ports = ports_of.of_router(unit, router.id)
    served = {fixed.subnet_id for port in ports_of.snat(ports) for fixed in port.fixed_ips}
    for port in ports_of.interfaces(ports):
        wanted = [fixed for fixed in port.fixed_ips if fixed.subnet_id not in served]
        for four in (fixed for fixed in wanted if rules.is_ipv4(fixed.ip_address)):
            _snat_port(unit, router, port.network_id, [four.subnet_id])
        sixes = [fixed.subnet_id for fixed in wanted if not rules.is_ipv4(fixed.ip_address)]
        if sixes:
            _join_snat_port(unit, router, port.network_id, sixes)


def _join_snat_port(unit: Unit, router: Router, network_id: str, subnets: Sequence[str]) -> None:
    for port in ports_of.snat(ports_of.of_router(unit, router.id)):
        has_six = any(not rules.is_ipv4(fixed.ip_address) for fixed in port.fixed_ips)
        if port.network_id == network_id and has_six:
            more = [{"subnet_id": subnet} for subnet in subnets]
            ports_of.readdress(unit, port, [*ports_of.as_given(port), *more])
            return
    _snat_port(unit, router, network_id, subnets)


def _snat_port(unit: Unit, router: Router, network_id: str, subnets: Sequence[str]) -> None:
    ports_of.make(
        unit,
        network_id=network_id,
        owner=ROUTER_SNAT,
        device_id=router.id,
        fixed_ips=[{"subnet_id": subnet} for subnet in subnets],
    )


def drop_snat_ports(unit: Unit, router: Router, subnets: frozenset[str] | None = None) -> None:
    """Take the SNAT ports' addresses on these subnets away, or on all; a port without any is deleted."""
    for port in ports_of.snat(ports_of.of_router(unit, router.id)):
        kept = [
            one for one in ports_of.as_given(port) if subnets is not None and one["subnet_id"] not in subnets
        ]
        if not kept:
            ports_of.drop(unit, port)
        elif len(kept) < len(port.fixed_ips):
            ports_of.readdress(unit, port, kept)


def external_subnets(unit: Unit, router: Router) -> list[Subnet]:
    """The subnets of the router's external network, all of which its interfaces keep clear of."""
    port = ports_of.gateway(ports_of.of_router(unit, router.id))
    return ports_of.on_network(unit, port.network_id) if port else []
