"""What a ``sync_routers`` answer may ask for that this data path does not do.

What would let traffic through that must not pass, or change it, is refused.  What an
agent does only with an optional extension, or not for forwarding, is told in a notice.
Nothing is dropped in silence.
"""

from __future__ import annotations

from typing import Final

from deuteron.inputs.record import Record

#: Attributes of a router that are read, or that say nothing to a data path.
_KNOWN: Final = frozenset(
    {
        "_floatingip_agent_interfaces",
        "_floatingips",
        "_ha_interface",
        "_ha_state",
        "_interfaces",
        "_pf_floatingips",
        "_snat_router_interfaces",
        "admin_state_up",
        "availability_zone_hints",
        "availability_zones",
        "conntrack_helpers",
        "created_at",
        "description",
        "distributed",
        "enable_default_route_bfd",
        "enable_default_route_ecmp",
        "enable_ndp_proxy",
        "enable_snat",
        "external_gateway_info",
        "external_gateways",
        "fip_managed_by_port_forwardings",
        "flavor_id",
        "gw_port",
        "gw_port_host",
        "gw_port_id",
        "ha",
        "ha_vr_id",
        "id",
        "name",
        "port_forwardings_fip_set",
        "project_id",
        "qos_policy_id",
        "revision_number",
        "routes",
        "service_type_id",
        "standard_attr_id",
        "status",
        "tags",
        "tenant_id",
        "updated_at",
    }
)


class Notices:
    """Counts what is to be told, and tells it in whole sentences."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.networks: set[str] = set()
        self.unknown: set[str] = set()

    def _count(self, sentence: str, number: int = 1) -> None:
        if number:
            self.counts[sentence] = self.counts.get(sentence, 0) + number

    def limited(self, number: int) -> None:
        """Ports or floating IPs have a QoS policy."""
        self._count("QoS policies of ports and floating IPs are not applied: no bandwidth is limited", number)

    def advertised(self, number: int) -> None:
        """Subnets ask for router advertisements."""
        self._count(
            "No router advertisements are sent yet: instances do not configure IPv6 by themselves", number
        )

    def undelegated(self, number: int) -> None:
        """Subnets wait for a prefix."""
        self._count(
            "Prefix delegation is not in this data path: subnets without a prefix are left out", number
        )

    def addressless(self, number: int) -> None:
        """Router ports have no address."""
        self._count("Router ports without any address are left out", number)

    def helpers(self, number: int) -> None:
        """Routers have conntrack helpers."""
        self._count("Conntrack helpers of routers are not set up", number)

    def multipath(self) -> None:
        """A router wants several default routes, or watches them by BFD."""
        self._count(
            "Routers have one default route per address family: ECMP and BFD of default routes are left out"
        )

    def ndp_proxy(self) -> None:
        """A router answers for NDP proxies, which the answer does not list."""
        self._count("NDP proxies are not in sync_routers: none is set up, and no IPv6 comes in from outside")

    def untold_forwardings(self, number: int) -> None:
        """Floating IPs forward ports by rules that are not told."""
        self._count(
            "Floating IPs for port forwarding came without their rules (_pf_floatingips): none is set up",
            number,
        )

    def portless(self) -> None:
        """A rule of port forwarding names no port."""
        self._count("Port forwardings of ranges come without their ports in sync_routers: none is set up")

    def other_protocol(self) -> None:
        """A rule of port forwarding is neither for TCP nor for UDP."""
        self._count("Port forwardings of other protocols than TCP and UDP are left out")

    def unbound_floating(self) -> None:
        """A floating IP of a distributed router names no host."""
        self._count("Floating IPs of distributed routers that name no host are left to other hosts")

    def no_agent_gateway(self, network: str) -> None:
        """A fip namespace has no port on its external network."""
        self.networks.add(network)

    def sentences(self) -> tuple[str, ...]:
        """All of it, sorted."""
        told = [f"{sentence} ({number})." for sentence, number in self.counts.items()]
        told += [
            f"This host has no agent gateway port on the external network {network}: "
            "its distributed routers have no fip namespace here."
            for network in self.networks
        ]
        if self.unknown:
            told.append(f"Router attributes unknown here were left out: {', '.join(sorted(self.unknown))}.")
        return tuple(sorted(told))


def check_router(record: Record, notices: Notices) -> None:
    """Refuse or tell what a router asks for beyond this data path.

    Raises:
        InputError: ``ha-router``.
    """
    if record.boolean("ha", False):
        sentence = "highly available routers are not in this data path; set it to --no-ha, or leave it out"
        record.refuse("ha-router", "ha", sentence)
    notices.helpers(len(record.items("conntrack_helpers")))
    if record.boolean("enable_default_route_ecmp", False) or record.boolean(
        "enable_default_route_bfd", False
    ):
        notices.multipath()
    if len(record.items("external_gateways")) > 1:
        notices.multipath()
    if record.has("qos_policy_id"):
        notices.limited(1)
    if record.boolean("enable_ndp_proxy", False) and record.has("gw_port"):
        notices.ndp_proxy()
    notices.unknown |= {key for key in record.data if key not in _KNOWN and record.data[key]}
