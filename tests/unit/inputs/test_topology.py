from __future__ import annotations

from ipaddress import ip_address, ip_network
from pathlib import Path

import msgspec
import pytest

from deuteron.domain import Binding, HostView, Port, Router
from deuteron.domain.port import AGENT_GATEWAY, ROUTER_GATEWAY, ROUTER_INTERFACE_DISTRIBUTED, ROUTER_SNAT
from deuteron.inputs import Allocations, Loaded, load
from tests.unit.inputs.support import BASE, EXAMPLES, loaded, view


def port(model: HostView, name: str) -> Port:
    return next(one for one in model.ports if one.name == name)


def owned(model: HostView, owner: str) -> list[Port]:
    return [one for one in model.ports if one.device_owner == owner]


def router(model: HostView, name: str = "r1") -> Router:
    return next(one for one in model.routers if one.name == name)


def test_the_file_of_the_design(tmp_path: Path) -> None:
    model = view(tmp_path, BASE)
    r1 = router(model)
    assert r1.distributed
    assert r1.snat_here
    assert [fixed.ip_address for fixed in owned(model, ROUTER_INTERFACE_DISTRIBUTED)[0].fixed_ips] == [
        "10.0.0.1"
    ]
    assert port(model, "vm1").binding == Binding(netns="vm1")
    assert port(model, "vm2").binding is None
    (floating,) = model.floating_ips
    assert (floating.floating_ip_address, floating.fixed_ip_address) == ("203.0.113.50", "10.0.0.5")
    assert floating.router_id == r1.id
    assert not floating.centralised
    (public,) = [network for network in model.networks if network.external]
    assert (public.bridge, public.mtu) == ("br-ex", 1500)
    assert [leg.router_id for leg in model.legs] == [r1.id]


def test_ports_that_the_file_leaves_to_us_have_addresses_of_their_subnets(tmp_path: Path) -> None:
    model = view(tmp_path, BASE)
    for owner, prefix in (
        (ROUTER_GATEWAY, "203.0.113.0/24"),
        (AGENT_GATEWAY, "203.0.113.0/24"),
        (ROUTER_SNAT, "10.0.0.0/24"),
    ):
        (one,) = owned(model, owner)
        assert ip_address(one.fixed_ips[0].ip_address) in ip_network(prefix)
        assert one.mac_address.startswith("fa:16:3e:")


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_examples_load_and_stay_the_same(example: Path) -> None:
    first = load(example, host="host1")
    again = load(example, host="host1", allocations=first.allocations)
    assert again == first
    assert first.view.routers


def test_the_order_of_the_file_is_of_no_account(tmp_path: Path) -> None:
    lines = BASE.splitlines(keepends=True)
    swapped = "".join([*lines[:9], lines[9], lines[11], lines[10], *lines[12:]]).replace(
        lines[2] + lines[3], lines[3] + lines[2]
    )
    assert "vm2" in swapped.split("vm1")[0]
    assert view(tmp_path, swapped) == view(tmp_path, BASE)


def test_allocations_survive_an_encoding(tmp_path: Path) -> None:
    kept = loaded(tmp_path, BASE).allocations
    assert msgspec.json.decode(msgspec.json.encode(kept), type=Allocations) == kept


def test_an_allocated_floating_ip_stays_when_others_come_and_go(tmp_path: Path) -> None:
    open_ip = BASE.replace("floating_ip_address: 203.0.113.50, ", "")
    first = loaded(tmp_path, open_ip)
    address = first.view.floating_ips[0].floating_ip_address
    more = open_ip + "".join("  - {floating_network_id: public}\n" for _ in range(100))
    second = loaded(tmp_path, more, first.allocations)
    mine = next(one for one in second.view.floating_ips if one.port_id)
    assert mine.floating_ip_address == address
    assert len({one.floating_ip_address for one in second.view.floating_ips}) == 101


