"""Port forwardings: one port of a floating IP that is nobody's own, to a port of an instance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

import msgspec

from deuteron.domain.validation import canonical_address
from deuteron.identity.caller import Caller
from deuteron.resources import RESOURCES
from deuteron.resources.floatingip import FloatingIp
from deuteron.resources.port import Port
from deuteron.resources.port_forwarding import PortForwarding
from deuteron.resources.refusal import (
    BadRequest,
    FloatingIPPortAlreadyAssociated,
    PortHasBindingFloatingIP,
    not_found,
)
from deuteron.service import floatingip_association as association
from deuteron.service import router_ports as ports_of
from deuteron.service.call import Operations
from deuteron.service.router_rules import is_ipv4
from deuteron.service.values import build, change
from deuteron.store.store import Unit

#: What the data path forwards; Neutron's API takes the names of other protocols too.
PROTOCOLS = ("tcp", "udp")
#: Ports of one rule's range; each is an entry of its own in the data path.
MAX_RANGE = 1024
_PORTS = ("external_port", "internal_port")
_NUMBERS = frozenset(f"{name}{ending}" for name in _PORTS for ending in ("", "_range"))


def bad(sentence: str) -> BadRequest:
    """Neutron's 400 about a port forwarding; the sentence is without its full stop."""
    return BadRequest(resource="port_forwarding", msg=sentence)


def create(unit: Unit, caller: Caller, given: dict[str, Any]) -> PortForwarding:
    """Forward one port of a floating IP; the first one brings the floating IP to its router.

    Raises:
        FloatingIPNotFound, PortNotFound: none, or not for the caller's eyes.
        FloatingIPPortAlreadyAssociated: the floating IP is a port's own.
        PortHasBindingFloatingIP: the port has a floating IP of its own.
        BadRequest: the rule collides with another one, or leads nowhere.
    """
    floating = _floating(unit, given["floatingip_id"])
    resource = RESOURCES["port_forwardings"]
    port = _port(unit, caller, floating, given["internal_port_id"])
    subnet_id, address = _inside(port, given.get("internal_ip_address"))
    plain: PortForwarding = build(
        resource, {**given, "internal_ip_address": address}, floatingip_id=floating.id
    )
    rule = _numbered(plain, given)
    if floating.port_id:
        raise _taken(floating, rule)
    _refuse_own_floating_ip(unit, rule)
    router_id = _router(unit, floating, rule, subnet_id)
    _refuse_collision(unit, rule)
    unit.insert(resource, rule)
    if not floating.router_id:
        moved = msgspec.structs.replace(floating, router_id=router_id)
        unit.update(RESOURCES["floatingips"], moved)
    return _read(unit, rule.id)


def update(unit: Unit, caller: Caller, value: PortForwarding, given: dict[str, Any]) -> PortForwarding:
    """Change a rule; another internal port brings its own address, unless one is named.

    Raises:
        Refusal: as `create`.
    """
    floating = _floating(unit, value.floatingip_id)
    port_id = given.get("internal_port_id") or value.internal_port_id
    port = _port(unit, caller, floating, port_id)
    asked = given.get("internal_ip_address")
    if not asked and port_id == value.internal_port_id:
        asked = value.internal_ip_address
    subnet_id, address = _inside(port, asked)
    told = {name: one for name, one in given.items() if name not in _NUMBERS}
    plain: PortForwarding = change(
        RESOURCES["port_forwardings"], value, {**told, "internal_ip_address": address}
    )
    rule = _numbered(plain, given)
    if port_id != value.internal_port_id:
        _refuse_own_floating_ip(unit, rule)
    _router(unit, floating, rule, subnet_id)
    _refuse_collision(unit, rule)
    unit.update(RESOURCES["port_forwardings"], rule)
    return _read(unit, value.id)


def delete(unit: Unit, _caller: Caller, value: PortForwarding) -> None:
    """Delete a rule; with the last one the floating IP leaves its router."""
    drop(unit, [value])


def drop(unit: Unit, rules: Iterable[PortForwarding]) -> None:
    """Delete rules; a floating IP without any leaves its router."""
    floating_ids = {rule.floatingip_id: None for rule in rules}
    for rule in rules:
        unit.delete(RESOURCES["port_forwardings"], rule.id)
    for floating_id in floating_ids:
        if not unit.find(RESOURCES["port_forwardings"], floatingip_id=floating_id):
            free = msgspec.structs.replace(_floating(unit, floating_id), router_id=None, status="DOWN")
            unit.update(RESOURCES["floatingips"], free)


def _read(unit: Unit, rule_id: str) -> PortForwarding:
    rule = unit.get(RESOURCES["port_forwardings"], rule_id)
    if rule is None:
        raise not_found("port_forwarding", rule_id)
    return cast("PortForwarding", rule)


def _floating(unit: Unit, floating_id: str) -> FloatingIp:
    found: FloatingIp | None = unit.get(RESOURCES["floatingips"], floating_id)
    if found is None:
        raise not_found("floatingip", floating_id)
    return found


def _port(unit: Unit, caller: Caller, floating: FloatingIp, port_id: str) -> Port:
    port: Port = ports_of.seen(unit, caller, "ports", port_id)
    if port.project_id != floating.project_id and not caller.is_admin:
        # The owner of a network sees others' ports on it; Neutron lets it forward to them.
        raise bad(f"port {port_id} is owned by a different project")
    return port


