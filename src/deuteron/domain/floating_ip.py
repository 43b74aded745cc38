"""Floating IPs, their port forwardings, and NDP proxies (the IPv6 cousin)."""

from __future__ import annotations

from typing import Literal

import msgspec

from deuteron.domain import validation as check


class PortForwarding(msgspec.Struct, frozen=True, order=True, kw_only=True):
    """One port of a floating IP that has no fixed address of its own."""

    protocol: Literal["tcp", "udp"]
    external_port: int
    internal_ip_address: str
    internal_port: int

    def __post_init__(self) -> None:
        if self.protocol not in ("tcp", "udp"):
            raise check.FieldError("not-honoured", "protocol", "port forwarding knows tcp and udp")
        check.check_port_number("external_port", self.external_port)
        check.check_port_number("internal_port", self.internal_port)
        check.check_address("internal_ip_address", self.internal_ip_address)
        if ":" in self.internal_ip_address:
            raise check.FieldError("bad-value", "internal_ip_address", "port forwarding is IPv4 only")


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

    def __post_init__(self) -> None:
        check.check_id("id", self.id)
        check.check_address("floating_ip_address", self.floating_ip_address)
        if self.fixed_ip_address:
            check.check_address("fixed_ip_address", self.fixed_ip_address)
        for field in ("floating_ip_address", "fixed_ip_address"):
            if ":" in getattr(self, field):
                raise check.FieldError("bad-value", field, "a floating IP is IPv4; IPv6 has ndp_proxies")
        if self.fixed_ip_address and self.port_forwardings:
            raise check.FieldError(
                "bad-value",
                "port_forwardings",
                "a floating IP has a fixed address or forwards ports, not both",
            )
        if self.port_forwardings:
            self._check_forwardings()
        if self.fixed_ip_address and not (self.router_id and self.port_id):
            raise check.FieldError("bad-value", "fixed_ip_address", "needs a port and a router")

    def _check_forwardings(self) -> None:
        outer = {(rule.protocol, rule.external_port) for rule in self.port_forwardings}
        if len(outer) < len(self.port_forwardings):
            raise check.FieldError(
                "duplicate-forwarding", "port_forwardings", "one external port stands here twice"
            )
        if not self.router_id:
            raise check.FieldError("bad-value", "port_forwardings", "needs a router")


class NdpProxy(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant's IPv6 address that the external network may reach through its router."""

    id: str
    router_id: str
    port_id: str
    ip_address: str

    def __post_init__(self) -> None:
        check.check_id("id", self.id)
        check.check_address("ip_address", self.ip_address)
        if ":" not in self.ip_address:
            raise check.FieldError("bad-value", "ip_address", "an NDP proxy is IPv6; IPv4 has floatingips")
