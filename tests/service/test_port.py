"""Ports: MACs, addresses, guards."""

from __future__ import annotations

import re

import pytest

from deuteron.resources.values import FixedIp
from tests.service.conftest import ALICE, BOB, OPERATOR, Desk, addresses, person


def test_a_port_gets_a_mac_and_the_lowest_free_address_of_the_networks_subnet(alice: Desk) -> None:
    network = alice.network()
    subnet = alice.subnet(network)
    port = alice.port(network)
    assert re.fullmatch(r"fa:16:3e(:[0-9a-f]{2}){3}", port["mac_address"])
    assert port["fixed_ips"] == (FixedIp(subnet["id"], "10.0.0.2"),)
    assert port["status"] == "DOWN"
    assert port["device_owner"] == port["device_id"] == ""
    assert addresses(alice.port(network)) == ["10.0.0.3"]


def test_a_port_gets_an_address_of_each_family_and_makes_its_automatic_ones(alice: Desk) -> None:
    network = alice.network()
    alice.subnet(network)
    alice.subnet(network, "10.0.1.0/24")
    alice.subnet(network, "2001:db8::/64")
    alice.subnet(
        network,
        "2001:db8:1::/64",
        ipv6_address_mode="slaac",
        ipv6_ra_mode="slaac",
        gateway_ip="2001:db8:1::1",
    )
    port = alice.port(network, mac_address="fa:16:3e:00:00:01")
    assert addresses(port) == ["10.0.0.2", "2001:db8::2", "2001:db8:1:0:f816:3eff:fe00:1"]


def test_a_subnet_of_automatic_addresses_reaches_the_ports_that_are_there(alice: Desk, admin: Desk) -> None:
    network = alice.network()
    port = alice.port(network, mac_address="fa:16:3e:00:00:01")
    assert port["fixed_ips"] == ()
    subnet = alice.subnet(network, "2001:db8::/64", ipv6_address_mode="slaac", ipv6_ra_mode="slaac")
    assert addresses(alice.show("ports", port["id"])) == ["2001:db8::f816:3eff:fe00:1"]
    admin.update("ports", port["id"], mac_address="fa:16:3e:00:00:02")
    assert addresses(alice.show("ports", port["id"])) == ["2001:db8::f816:3eff:fe00:2"]
    alice.delete("subnets", subnet["id"])
    assert alice.show("ports", port["id"])["fixed_ips"] == ()


def test_the_first_subnet_with_a_free_address_gives_it_and_then_there_is_none(alice: Desk) -> None:
    network = alice.network()
    alice.subnet(network, "10.0.0.0/30")
    alice.subnet(network, "10.0.1.0/30")
    assert [addresses(alice.port(network)) for _ in range(2)] == [["10.0.0.2"], ["10.0.1.2"]]
    sentence = alice.refused(409, "IpAddressGenerationFailure", alice.port, network)
    assert sentence == f"No more IP addresses available on network {network['id']}."


def test_an_address_that_is_given_back_is_given_again(alice: Desk) -> None:
    network = alice.network()
    alice.subnet(network, "10.0.0.0/30")
    port = alice.port(network)
    alice.delete("ports", port["id"])
    assert addresses(alice.port(network)) == ["10.0.0.2"]


def test_the_owner_of_a_network_chooses_addresses_within_its_subnets(alice: Desk) -> None:
    network = alice.network()
    subnet = alice.subnet(network, allocation_pools=[{"start": "10.0.0.10", "end": "10.0.0.20"}])
    port = alice.port(network, fixed_ips=[{"ip_address": "10.0.0.99"}])
    assert port["fixed_ips"] == (FixedIp(subnet["id"], "10.0.0.99"),)
    alice.refused(
        409, "IpAddressAlreadyAllocated", alice.port, network, fixed_ips=[{"ip_address": "10.0.0.99"}]
    )
    alice.refused(400, "InvalidIpForNetwork", alice.port, network, fixed_ips=[{"ip_address": "10.9.0.1"}])
    wrong = [{"subnet_id": subnet["id"], "ip_address": "10.0.0.255"}]
    alice.refused(400, "InvalidIpForSubnet", alice.port, network, fixed_ips=wrong)


def test_an_unaddressed_port_is_asked_for_by_no_addresses(alice: Desk) -> None:
    network = alice.network()
    alice.subnet(network)
    assert alice.port(network, fixed_ips=[])["fixed_ips"] == ()


def test_a_change_of_addresses_keeps_what_stays(alice: Desk) -> None:
    network = alice.network()
    one, two = alice.subnet(network), alice.subnet(network, "10.0.1.0/24")
    port = alice.port(network)
    changed = alice.update(
        "ports", port["id"], fixed_ips=[{"subnet_id": two["id"]}, {"subnet_id": one["id"]}]
    )
    assert sorted(addresses(changed)) == ["10.0.0.2", "10.0.1.2"]
    changed = alice.update("ports", port["id"], fixed_ips=[{"subnet_id": two["id"]}])
    assert addresses(changed) == ["10.0.1.2"]
    assert addresses(alice.port(network)) == ["10.0.0.2"]


def test_a_mac_is_used_once_on_a_network(alice: Desk) -> None:
    network = alice.network()
    mac = alice.port(network)["mac_address"]
    alice.refused(409, "MacAddressInUse", alice.port, network, mac_address=mac)
    alice.port(alice.network(), mac_address=mac)


def test_a_bound_port_keeps_its_mac(admin: Desk) -> None:
    network = admin.network()
    port = admin.port(network, **{"binding:host_id": "nowhere"})
    assert port["binding:vif_type"] == "binding_failed"
    admin.update("ports", port["id"], mac_address="fa:16:3e:00:00:09")


