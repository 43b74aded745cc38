from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from deuteron.domain import HostView
from deuteron.errors import InputError
from deuteron.inputs import load
from tests.strategies import HOSTS, Json, sync_routers
from tests.unit.inputs.support import PAYLOADS

RECORDED = {path.stem: json.loads(path.read_text()) for path in sorted(PAYLOADS.glob("*.json"))}
PARTS = [(name, host) for name, payload in RECORDED.items() for host in payload["hosts"]]


def read(folder: Path, payload: object, host: str | None = None, *bridges: str) -> HostView:
    path = folder / "payload.json"
    path.write_text(json.dumps(payload))
    return load(path, host=host, external_bridges=bridges).view


def refused(folder: Path, payload: object, host: str | None = None, *bridges: str) -> InputError:
    with pytest.raises(InputError) as caught:
        read(folder, payload, host, *bridges)
    return caught.value


def recorded(name: str, host: str) -> tuple[Json, Json]:
    """A recording, and one router of a host in it, to be changed."""
    payload = copy.deepcopy(RECORDED[name])
    return payload, payload["hosts"][host]["sync_routers"][0]


@pytest.mark.parametrize(("name", "host"), PARTS)
def test_every_host_of_every_recording_loads(tmp_path: Path, name: str, host: str) -> None:
    model = read(tmp_path, RECORDED[name], host)
    told = RECORDED[name]["hosts"][host]["sync_routers"]
    assert {router.id for router in model.routers} == {router["id"] for router in told}
    floating = [
        one for router in told for key in ("_floatingips", "_pf_floatingips") for one in router.get(key, [])
    ]
    served = {one.id for one in model.floating_ips}
    assert served <= {one["id"] for one in floating}
    elsewhere = {one["id"] for one in floating} - served
    centralised = all(router["distributed"] and router["gw_port_host"] != host for router in told)
    assert not elsewhere or centralised, "a floating IP that another host serves"


@pytest.mark.parametrize(("name", "host"), PARTS)
def test_the_bare_list_means_the_same(tmp_path: Path, name: str, host: str) -> None:
    whole = read(tmp_path, RECORDED[name], host)
    bare = read(tmp_path, RECORDED[name]["hosts"][host]["sync_routers"], host)
    assert bare.routers == whole.routers
    assert bare.floating_ips == whole.floating_ips


def test_only_the_gateways_host_has_the_snat_namespace(tmp_path: Path) -> None:
    here = {
        host: read(tmp_path, RECORDED["dvr-one-fip"], host).routers[0].snat_here
        for host in HOSTS
        if host != "far1"
    }
    assert here == {"net1": True, "compute1": False, "compute2": False}


def test_each_host_has_an_agent_gateway_of_its_own(tmp_path: Path) -> None:
    ports = {
        read(tmp_path, RECORDED["dvr-one-fip"], host).agent_gateways
        for host in ("net1", "compute1", "compute2")
    }
    assert len(ports) == 3
    assert all(len(one) == 1 for one in ports)


def test_other_external_networks_agent_ports_are_left_out(tmp_path: Path) -> None:
    model = read(tmp_path, RECORDED["dvr-sixty-fips"], "compute1")
    (gateway,) = model.agent_gateways
    port = next(port for port in model.ports if port.id == gateway)
    assert [fixed.ip_address for fixed in port.fixed_ips] == ["198.51.100.15", "2001:db8:ff::2fa"]


def test_extra_subnets_are_subnets_of_the_network(tmp_path: Path) -> None:
    model = read(tmp_path, RECORDED["dvr-sixty-fips"], "net1")
    external = next(network.id for network in model.networks if network.external)
    assert {subnet.cidr for subnet in model.subnets if subnet.network_id == external} == {
        "198.51.100.0/25",
        "198.51.100.128/25",
        "2001:db8:ff::/64",
    }


def test_forwarded_ports_are_read(tmp_path: Path) -> None:
    model = read(tmp_path, RECORDED["legacy-port-forwarding"])
    (forwarding,) = [one for one in model.floating_ips if one.port_forwardings]
    (rule,) = forwarding.port_forwardings
    assert (rule.protocol, rule.external_port, rule.internal_ip_address, rule.internal_port) == (
        "tcp", 8080, "10.1.0.10", 80,
    )  # fmt: skip


def test_forwarded_ports_that_are_not_told_are_a_notice(tmp_path: Path) -> None:
    payload, router = recorded("legacy-port-forwarding", "legacy1")
    del router["_pf_floatingips"]
    assert any("_pf_floatingips" in notice for notice in read(tmp_path, payload).notices)


