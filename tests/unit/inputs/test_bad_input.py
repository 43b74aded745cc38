from __future__ import annotations

from pathlib import Path

import pytest

from deuteron.errors import InputError
from deuteron.inputs import load
from tests.unit.inputs.support import BASE, loaded, write


def replaced(old: str, new: str) -> str:
    assert old in BASE
    return BASE.replace(old, new)


def with_port(text: str) -> str:
    return BASE.replace("floatingips:", f"  - {text}\nfloatingips:")


def with_fip(text: str) -> str:
    return BASE + f"  - {text}\n"


def with_subnet(text: str) -> str:
    return BASE.replace("routers:", f"  - {text}\nrouters:")


def with_router(text: str) -> str:
    return BASE.replace("ports:", f"  - {text}\nports:")


VM3 = "{name: vm3, network_id: web, "
EMPTY = "networks: []\n"

CASES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "not yaml": ("networks: [\n", "not-yaml", ("topology.yaml:2", "not YAML")),
    "tabs": ("networks:\n\t- {}\n", "not-yaml", (":2:",)),
    "unknown anchor": ("networks: *x\n", "not-yaml", ("anchor",)),
    "alias of an entry": ("networks: &n [{name: a}]\nsubnets: *n\n", "not-yaml", (":2:", "alias")),
    "python tag": ("networks: !!python/object/apply:os.system ['id']\n", "not-yaml", ("tag",)),
    "two documents": ("networks: []\n---\nnetworks: []\n", "not-yaml", (":2:", "second document")),
    "empty": ("", "empty-file", ("empty",)),
    "comments only": ("# nothing\n", "empty-file", ("empty",)),
    "a word": ("hello\n", "wrong-type", ("mapping",)),
    "a list": ("- a\n", "wrong-type", ("mapping",)),
    "deep": ("networks: " + "[" * 200 + "]" * 200, "too-deep", ("nested deeper",)),
    "deep json": ("{" + '"a": [' * 5000, "too-deep", ("nested deeper",)),
    "key twice": ("networks: []\nnetworks: []\n", "duplicate-key", (":2:", "'networks'", "twice")),
    "key of an entry twice": ("networks:\n  - {name: a, name: b}\n", "duplicate-key", (":2:", "'name'")),
    "list as key": ("? [a]\n: b\n", "wrong-type", ("key",)),
    "unknown top key": ("network: []\n", "unknown-key", (":1:", "network", "did you mean 'networks'?")),
    "unknown key": ("networks:\n- {name: a, mtuu: 1}\n", "unknown-key", (":2:", "networks[0].mtuu", "'mtu'")),
    "far unknown key": ("networks:\n- {name: a, zzzz: 1}\n", "unknown-key", ("known are",)),
    "read-only key": (
        with_port(VM3 + "status: UP}"),
        "unknown-key",
        ("ports[2].status", "answer of the API"),
    ),
    "no name": ("networks:\n- {mtu: 1500}\n", "missing-key", ("networks[0]", "a name or an id")),
    "no cidr": (with_subnet("{name: x, network_id: web}"), "missing-key", ("subnets[2].cidr",)),
    "list for a word": ("networks:\n- {name: [a]}\n", "wrong-type", ("networks[0].name", "single value")),
    "word for a list": ("networks: web\n", "wrong-type", ("networks", "list")),
    "word for an entry": ("networks: [web]\n", "wrong-type", ("networks[0]", "mapping")),
    "word for a number": ("networks:\n- {name: a, mtu: big}\n", "wrong-type", ("networks[0].mtu", "number")),
    "word for a truth": (
        replaced("distributed: true", "distributed: maybe"),
        "wrong-type",
        ("true or false",),
    ),
    "mtu": ("networks:\n- {name: a, mtu: 67}\n", "bad-value", ("networks[0].mtu", "68")),
    "mtu for IPv6": (
        "networks:\n- {name: a, mtu: 1279}\nsubnets:\n- {network_id: a, cidr: 'fd00::/64'}\n",
        "mtu-too-small",
        (":2:", "networks[0].mtu", "1280"),
    ),
    "control character in a name": ('networks:\n- {name: "a\\n"}\n', "bad-value", ("networks[0].name",)),
    "path in an id": ("networks:\n- {id: ../../x}\n", "bad-value", ("networks[0].id",)),
    "same name twice": ("networks: [{name: a}, {name: a}]\n", "duplicate-id", ("networks[1].name",)),
    "same id twice": ("networks: [{id: a}, {id: a}]\n", "duplicate-id", ("networks[1].id",)),
    "vlan": (
        "networks:\n- {name: a, 'provider:network_type': vlan}\n",
        "not-honoured",
        ("networks[0].provider:network_type", "vlan"),
    ),
    "physical network of no type": (
        "networks:\n- {name: a, 'provider:physical_network': p}\n",
        "bad-value",
        ("provider:network_type: flat",),
    ),
    "no physical network": (
        "networks:\n- {name: a, 'provider:network_type': flat}\n",
        "missing-key",
        ("provider:physical_network",),
    ),
    "no mapping": (replaced("{physnet1: br-ex}", "{}"), "no-bridge-mapping", ("physnet1", "bridge_mappings")),
    "two networks on one bridge": (
        replaced(
            "  - {name: web}",
            "  - {name: web, 'provider:network_type': flat, 'provider:physical_network': physnet1}",
        ),
        "physical-network-in-use",
        ("networks[1]",),
    ),
    "bad bridge": (
        "bridge_mappings: {p: a-very-long-bridge-name}\n",
        "bad-value",
        ("bridge_mappings.p", "15"),
    ),
    "host bits": (with_subnet("{network_id: web, cidr: 10.1.0.1/24}"), "bad-value", ("10.1.0.0/24",)),
    "no prefix": (with_subnet("{network_id: web, cidr: ten}"), "bad-value", ("subnets[2].cidr",)),
    "multicast": (with_subnet("{network_id: web, cidr: 224.0.0.0/24}"), "bad-value", ("hosts cannot",)),
    "wrong version": (
        with_subnet("{network_id: web, cidr: 10.1.0.0/24, ip_version: 6}"),
        "bad-value",
        ("ip_version", "IPv4"),
    ),
    "gateway of the other family": (
        with_subnet("{network_id: web, cidr: 10.1.0.0/24, gateway_ip: 'fd00::1'}"),
        "bad-value",
        ("subnets[2].gateway_ip",),
    ),
    "pool outside": (
        with_subnet(
            "{network_id: web, cidr: 10.1.0.0/24, allocation_pools: [{start: 10.2.0.2, end: 10.2.0.9}]}"
        ),
        "address-outside-subnet",
        ("subnets[2].pools", "10.2.0.2"),
    ),
    "overlap on a network": (
        with_subnet("{name: x, network_id: web, cidr: 10.0.0.128/25}"),
        "overlapping-subnets",
        (":4:", "networks[1]", "10.0.0.0/24", "10.0.0.128/25"),
    ),
    "overlap on a router": (
        replaced("  - {name: web}", "  - {name: web}\n  - {name: web2}")
        .replace("routers:", "  - {name: w2, network_id: web2, cidr: 10.0.0.0/25}\nrouters:")
        .replace("[web-v4]", "[web-v4, w2]"),
        "overlapping-subnets",
        (":11:", "routers[0].interfaces", "overlap"),
    ),
    "an instance in a namespace of ours": (
        with_port(VM3 + "'binding:profile': {netns: net-vm3}}"),
        "bad-value",
        ("ports[2]", "net-vm3", "another name"),
    ),
    "port forwarding to an instance with a distributed floating IP": (
        with_fip(
            "{floating_network_id: public, floating_ip_address: 203.0.113.60, port_forwardings:"
            " [{protocol: tcp, external_port: 80, internal_port_id: vm1, internal_port: 80}]}"
        ),
        "fixed-address-taken",
        ("floatingips[1].port_forwardings", "10.0.0.5", "forward to another address"),
    ),
    "legs' range": (
        replaced("10.0.0.0/24", "169.254.0.0/16").replace("10.0.0.", "169.254.0."),
        "reserved-range",
        ("routers[0]", "169.254.64.0/18"),
    ),
    "name servers": (
        with_subnet("{network_id: web, cidr: 10.1.0.0/24, dns_nameservers: [10.1.0.2]}"),
        "not-honoured",
        ("subnets[2].dns_nameservers", "DHCP"),
    ),
    "ha": (with_router("{name: r2, ha: true}"), "not-honoured", ("routers[1].ha",)),
    "qos": (with_port(VM3 + "qos_policy_id: x}"), "not-honoured", ("ports[2].qos_policy_id",)),
    "security groups": (
        with_port(VM3 + "security_groups: [a]}"),
        "not-honoured",
        ("security_groups", "open"),
    ),
    "missing network": (
        with_port("{name: x, network_id: wbe}"),
        "no-such-name",
        ("'wbe'", "did you mean 'web'?"),
    ),
    "missing port": (
        with_fip("{floating_network_id: public, port_id: vmx}"),
        "no-such-name",
        (":15:", "'vm"),
    ),
    "ambiguous": (
        "networks: [{id: a, name: n}, {id: b, name: n}]\nports:\n- {name: p, network_id: n}\n",
        "ambiguous-name",
        (":3:", "ports[0].network_id", "2 networks", "write the id"),
    ),
    "address outside": (
        with_port(VM3 + "fixed_ips: [{ip_address: 10.0.1.5}]}"),
        "address-outside-subnet",
        ("ports[2].fixed_ips[0].ip_address", "10.0.1.5", "10.0.0.0/24"),
    ),
    "address outside its subnet": (
        with_port(VM3 + "fixed_ips: [{subnet_id: web-v4, ip_address: 10.0.1.5}]}"),
        "address-outside-subnet",
        (":13:", "ports[2]"),
    ),
    "subnet elsewhere": (
        with_port(VM3 + "fixed_ips: [{subnet_id: public-v4}]}"),
        "no-such-name",
        ("another network",),
    ),
    "broadcast": (with_port(VM3 + "fixed_ips: [{ip_address: 10.0.0.255}]}"), "bad-value", ("broadcast",)),
    "not an address": (with_port(VM3 + "fixed_ips: [{ip_address: 10.0.0}]}"), "bad-value", ("10.0.0",)),
    "same address": (
        with_port(VM3 + "fixed_ips: [{ip_address: 10.0.0.5}]}"),
        "duplicate-address",
        ("10.0.0.5", "in use"),
    ),
    "address of the router": (
        with_port(VM3 + "fixed_ips: [{ip_address: 10.0.0.1}]}"),
        "duplicate-address",
        ("10.0.0.1",),
    ),
    "same mac": (
        with_port(VM3 + "mac_address: 'fa:16:3e:00:00:01'}").replace(
            "{name: vm2,", "{name: vm2, mac_address: fa-16-3E-00-00-01,"
        ),
        "duplicate-mac",
        ("fa:16:3e:00:00:01",),
    ),
    "multicast mac": (with_port(VM3 + "mac_address: 01:00:5e:00:00:01}"), "bad-value", ("single station",)),
    "not a mac": (with_port(VM3 + "mac_address: 1}"), "bad-value", ("ports[2].mac_address",)),
    "same netns": (with_port(VM3 + "'binding:profile': {netns: vm1}}"), "binding-taken", ("'vm1'",)),
    "path in a netns": (with_port(VM3 + "'binding:profile': {netns: ../x}}"), "bad-value", ("netns",)),
    "long tap": (with_port(VM3 + "'binding:profile': {tap: a234567890123456}}"), "bad-value", ("15",)),
    "netns and tap": (with_port(VM3 + "'binding:profile': {tap: a, netns: b}}"), "bad-value", ("either",)),
    "router's port by hand": (
        with_port(VM3 + "device_owner: 'network:router_gateway'}"),
        "not-honoured",
        ("interfaces",),
    ),
    "gateway not external": (
        with_router("{name: r2, external_gateway_info: {network_id: web}}"),
        "gateway-not-external",
        ("routers[1].external_gateway_info.network_id", "router:external"),
    ),
    "interface on the gateway's network": (
        replaced("[web-v4]", "[web-v4, public-v4]"),
        "overlapping-subnets",
        ("routers[0].interfaces", "own gateway"),
    ),
    "subnet twice": (replaced("[web-v4]", "[web-v4, web-v4]"), "port-in-use", ("twice",)),
    "instance's port": (replaced("[web-v4]", "[{port_id: vm1}]"), "port-in-use", ("an instance",)),
    "second router, same address": (
        with_router("{name: r2, interfaces: [web-v4]}"),
        "duplicate-address",
        ("routers[1]", "10.0.0.1"),
    ),
    "subnet without gateway": (
        replaced("cidr: 10.0.0.0/24", "cidr: 10.0.0.0/24, gateway_ip: null"),
        "no-address",
        ("gateway_ip", "port_id"),
    ),
    "nexthop far away": (
        replaced("[web-v4]}", "[web-v4], routes: [{destination: 10.9.0.0/16, nexthop: 10.8.0.1}]}"),
        "unreachable-nexthop",
        ("routers[0].routes", "10.8.0.1"),
    ),
    "route to a subnet of the router": (
        replaced("[web-v4]}", "[web-v4], routes: [{destination: 10.0.0.0/24, nexthop: 10.0.0.9}]}"),
        "connected-destination",
        (":9: routers[0].routes", "10.0.0.0/24", "remove the route"),
    ),
    "route to a subnet of the router's gateway": (
        replaced("[web-v4]}", "[web-v4], routes: [{destination: 203.0.113.0/24, nexthop: 10.0.0.9}]}"),
        "connected-destination",
        ("routers[0].routes", "203.0.113.0/24"),
    ),
    "nexthop is the router": (
        replaced("[web-v4]}", "[web-v4], routes: [{destination: 10.9.0.0/16, nexthop: 10.0.0.1}]}"),
        "bad-value",
        ("own address",),
    ),
    "destination with host bits": (
        replaced("[web-v4]}", "[web-v4], routes: [{destination: 10.9.0.1/16, nexthop: 10.0.0.9}]}"),
        "bad-value",
        ("routes[0].destination", "10.9.0.0/16"),
    ),
    "route twice": (
        replaced(
            "[web-v4]}",
            "[web-v4], routes: [{destination: 10.9.0.0/16, nexthop: 10.0.0.9}, "
            "{destination: 10.9.0.0/16, nexthop: 10.0.0.9}]}",
        ),
        "duplicate-route",
        ("routers[0].routes",),
    ),
    "same floating address": (
        with_fip("{floating_network_id: public, floating_ip_address: 203.0.113.50, port_id: vm2}"),
        "duplicate-floating-ip",
        (":1", "203.0.113.50", "in use"),
    ),
    "foreign floating address": (
        with_fip("{floating_network_id: public, floating_ip_address: 192.0.2.9, port_id: vm2}"),
        "foreign-floating-ip",
        (":15:", "floatingips[1].floating_ip_address", "192.0.2.9"),
    ),
    "floating IP from a tenant network": (
        with_fip("{floating_network_id: web, port_id: vm2}"),
        "foreign-floating-ip",
        ("floatingips[1].floating_network_id",),
    ),
    "floating gateway address": (
        with_fip("{floating_network_id: public, floating_ip_address: 203.0.113.1}"),
        "foreign-floating-ip",
        ("gateway address",),
    ),
    "two floating IPs for one address": (
        with_fip("{floating_network_id: public, port_id: vm1}"),
        "fixed-address-taken",
        ("10.0.0.5",),
    ),
    "fixed address of another port": (
        with_fip("{floating_network_id: public, port_id: vm2, fixed_ip_address: 10.0.0.5}"),
        "foreign-floating-ip",
        ("10.0.0.5", "not an address of the port"),
    ),
    "fixed address without a port": (
        with_fip("{floating_network_id: public, fixed_ip_address: 10.0.0.5}"),
        "missing-key",
        ("port_id",),
    ),
    "no router in between": (
        replaced("interfaces: [web-v4]", "interfaces: []"),
        "foreign-floating-ip",
        (":14:", "floatingips[0].port_id", "no router"),
    ),
    "floating IP of IPv6": (
        with_fip("{floating_network_id: public, floating_ip_address: 'fd00::1'}"),
        "foreign-floating-ip",
        ("floatingips[1]",),
    ),
    "several addresses": (
        with_port(VM3 + "fixed_ips: [{ip_address: 10.0.0.8}, {ip_address: 10.0.0.9}]}")
        + "  - {floating_network_id: public, port_id: vm3}\n",
        "ambiguous-name",
        ("fixed_ip_address",),
    ),
    "forwarding and fixed address": (
        replaced(
            "port_id: vm1}",
            "port_id: vm1, port_forwardings: [{protocol: tcp, external_port: 1, "
            "internal_port: 1, internal_ip_address: 10.0.0.6}]}",
        ),
        "bad-value",
        ("not both",),
    ),
    "forwarding of a protocol": (
        with_fip(
            "{floating_network_id: public, port_forwardings: [{protocol: sctp, external_port: 1, "
            "internal_port: 1, internal_ip_address: 10.0.0.6}]}"
        ),
        "not-honoured",
        ("port_forwardings[0].protocol", "tcp and udp"),
    ),
    "forwarding of no port": (
        with_fip(
            "{floating_network_id: public, port_forwardings: [{protocol: tcp, external_port: 99999, "
            "internal_port: 1, internal_ip_address: 10.0.0.6}]}"
        ),
        "bad-value",
        ("external_port",),
    ),
    "forwarding twice": (
        with_fip(
            "{floating_network_id: public, port_forwardings: ["
            "{protocol: tcp, external_port: 1, internal_port: 1, internal_ip_address: 10.0.0.6}, "
            "{protocol: tcp, external_port: 1, internal_port: 2, internal_ip_address: 10.0.0.6}]}"
        ),
        "duplicate-forwarding",
        ("external port",),
    ),
    "forwarding to nowhere": (
        with_fip(
            "{floating_network_id: public, port_forwardings: [{protocol: tcp, external_port: 1, "
            "internal_port: 1, internal_ip_address: 10.7.0.6}]}"
        ),
        "foreign-floating-ip",
        ("10.7.0.6",),
    ),
    "NDP proxy of a router that does none": (
        BASE.replace(
            "routers:", "  - {name: w6, network_id: web, cidr: 'fd00::/64', gateway_ip: 'fd00::1'}\nrouters:"
        )
        .replace("[web-v4]}", "[web-v4, w6]}")
        .replace("[{ip_address: 10.0.0.6}]", "[{ip_address: 'fd00::6'}]")
        + "ndp_proxies:\n  - {router_id: r1, port_id: vm2}\n",
        "foreign-ndp-proxy",
        ("ndp_proxies[0].router_id", "enable_ndp_proxy"),
    ),
    "subnet full": (
        with_subnet("{name: tiny, network_id: web, cidr: 10.1.0.0/30}").replace(
            "[{ip_address: 10.0.0.6}]", "[{subnet_id: tiny}, {subnet_id: tiny}]"
        ),
        "no-address-left",
        ("ports[1]", "10.1.0.0/30"),
    ),
}


