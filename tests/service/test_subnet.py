"""Subnets, pools and address scopes."""

from __future__ import annotations

from typing import Any

import pytest

from deuteron.resources.values import AllocationPool
from tests.service.conftest import BOB, Desk, addresses


def pools(subnet: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one.start, one.end) for one in subnet["allocation_pools"]]


@pytest.mark.parametrize(
    ("cidr", "gateway", "ranges"),
    [
        ("10.0.0.0/24", "10.0.0.1", [("10.0.0.2", "10.0.0.254")]),
        ("10.0.0.0/30", "10.0.0.1", [("10.0.0.2", "10.0.0.2")]),
        ("2001:db8::/64", "2001:db8::1", [("2001:db8::2", "2001:db8::ffff:ffff:ffff:ffff")]),
    ],
)
def test_the_gateway_is_the_first_address_and_ports_get_the_others(
    alice: Desk, cidr: str, gateway: str, ranges: list[tuple[str, str]]
) -> None:
    subnet = alice.subnet(alice.network(), cidr)
    assert subnet["gateway_ip"] == gateway
    assert pools(subnet) == ranges
    assert subnet["enable_dhcp"] is True


def test_a_gateway_in_the_middle_parts_the_pool(alice: Desk) -> None:
    subnet = alice.subnet(alice.network(), gateway_ip="10.0.0.100")
    assert pools(subnet) == [("10.0.0.1", "10.0.0.99"), ("10.0.0.101", "10.0.0.254")]


def test_no_gateway_is_asked_for_by_null(alice: Desk) -> None:
    subnet = alice.subnet(alice.network(), gateway_ip=None)
    assert subnet["gateway_ip"] is None
    assert pools(subnet) == [("10.0.0.1", "10.0.0.254")]


@pytest.mark.parametrize(
    ("given", "kind", "says"),
    [
        ({"gateway_ip": "10.0.0.255"}, "InvalidInput", "Gateway is not valid on subnet"),
        ({"gateway_ip": "2001:db8::1"}, "InvalidInput", "does not match the ip_version '4'"),
        (
            {"allocation_pools": [{"start": "10.0.0.20", "end": "10.0.0.10"}]},
            "InvalidAllocationPool",
            "{'start': '10.0.0.20', 'end': '10.0.0.10'}",
        ),
        (
            {"allocation_pools": [{"start": "10.0.0.2", "end": "10.0.1.10"}]},
            "OutOfBoundsAllocationPool",
            "spans beyond the subnet cidr 10.0.0.0/24",
        ),
        ({"ipv6_ra_mode": "slaac"}, "InvalidInput", "ipv6_ra_mode is not valid when ip_version is 4"),
        ({"dns_nameservers": [f"9.9.9.{one}" for one in range(6)]}, "DNSNameServersExhausted", "limit 5"),
        ({"host_routes": [{"destination": "2001:db8::/32", "nexthop": "10.0.0.3"}]}, "InvalidInput", "match"),
    ],
)
def test_parts_that_do_not_fit_each_other_are_refused(
    alice: Desk, given: dict[str, Any], kind: str, says: str
) -> None:
    network = alice.network()
    assert says in alice.refused(400, kind, alice.subnet, network, **given)
    assert alice.index("subnets") == []


@pytest.mark.parametrize(
    "cidr", ["224.0.0.0/24", "127.0.0.0/24", "0.0.0.0/8", "10.0.0.0/31", "0.0.0.0/0", "::/64"]
)
def test_ossa_2014_014_a_prefix_that_cannot_be_served_is_refused(alice: Desk, cidr: str) -> None:
    alice.refused(400, "InvalidInput", alice.subnet, alice.network(), cidr)


@pytest.mark.parametrize("cidr", ["224.0.0.0/24", "127.0.0.0/8", "127.1.0.0/24", "::1/128", "ff02::/64"])
def test_ossa_2014_014_addresses_that_no_host_can_have_are_refused_without_dhcp_too(
    alice: Desk, cidr: str
) -> None:
    sentence = alice.refused(400, "InvalidInput", alice.subnet, alice.network(), cidr, enable_dhcp=False)
    assert "IP subnet is not supported" in sentence


def test_pools_may_not_overlap_nor_hold_the_gateway(alice: Desk) -> None:
    network = alice.network()
    two = [{"start": "10.0.0.2", "end": "10.0.0.9"}, {"start": "10.0.0.9", "end": "10.0.0.12"}]
    alice.refused(409, "OverlappingAllocationPools", alice.subnet, network, allocation_pools=two)
    one = [{"start": "10.0.0.1", "end": "10.0.0.9"}]
    alice.refused(409, "GatewayConflictWithAllocationPools", alice.subnet, network, allocation_pools=one)


