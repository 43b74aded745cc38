"""Floating IPs, over a real store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pytest

from deuteron.resources import refusal
from tests.service.router_world import ADMIN, ALICE, BOB, Cloud, cloud


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Cloud]:
    yield from cloud(tmp_path)


class Place(NamedTuple):
    """An external network, a router of Alice's, her subnet, and her instance's port there."""

    outside: Any
    router: Any
    subnet: Any
    port: Any


@pytest.fixture
def place(world: Cloud) -> Place:
    return _place(world)


def _place(world: Cloud, cidr: str = "10.0.0.0/24", outside: Any = None, **router: Any) -> Place:
    outside = outside or world.outside()
    made = world.router(outside, ADMIN, project_id="alice", **router)
    subnet = world.inside(cidr)
    world.joined(made, subnet)
    return Place(outside, made, subnet, world.instance(subnet))


def _floating(world: Cloud, place: Place, caller: Any = ALICE, **given: Any) -> Any:
    return world.create("floatingips", caller, floating_network_id=place.outside.id, **given)


def test_a_floating_ip_takes_an_address_and_stands_for_nothing(world: Cloud, place: Place) -> None:
    floating = _floating(world, place, description="d")

    (port,) = world.find("ports", device_owner="network:floatingip")
    assert floating.floating_ip_address == port.fixed_ips[0].ip_address
    assert (port.device_id, port.project_id, port.status) == (floating.id, "", "N/A")
    assert (floating.project_id, floating.description, floating.status) == ("alice", "d", "DOWN")
    assert (floating.port_id, floating.fixed_ip_address, floating.router_id) == (None, None, None)


def test_a_floating_ip_stands_for_a_port(world: Cloud, place: Place) -> None:
    floating = _floating(world, place, port_id=place.port.id)

    assert floating.port_id == place.port.id
    assert floating.fixed_ip_address == place.port.fixed_ips[0].ip_address
    assert floating.router_id == place.router.id


def test_it_moves_to_another_port_and_to_none(world: Cloud, place: Place) -> None:
    other = world.instance(place.subnet)
    floating = _floating(world, place, port_id=place.port.id)

    floating = world.update("floatingips", floating, port_id=other.id)
    assert (floating.port_id, floating.fixed_ip_address) == (other.id, other.fixed_ips[0].ip_address)

    floating = world.update("floatingips", floating, port_id=None)
    assert (floating.port_id, floating.fixed_ip_address, floating.router_id) == (None, None, None)


def test_describing_it_leaves_it_where_it_is(world: Cloud, place: Place) -> None:
    two = world.instance(place.subnet, fixed_ips=[{"subnet_id": place.subnet.id}] * 2)
    address = two.fixed_ips[1].ip_address
    floating = _floating(world, place, port_id=two.id, fixed_ip_address=address)

    after = world.update("floatingips", floating, description="other")

    assert (after.description, after.port_id, after.fixed_ip_address) == ("other", two.id, address)


def test_the_address_that_is_asked_for(world: Cloud, place: Place) -> None:
    floating = _floating(world, place, ADMIN, floating_ip_address="203.0.113.99")
    assert floating.floating_ip_address == "203.0.113.99"

    with pytest.raises(refusal.Conflict):
        _floating(world, place, ADMIN, floating_ip_address="203.0.113.99")
    with pytest.raises(refusal.InvalidIpForNetwork):
        _floating(world, place, ADMIN, floating_ip_address="192.0.2.9")


@pytest.mark.parametrize("address", ["203.0.113.0", "203.0.113.1", "203.0.113.255"])
def test_what_the_data_path_cannot_serve_is_no_floating_ip(world: Cloud, place: Place, address: str) -> None:
    with pytest.raises(refusal.BadRequest):
        _floating(world, place, ADMIN, floating_ip_address=address)


def test_the_subnet_that_is_asked_for(world: Cloud, place: Place) -> None:
    other = world.create("subnets", ADMIN, network_id=place.outside.id, ip_version=4, cidr="198.51.100.0/24")

    floating = _floating(world, place, subnet_id=other.id)

    assert floating.floating_ip_address.startswith("198.51.100.")


def test_a_full_network_says_so_and_a_deleted_address_is_free(world: Cloud) -> None:
    outside = world.outside("203.0.113.0/30")
    floating = world.create("floatingips", floating_network_id=outside.id)

    with pytest.raises(refusal.IpAddressGenerationFailure):
        world.create("floatingips", floating_network_id=outside.id)

    world.delete("floatingips", floating)
    assert world.find("ports") == []
    world.create("floatingips", floating_network_id=outside.id)


def test_only_external_networks_with_ipv4_have_floating_ips(world: Cloud) -> None:
    private = world.inside()
    with pytest.raises(refusal.BadRequest, match="is not a valid external network"):
        world.create("floatingips", floating_network_id=private.network_id)

    six = world.create("networks", ADMIN, name="six", router__external=True)
    with pytest.raises(refusal.BadRequest, match="does not contain any IPv4 subnet"):
        world.create("floatingips", floating_network_id=six.id)

    with pytest.raises(refusal.NetworkNotFound):
        world.create("floatingips", floating_network_id=str(uuid4()))


def test_a_subnet_out_of_reach_is_told_with_both(world: Cloud, place: Place) -> None:
    far = world.inside("10.5.0.0/24")
    port = world.instance(far)

    with pytest.raises(refusal.ExternalGatewayForFloatingIPNotFound) as refused:
        _floating(world, place, port_id=port.id)

    assert refused.value.status == 404
    assert refused.value.message == (
        f"External network {place.outside.id} is not reachable from subnet {far.id}.  "
        f"Therefore, cannot associate Port {port.id} with a Floating IP."
    )
    assert world.find("floatingips") == []
    assert world.find("ports", device_owner="network:floatingip") == []


def test_of_two_routers_the_subnets_gateway_carries_it(world: Cloud) -> None:
    outside = world.outside()
    subnet = world.inside()
    gateway, beside = sorted((world.router(outside) for _ in range(2)), key=lambda one: one.id, reverse=True)
    world.act("add_router_interface", beside, port_id=world.instance(subnet).id)
    world.joined(gateway, subnet)
    port = world.instance(subnet)

    floating = world.create("floatingips", floating_network_id=outside.id, port_id=port.id)

    assert floating.router_id == gateway.id


def test_one_fixed_address_has_one_floating_ip_of_a_network(world: Cloud, place: Place) -> None:
    _floating(world, place, port_id=place.port.id)
    address = place.port.fixed_ips[0].ip_address
    other = _floating(world, place)

    with pytest.raises(refusal.FloatingIPPortAlreadyAssociated) as refused:
        world.update("floatingips", other, port_id=place.port.id)

    assert refused.value.message == (
        f"Cannot associate floating IP {other.floating_ip_address} ({other.id}) with port {place.port.id} "
        f"using fixed IP {address}, as that fixed IP already has a floating IP on external network "
        f"{place.outside.id}."
    )
    with pytest.raises(refusal.FloatingIPPortAlreadyAssociated):
        _floating(world, place, port_id=place.port.id)


def test_two_fixed_addresses_need_saying_which(world: Cloud, place: Place) -> None:
    two = world.instance(place.subnet, fixed_ips=[{"subnet_id": place.subnet.id}] * 2)
    first, second = (one.ip_address for one in two.fixed_ips)

    with pytest.raises(refusal.BadRequest, match="has multiple fixed IPv4 addresses"):
        _floating(world, place, port_id=two.id)
    one = _floating(world, place, port_id=two.id, fixed_ip_address=first)
    other = _floating(world, place, port_id=two.id, fixed_ip_address=second)
    assert {one.fixed_ip_address, other.fixed_ip_address} == {first, second}

    with pytest.raises(refusal.FloatingIPPortAlreadyAssociated):
        world.update("floatingips", one, port_id=two.id, fixed_ip_address=second)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"fixed_ip_address": "10.0.0.2"}, "fixed_ip_address cannot be specified without a port_id"),
        ({"fixed_ip_address": "10.0.0.222", "port_id": "port"}, "does not have fixed ip 10.0.0.222"),
        ({"fixed_ip_address": "2001:db8::1", "port_id": "port"}, "since that is not an IPv4 address"),
    ],
)
def test_a_fixed_address_is_the_ports(
    world: Cloud, place: Place, given: dict[str, str], sentence: str
) -> None:
    told = {key: place.port.id if value == "port" else value for key, value in given.items()}

    with pytest.raises(refusal.BadRequest, match=sentence):
        _floating(world, place, **told)


def test_a_port_without_ipv4_has_no_floating_ip(world: Cloud, place: Place) -> None:
    bare = world.instance(place.subnet, fixed_ips=[])

    with pytest.raises(refusal.BadRequest, match="that has no fixed IPv4 addresses"):
        _floating(world, place, port_id=bare.id)


def test_another_projects_port_is_not_ones_own(world: Cloud, place: Place) -> None:
    with pytest.raises(refusal.PortNotFound):
        _floating(world, place, BOB, port_id=place.port.id)

    world.update("networks", world.get("networks", place.subnet.network_id), ADMIN, shared=True)
    guest = world.instance(place.subnet, BOB)
    with pytest.raises(refusal.BadRequest, match="since that port is owned by a different project"):
        _floating(world, place, ALICE, port_id=guest.id)


def test_a_port_keeps_the_address_that_a_floating_ip_stands_for(world: Cloud, place: Place) -> None:
    _floating(world, place, port_id=place.port.id)

    with pytest.raises(refusal.BadRequest, match="its original fixed_ip has been associated"):
        world.update("ports", place.port, fixed_ips=[{"ip_address": "10.0.0.77"}])

    assert world.get("ports", place.port).fixed_ips == place.port.fixed_ips


def test_a_deleted_port_leaves_its_floating_ip_free(world: Cloud, place: Place) -> None:
    floating = _floating(world, place, port_id=place.port.id)

    world.delete("ports", place.port)

    after = world.get("floatingips", floating)
    assert (after.port_id, after.fixed_ip_address, after.router_id) == (None, None, None)


def test_an_administrators_floating_ip_is_not_taken_by_deleting_the_port(world: Cloud, place: Place) -> None:
    _floating(world, place, ADMIN, port_id=place.port.id)

    with pytest.raises(refusal.FipAssociated):
        world.delete("ports", place.port)


def test_the_port_of_a_floating_ip_is_not_moved_or_deleted_by_hand(world: Cloud, place: Place) -> None:
    floating = _floating(world, place)
    (port,) = world.find("ports", device_id=floating.id)

    with pytest.raises(refusal.ServicePortInUse):
        world.delete("ports", port, ADMIN)
    with pytest.raises(refusal.BadRequest):
        world.update("ports", port, ADMIN, fixed_ips=[{"ip_address": "203.0.113.50"}])


# ---- distributed


def test_a_distributed_floating_ip_brings_its_host_one_port(world: Cloud) -> None:
    place = _place(world, distributed=True)
    ports = [world.instance(place.subnet, ADMIN, project_id="alice", binding__host_id="here") for _ in "ab"]

    for port in ports:
        _floating(world, place, port_id=port.id)

    (gateway,) = world.find("ports", device_owner="network:floatingip_agent_gateway")
    assert gateway.network_id == place.outside.id
    assert gateway.binding_host_id == "here"
    assert len(gateway.fixed_ips) == 1


def test_an_instance_that_comes_to_a_host_brings_it_the_port(world: Cloud) -> None:
    place = _place(world, distributed=True)
    _floating(world, place, port_id=place.port.id)
    assert world.find("ports", device_owner="network:floatingip_agent_gateway") == []

    world.update("ports", place.port, ADMIN, binding__host_id="there")

    (gateway,) = world.find("ports", device_owner="network:floatingip_agent_gateway")
    assert gateway.binding_host_id == "there"


def test_the_hosts_port_goes_with_the_last_gateway(world: Cloud) -> None:
    place = _place(world, distributed=True)
    port = world.instance(place.subnet, ADMIN, project_id="alice", binding__host_id="here")
    floating = _floating(world, place, port_id=port.id)
    world.delete("floatingips", floating)

    world.update("routers", place.router, ADMIN, external_gateway_info=None)

    assert world.find("ports", network_id=place.outside.id) == []
