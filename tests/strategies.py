"""Hypothesis strategies: ``sync_routers`` recordings of the form that neutron-server gives."""

from __future__ import annotations

import uuid
from typing import Any

from hypothesis import strategies as st

Json = dict[str, Any]

HOSTS = {"net1": "dvr_snat", "compute1": "dvr", "compute2": "dvr", "far1": "dvr_no_external"}


def _id(*parts: object) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, "/".join(map(str, parts))))


def _mac(port: str) -> str:
    return "fa:16:3e:" + ":".join(port[i : i + 2] for i in (0, 2, 4))


def subnet(network: str, cidr: str, gateway: str | None, ra_mode: str | None = None) -> Json:
    return {
        "id": _id(network, cidr),
        "cidr": cidr,
        "gateway_ip": gateway,
        "dns_nameservers": [],
        "ipv6_ra_mode": ra_mode,
        "subnetpool_id": None,
    }


def port(
    network: str, owner: str, name: object, addresses: list[tuple[Json, str]], extra: list[Json], mtu: int
) -> Json:
    port_id = _id(owner, network, name)
    return {
        "id": port_id,
        "name": "",
        "network_id": network,
        "mac_address": _mac(port_id),
        "mtu": mtu,
        "admin_state_up": True,
        "device_owner": owner,
        "binding:host_id": "",
        "address_scopes": {"4": None, "6": None},
        "project_id": "",
        "qos_policy_id": None,
        "fixed_ips": [
            {"subnet_id": one["id"], "ip_address": ip, "prefixlen": int(one["cidr"].split("/")[1])}
            for one, ip in addresses
        ],
        "subnets": [one for one, _ in addresses],
        "extra_subnets": extra,
    }