def test_an_address_of_the_file_wins_over_an_earlier_choice(tmp_path: Path) -> None:
    open_ip = BASE.replace("floating_ip_address: 203.0.113.50, ", "")
    first = loaded(tmp_path, open_ip)
    address = first.view.floating_ips[0].floating_ip_address
    second = loaded(
        tmp_path,
        open_ip + f"  - {{floating_network_id: public, floating_ip_address: {address}}}\n",
        first.allocations,
    )
    moved = next(one for one in second.view.floating_ips if one.port_id)
    assert moved.floating_ip_address != address


def test_what_is_gone_is_forgotten(tmp_path: Path) -> None:
    first = loaded(tmp_path, BASE)
    assert first.allocations.entries
    assert loaded(tmp_path, "{}", first.allocations).allocations.entries == ()


def test_an_unquoted_mac_is_a_mac(tmp_path: Path) -> None:
    text = BASE.replace("{name: vm2,", "{name: vm2, mac_address: 10:11:22:33:44:55,")
    assert port(view(tmp_path, text), "vm2").mac_address == "10:11:22:33:44:55"


def test_a_mac_and_addresses_are_brought_into_their_canonical_form(tmp_path: Path) -> None:
    text = BASE.replace("{name: vm2,", "{name: vm2, mac_address: FA-16-3E-00-00-0A,").replace(
        "10.0.0.0/24}", "10.0.0.0/24}\n  - {name: w6, network_id: web, cidr: '2001:DB8:0::/64'}"
    )
    model = view(tmp_path, text)
    assert port(model, "vm2").mac_address == "fa:16:3e:00:00:0a"
    assert "2001:db8::/64" in [subnet.cidr for subnet in model.subnets]


def test_a_name_that_looks_like_a_truth_or_a_number_is_a_name(tmp_path: Path) -> None:
    model = view(
        tmp_path, "networks: [{name: no}, {name: 12}]\nsubnets: [{network_id: 12, cidr: 10.0.0.0/24}]\n"
    )
    assert {network.name for network in model.networks} == {"no", "12"}


def test_default_gateways_are_those_of_neutron(tmp_path: Path) -> None:
    text = (
        "networks: [{name: a}]\nsubnets:\n"
        "- {name: four, network_id: a, cidr: 10.0.0.0/24}\n"
        "- {name: none, network_id: a, cidr: 10.0.1.0/24, gateway_ip: null}\n"
        "- {name: six, network_id: a, cidr: 'fd00::/64'}\n"
    )
    gateways = {subnet.name: subnet.gateway_ip for subnet in view(tmp_path, text).subnets}
    assert gateways == {"four": "10.0.0.1", "none": "", "six": "fd00::"}


def test_an_instance_makes_its_address_where_the_subnet_is_slaac(tmp_path: Path) -> None:
    text = (
        "networks: [{name: a}]\n"
        "subnets: [{network_id: a, cidr: '2001:db8::/64', ipv6_address_mode: slaac, ipv6_ra_mode: slaac}]\n"
        "ports: [{name: vm, network_id: a, mac_address: 'fa:16:3e:01:02:03'}]\n"
    )
    model = view(tmp_path, text)
    assert [fixed.ip_address for fixed in port(model, "vm").fixed_ips] == ["2001:db8::f816:3eff:fe01:203"]
    assert any("advertisements" in notice for notice in model.notices)


def test_addresses_come_from_the_pools(tmp_path: Path) -> None:
    text = (
        "networks: [{name: a}]\nsubnets:\n"
        "- {network_id: a, cidr: 10.0.0.0/24, allocation_pools: [{start: 10.0.0.7, end: 10.0.0.8}, "
        "{start: 10.0.0.20, end: 10.0.0.20}]}\n"
        "ports: [{name: x, network_id: a}, {name: y, network_id: a}, {name: z, network_id: a}]\n"
    )
    chosen = {fixed.ip_address for one in view(tmp_path, text).ports for fixed in one.fixed_ips}
    assert chosen == {"10.0.0.7", "10.0.0.8", "10.0.0.20"}


