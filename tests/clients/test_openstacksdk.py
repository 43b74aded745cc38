"""The cloud layer of openstacksdk, and what Ansible's modules do: find, make, find, change nothing."""

from __future__ import annotations

from typing import Any

import pytest

from deuteron.lab.probe import ping
from tests.serve.running import Serving

pytestmark = pytest.mark.kernel


def test_the_cloud_layer_from_a_network_to_an_answered_ping(serve: Serving) -> None:
    with serve.cloud() as cloud:
        public = cloud.create_network(
            "public", external=True, provider={"network_type": "flat", "physical_network": "physnet1"}
        )
        cloud.create_subnet(public.id, "203.0.113.0/24", enable_dhcp=False)
        assert [one.id for one in cloud.get_external_ipv4_floating_networks()] == [public.id]
        private = cloud.create_network("private", mtu_size=1400)
        inside = cloud.create_subnet("private", cidr="10.0.0.0/24", subnet_name="inside")
        router = cloud.create_router("r1", ext_gateway_net_id=public.id, enable_snat=True)
        cloud.add_router_interface(router, subnet_id=inside.id)
        assert [one["device_id"] for one in cloud.list_router_interfaces(router, "internal")] == [router.id]
        port = cloud.create_port(private.id, name="web", fixed_ips=[{"subnet_id": inside.id}])
        assert serve("port", "attach", "web", "--netns", "vm1").status == 0

        floating = cloud.network.create_ip(floating_network_id=public.id, port_id=port.id)
        assert serve("wait").status == 0
        assert cloud.network.wait_for_status(port, status="ACTIVE", interval=0.1, wait=20).status == "ACTIVE"
        found = cloud.get_floating_ip(floating.floating_ip_address)
        assert (found.id, found.fixed_ip_address) == (floating.id, port.fixed_ips[0]["ip_address"])
        assert ping("", floating.floating_ip_address, tries=3).ok

        assert cloud.delete_floating_ip(floating.id) is True
        assert cloud.delete_floating_ip(floating.id) is False
        assert cloud.remove_router_interface(router, subnet_id=inside.id) is None
        assert cloud.delete_router("r1") is True
        assert cloud.delete_port("web") is True
        assert cloud.delete_network("private") is True
        assert cloud.delete_network("private") is False
        assert [one.name for one in cloud.list_networks()] == ["public"]


def test_find_filter_tags_and_pages(serve: Serving) -> None:
    with serve.cloud() as cloud:
        network = cloud.network
        made = [network.create_network(name=f"n{number}") for number in range(7)]
        network.set_tags(made[3], ["blue", "edge"])
        assert network.find_network("n5").id == made[5].id
        assert network.find_network(made[5].id).name == "n5"
        assert network.find_network("none", ignore_missing=True) is None
        assert [one.name for one in network.networks(tags="blue,edge")] == ["n3"]
        assert [one.name for one in network.networks(not_tags="blue", name="n3")] == []
        by_page = list(network.networks(limit=3, sort_key="name", sort_dir="desc"))
        assert [one.name for one in by_page] == [f"n{number}" for number in reversed(range(7))]
        assert [one.name for one in cloud.search_networks(filters={"name": "n2"})] == ["n2"]
        twin = network.create_network(name="n0")
        with pytest.raises(Exception, match="More than one Network exists with the name 'n0'"):
            network.find_network("n0")
        network.delete_network(twin)
        stale = network.get_network(made[0].id)
        network.update_network(made[0].id, description="newer")
        with pytest.raises(Exception, match="Constrained to 0, but current revision is 1"):
            network.update_network(stale, if_revision=stale.revision_number, description="older")
        assert network.get_network(made[0].id).description == "newer"
        quota = network.update_quota("p1", networks=3)
        assert (quota.networks, network.get_quota("p1").networks) == (3, 3)
        network.delete_quota("p1")
        assert network.get_quota("p1").networks == 100


#: Each as its module takes it; run twice, the second run changes nothing.
PLAYBOOK = (
    ("network", {"name": "ans-public", "external": True, "physical": "physnet1"}),
    ("subnet", {"name": "ans-outside", "network": "ans-public", "cidr": "203.0.113.0/24", "dhcp": False}),
    ("network", {"name": "ans-net"}),
    ("subnet", {"name": "ans-subnet", "network": "ans-net", "cidr": "10.3.0.0/24", "dhcp": True}),
    ("router", {"name": "ans-router", "network": "ans-public", "interfaces": ["ans-subnet"]}),
    ("port", {"name": "ans-port", "network": "ans-net", "ip": "10.3.0.9"}),
)


