"""Values beside neutron-lib itself: converted alike, and refused in its words."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network
from typing import Any, Final

import msgspec
import pytest

from deuteron.resources import RESOURCES
from deuteron.resources.attribute import Attribute
from deuteron.resources.refusal import Refusal
from deuteron.resources.resource import convert
from tests.unit.resources.neutron import definitions, module

CRASH: Final = "a 500"
UUID: Final = "7a2f0f7e-1cfd-4f0a-9a0e-3a5b3c1e9f11"
OTHER: Final = "0b8c1a52-7b0a-4f0c-8f1c-5d9d0a4f2c22"
ANYTHING: Final[tuple[Any, ...]] = (
    None,
    True,
    False,
    0,
    1,
    -1,
    1.5,
    10**30,
    "",
    " ",
    "x",
    [],
    {},
    [None],
    {"a": 1},
)
WORDS: Final[tuple[Any, ...]] = (
    *ANYTHING,
    "a" * 255,
    "a" * 256,
    "two words",
    " before",
    "after ",
    "a\tb",
    "a\x00b",
    "ä–é",
    "\u2028",
    "\U0001f600",
    "\u00a0",
)
NUMBERS: Final[tuple[Any, ...]] = (*ANYTHING, "1", " 2 ", "0x10", "1e3", "１", 4, "6", 5, 1500, -5, "true")
FLAGS: Final[tuple[Any, ...]] = (*ANYTHING, "true", "TRUE", " yes ", "off", "2", 2, "maybe", "t", "N")
ADDRESSES: Final[tuple[Any, ...]] = (
    *ANYTHING,
    "10.0.0.1",
    "010.0.0.1",
    "10.0.0.08",
    "10.0.0",
    "10.0.0.256",
    " 10.0.0.1",
    "10.0.0.1\n",
    "10.0.0.1/24",
    "2001:DB8::1",
    "2001:db8:0:0:0:0:0:1",
    "fe80::1%eth0",
    "::",
    "1:2",
    "1" * 59,
)
NETWORKS: Final[tuple[Any, ...]] = (
    *ANYTHING,
    "10.0.0.0/24",
    "2001:db8::/64",
    "10.0.0.0/33",
    "10.0.0.0/x",
    "10.0/16",
    "a/24",
    "10.0.0.0/24 ",
    "0.0.0.0/0",
)
MACS: Final[tuple[Any, ...]] = (
    *ANYTHING,
    "fa:16:3e:00:00:01",
    "FA-16-3E-00-00-01",
    "fa16.3e00.0001",
    "fa163e000001",
    "fa:16:3e:0:0:1",
    "00:00:00:00:00:00",
    "ff:ff:ff:ff:ff:ff",
    "fa:16:3e:00:00",
    "fa:16:3e:00:00:01:02",
    "fa:16:3e:00:00:0g",
    "01:00:5e:00:00:01",
)
ROUTES: Final[tuple[Any, ...]] = (
    None,
    "x",
    [],
    ["x"],
    [{}],
    [{"destination": "10.1.0.0/24", "nexthop": "10.0.0.1"}],
    [{"destination": "10.1.0.0/24", "nexthop": "10.0.0.1"}] * 2,
    [{"destination": "10.1.0.1/24", "nexthop": "10.0.0.1"}],
    [{"destination": "127.0.0.0/8", "nexthop": "10.0.0.1"}],
    [{"destination": "10.1.0.0", "nexthop": "10.0.0.1"}],
    [{"destination": "10.1.0.0/24", "nexthop": "x"}],
    [{"destination": None, "nexthop": "10.0.0.1"}],
)
FIXED_IPS: Final[tuple[Any, ...]] = (
    *ANYTHING,
    [{}],
    ["x"],
    [{"subnet_id": UUID}],
    [{"subnet_id": "x"}],
    [{"ip_address": "10.0.0.9"}],
    [{"ip_address": "10.0.0.9"}, {"ip_address": "10.0.0.9"}],
    [{"ip_address": "10.0.0.9", "subnet_id": UUID}, {"subnet_id": UUID}],
    [{"ip_address": None}],
)
POOLS: Final[tuple[Any, ...]] = (
    None,
    [],
    [{"start": "10.0.0.2", "end": "10.0.0.9"}],
    [{"start": "10.0.0.2"}],
    [{"start": "x", "end": "10.0.0.9"}],
)
GATEWAYS: Final[tuple[Any, ...]] = (
    None,
    {},
    "x",
    {"network_id": UUID},
    {"network_id": "x"},
    {"enable_snat": True},
    {"network_id": UUID, "enable_snat": "no"},
    {"network_id": UUID, "external_fixed_ips": [{"ip_address": "10.0.0.9"}]},
    {"network_id": UUID, "external_fixed_ips": [{"ip_address": "x"}]},
    {"network_id": UUID, "colour": "red"},
)
UUIDS: Final[tuple[Any, ...]] = (
    *ANYTHING,
    UUID,
    UUID.upper(),
    UUID.replace("-", ""),
    "{" + UUID + "}",
    UUID[:-1],
)
NAMESERVERS: Final[tuple[Any, ...]] = (
    None,
    [],
    ["10.0.0.1"],
    ["10.0.0.1", "10.0.0.1"],
    ["x"],
    ["2001:db8::1"],
)

VALUES: Final[dict[tuple[str, str], tuple[Any, ...]]] = {
    ("networks", "name"): WORDS,
    ("networks", "admin_state_up"): FLAGS,
    ("networks", "mtu"): NUMBERS,
    ("networks", "project_id"): WORDS,
    ("networks", "provider:network_type"): WORDS,
    ("networks", "provider:segmentation_id"): NUMBERS,
    ("networks", "availability_zone_hints"): (*ANYTHING, ["a", "b"], ["a", "a"], ["a" * 300]),
    ("subnets", "ip_version"): NUMBERS,
    ("subnets", "network_id"): UUIDS,
    ("subnets", "subnetpool_id"): (*UUIDS, "prefix_delegation"),
    ("subnets", "prefixlen"): NUMBERS,
    ("subnets", "cidr"): NETWORKS,
    ("subnets", "gateway_ip"): ADDRESSES,
    ("subnets", "allocation_pools"): POOLS,
    ("subnets", "dns_nameservers"): NAMESERVERS,
    ("subnets", "host_routes"): ROUTES,
    ("subnets", "ipv6_ra_mode"): (*ANYTHING, "slaac", "dhcpv6-stateful", "slow"),
    ("subnets", "service_types"): (None, [], ["network:dhcp"], ["compute:nova"], [1], "x"),
    ("subnetpools", "name"): WORDS,
    ("subnetpools", "prefixes"): (*ANYTHING, ["10.0.0.0/8"], ["10.0.0.0/8"] * 2, ["x"], ["10.0.0.0"]),
    ("subnetpools", "default_quota"): NUMBERS,
    ("address_scopes", "ip_version"): NUMBERS,
    ("ports", "mac_address"): MACS,
    ("ports", "fixed_ips"): FIXED_IPS,
    ("ports", "device_id"): WORDS,
    ("ports", "binding:vnic_type"): (*ANYTHING, "normal", "direct", "odd"),
    ("ports", "binding:profile"): (None, {}, {"a": 1}, "x", []),
    ("routers", "external_gateway_info"): GATEWAYS,
    ("routers", "routes"): ROUTES,
    ("routers", "distributed"): FLAGS,
    ("floatingips", "floating_ip_address"): ADDRESSES,
    ("floatingips", "port_id"): UUIDS,
    ("port_forwardings", "external_port"): (*NUMBERS[3:], 65535, 65536, "80"),
    ("port_forwardings", "external_port_range"): (
        None,
        "80",
        80,
        "80:90",
        "90:80",
        "0:1",
        "1:2:3",
        "x",
        ":",
        "1:70000",
    ),
    ("port_forwardings", "internal_ip_address"): ADDRESSES,
    ("port_forwardings", "protocol"): ("tcp", "UDP", "gre", "icmp", "17", "300", 6, [], "x"),
    ("agents", "description"): WORDS,
}

HUGE: Final = "a number that no database keeps"
#: Where Neutron takes what its database, or nobody, can use: (attribute, value) -> why we do not.
STRICTER: Final[dict[tuple[str, str], str]] = {
    ("mtu", repr(10**30)): HUGE,
    ("provider:segmentation_id", repr(10**30)): HUGE,
    ("prefixlen", repr(10**30)): HUGE,
    ("default_quota", repr(10**30)): HUGE,
    ("gateway_ip", repr(10**30)): "a number is no address",
    ("mac_address", "True"): "a flag is no address",
    ("mac_address", "False"): "a flag is no address",
    ("mac_address", "0"): "a number is no address",
    ("mac_address", "1"): "a number is no address",
    ("mac_address", "'01:00:5e:00:00:01'"): "a group's address is no station's",
    ("cidr", "'10.0.0.0/24 '"): "white space is no part of an address",
    ("name", repr("a" * 256)): "Neutron's pools have no limit but their column's",
}


@pytest.mark.parametrize(("collection", "name"), VALUES, ids=str)
def test_a_value_becomes_or_is_refused_as_neutron_lib_has_it(collection: str, name: str) -> None:
    ours = RESOURCES[collection].attributes[name]
    theirs = definition(collection, name)
    values = VALUES[collection, name]
    pairs = {repr(one): (outcome(ours, one), their_outcome(name, theirs, one)) for one in values}
    stricter = {value for value in pairs if (name, value) in STRICTER}
    wrong = {
        value: (mine, his)
        for value, (mine, his) in pairs.items()
        if mine != his and value not in stricter and his is not CRASH
    }
    assert wrong == {}
    assert [value for value in stricter if not refused(pairs[value][0])] == []


def refused(result: Any) -> bool:
    return isinstance(result, tuple)


def definition(collection: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in definitions():
        whole = (getattr(one, "RESOURCE_ATTRIBUTE_MAP", None) or {}).get(collection, {})
        below = (getattr(one, "SUB_RESOURCE_ATTRIBUTE_MAP", None) or {}).get(collection, {})
        both = {**whole, **below.get("parameters", {})}
        key = "tenant_id" if name == "project_id" else name
        if key in both and not one.ALIAS.startswith("qos"):
            found = both[key]
    return found


def outcome(attribute: Attribute, value: object) -> Any:
    try:
        return plain(convert(attribute, value))
    except Refusal as refused:
        return (refused.type, in_one_order(refused.message))


def in_one_order(sentence: str) -> list[str]:
    """Python writes the keys of a set in any order."""
    return sorted(re.split(r"[{}, ]+", sentence)) if "Expected keys" in sentence else [sentence]


def their_outcome(name: str, rules: dict[str, Any], value: Any) -> Any:
    """What Neutron's API makes of a value, up to its plugins."""
    key = "tenant_id" if name == "project_id" else name
    body = {key: msgspec.json.decode(msgspec.json.encode(value)) if not isinstance(value, int) else value}
    attributes = module("api.attributes")
    try:
        attributes.AttributeInfo({key: rules}).convert_values(body, attributes.exc.HTTPBadRequest)
    except (module("exceptions").NeutronException, attributes.exc.HTTPException) as refused:
        return (type(refused).__name__, in_one_order(getattr(refused, "detail", None) or str(refused)))
    except Exception:  # it is Neutron's 500
        return CRASH
    return plain(body[key])


def plain(value: Any) -> Any:
    """A value without what may be written in several ways: null and empty, 80 and "80", an address."""
    if isinstance(value, int | float) and value is not False and value is not True:
        return str(int(value))
    if isinstance(value, str):
        return canonical(value)
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items() if one != ""} or None
    if isinstance(value, list | tuple):
        return [plain(one) for one in value] or None
    return value if isinstance(value, bool) or value is None else plain(msgspec.to_builtins(value))


def canonical(value: str) -> str:
    try:
        return str(ip_network(value, strict=False)) if "/" in value else str(ip_address(value))
    except ValueError:
        return value.lower().replace("１", "1").strip()