def test_subnets_of_a_network_do_not_overlap_and_those_of_two_may(alice: Desk) -> None:
    network = alice.network()
    alice.subnet(network)
    sentence = alice.refused(400, "InvalidInput", alice.subnet, network, "10.0.0.128/25")
    assert "overlaps with another subnet" in sentence
    alice.subnet(alice.network())


def test_a_subnet_with_a_port_on_it_is_not_deleted(alice: Desk) -> None:
    network = alice.network()
    subnet = alice.subnet(network)
    port = alice.port(network)
    sentence = alice.refused(409, "SubnetInUse", alice.delete, "subnets", subnet["id"])
    assert sentence.endswith("One or more ports have an IP allocation from this subnet.")
    alice.delete("ports", port["id"])
    alice.delete("subnets", subnet["id"])
    assert alice.show("networks", network["id"])["subnets"] == ()


def test_pools_that_change_give_out_what_is_in_them_now(alice: Desk) -> None:
    network = alice.network()
    subnet = alice.subnet(network)
    alice.port(network)
    changed = alice.update(
        "subnets", subnet["id"], allocation_pools=[{"start": "10.0.0.50", "end": "10.0.0.60"}]
    )
    assert changed["allocation_pools"] == (AllocationPool("10.0.0.50", "10.0.0.60"),)
    assert addresses(alice.port(network)) == ["10.0.0.50"]


def test_a_gateway_that_a_router_has_stays(alice: Desk) -> None:
    network = alice.network()
    subnet = alice.subnet(network)
    router = alice.create("routers")
    alice.ask("routers", "add_router_interface", id=router["id"], body={"subnet_id": subnet["id"]})
    alice.refused(
        409,
        "GatewayIpInUse",
        alice.update,
        "subnets",
        subnet["id"],
        gateway_ip="10.0.0.254",
        allocation_pools=[],
    )


def test_nobody_puts_a_subnet_on_anothers_shared_network(admin: Desk, bob: Desk) -> None:
    network = admin.network(shared=True)
    bob.refused(403, "PolicyNotAuthorized", bob.subnet, network)


def test_a_pool_gives_its_lowest_free_prefix(alice: Desk) -> None:
    pool = alice.create("subnetpools", name="p", prefixes=["10.0.0.0/16"], default_prefixlen=24)
    assert (pool["ip_version"], pool["min_prefixlen"], pool["max_prefixlen"]) == (4, 8, 32)
    given = {"network_id": alice.network()["id"], "ip_version": 4, "subnetpool_id": pool["id"]}
    made = [alice.create("subnets", **given)["cidr"] for _ in range(2)]
    assert made == ["10.0.0.0/24", "10.0.1.0/24"]
    alice.refused(400, "SubnetPoolDeleteError", alice.delete, "subnetpools", pool["id"])
    assert alice.create("subnets", **given, prefixlen=20)["cidr"] == "10.0.16.0/20"


def test_a_pools_lengths_and_prefixes_must_fit(alice: Desk) -> None:
    make = {"name": "p", "prefixes": ["10.0.0.0/16"]}
    alice.refused(
        400,
        "IllegalSubnetPoolPrefixBounds",
        alice.create,
        "subnetpools",
        **make,
        min_prefixlen=30,
        max_prefixlen=20,
    )
    mixed = {"name": "p", "prefixes": ["10.0.0.0/16", "2001:db8::/32"]}
    alice.refused(400, "PrefixVersionMismatch", alice.create, "subnetpools", **mixed)
    pool = alice.create("subnetpools", **make)
    alice.refused(
        400,
        "IllegalSubnetPoolPrefixUpdate",
        alice.update,
        "subnetpools",
        pool["id"],
        prefixes=["10.1.0.0/16"],
    )
    grown = alice.ask("subnetpools", "add_prefixes", id=pool["id"], body={"prefixes": ["10.1.0.0/16"]})
    assert grown.body == {"prefixes": ["10.0.0.0/15"]}


def test_pools_of_one_scope_do_not_overlap(alice: Desk, bob: Desk) -> None:
    scope = alice.create("address_scopes", name="s", ip_version=4)
    make = {"name": "p", "prefixes": ["10.0.0.0/16"], "address_scope_id": scope["id"]}
    alice.create("subnetpools", **make)
    alice.refused(409, "AddressScopePrefixConflict", alice.create, "subnetpools", **make)
    bob.refused(404, "AddressScopeNotFound", bob.create, "subnetpools", **make)
    alice.refused(409, "AddressScopeInUse", alice.delete, "address_scopes", scope["id"])


def test_the_operator_counts_the_addresses_of_a_network(admin: Desk) -> None:
    network = admin.network()
    admin.subnet(network)
    admin.port(network)
    counted = admin.show("network_ip_availabilities", network["id"])
    assert (counted["total_ips"], counted["used_ips"]) == (253, 1)
    assert BOB not in str(counted)