def test_a_playbook_twice_changes_everything_once(serve: Serving) -> None:
    with serve.cloud() as cloud:
        assert [module(cloud, name, given) for name, given in PLAYBOOK] == [True] * len(PLAYBOOK)
        assert [module(cloud, name, given) for name, given in PLAYBOOK] == [False] * len(PLAYBOOK)
        (interface,) = cloud.list_router_interfaces(cloud.get_router("ans-router"), "internal")
        assert interface["fixed_ips"][0]["ip_address"] == "10.3.0.1"
        absent(cloud)
        assert [one.name for one in cloud.list_networks()] == []


def module(cloud: Any, name: str, given: dict[str, Any]) -> bool:
    """What a module asks for ``state: present``; whether it has changed anything."""
    return {"network": network, "subnet": subnet, "router": router, "port": port}[name](cloud, given)


def network(cloud: Any, given: dict[str, Any]) -> bool:
    if cloud.network.find_network(given["name"]):
        return False
    body = {"name": given["name"], "shared": False, "admin_state_up": True}
    if given.get("external"):
        body |= {"router:external": True, "provider:network_type": "flat"}
        body |= {"provider:physical_network": given["physical"]}
    cloud.network.create_network(**body)
    return True


def subnet(cloud: Any, given: dict[str, Any]) -> bool:
    of = cloud.network.find_network(given["network"], ignore_missing=False)
    found = cloud.network.find_subnet(given["name"], network_id=of.id)
    body = {"name": given["name"], "network_id": of.id, "cidr": given["cidr"], "ip_version": 4}
    body |= {"enable_dhcp": given["dhcp"]}
    if found is None:
        cloud.network.create_subnet(**body)
        return True
    wanted = {"cidr": given["cidr"], "ip_version": 4, "is_dhcp_enabled": given["dhcp"]}
    differing = {key: value for key, value in wanted.items() if found[key] != value}
    if differing:
        cloud.network.update_subnet(found, **differing)
    return bool(differing)


def router(cloud: Any, given: dict[str, Any]) -> bool:
    found = cloud.network.find_router(given["name"])
    outside = cloud.network.find_network(given["network"], ignore_missing=False)
    subnets = [cloud.network.find_subnet(one, ignore_missing=False) for one in given["interfaces"]]
    changed = found is None
    if found is None:
        gateway = {"network_id": outside.id, "enable_snat": True}
        found = cloud.network.create_router(name=given["name"], external_gateway_info=gateway)
    info = found.external_gateway_info
    if (info["network_id"], info["enable_snat"]) != (outside.id, True):
        cloud.network.update_router(found, external_gateway_info={"network_id": outside.id})
        changed = True
    filters = {"device_id": found.id, "device_owner": "network:router_interface"}
    there = {ip["subnet_id"] for one in cloud.network.ports(**filters) for ip in one.fixed_ips}
    for one in subnets:
        if one.id not in there:
            cloud.network.add_interface_to_router(found.id, subnet_id=one.id)
            changed = True
    return changed


def port(cloud: Any, given: dict[str, Any]) -> bool:
    of = cloud.network.find_network(given["network"], ignore_missing=False)
    found = cloud.network.find_port(given["name"], network_id=of.id)
    wanted = [{"ip_address": given["ip"]}]
    if found is None:
        cloud.network.create_port(name=given["name"], network_id=of.id, fixed_ips=wanted)
        return True
    return [one["ip_address"] for one in found.fixed_ips] != [given["ip"]]


def absent(cloud: Any) -> None:
    """``state: absent``, in the other direction."""
    cloud.network.delete_port(cloud.network.find_port("ans-port"))
    found = cloud.network.find_router("ans-router")
    for one in cloud.list_router_interfaces(found, "internal"):
        cloud.network.remove_interface_from_router(found.id, port_id=one["id"])
    cloud.network.delete_router(found)
    for name in ("ans-net", "ans-public"):
        cloud.network.delete_network(cloud.network.find_network(name))