@pytest.mark.parametrize(
    ("change", "host", "served", "centralised"),
    [
        ({}, "compute1", True, False),
        ({"host": "compute2"}, "compute1", False, False),
        ({"host": "compute2", "dest_host": "compute1"}, "compute1", True, False),
        ({"host": None}, "compute1", False, False),
        ({"dvr_snat_bound": True}, "compute1", False, False),
        ({"host": "FLOATING_IP_HOST_NEEDS_BINDING", "dvr_snat_bound": True}, "net1", True, True),
        ({"host": "net1"}, "net1", True, False),
    ],
)
def test_where_a_floating_ip_is_served(
    tmp_path: Path, change: dict[str, Any], host: str, served: bool, centralised: bool
) -> None:
    payload, source = recorded("dvr-one-fip", "compute1")
    floating = {**source["_floatingips"][0], **change}
    payload["hosts"][host]["sync_routers"][0]["_floatingips"] = [floating]
    found = read(tmp_path, payload, host).floating_ips
    assert [one.centralised for one in found] == ([centralised] if served else [])


def test_a_host_without_external_access_has_no_fip_namespace(tmp_path: Path) -> None:
    payload, _ = recorded("dvr-one-fip", "compute1")
    payload["hosts"]["compute1"]["agent_mode"] = "dvr_no_external"
    model = read(tmp_path, payload, "compute1")
    assert (model.agent_gateways, model.legs, model.floating_ips) == ((), (), ())


def test_a_distributed_host_that_is_no_network_node_has_no_gateway(tmp_path: Path) -> None:
    payload, router = recorded("dvr-one-fip", "compute1")
    router["gw_port_host"] = "compute1"
    assert not read(tmp_path, payload, "compute1").routers[0].snat_here


def test_a_router_without_gateway(tmp_path: Path) -> None:
    payload, router = recorded("dvr-no-snat", "compute1")
    for key in ("gw_port", "gw_port_id", "external_gateway_info", "_snat_router_interfaces", "gw_port_host"):
        router[key] = None
    model = read(tmp_path, payload, "compute1")
    assert model.routers[0].gateway is None
    assert model.agent_gateways == ()


def test_snat_switched_off(tmp_path: Path) -> None:
    gateway = read(tmp_path, RECORDED["dvr-no-snat"], "net1").routers[0].gateway
    assert gateway is not None
    assert not gateway.enable_snat


def test_bridges_by_option(tmp_path: Path) -> None:
    payload = RECORDED["dvr-one-fip"]
    network = payload["hosts"]["net1"]["sync_routers"][0]["gw_port"]["network_id"]
    for options, bridge in (((), "br-ex"), (("br-x",), "br-x"), (("br-x", f"{network}=br-y"), "br-y")):
        model = read(tmp_path, payload, "net1", *options)
        assert [one.bridge for one in model.networks if one.external] == [bridge]
        assert not any(one.bridge for one in model.networks if not one.external)


def test_a_bridge_that_is_no_device_name(tmp_path: Path) -> None:
    assert refused(tmp_path, RECORDED["dvr-one-fip"], "net1", "a/b").code == "bad-external-bridge"


def test_the_host_must_be_said_where_there_are_several(tmp_path: Path) -> None:
    error = refused(tmp_path, RECORDED["dvr-one-fip"])
    assert error.code == "host-required"
    assert "--host" in error.message
    assert "compute1" in error.message


def test_a_host_that_is_not_there(tmp_path: Path) -> None:
    error = refused(tmp_path, RECORDED["dvr-one-fip"], "compute9")
    assert error.code == "unknown-host"
    assert "did you mean 'compute" in error.message


def test_a_highly_available_router_is_refused(tmp_path: Path) -> None:
    payload, router = recorded("legacy-dual-stack", "legacy1")
    router["ha"] = True
    error = refused(tmp_path, payload)
    assert error.code == "ha-router"
    assert "--no-ha" in error.message


def test_subnets_have_the_address_scopes_of_their_ports(tmp_path: Path) -> None:
    payload, router = recorded("dvr-no-snat", "net1")
    router["gw_port"]["address_scopes"] = {"4": "a", "6": None}
    router["_interfaces"][0]["address_scopes"] = {"4": "b", "6": "c"}
    model = read(tmp_path, payload, "net1")
    told = {router["gw_port"]["network_id"]: "a", router["_interfaces"][0]["network_id"]: "b"}
    assert {one.network_id: one.address_scope for one in model.subnets if one.address_scope} == told