class World:
    """One cloud, from which each host gets its own answer."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.externals = [self.external(index) for index in range(draw(st.integers(1, 2)))]

    def external(self, index: int) -> tuple[str, list[tuple[Json, str]], list[Json]]:
        """Network, its subnets with the prefix of their addresses, extra subnets."""
        network = _id("external", index)
        used = [(subnet(network, f"198.51.{index}.0/25", f"198.51.{index}.1"), f"198.51.{index}.")]
        if self.draw(st.booleans()):
            cidr = f"2001:db8:f{index}::/64"
            gateway = self.draw(st.sampled_from([f"2001:db8:f{index}::1", "fe80::1"]))
            used.append((subnet(network, cidr, gateway), f"2001:db8:f{index}::"))
        extra = (
            [subnet(network, f"198.51.{index}.128/25", f"198.51.{index}.129")]
            if self.draw(st.booleans())
            else []
        )
        return network, used, extra

    def router(self, number: int, distributed: bool) -> Json:
        draw = self.draw
        router_id = _id("router", number)
        router: Json = {
            "id": router_id,
            "name": draw(st.sampled_from(["r", "", "a\nb", "ü" * 255])),
            "distributed": distributed,
            "admin_state_up": draw(st.booleans()),
            "ha": False,
            "enable_snat": draw(st.booleans()),
            "routes": [],
            "gw_port": None,
            "gw_port_host": None,
            "external_gateway_info": None,
            "_interfaces": self._interfaces(number, distributed),
        }
        if draw(st.booleans()) or number == 0:
            self._gateway(router, number)
        if router["_interfaces"] and draw(st.booleans()):
            nexthop = router["_interfaces"][0]["fixed_ips"][0]["ip_address"].rsplit(".", 1)[0] + ".250"
            router["routes"] = [{"destination": "192.0.2.0/24", "nexthop": nexthop}]
        return router

    def _interfaces(self, number: int, distributed: bool) -> list[Json]:
        owner = "network:router_interface_distributed" if distributed else "network:router_interface"
        ports = []
        for index in range(self.draw(st.integers(0, 3))):
            network = _id("internal", number, index)
            prefix = f"10.{index}.0."
            addresses = [(subnet(network, f"{prefix}0/24", f"{prefix}1"), f"{prefix}1")]
            if self.draw(st.booleans()):
                six = f"2001:db8:{number}{index}::"
                addresses.append((subnet(network, f"{six}/64", six, "slaac"), six))
            ports.append(
                port(network, owner, number, addresses, [], self.draw(st.sampled_from([1280, 1450, 9000])))
            )
        return ports

    def _gateway(self, router: Json, number: int) -> None:
        draw = self.draw
        network, used, extra = draw(st.sampled_from(self.externals))
        host = number + 10
        addresses = [(one, f"{prefix}{host}") for one, prefix in used]
        router["gw_port"] = port(network, "network:router_gateway", number, addresses, extra, 1500)
        router["gw_port_id"] = router["gw_port"]["id"]
        router["gw_port_host"] = draw(st.sampled_from(["net1", None, "net1", "elsewhere"]))
        router["external_gateway_info"] = {"network_id": network, "enable_snat": router["enable_snat"]}
        self._floating(router, number, network)
        if not router["distributed"]:
            return
        router["_snat_router_interfaces"] = [
            port(
                one["network_id"],
                "network:router_centralized_snat",
                number,
                [(one["subnets"][0], one["fixed_ips"][0]["ip_address"].rsplit(".", 1)[0] + ".200")],
                one["subnets"][1:],
                one["mtu"],
            )
            for one in router["_interfaces"]
        ]

    def _floating(self, router: Json, number: int, network: str) -> None:
        draw = self.draw
        octet = router["gw_port"]["fixed_ips"][0]["ip_address"].split(".")[2]
        floating: list[Json] = []
        for index, interface in enumerate(router["_interfaces"]):
            entry = {
                "id": _id("fip", number, index),
                "floating_ip_address": f"198.51.{octet}.{100 + number * 5 + index}",
                "floating_network_id": network,
                "fixed_ip_address": interface["fixed_ips"][0]["ip_address"].rsplit(".", 1)[0] + ".77",
                "port_id": _id("vm", number, index),
                "router_id": router["id"],
                "port_details": draw(
                    st.sampled_from([None, {"mac_address": "fa:16:3e:00:00:01", "name": "vm"}])
                ),
                "status": draw(st.sampled_from(["ACTIVE", "DOWN", None])),
            }
            if router["distributed"]:
                entry["host"] = draw(st.sampled_from([*HOSTS, None]))
                entry["dest_host"] = draw(st.sampled_from([None, None, "compute2"]))
                entry["dvr_snat_bound"] = draw(st.sampled_from([None, False, True]))
            floating.append(entry)
        router["_floatingips"] = floating
        if router["_interfaces"] and draw(st.booleans()):
            router["_pf_floatingips"] = [self._forwarding(router, number, network, octet)]

    def _forwarding(self, router: Json, number: int, network: str, octet: str) -> Json:
        inner = router["_interfaces"][0]["fixed_ips"][0]["ip_address"].rsplit(".", 1)[0] + ".78"
        rule = {"protocol": "tcp", "external_port": 80, "internal_ip_address": inner, "internal_port": 8080}
        return {
            "id": _id("pf", number),
            "floating_ip_address": f"198.51.{octet}.{60 + number}",
            "floating_network_id": network,
            "fixed_ip_address": None,
            "port_id": None,
            "router_id": router["id"],
            "port_forwardings": [rule],
        }


OPTIONAL = (
    "description",
    "extra_subnets",
    "address_scopes",
    "mtu",
    "binding:host_id",
    "device_owner",
    "project_id",
)


@st.composite
def sync_routers(draw: st.DrawFn) -> Json:
    """A recording of several hosts, with one to three routers."""
    world = World(draw)
    routers = [world.router(number, draw(st.booleans())) for number in range(draw(st.integers(1, 3)))]
    gone = draw(st.sets(st.sampled_from(OPTIONAL), max_size=3))
    for router in routers:
        for one in _ports_of(router):
            for key in gone:
                one.pop(key, None)
    return {"hosts": {host: _answer(host, mode, routers) for host, mode in HOSTS.items()}}


def _ports_of(router: Json) -> list[Json]:
    gateway = [router["gw_port"]] if router["gw_port"] else []
    return [*router["_interfaces"], *router.get("_snat_router_interfaces", []), *gateway]


def _answer(host: str, mode: str, routers: list[Json]) -> Json:
    agent_ports: dict[str, Json] = {}
    for router in routers:
        if router["gw_port"] and router["distributed"]:
            network = router["gw_port"]["network_id"]
            first = router["gw_port"]["subnets"][0]
            address = first["cidr"].rsplit(".", 1)[0] + f".{2 + sorted(HOSTS).index(host)}"
            agent_ports[network] = port(
                network, "network:floatingip_agent_gateway", host, [(first, address)], [], 1500
            )
    mine = [
        {**router, "_floatingip_agent_interfaces": list(agent_ports.values())}
        if router["distributed"]
        else router
        for router in routers
    ]
    return {"agent_mode": mode, "sync_routers": mine, "get_agent_gateway_port": agent_ports}
