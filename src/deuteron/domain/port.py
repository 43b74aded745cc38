"""Ports: of instances, of routers, of fip namespaces."""

from __future__ import annotations

import msgspec

from deuteron.domain import validation as check

#: ``device_owner`` values, as Neutron's.
ROUTER_INTERFACE = "network:router_interface"
ROUTER_INTERFACE_DISTRIBUTED = "network:router_interface_distributed"
ROUTER_GATEWAY = "network:router_gateway"
ROUTER_SNAT = "network:router_centralized_snat"
AGENT_GATEWAY = "network:floatingip_agent_gateway"


class FixedIP(msgspec.Struct, frozen=True, order=True, kw_only=True):
    """An address of a port, from a subnet of its network."""

    subnet_id: str
    ip_address: str

    @property
    def ip_version(self) -> int:
        """4 or 6."""
        return 6 if ":" in self.ip_address else 4

    def __post_init__(self) -> None:
        check.check_id("subnet_id", self.subnet_id)
        check.check_address("ip_address", self.ip_address)


class Binding(msgspec.Struct, frozen=True, kw_only=True):
    """Where the port's instance is: exactly one of the two is set.

    Attributes:
        netns: an existing namespace that gets the port as ``eth0``.
        tap: name of a tap device, made in the namespace of the network's bridge.
    """

    netns: str = ""
    tap: str = ""

    def __post_init__(self) -> None:
        if bool(self.netns) == bool(self.tap):
            raise check.FieldError("bad-value", "binding", "has either a netns or a tap")
        if self.netns:
            check.check_netns_name("netns", self.netns)
        else:
            check.check_device_name("tap", self.tap)


class Port(msgspec.Struct, frozen=True, kw_only=True):
    """An attachment to a network.

    Attributes:
        binding: for an instance on this host; ``None`` for a port that is elsewhere or a router's.
    """

    id: str
    name: str
    network_id: str
    mac_address: str
    project_id: str = ""
    admin_state_up: bool = True
    device_owner: str = ""
    fixed_ips: tuple[FixedIP, ...] = ()
    binding: Binding | None = None

    def __post_init__(self) -> None:
        check.check_id("id", self.id)
        check.check_name("name", self.name)
        check.check_mac("mac_address", self.mac_address)
        addresses = [fixed.ip_address for fixed in self.fixed_ips]
        if len(set(addresses)) < len(addresses):
            raise check.FieldError("duplicate-address", "fixed_ips", "one address stands here twice")
