"""Inputs of which each field that can hold a tenant's data holds a canary."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from deuteron.inputs import attributes
from deuteron.inputs.attributes import Schema
from tests.canary.canaries import Canaries

Topology = dict[str, Any]

PAYLOADS: Final = Path(__file__).parents[1] / "data" / "neutron-payloads"

#: Attributes whose values are words of the API, numbers and truth values: no tenant chooses one.
WORDS: Final = frozenset(
    {
        *("mtu", "admin_state_up", "router:external", "provider:network_type", "shared", "is_default"),
        *("ip_version", "enable_dhcp", "ipv6_ra_mode", "ipv6_address_mode", "distributed", "enable_snat"),
        *("enable_ndp_proxy", "protocol", "external_port", "internal_port", "external_port_range"),
        *("internal_port_range", "propagate_uplink_status", "device_owner", "tap"),
    }
)

#: Every kind of a resource of a topology file.
SCHEMAS: Final = (
    *(attributes.NETWORK, attributes.SUBNET, attributes.ROUTER, attributes.GATEWAY, attributes.PORT),
    *(attributes.FLOATING_IP, attributes.PORT_FORWARDING, attributes.NDP_PROXY, attributes.FIXED_IP),
    *(attributes.POOL, attributes.ROUTE, attributes.BINDING),
)


class Cloud:
    """A distributed and a centralised router, two tenants, both families, and all that may be said of them.

    Args:
        canaries: where the values come from.
    """

    def __init__(self, canaries: Canaries) -> None:
        self.new = canaries
        # As Linux allows a link to be called: fifteen characters.
        self.bridge = canaries.netns()[:14]
        self.instances = [canaries.netns() for _ in range(3)]
        self.physical = canaries.name("physnet")
        self.public4, self.web4, self.db4 = (canaries.net4() for _ in range(3))
        self.public6, self.web6 = canaries.net6(), canaries.net6()
        self.ids = {
            what: canaries.uuid()
            for what in (
                *("public", "web", "db", "public4", "public6", "web4", "web6", "db4"),
                *("r1", "r2", "vm0", "vm1", "vm2"),
            )
        }

    def topology(self) -> Topology:
        """A file's content; that of another one where it is called again, but for the ids."""
        return {
            "bridge_mappings": {self.physical: self.bridge},
            "networks": self._networks(),
            "subnets": self._subnets(),
            "routers": self._routers(),
            "ports": self._ports(),
            "floatingips": self._floating(),
            "ndp_proxies": [
                self._told(
                    attributes.NDP_PROXY,
                    router_id=self.ids["r1"],
                    port_id=self.ids["vm0"],
                    ip_address=f"{self.web6}1::5",
                )
            ],
        }

    def _told(self, schema: Schema, key: str = "", /, **read: object) -> dict[str, Any]:
        """A resource with everything that describes it, or that a server would have answered."""
        fields = (schema.descriptive | (schema.read & {"name", "project_id", "id"})) - WORDS
        fields -= read.keys() | ({"id"} if key else set())
        made: dict[str, Any] = {name: self._word(name) for name in sorted(fields)}
        return made | ({"id": self.ids[key]} if key else {}) | read

    def _word(self, field: str) -> object:
        match field:
            case "id" | "device_id":
                return self.new.uuid()
            case "project_id" | "tenant_id":
                return self.new.token()
            case "tags" | "availability_zone_hints":
                return [self.new.name("tag"), self.new.name("tag")]
        return self.new.name(field)

    def _networks(self) -> list[dict[str, Any]]:
        public = {
            "router:external": True,
            "provider:network_type": "flat",
            "provider:physical_network": self.physical,
        }
        return [
            self._told(attributes.NETWORK, "public", **public),
            self._told(attributes.NETWORK, "web", shared=False),
            self._told(attributes.NETWORK, "db", mtu=1450),
        ]

    def _subnets(self) -> list[dict[str, Any]]:
        def subnet(key: str, network: str, cidr: str, gateway: str, **more: object) -> dict[str, Any]:
            return self._told(
                attributes.SUBNET,
                key,
                network_id=self.ids[network],
                cidr=cidr,
                gateway_ip=gateway,
                **more,
            )

        pools = {"allocation_pools": [{"start": f"{self.public4}20", "end": f"{self.public4}200"}]}
        return [
            subnet(
                "public4", "public", f"{self.public4}0/24", f"{self.public4}1", enable_dhcp=False, **pools
            ),
            subnet("public6", "public", f"{self.public6}:/64", f"{self.public6}:1", ip_version=6),
            subnet("web4", "web", f"{self.web4}0/24", f"{self.web4}1"),
            subnet("web6", "web", f"{self.web6}1::/64", f"{self.web6}1::1", ip_version=6),
            subnet("db4", "db", f"{self.db4}0/24", f"{self.db4}1"),
        ]

    def _routers(self) -> list[dict[str, Any]]:
        def gateway(last: int) -> dict[str, Any]:
            fixed = [
                {"subnet_id": self.ids["public4"], "ip_address": f"{self.public4}{last}"},
                {"subnet_id": self.ids["public6"], "ip_address": f"{self.public6}:{last}"},
            ]
            return {"network_id": self.ids["public"], "external_fixed_ips": fixed}

        # By an instance: any other address of the subnet may be chosen for the router's own port.
        routes = [{"destination": f"{self.new.net4()}0/24", "nexthop": f"{self.web4}6"}]
        return [
            self._told(
                attributes.ROUTER,
                "r1",
                distributed=True,
                external_gateway_info=gateway(21),
                interfaces=[self.ids["web4"], self.ids["web6"]],
                routes=routes,
                enable_ndp_proxy=True,
            ),
            self._told(
                attributes.ROUTER,
                "r2",
                external_gateway_info=gateway(22),
                interfaces=[self.ids["db4"]],
            ),
        ]

    def _ports(self) -> list[dict[str, Any]]:
        def port(number: int, network: str, *addresses: tuple[str, str]) -> dict[str, Any]:
            return self._told(
                attributes.PORT,
                f"vm{number}",
                network_id=self.ids[network],
                mac_address=self.new.mac(),
                fixed_ips=[{"subnet_id": self.ids[key], "ip_address": one} for key, one in addresses],
                propagate_uplink_status=True,
                **{"binding:profile": {"netns": self.instances[number]}},
            )

        return [
            port(0, "web", ("web4", f"{self.web4}5"), ("web6", f"{self.web6}1::5")),
            port(1, "web", ("web4", f"{self.web4}6")),
            port(2, "db", ("db4", f"{self.db4}5")),
        ]

    def _floating(self) -> list[dict[str, Any]]:
        def floating(last: int, **more: object) -> dict[str, Any]:
            return self._told(
                attributes.FLOATING_IP,
                floating_network_id=self.ids["public"],
                subnet_id=self.ids["public4"],
                floating_ip_address=f"{self.public4}{last}",
                **more,
            )

        forwarding = self._told(
            attributes.PORT_FORWARDING,
            protocol="tcp",
            external_port=8080,
            internal_port=80,
            internal_ip_address=f"{self.db4}5",
            internal_port_id=self.ids["vm2"],
        )
        return [
            floating(50, port_id=self.ids["vm0"], fixed_ip_address=f"{self.web4}5"),
            floating(51, port_id=self.ids["vm2"], fixed_ip_address=f"{self.db4}5"),
            floating(52, port_forwardings=[forwarding]),
        ]


