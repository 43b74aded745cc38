"""The operations that every fault is tried on: small topologies, before and after."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import msgspec

from deuteron.inputs import Allocations, Loaded, load

#: Namespaces of instances that the topologies name.
INSTANCES: Final = ("vm1", "vm2")
#: The bridge of the external network.
BRIDGE: Final = "br-ex"


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One change.

    Attributes:
        before: the topology that is there, as YAML; ``None``: nothing.
        after: the topology asked for; ``None``: ``destroy``.
    """

    name: str
    before: str | None
    after: str | None


def read(text: str, allocations: Allocations = Allocations()) -> Loaded:  # noqa: B008 - a frozen value
    """The topology of ``text``, by the road of the command line."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "topology.yaml"
        file.write_text(text)
        return load(file, host="host1", allocations=allocations)


_PUBLIC = """\
bridge_mappings: {physnet1: br-ex}
networks:
  - name: public
    "router:external": true
    "provider:network_type": flat
    "provider:physical_network": physnet1
"""
_PUBLIC_SUBNET = """\
subnets:
  - {name: public-v4, network_id: public, cidr: 203.0.113.0/24, gateway_ip: 203.0.113.1, enable_dhcp: false}
"""
_CIDRS = {"web": "10.0.0.0/24", "db": "10.0.1.0/24"}
_HOMES = {"vm1": ("web", "10.0.0.5"), "vm2": ("web", "10.0.0.6")}


def topology(
    networks: Sequence[str] = ("web",),
    *,
    mtu: int = 1500,
    ports: Sequence[str] = (),
    mac: str = "",
    router: str = "",
    gateway: str = "203.0.113.10",
    interfaces: Sequence[str] = ("web-v4",),
    floating: str = "",
) -> str:
    """A topology file.

    Args:
        networks: inside networks, each with a subnet ``<name>-v4``.
        mtu: of the first of them.
        ports: of instances, by the name of their namespace.
        mac: of the first of them, "" for one that is chosen.
        router: ``distributed``, ``centralised`` or "" for none.
        gateway: its address on the external network, "" for no gateway.
        interfaces: subnets on it.
        floating: the port that 203.0.113.50 is associated with, or "".
    """
    lines = _PUBLIC.splitlines()
    lines += [f"  - {{name: {name}, mtu: {mtu if name == networks[0] else 1500}}}" for name in networks]
    lines += _PUBLIC_SUBNET.splitlines()
    lines += [f"  - {{name: {name}-v4, network_id: {name}, cidr: {_CIDRS[name]}}}" for name in networks]
    if ports:
        lines.append("ports:")
    for name in ports:
        home, address = _HOMES[name]
        own = f', mac_address: "{mac}"' if mac and name == ports[0] else ""
        lines.append(
            f"  - {{name: {name}, network_id: {home}{own}, fixed_ips: [{{ip_address: {address}}}],"
            f' "binding:profile": {{netns: {name}}}}}'
        )
    if router:
        fixed = f"external_fixed_ips: [{{ip_address: {gateway}}}]"
        outside = f", external_gateway_info: {{network_id: public, {fixed}}}" if gateway else ""
        kind = str(router == "distributed").lower()
        lines += [
            "routers:",
            f"  - {{name: r1, distributed: {kind}{outside}, interfaces: [{', '.join(interfaces)}]}}",
        ]
    if floating:
        lines += [
            "floatingips:",
            f"  - {{floating_network_id: public, floating_ip_address: 203.0.113.50, port_id: {floating}}}",
        ]
    return "\n".join(lines) + "\n"


def _of_routers(kind: str) -> list[Operation]:
    without, plain = topology(ports=["vm1"]), topology(ports=["vm1"], router=kind)
    inside_only = topology(ports=["vm1"], router=kind, gateway="")
    moved = topology(ports=["vm1"], router=kind, gateway="203.0.113.11")
    networks = topology(["web", "db"], ports=["vm1"], router=kind, interfaces=["web-v4", "db-v4"])
    ports = topology(ports=["vm1", "vm2"], router=kind)
    first = topology(ports=["vm1", "vm2"], router=kind, floating="vm1")
    second = topology(ports=["vm1", "vm2"], router=kind, floating="vm2")
    changes: list[tuple[str, str, str | None]] = [
        (f"create {kind} router", without, plain),
        (f"set gateway of {kind} router", inside_only, plain),
        (f"update gateway of {kind} router", plain, moved),
        (f"clear gateway of {kind} router", plain, inside_only),
        (f"add interface to {kind} router", plain, networks),
        (f"remove interface from {kind} router", networks, plain),
        (f"associate floating IP, {kind}", ports, first),
        (f"move floating IP, {kind}", first, second),
        (f"disassociate floating IP, {kind}", first, ports),
        (f"delete {kind} router", plain, without),
        (f"destroy, {kind}", topology(ports=["vm1"], router=kind, floating="vm1"), None),
    ]
    return [Operation(name=name, before=before, after=after) for name, before, after in changes]


def _of_networks() -> list[Operation]:
    empty, plain = topology(()), topology(ports=["vm1"])
    return [
        Operation(name="create network", before=empty, after=plain),
        Operation(name="update network", before=plain, after=topology(ports=["vm1"], mtu=1400)),
        Operation(name="delete network", before=plain, after=empty),
        Operation(name="create port", before=plain, after=topology(ports=["vm1", "vm2"])),
        Operation(name="update port", before=plain, after=topology(ports=["vm1"], mac="fa:16:3e:00:00:77")),
        Operation(name="delete port", before=topology(ports=["vm1", "vm2"]), after=plain),
    ]


OPERATIONS: Final = (*_of_networks(), *_of_routers("centralised"), *_of_routers("distributed"))
