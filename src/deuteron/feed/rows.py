"""One row of the store as the value that a host is told: the same as a topology file's entry gives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from deuteron.domain import Binding, FieldError, FixedIP, Gateway, Port, Router, Subnet
from deuteron.domain.floating_ip import FloatingIP, PortForwarding
from deuteron.domain.network import Network
from deuteron.domain.port import (
    AGENT_GATEWAY,
    ROUTER_GATEWAY,
    ROUTER_INTERFACE,
    ROUTER_INTERFACE_DISTRIBUTED,
    ROUTER_SNAT,
)
from deuteron.domain.router import ExtraRoute
from deuteron.domain.validation import canonical_address, canonical_prefix
from deuteron.inputs.forwarding import Fields, expand

#: Owners of ports that are a router's.
INTERFACES: Final = (ROUTER_INTERFACE, ROUTER_INTERFACE_DISTRIBUTED)
ROUTER_OWNERS: Final = frozenset({*INTERFACES, ROUTER_SNAT, ROUTER_GATEWAY})


def is_agent_gateway(row: Any, host: str) -> bool:
    """Whether a port is that of this host's fip namespace."""
    return bool(row.device_owner == AGENT_GATEWAY and row.binding_host_id == host)


def concerns(row: Any, host: str) -> bool:
    """Whether this host has to know of a port by what the port itself says.

    It is a router's, of this host's fip namespace, or bound here.  Of any other only one that a floating
    IP stands for has to be known.
    """
    if row.device_owner in ROUTER_OWNERS:
        return True
    here = row.binding_host_id == host
    return bool(here and (row.device_owner == AGENT_GATEWAY or not row.device_owner.startswith("network:")))


def network(row: Any, mappings: Mapping[str, str]) -> Network:
    """A network; on a physical one it is on the bridge of that.

    Raises:
        FieldError: this host has no bridge of the physical network, or it is tagged.
    """
    physical = row.provider_physical_network or ""
    if physical and physical not in mappings:
        raise FieldError(
            "no-bridge-mapping", "provider:physical_network", f"{physical!r} has no bridge on this host"
        )
    if physical and row.provider_network_type != "flat":
        sentence = f"{row.provider_network_type!r} networks are not in this data path; local and flat are"
        raise FieldError("not-honoured", "provider:network_type", sentence)
    return Network(
        id=row.id,
        name=row.name,
        project_id=row.project_id,
        mtu=row.mtu,
        admin_state_up=row.admin_state_up,
        external=row.router_external,
        bridge=mappings[physical] if physical else "",
        physical_network=physical,
    )


def subnet(row: Any, scope: str) -> Subnet:
    """A subnet, with the address scope of its network and family."""
    return Subnet(
        id=row.id,
        name=row.name,
        network_id=row.network_id,
        cidr=canonical_prefix(row.cidr),
        gateway_ip=canonical_address(row.gateway_ip) if row.gateway_ip else "",
        pools=tuple(
            (canonical_address(one.start), canonical_address(one.end)) for one in row.allocation_pools
        ),
        address_scope=scope,
    )


def port(row: Any, host: str) -> Port:
    """A port; an instance's has a binding where it is on this host and says to what."""
    return Port(
        id=row.id,
        name=row.name,
        network_id=row.network_id,
        mac_address=row.mac_address,
        project_id=row.project_id,
        admin_state_up=row.admin_state_up,
        device_owner=row.device_owner,
        fixed_ips=tuple(
            FixedIP(subnet_id=one.subnet_id, ip_address=canonical_address(one.ip_address))
            for one in row.fixed_ips
        ),
        binding=_binding(row, host),
    )


def _binding(row: Any, host: str) -> Binding | None:
    if row.binding_host_id != host or row.device_owner.startswith("network:"):
        return None
    netns, tap = (row.binding_profile.get(key) or "" for key in ("netns", "tap"))
    if not (isinstance(netns, str) and isinstance(tap, str)) or not (netns or tap):
        return None
    return Binding(netns=netns, tap=tap)


def router(row: Any, ports: Iterable[Any]) -> Router:
    """A router with the ports that are its own."""
    owned = list(ports)
    outside = next((one for one in owned if one.device_owner == ROUTER_GATEWAY), None)
    gateway = None
    if outside is not None:
        snat = row.external_gateway_info is None or row.external_gateway_info.enable_snat is not False
        gateway = Gateway(network_id=outside.network_id, port_id=outside.id, enable_snat=snat)
    distributed = bool(row.distributed)
    return Router(
        id=row.id,
        name=row.name,
        project_id=row.project_id,
        admin_state_up=row.admin_state_up,
        distributed=distributed,
        gateway=gateway,
        interfaces=tuple(sorted(one.id for one in owned if one.device_owner in INTERFACES)),
        snat_interfaces=tuple(sorted(one.id for one in owned if one.device_owner == ROUTER_SNAT)),
        snat_here=distributed and gateway is not None,
        routes=tuple(
            ExtraRoute(destination=canonical_prefix(one.destination), nexthop=canonical_address(one.nexthop))
            for one in row.routes
        ),
    )


def ports_of(value: Router) -> tuple[str, ...]:
    """The ids of all ports of a router."""
    gateway = (value.gateway.port_id,) if value.gateway is not None else ()
    return (*value.interfaces, *value.snat_interfaces, *gateway)


def floating_ip(row: Any, rules: Iterable[Any], router: Any) -> FloatingIP:
    """A floating IP; forwarded ports of many hosts share one address, so that is served where SNAT is.

    Args:
        row: of it.
        rules: its port forwardings.
        router: row or value of its router, ``None`` where it has none.
    """
    forwarded = tuple(sorted(one for rule in rules for one in _forwarded(rule)))
    return FloatingIP(
        id=row.id,
        floating_ip_address=canonical_address(row.floating_ip_address),
        floating_network_id=row.floating_network_id,
        router_id=row.router_id or "",
        port_id=row.port_id or "",
        fixed_ip_address=canonical_address(row.fixed_ip_address) if row.fixed_ip_address else "",
        centralised=bool(forwarded and router is not None and router.distributed),
        port_forwardings=forwarded,
    )


def _forwarded(rule: Any) -> list[PortForwarding]:
    return expand(
        Fields(
            protocol=rule.protocol,
            address=canonical_address(rule.internal_ip_address),
            external=rule.external_port_range or str(rule.external_port or ""),
            internal=rule.internal_port_range or str(rule.internal_port or ""),
        )
    )