_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MAC: Final = re.compile(r"fa:16:3e(?::[0-9a-f]{2}){3}")
_PROJECT: Final = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
_NET4: Final = re.compile(r"(?<![0-9.])(?:10|203|198|192)\.\d{1,3}\.\d{1,3}\.(?=\d)")
_NET6: Final = re.compile(r"2001:db8:[0-9a-f]+:")
_TEXTS: Final = frozenset({"name", "description", "hostname", "fqdn", "device_id"})


class Payload:
    """A recorded answer of a Neutron server in which every value is another one, alike where it was alike.

    Attributes:
        host: whose part is to be taken.
        answer: the recording.
    """

    def __init__(self, canaries: Canaries, recording: str, host: str) -> None:
        text = (PAYLOADS / recording).read_text()
        self.host = canaries.name("host")
        text = text.replace(f'"{host}"', f'"{self.host}"')
        for pattern, new in (
            (_UUID, canaries.uuid),
            (_MAC, canaries.mac),
            (_PROJECT, canaries.token),
            (_NET4, canaries.net4),
            (_NET6, canaries.net6),
        ):
            text = _replaced(text, pattern, new)
        self.answer: dict[str, Any] = _filled(canaries, json.loads(text))


def _replaced(text: str, pattern: re.Pattern[str], new: Callable[[], str]) -> str:
    instead = {found: new() for found in sorted(set(pattern.findall(text)))}
    return pattern.sub(lambda match: instead[match[0]], text)


def _filled(canaries: Canaries, value: Any) -> Any:
    match value:
        case dict():
            return {
                key: canaries.name(key) if key in _TEXTS and not _UUID.fullmatch(str(one)) else one
                for key, one in ((key, _filled(canaries, one)) for key, one in value.items())
            } | ({"tags": [canaries.name("tag")]} if "tags" in value else {})
        case list():
            return [_filled(canaries, one) for one in value]
    return value
