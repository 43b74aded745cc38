"""Interfaces of routers, over a real store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from deuteron.resources import refusal
from tests.service.router_world import ADMIN, ALICE, BOB, Cloud, cloud


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Cloud]:
    yield from cloud(tmp_path)


def test_an_interface_by_subnet_has_the_gateways_address(world: Cloud) -> None:
    router, subnet = world.router(), world.inside()

    told = world.joined(router, subnet)

    (port,) = world.find("ports", device_id=router.id)
    assert told == {
        "id": router.id,
        "project_id": "alice",
        "port_id": port.id,
        "network_id": subnet.network_id,
        "subnet_id": subnet.id,
        "subnet_ids": [subnet.id],
    }
    assert port.device_owner == "network:router_interface"
    assert [one.ip_address for one in port.fixed_ips] == [subnet.gateway_ip]


def test_an_interface_moves_the_routers_revision(world: Cloud) -> None:
    router, subnet = world.router(), world.inside()

    world.joined(router, subnet)
    joined = world.get("routers", router).revision_number
    world.act("remove_router_interface", router, subnet_id=subnet.id)

    assert router.revision_number < joined < world.get("routers", router).revision_number


def test_an_interface_by_port_keeps_its_address(world: Cloud) -> None:
    router, subnet = world.router(), world.inside()
    port = world.instance(subnet)

    told = world.act("add_router_interface", router, port_id=port.id)

    after = world.get("ports", port)
    assert told["port_id"] == port.id
    assert (after.device_id, after.device_owner) == (router.id, "network:router_interface")
    assert after.fixed_ips == port.fixed_ips


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({}, "Either subnet_id or port_id must be specified"),
        ({"subnet_id": str(uuid4()), "port_id": str(uuid4())}, "Cannot specify both subnet-id and port-id"),
        ({"subnet_id": "no"}, "'no' is not a valid UUID"),
        ({"port_id": None}, "'None' is not a valid UUID"),
    ],
)
def test_a_body_that_names_no_one_place_is_refused(world: Cloud, body: dict[str, Any], sentence: str) -> None:
    router = world.router()

    with pytest.raises(refusal.BadRequest) as refused:
        world.act("add_router_interface", router, **body)

    assert refused.value.message == f"Bad router request: {sentence}."


def test_what_is_not_there_is_not_found(world: Cloud) -> None:
    router = world.router()

    with pytest.raises(refusal.SubnetNotFound):
        world.act("add_router_interface", router, subnet_id=str(uuid4()))
    with pytest.raises(refusal.PortNotFound):
        world.act("add_router_interface", router, port_id=str(uuid4()))
    with pytest.raises(refusal.RouterInterfaceNotFound):
        world.act("remove_router_interface", router, port_id=str(uuid4()))
    with pytest.raises(refusal.RouterInterfaceNotFoundForSubnet):
        world.act("remove_router_interface", router, subnet_id=world.inside().id)


def test_a_subnet_without_gateway_takes_a_port(world: Cloud) -> None:
    router, subnet = world.router(), world.inside(gateway_ip=None)

    with pytest.raises(refusal.BadRequest, match="Subnet for router interface must have a gateway IP"):
        world.joined(router, subnet)


def test_one_subnet_is_joined_once(world: Cloud) -> None:
    router, subnet = world.router(), world.inside()
    world.joined(router, subnet)

    with pytest.raises(refusal.BadRequest, match=f"Router already has a port on subnet {subnet.id}"):
        world.joined(router, subnet)


def test_subnets_that_overlap_are_not_on_one_router(world: Cloud) -> None:
    router, one, other = world.router(), world.inside("10.0.0.0/16"), world.inside("10.0.3.0/24")
    world.joined(router, one)

    with pytest.raises(refusal.BadRequest) as refused:
        world.joined(router, other)

    assert refused.value.message == (
        f"Bad router request: Cidr 10.0.3.0/24 of subnet {other.id} "
        f"overlaps with cidr 10.0.0.0/16 of subnet {one.id}."
    )
    assert len(world.find("ports", device_id=router.id)) == 1


def test_an_interface_keeps_clear_of_the_external_subnets(world: Cloud) -> None:
    router = world.router(world.outside("10.0.0.0/16"))

    with pytest.raises(refusal.BadRequest, match="overlaps with cidr"):
        world.joined(router, world.inside("10.0.3.0/24"))


def test_an_interface_is_not_on_the_network_of_the_routers_gateway(world: Cloud) -> None:
    outside = world.outside()
    router = world.router(outside)
    other = world.create("subnets", ADMIN, network_id=outside.id, ip_version=4, cidr="10.9.0.0/24")

    with pytest.raises(refusal.BadRequest):
        world.joined(router, other, ADMIN)


def test_a_port_that_is_in_use_is_no_interface(world: Cloud) -> None:
    router, subnet = world.router(), world.inside()
    port = world.instance(subnet, device_id="an-instance", device_owner="compute:nova")

    with pytest.raises(refusal.PortInUse) as refused:
        world.act("add_router_interface", router, port_id=port.id)

    assert refused.value.message == (
        f"Unable to complete operation on port {port.id} for network {subnet.network_id}. "
        "Port already has an attached device an-instance."
    )


def test_a_port_without_address_is_no_interface(world: Cloud) -> None:
    router, subnet = world.router(), world.inside()
    port = world.instance(subnet, fixed_ips=[])

    with pytest.raises(refusal.BadRequest, match="Router port must have at least one fixed IP"):
        world.act("add_router_interface", router, port_id=port.id)


def test_a_port_with_two_ipv4_subnets_is_no_interface(world: Cloud) -> None:
    router, one = world.router(), world.inside("10.0.0.0/24")
    other = world.create("subnets", network_id=one.network_id, ip_version=4, cidr="10.0.1.0/24")
    port = world.instance(one, fixed_ips=[{"subnet_id": one.id}, {"subnet_id": other.id}])

    with pytest.raises(refusal.BadRequest, match="Cannot have multiple IPv4 subnets on router port"):
        world.act("add_router_interface", router, port_id=port.id)


def test_another_projects_port_does_not_become_ones_router(world: Cloud) -> None:
    """OSSA-2014-008: Bob has a port on the network that Alice shares with him; it stays his."""
    subnet = world.inside()
    world.update("networks", world.get("networks", subnet.network_id), ADMIN, shared=True)
    port = world.instance(subnet, BOB)

    with pytest.raises(refusal.PortNotFound):
        world.act("add_router_interface", world.router(), ALICE, port_id=port.id)

    assert world.get("ports", port).device_id == ""


def test_the_gateway_address_of_a_shared_subnet_is_its_owners(world: Cloud) -> None:
    """CVE-2018-14635: a router of Bob's would answer for Alice's gateway."""
    subnet = world.inside()
    world.update("networks", world.get("networks", subnet.network_id), ADMIN, shared=True)
    router = world.router(caller=BOB)

    with pytest.raises(refusal.BadRequest, match="is not owned by project making the request"):
        world.joined(router, subnet, BOB)

    gateway = world.instance(subnet, ADMIN, project_id="bob", fixed_ips=[{"ip_address": subnet.gateway_ip}])
    with pytest.raises(refusal.BadRequest, match="has an IP address out of the allocation pool"):
        world.act("add_router_interface", router, BOB, port_id=gateway.id)

    port = world.instance(subnet, BOB)
    assert world.act("add_router_interface", router, BOB, port_id=port.id)["port_id"] == port.id


def test_ipv6_subnets_of_a_network_share_an_interface(world: Cloud) -> None:
    router, one = world.router(), world.inside("2001:db8:1::/64")
    other = world.create("subnets", network_id=one.network_id, ip_version=6, cidr="2001:db8:2::/64")

    first = world.joined(router, one)
    second = world.joined(router, other)

    assert second["port_id"] == first["port_id"]
    assert second["subnet_ids"] == [other.id]
    (port,) = world.find("ports", device_id=router.id)
    assert {fixed.subnet_id for fixed in port.fixed_ips} == {one.id, other.id}

    world.act("remove_router_interface", router, subnet_id=one.id)
    (port,) = world.find("ports", device_id=router.id)
    assert [fixed.subnet_id for fixed in port.fixed_ips] == [other.id]


def test_removing_an_interface_deletes_its_port(world: Cloud) -> None:
    router, subnet = world.router(), world.inside()
    added = world.joined(router, subnet)

    assert world.act("remove_router_interface", router, port_id=added["port_id"]) == added
    assert world.find("ports") == []


def test_port_and_subnet_that_do_not_belong_together_are_refused(world: Cloud) -> None:
    router, subnet, other = world.router(), world.inside(), world.inside("10.1.0.0/24")
    added = world.joined(router, subnet)

    with pytest.raises(refusal.SubnetMismatchForPort):
        world.act("remove_router_interface", router, port_id=added["port_id"], subnet_id=other.id)


def test_an_interface_that_a_floating_ip_needs_stays(world: Cloud) -> None:
    outside, subnet = world.outside(), world.inside()
    router = world.router(outside)
    added = world.joined(router, subnet)
    port = world.instance(subnet)
    floating = world.create("floatingips", floating_network_id=outside.id, port_id=port.id)

    for body in ({"subnet_id": subnet.id}, {"port_id": added["port_id"]}):
        with pytest.raises(refusal.RouterInterfaceInUseByFloatingIP) as refused:
            world.act("remove_router_interface", router, **body)
    assert refused.value.message == (
        f"Router interface for subnet {subnet.id} on router {router.id} cannot be deleted, "
        "as it is required by one or more floating IPs."
    )

    world.update("floatingips", floating, port_id=None)
    world.act("remove_router_interface", router, subnet_id=subnet.id)
    assert world.owners(router) == ["router_gateway"]


def test_an_interface_that_a_route_needs_stays(world: Cloud) -> None:
    router, subnet = world.router(), world.inside()
    world.joined(router, subnet)
    world.update("routers", router, routes=[{"destination": "10.9.0.0/24", "nexthop": "10.0.0.9"}])

    with pytest.raises(refusal.RouterInterfaceInUseByRoute):
        world.act("remove_router_interface", router, subnet_id=subnet.id)
