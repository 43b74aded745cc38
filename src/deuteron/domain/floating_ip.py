"""Floating IPs, their port forwardings, and NDP proxies (the IPv6 cousin)."""

from __future__ import annotations

from typing import Literal

import msgspec


class PortForwarding(msgspec.Struct, frozen=True, order=True, kw_only=True):
    """One port of a floating IP that has no fixed address of its own."""

    protocol: Literal["tcp", "udp"]
    external_port: int
    internal_ip_address: str
    internal_port: int


class FloatingIP(msgspec.Struct, frozen=True, kw_only=True):
    """An external address that stands for a fixed one.

    Attributes:
        router_id: "" while it is not associated.
        fixed_ip_address: "" where it only forwards ports, or is not associated.
        centralised: served in the ``snat-`` namespace of a distributed router, not on
            the instance's host.
    """

    id: str
    floating_ip_address: str
    floating_network_id: str
    router_id: str = ""
    port_id: str = ""
    fixed_ip_address: str = ""
    centralised: bool = False
    port_forwardings: tuple[PortForwarding, ...] = ()


class NdpProxy(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant's IPv6 address that the external network may reach through its router."""

    id: str
    router_id: str
    port_id: str
    ip_address: str