def test_ports_of_one_network_in_different_address_scopes_are_refused(tmp_path: Path) -> None:
    payload, router = recorded("dvr-no-snat", "net1")
    port, scopes = router["_interfaces"][0], iter("ab")
    for one in (port, *router["_snat_router_interfaces"]):
        if one["network_id"] == port["network_id"]:
            one["address_scopes"] = {"4": next(scopes), "6": None}
    assert refused(tmp_path, payload, "net1").code == "address-scopes"


def test_a_forwarding_of_another_protocol_is_a_notice(tmp_path: Path) -> None:
    payload, router = recorded("legacy-port-forwarding", "legacy1")
    router["_pf_floatingips"][0]["port_forwardings"][0]["protocol"] = "sctp"
    model = read(tmp_path, payload)
    assert not any(one.port_forwardings for one in model.floating_ips)
    assert any("TCP and UDP" in notice for notice in model.notices)


def test_a_subnet_that_waits_for_its_prefix_is_left_out(tmp_path: Path) -> None:
    payload, router = recorded("legacy-dual-stack", "legacy1")
    port = next(each for each in router["_interfaces"] if ":" in each["subnets"][0]["cidr"])
    told = [subnet for each in router["_interfaces"] for subnet in each["subnets"] + each["extra_subnets"]]
    for subnet in told:
        if ":" in subnet["cidr"]:
            subnet.update(cidr="::/64", gateway_ip="::")
    port["fixed_ips"] = [{"ip_address": "::1", "prefixlen": 64, "subnet_id": port["subnets"][0]["id"]}]
    model = read(tmp_path, payload)
    assert port["id"] not in model.routers[0].interfaces
    assert not any(one.cidr == "::/64" for one in model.subnets)
    assert any("Prefix delegation" in notice for notice in model.notices)


def test_a_forwarded_range_whose_ports_are_not_told_is_a_notice(tmp_path: Path) -> None:
    payload, router = recorded("legacy-port-forwarding", "legacy1")
    rules = router["_pf_floatingips"][0]["port_forwardings"]
    rules.append({"id": "r", "internal_ip_address": "10.1.0.10", "protocol": "tcp"})
    model = read(tmp_path, payload)
    assert [len(one.port_forwardings) for one in model.floating_ips if one.port_forwardings] == [1]
    assert any("without their ports" in notice for notice in model.notices)


@pytest.mark.parametrize(
    ("key", "value", "word"),
    [
        ("conntrack_helpers", [{"protocol": "udp", "port": 69, "helper": "tftp"}], "Conntrack helpers"),
        ("enable_default_route_ecmp", True, "ECMP"),
        ("enable_default_route_bfd", True, "BFD"),
        ("qos_policy_id", "x", "QoS"),
        ("enable_ndp_proxy", True, "NDP proxies"),
        ("something_new", {"a": 1}, "something_new"),
    ],
)
def test_what_is_not_done_is_told(tmp_path: Path, key: str, value: object, word: str) -> None:
    payload, router = recorded("legacy-port-forwarding", "legacy1")
    before = read(tmp_path, payload).notices
    router[key] = value
    (told,) = set(read(tmp_path, payload).notices) - set(before)
    assert word in told


def test_legs_stay_with_their_routers(tmp_path: Path) -> None:
    path = tmp_path / "payload.json"
    path.write_text(json.dumps(RECORDED["dvr-one-fip"]))
    first = load(path, host="net1")
    assert load(path, host="net1", allocations=first.allocations) == first


def test_a_wrong_type_is_named_by_its_path(tmp_path: Path) -> None:
    payload, router = recorded("dvr-one-fip", "net1")
    router["_interfaces"][0]["fixed_ips"][0]["ip_address"] = 5
    message = refused(tmp_path, payload, "net1").message
    assert "hosts.net1.sync_routers[0]._interfaces[0].fixed_ips[0].ip_address" in message


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(payload=sync_routers())
def test_payloads_of_the_same_form_load_on_every_host(tmp_path: Path, payload: Json) -> None:
    for host in payload["hosts"]:
        model = read(tmp_path, payload, host)
        assert len(model.routers) == len(payload["hosts"][host]["sync_routers"])
        assert all(one.centralised <= any(r.snat_here for r in model.routers) for one in model.floating_ips)