def _inside(port: Port, asked: str | None) -> tuple[str, str]:
    """The subnet and address of the port that are meant: what is asked for, else its first IPv4 one."""
    four = [fixed for fixed in port.fixed_ips if is_ipv4(fixed.ip_address)]
    if not four:
        raise bad(f"Requested internal port {port.id} must allocate an IPv4 address at least")
    address = canonical_address(asked) if asked else four[0].ip_address
    found = next((fixed for fixed in four if fixed.ip_address == address), None)
    if found is None:
        shown = [{"subnet_id": fixed.subnet_id, "ip_address": fixed.ip_address} for fixed in four]
        raise bad(
            f"Requested internal IP address {address} is not suitable for internal neutron port "
            f"{port.id}, as its fixed_ips are {shown}"
        )
    return found.subnet_id, found.ip_address


def _numbered(rule: PortForwarding, given: Mapping[str, Any]) -> PortForwarding:
    """The rule with its ports as Neutron shows them: as ranges, and a single one as a number too.

    Raises:
        BadRequest: a protocol or a range that the data path does not forward, or no port at all.
    """
    if rule.protocol not in PROTOCOLS:
        raise bad(f"protocol {rule.protocol} is not forwarded here; give one of {', '.join(PROTOCOLS)}")
    ranges = {name: _range(name, rule, given) for name in _PORTS}
    lengths = {name: last - first + 1 for name, (first, last) in ranges.items()}
    if lengths["internal_port"] not in (1, lengths["external_port"]):
        raise bad(
            "Invalid ranges of internal and/or external ports. "
            "The relation between internal and external ports must be N-N or 1-N"
        )
    if lengths["external_port"] > MAX_RANGE:
        raise bad(f"a range has at most {MAX_RANGE} ports")
    numbers = {name: first if first == last else None for name, (first, last) in ranges.items()}
    texts = {f"{name}_range": f"{first}:{last}" for name, (first, last) in ranges.items()}
    return msgspec.structs.replace(rule, **numbers, **texts)


def _range(name: str, rule: PortForwarding, given: Mapping[str, Any]) -> tuple[int, int]:
    """First and last port of one side: what is given, else what the rule has."""
    said = given.get(name) or given.get(f"{name}_range") or getattr(rule, f"{name}_range")
    if said is None:
        raise bad(f"{name} is missing")
    first, last = _ends(str(said))
    if not 1 <= first <= last <= 65535:
        raise bad("Invalid port value, the port value must be a value between 1 and 65535")
    return first, last


def _ends(text: str) -> tuple[int, int]:
    first, _, last = text.partition(":")
    return int(first), int(last or first)


def _taken(floating: FloatingIp, rule: PortForwarding) -> FloatingIPPortAlreadyAssociated:
    return FloatingIPPortAlreadyAssociated(
        port_id=rule.internal_port_id,
        fip_id=floating.id,
        floating_ip_address=floating.floating_ip_address,
        fixed_ip=rule.internal_ip_address,
        net_id=floating.floating_network_id,
    )


def _refuse_own_floating_ip(unit: Unit, rule: PortForwarding) -> None:
    own: list[FloatingIp] = unit.find(RESOURCES["floatingips"], port_id=rule.internal_port_id)
    if own:
        raise PortHasBindingFloatingIP(
            floating_ip_address=own[0].floating_ip_address,
            fip_id=own[0].id,
            port_id=rule.internal_port_id,
            fixed_ip=rule.internal_ip_address,
        )


def _router(unit: Unit, floating: FloatingIp, rule: PortForwarding, subnet_id: str) -> str:
    """The router that reaches the internal address; all rules of a floating IP are on one."""
    only = floating.router_id or ""
    found = association.router_between(unit, subnet_id, floating.floating_network_id, only)
    if found is not None:
        return found.id
    if only and association.router_between(unit, subnet_id, floating.floating_network_id):
        raise bad(
            f"The Floating IP {floating.id} had been set on router {only}, "
            f"the internal Neutron port {rule.internal_port_id} can not reach it"
        )
    raise bad(
        f"External network {floating.floating_network_id} is not reachable from subnet {subnet_id}. "
        f"Cannot set Port forwarding for port {rule.internal_port_id} with Floating IP {floating.id}"
    )


def _refuse_collision(unit: Unit, rule: PortForwarding) -> None:
    """One outer port leads to one place, and one inner one is led to once, per protocol."""
    inside = {
        "internal_port_id": rule.internal_port_id,
        "protocol": rule.protocol,
        "internal_ip_address": rule.internal_ip_address,
    }
    outside = {"floatingip_id": rule.floatingip_id, "protocol": rule.protocol}
    for name, equal in (("internal_port_range", inside), ("external_port_range", outside)):
        own = getattr(rule, name)
        for other in unit.find(RESOURCES["port_forwardings"], **equal):
            if other.id != rule.id and _collide(own, getattr(other, name)):
                raise bad(
                    f"There is a port collision with the {name}. "
                    f"The following ranges collide: {getattr(other, name)} and {own}"
                )


def _collide(one: str, other: str) -> bool:
    (low, high), (first, last) = _ends(one), _ends(other)
    return low <= last and first <= high


OPERATIONS = Operations(create=create, update=update, delete=delete)