def test_a_port_of_a_service_type_is_served_by_its_subnets_alone(admin: Desk) -> None:
    network = admin.network()
    admin.subnet(network, service_types=["compute:nova"])
    admin.refused(409, "IpAddressGenerationFailureNoMatchingSubnet", admin.port, network)
    assert addresses(admin.port(network, device_owner="compute:nova")) == ["10.0.0.2"]


def test_cve_2018_14635_who_does_not_own_a_shared_network_does_not_choose_the_address(
    admin: Desk, bob: Desk
) -> None:
    network = admin.network(shared=True)
    subnet = admin.subnet(network, allocation_pools=[{"start": "10.0.0.10", "end": "10.0.0.20"}])
    chosen = [{"subnet_id": subnet["id"], "ip_address": "10.0.0.1"}]
    bob.refused(403, "PolicyNotAuthorized", bob.port, network, fixed_ips=chosen)
    port = bob.port(network, fixed_ips=[{"subnet_id": subnet["id"]}])
    assert addresses(port) == ["10.0.0.10"]
    bob.refused(403, "PolicyNotAuthorized", bob.update, "ports", port["id"], fixed_ips=chosen)
    assert addresses(bob.show("ports", port["id"])) == ["10.0.0.10"]


ROUTERS_OWNERS = (
    "network:router_interface",
    "network:router_interface_distributed",
    "network:router_gateway",
    "network:router_centralized_snat",
    "network:floatingip",
    "network:floatingip_agent_gateway",
)


@pytest.mark.parametrize("owner", ROUTERS_OWNERS)
def test_ossa_2014_008_no_port_poses_as_a_routers(alice: Desk, bob: Desk, admin: Desk, owner: str) -> None:
    router = bob.create("routers", name="bobs")
    network = alice.network()
    posing = {"device_owner": owner, "device_id": router["id"]}
    alice.refused(409, "DeviceIDNotOwnedByTenant", alice.port, network, **posing)
    port = alice.port(network)
    alice.refused(409, "DeviceIDNotOwnedByTenant", alice.update, "ports", port["id"], **posing)
    admin.refused(409, "DeviceIDNotOwnedByTenant", admin.update, "ports", port["id"], **posing)
    shown = alice.show("ports", port["id"])
    assert (shown["device_owner"], shown["device_id"]) == ("", "")


def test_ossa_2014_008_a_port_that_has_the_router_takes_the_owner_in_a_second_step(
    alice: Desk, bob: Desk
) -> None:
    router = bob.create("routers")
    network = alice.network()
    port = alice.port(network, device_id=router["id"])
    alice.refused(
        409,
        "DeviceIDNotOwnedByTenant",
        alice.update,
        "ports",
        port["id"],
        device_owner="network:router_interface",
    )


def test_a_routers_port_is_moved_and_removed_by_the_router_alone(alice: Desk, admin: Desk) -> None:
    network = alice.network()
    subnet = alice.subnet(network)
    router = alice.create("routers")
    alice.ask("routers", "add_router_interface", id=router["id"], body={"subnet_id": subnet["id"]})
    port = alice.index("ports", network_id=network["id"])[0]
    sentence = admin.refused(409, "ServicePortInUse", admin.delete, "ports", port["id"])
    assert "has device owner network:router_interface" in sentence
    admin.refused(
        409, "UnsupportedPortDeviceOwner", admin.update, "ports", port["id"], device_owner="compute:nova"
    )
    admin.refused(
        409, "UnsupportedPortDeviceOwner", admin.update, "ports", port["id"], mac_address="fa:16:3e:00:00:09"
    )
    alice.refused(409, "SubnetInUse", alice.delete, "subnets", subnet["id"])


@pytest.mark.parametrize(
    "given",
    [
        {"device_owner": "network:dhcp"},
        {"mac_address": "fa:16:3e:00:00:07"},
        {"binding:host_id": "elsewhere"},
        {"binding:profile": {"a": "b"}},
        {"fixed_ips": [{"ip_address": "10.0.0.77"}]},
    ],
    ids=lambda given: next(iter(given)),
)
def test_cve_2026_50266_a_project_manager_sets_nothing_of_the_networks_on_a_shared_network(
    admin: Desk, bob: Desk, given: dict[str, object]
) -> None:
    network = admin.network(shared=True)
    admin.subnet(network)
    manager = Desk(bob.service, person(BOB, "manager", "member", "reader"))
    manager.refused(403, "PolicyNotAuthorized", manager.port, network, **given)
    port = manager.port(network)
    manager.refused(403, "PolicyNotAuthorized", manager.update, "ports", port["id"], **given)
    kept = {name: port[name] for name in given if name in port}
    assert {name: manager.show("ports", port["id"])[name] for name in kept} == kept


def test_the_owner_of_a_network_sees_the_ports_on_it(admin: Desk, bob: Desk, alice: Desk) -> None:
    network = alice.network()
    alice.create(
        "rbac_policies",
        object_type="network",
        object_id=network["id"],
        action="access_as_shared",
        target_tenant=BOB,
    )
    port = bob.port(network)
    assert alice.show("ports", port["id"])["project_id"] == BOB
    assert [one["id"] for one in alice.index("ports")] == [port["id"]]
    assert port["project_id"] != ALICE != OPERATOR
    assert len(admin.index("ports")) == 1


def test_a_port_on_a_network_that_is_not_there_is_not_found(alice: Desk, bob: Desk) -> None:
    network = alice.network()
    sentence = bob.refused(404, "NetworkNotFound", bob.port, network)
    assert network["id"] in sentence
