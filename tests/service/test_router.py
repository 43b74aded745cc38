"""Routers and their gateways, over a real store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deuteron.resources import refusal
from tests.service.router_world import ADMIN, BOB, Cloud, cloud


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Cloud]:
    yield from cloud(tmp_path)


def test_a_new_router_is_active_and_has_nothing(world: Cloud) -> None:
    router = world.create("routers", name="r", description="d")

    assert (router.name, router.description, router.status) == ("r", "d", "ACTIVE")
    assert router.project_id == "alice"
    assert router.admin_state_up
    assert not router.distributed
    assert not router.ha
    assert router.external_gateway_info is None
    assert router.routes == ()


def test_a_gateway_takes_an_address_of_the_external_network(world: Cloud) -> None:
    outside = world.outside()
    router = world.router(outside)

    (port,) = world.find("ports", device_id=router.id)
    assert port.device_owner == "network:router_gateway"
    assert port.project_id == ""
    info = router.external_gateway_info
    assert info.network_id == outside.id
    assert info.enable_snat is True
    assert info.external_fixed_ips == port.fixed_ips
    assert len(port.fixed_ips) == 1


def test_a_gateway_takes_the_address_that_is_asked_for(world: Cloud) -> None:
    outside = world.outside()
    wanted = {"network_id": outside.id, "external_fixed_ips": [{"ip_address": "203.0.113.77"}]}

    router = world.create("routers", ADMIN, external_gateway_info=wanted)

    assert [one.ip_address for one in router.external_gateway_info.external_fixed_ips] == ["203.0.113.77"]


def test_a_gateway_moves_to_another_address_of_its_network(world: Cloud) -> None:
    outside = world.outside()
    router = world.router(outside)
    wanted = {"network_id": outside.id, "external_fixed_ips": [{"ip_address": "203.0.113.78"}]}

    router = world.update("routers", router, ADMIN, external_gateway_info=wanted)

    (port,) = world.find("ports", device_id=router.id)
    assert [one.ip_address for one in port.fixed_ips] == ["203.0.113.78"]
    assert router.external_gateway_info.external_fixed_ips == port.fixed_ips


def test_snat_is_switched_off_and_comes_back_unless_it_is_said(world: Cloud) -> None:
    outside = world.outside()
    router = world.router(outside)
    off = {"network_id": outside.id, "enable_snat": False}

    router = world.update("routers", router, ADMIN, external_gateway_info=off)
    assert router.external_gateway_info.enable_snat is False

    router = world.update("routers", router, ADMIN, external_gateway_info={"network_id": outside.id})
    assert router.external_gateway_info.enable_snat is True


def test_the_gateway_stays_the_same_port_when_nothing_of_it_changes(world: Cloud) -> None:
    outside = world.outside()
    router = world.router(outside)
    (before,) = world.find("ports", device_id=router.id)

    world.update("routers", router, external_gateway_info={"network_id": outside.id})

    (after,) = world.find("ports", device_id=router.id)
    assert (after.id, after.fixed_ips) == (before.id, before.fixed_ips)


@pytest.mark.parametrize("nothing", [None, {}])
def test_a_gateway_is_taken_away_with_its_port(world: Cloud, nothing: object) -> None:
    router = world.router(world.outside())

    router = world.update("routers", router, external_gateway_info=nothing)

    assert router.external_gateway_info is None
    assert world.find("ports", device_id=router.id) == []


def test_a_gateway_moves_to_another_network(world: Cloud) -> None:
    router = world.router(world.outside())
    other = world.outside("198.51.100.0/24")

    router = world.update("routers", router, external_gateway_info={"network_id": other.id})

    (port,) = world.find("ports", device_id=router.id)
    assert port.network_id == router.external_gateway_info.network_id == other.id


def test_a_network_that_is_not_external_is_no_gateway(world: Cloud) -> None:
    subnet = world.inside()

    with pytest.raises(refusal.BadRequest) as refused:
        world.create("routers", external_gateway_info={"network_id": subnet.network_id})

    assert refused.value.message == (
        f"Bad router request: Network {subnet.network_id} is not an external network."
    )
    assert world.find("routers") == []


def test_somebody_elses_network_is_not_found(world: Cloud) -> None:
    subnet = world.inside()

    with pytest.raises(refusal.NetworkNotFound):
        world.create("routers", BOB, external_gateway_info={"network_id": subnet.network_id})


def test_the_external_gateways_own_address_is_not_a_routers(world: Cloud) -> None:
    outside = world.outside()
    wanted = {"network_id": outside.id, "external_fixed_ips": [{"ip_address": "203.0.113.1"}]}

    with pytest.raises(refusal.BadRequest, match=r"External IP 203\.0\.113\.1 is the same as the gateway IP"):
        world.create("routers", ADMIN, external_gateway_info=wanted)


def test_a_gateway_that_overlaps_an_interface_is_refused(world: Cloud) -> None:
    outside = world.outside("10.0.0.0/16")
    router = world.router()
    world.joined(router, world.inside("10.0.5.0/24"))

    with pytest.raises(refusal.BadRequest, match=r"Cidr 10\.0\.0\.0/16 of subnet .* overlaps with cidr"):
        world.update("routers", router, external_gateway_info={"network_id": outside.id})

    assert world.get("routers", router).external_gateway_info is None
    assert world.owners(router) == ["router_interface"]


def test_high_availability_is_refused_in_words(world: Cloud) -> None:
    with pytest.raises(refusal.BadRequest, match="highly available routers do not work here yet"):
        world.create("routers", ADMIN, ha=True)

    router = world.create("routers", ADMIN, ha=False)
    with pytest.raises(refusal.BadRequest, match="highly available routers do not work here yet"):
        world.update("routers", router, ADMIN, ha=True)


def test_a_router_with_interfaces_is_not_deleted(world: Cloud) -> None:
    router = world.router()
    told = world.joined(router, world.inside())

    with pytest.raises(refusal.RouterInUse) as refused:
        world.delete("routers", router)

    assert refused.value.message == f"Router {router.id} has ports still attached: {told['port_id']}"


def test_a_router_is_deleted_with_its_gateway(world: Cloud) -> None:
    router = world.router(world.outside())

    world.delete("routers", router)

    assert world.find("routers") == []
    assert world.find("ports") == []


def test_the_address_of_a_deleted_gateway_is_free_again(world: Cloud) -> None:
    outside = world.outside("203.0.113.0/30")  # One address beside the gateway's.
    world.delete("routers", world.router(outside))

    world.router(outside)

    with pytest.raises(refusal.IpAddressGenerationFailure):
        world.router(outside)


def test_a_gateway_that_floating_ips_need_stays(world: Cloud) -> None:
    outside, other = world.outside(), world.outside("198.51.100.0/24")
    router, subnet = world.router(outside), world.inside()
    world.joined(router, subnet)
    port = world.instance(subnet)
    world.create("floatingips", floating_network_id=outside.id, port_id=port.id)

    for wanted in (None, {"network_id": other.id}):
        with pytest.raises(refusal.RouterExternalGatewayInUseByFloatingIp) as refused:
            world.update("routers", router, external_gateway_info=wanted)
    assert refused.value.message == (
        f"Gateway cannot be updated for router {router.id}, since a gateway to external network "
        f"{outside.id} is required by one or more floating IPs."
    )


# ---- distributed


def test_a_distributed_router_has_a_snat_port_on_each_subnet_while_it_has_a_gateway(world: Cloud) -> None:
    outside = world.outside()
    router = world.router(distributed=True, caller=ADMIN)
    world.joined(router, world.inside("10.0.0.0/24"), ADMIN)
    assert world.owners(router) == ["router_interface_distributed"]

    router = world.update("routers", router, ADMIN, external_gateway_info={"network_id": outside.id})
    assert world.owners(router) == [
        "router_centralized_snat",
        "router_gateway",
        "router_interface_distributed",
    ]

    later = world.inside("10.0.1.0/24")
    world.joined(router, later, ADMIN)
    snat = [one for one in world.find("ports", device_id=router.id) if "snat" in one.device_owner]
    assert {one.fixed_ips[0].subnet_id for one in snat} >= {later.id}
    assert len(snat) == 2
    assert {one.project_id for one in snat} == {""}

    world.act("remove_router_interface", router, ADMIN, subnet_id=later.id)
    assert world.owners(router).count("router_centralized_snat") == 1

    world.update("routers", router, ADMIN, external_gateway_info=None)
    assert world.owners(router) == ["router_interface_distributed"]


def test_a_router_becomes_distributed_only_while_it_is_down(world: Cloud) -> None:
    router = world.router(world.outside())
    world.joined(router, world.inside())

    for given in ({"distributed": True}, {"distributed": True, "admin_state_up": False}):
        with pytest.raises(refusal.BadRequest, match="Cannot change the 'distributed' attribute of active"):
            world.update("routers", router, ADMIN, **given)

    world.update("routers", router, ADMIN, admin_state_up=False)
    assert world.update("routers", router, ADMIN, distributed=True).distributed
    assert world.owners(router) == [
        "router_centralized_snat",
        "router_gateway",
        "router_interface_distributed",
    ]

    assert not world.update("routers", router, ADMIN, distributed=False).distributed
    assert world.owners(router) == ["router_gateway", "router_interface"]


def test_a_distributed_router_keeps_clear_of_its_inner_range(world: Cloud) -> None:
    subnet = world.inside("169.254.64.0/24")
    router = world.router(distributed=True, caller=ADMIN)

    with pytest.raises(refusal.BadRequest, match=r"overlaps with 169\.254\.64\.0/18"):
        world.joined(router, subnet, ADMIN)

    plain = world.router()
    world.joined(plain, subnet)
    world.update("routers", plain, admin_state_up=False)
    with pytest.raises(refusal.BadRequest, match=r"overlaps with 169\.254\.64\.0/18"):
        world.update("routers", plain, ADMIN, distributed=True)
