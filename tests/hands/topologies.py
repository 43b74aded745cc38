"""Routers by the number, each with a network, an instance and floating IPs."""

from __future__ import annotations

from typing import Any

from tests.netns.site import floating, instance, merge, public, tenant

Topology = dict[str, Any]


def routers(count: int, each: int, *, distributed: bool = True, network: str = "public") -> Topology:
    """``count`` routers with ``each`` floating IPs: router n's are 203.0.113.<10 n + 1> and so on."""
    whole: Topology = public()
    for number in range(1, count + 1):
        whole = merge(whole, a_router(number, each, distributed=distributed))
    return whole


def a_router(number: int, each: int, *, distributed: bool = True) -> Topology:
    name, vm = f"r{number}", f"vm{number}"
    fixed = [f"10.{number}.0.{5 + n}" for n in range(max(each, 1))]
    gateway = {
        "network_id": "public",
        "external_fixed_ips": [{"subnet_id": "public-v4", "ip_address": f"203.0.113.{200 + number}"}],
    }
    router = {"name": name, "distributed": distributed, "interfaces": [f"n{number}-v4"]}
    return merge(
        tenant(f"n{number}", f"10.{number}.0.0/24"),
        {
            "routers": [{**router, "external_gateway_info": gateway}],
            "ports": [
                instance(vm, "", f"n{number}", fixed_ips=[{"ip_address": address} for address in fixed])
            ],
            "floatingips": [
                floating(address, vm, fixed_ip_address=inside)
                for address, inside in zip(addresses(number, each), fixed, strict=False)
            ],
        },
    )


def addresses(number: int, each: int) -> list[str]:
    """The floating IPs of a router."""
    return [f"203.0.113.{10 * number + 1 + n}" for n in range(each)]


def all_addresses(count: int, each: int) -> list[str]:
    return [address for number in range(1, count + 1) for address in addresses(number, each)]


def without(topology: Topology, *floating_ips: str) -> Topology:
    """The same without some floating IPs."""
    left = [one for one in topology["floatingips"] if one["floating_ip_address"] not in floating_ips]
    return {**topology, "floatingips": left}


def second_external() -> Topology:
    """A second external network, 198.51.100.0/24 on ``br-two``."""
    other = public()
    other["bridge_mappings"] = {"physnet2": "br-two"}
    network, subnet = other["networks"][0], other["subnets"][0]
    network.update({"name": "public2", "provider:physical_network": "physnet2"})
    subnet.update(name="public2-v4", network_id="public2", cidr="198.51.100.0/24", gateway_ip="198.51.100.1")
    return other


def a_router_of_the_second(number: int) -> Topology:
    """A router with a floating IP of the second external network."""
    made = a_router(number, 1)
    (router,), (floating_ip,) = made["routers"], made["floatingips"]
    router["external_gateway_info"] = {
        "network_id": "public2",
        "external_fixed_ips": [{"subnet_id": "public2-v4", "ip_address": "198.51.100.201"}],
    }
    floating_ip.update(floating_network_id="public2", floating_ip_address="198.51.100.31")
    return made