def test_forwarded_ranges_are_one_rule_a_port(tmp_path: Path) -> None:
    model = load(EXAMPLES / "port-forwarding.yaml", host="host1").view
    rules = {(rule.protocol, rule.external_port): rule for rule in model.floating_ips[0].port_forwardings}
    assert rules["tcp", 8080].internal_port == 80
    assert rules["tcp", 9003].internal_port == 9003
    assert rules["udp", 53].internal_ip_address == "10.0.0.6"
    assert len(rules) == 6


def test_forwarding_on_a_distributed_router_is_centralised(tmp_path: Path) -> None:
    text = BASE + (
        "  - {floating_network_id: public, port_forwardings: [{protocol: tcp, external_port: 80, "
        "internal_port: 80, internal_port_id: vm2}]}\n"
    )
    (forwarding,) = [one for one in view(tmp_path, text).floating_ips if one.port_forwardings]
    assert forwarding.centralised
    assert forwarding.router_id


def test_an_interface_by_port(tmp_path: Path) -> None:
    text = BASE.replace("[web-v4]", "[{port_id: vm2}]")
    model = view(tmp_path, text)
    assert router(model).interfaces == (port(model, "vm2").id,)
    assert port(model, "vm2").device_owner == ROUTER_INTERFACE_DISTRIBUTED


def test_the_router_at_the_subnets_gateway_takes_the_floating_ip(tmp_path: Path) -> None:
    text = BASE.replace(
        "routers:",
        "routers:\n  - {name: r0, external_gateway_info: {network_id: public}, interfaces: [{port_id: vm2}]}",
    )
    model = view(tmp_path, text)
    assert model.floating_ips[0].router_id == router(model, "r1").id


def test_a_tap_is_told_of(tmp_path: Path) -> None:
    model = view(tmp_path, BASE.replace("{netns: vm1}", "{tap: tap-vm1}"))
    assert any("DHCP" in notice for notice in model.notices)
    assert not view(tmp_path, BASE).notices


def test_harmless_values_of_what_is_not_honoured_pass(tmp_path: Path) -> None:
    text = BASE.replace(
        "{name: vm2,",
        "{name: vm2, description: x, tags: [a], security_groups: [], port_security_enabled: false, "
        "qos_policy_id: null, allowed_address_pairs: [], 'binding:vnic_type': normal, dns_name: '',",
    ).replace("{name: r1,", "{name: r1, ha: false, flavor_id: null,")
    assert view(tmp_path, text) == view(tmp_path, BASE)


def test_json_is_taken_as_well(tmp_path: Path) -> None:
    text = '{"networks": [{"name": "a", "mtu": 1400}]}'
    assert view(tmp_path, text).networks[0].mtu == 1400


def test_a_thousand_routers_and_ten_thousand_floating_ips_load_in_seconds(tmp_path: Path) -> None:
    done: Loaded = loaded(tmp_path, big(1000, 10_000))
    assert len(done.view.floating_ips) == 10_000
    assert len({leg.index for leg in done.view.legs}) == 1000


def big(routers: int, floating: int) -> str:
    lines = ["bridge_mappings: {p: br-ex}", "networks:"]
    lines += [
        "- {name: ext, router:external: true, provider:network_type: flat, provider:physical_network: p}"
    ]
    lines += [f"- {{name: n{i}}}" for i in range(routers)]
    lines += ["subnets:", "- {network_id: ext, cidr: 100.64.0.0/12}"]
    lines += [f"- {{name: n{i}, network_id: n{i}, cidr: 10.0.0.0/16}}" for i in range(routers)]
    lines += ["routers:"]
    lines += [
        f"- {{name: r{i}, distributed: on, interfaces: [n{i}], external_gateway_info: {{network_id: ext}}}}"
        for i in range(routers)
    ]
    lines += ["ports:", *(f"- {{name: vm{i}, network_id: n{i % routers}}}" for i in range(floating))]
    lines += [
        "floatingips:",
        *(f"- {{floating_network_id: ext, port_id: vm{i}}}" for i in range(floating)),
    ]
    return "\n".join(lines) + "\n"