@pytest.mark.parametrize(("text", "code", "parts"), CASES.values(), ids=CASES.keys())
def test_refused_with_place_and_mend(tmp_path: Path, text: str, code: str, parts: tuple[str, ...]) -> None:
    with pytest.raises(InputError) as caught:
        loaded(tmp_path, text)
    assert caught.value.code == code, caught.value.message
    assert caught.value.exit_status == 2
    assert caught.value.message.startswith(str(tmp_path / "topology.yaml"))
    assert "\n" not in caught.value.message
    for part in parts:
        assert part in caught.value.message


def test_the_base_of_these_cases_is_good(tmp_path: Path) -> None:
    assert len(loaded(tmp_path, BASE).view.floating_ips) == 1


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load(tmp_path / "none.yaml")
    assert caught.value.code == "unreadable-file"
    assert "No such file" in caught.value.message


def test_a_directory(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load(tmp_path)


def test_octets_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "topology.yaml"
    path.write_bytes(b"networks: \xff\n")
    with pytest.raises(InputError) as caught:
        load(path)
    assert caught.value.code == "not-yaml"


def test_external_bridge_with_a_topology(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load(write(tmp_path, BASE), external_bridges=["br-ex"])
    assert caught.value.code == "bad-external-bridge"
    assert "bridge_mappings" in caught.value.message
