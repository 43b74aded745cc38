from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deuteron.domain import (
    Binding,
    ExtraRoute,
    FieldError,
    FixedIP,
    FloatingIP,
    Leg,
    NdpProxy,
    Network,
    Port,
    PortForwarding,
    Router,
    Subnet,
)
from deuteron.domain.validation import (
    RESERVED_NETNS,
    canonical_address,
    canonical_mac,
    canonical_prefix,
    overlap,
)
from deuteron.objects.ownership import NETNS_PREFIXES

MAC = "fa:16:3e:00:00:01"

BAD: dict[str, tuple[Callable[[], object], str]] = {
    "id with a path": (lambda: Network(id="a/b", name=""), "id"),
    "empty id": (lambda: Network(id="", name=""), "id"),
    "id of 65": (lambda: Network(id="a" * 65, name=""), "id"),
    "name with a line feed": (lambda: Network(id="a", name="x\n"), "name"),
    "small mtu": (lambda: Network(id="a", name="", mtu=67), "mtu"),
    "large mtu": (lambda: Network(id="a", name="", mtu=65536), "mtu"),
    "bridge with a space": (lambda: Network(id="a", name="", bridge="br ex"), "bridge"),
    "host bits": (lambda: Subnet(id="s", name="", network_id="n", cidr="10.0.0.1/24"), "cidr"),
    "all addresses": (lambda: Subnet(id="s", name="", network_id="n", cidr="0.0.0.0/0"), "cidr"),
    "capital letters": (lambda: Subnet(id="s", name="", network_id="n", cidr="FD00::/64"), "cidr"),
    "zone": (lambda: FixedIP(subnet_id="s", ip_address="fe80::1%eth0"), "ip_address"),
    "long form": (lambda: FixedIP(subnet_id="s", ip_address="fd00::0:1"), "ip_address"),
    "capital mac": (lambda: Port(id="p", name="", network_id="n", mac_address=MAC.upper()), "mac_address"),
    "no mac": (lambda: Port(id="p", name="", network_id="n", mac_address=""), "mac_address"),
    "broadcast mac": (
        lambda: Port(id="p", name="", network_id="n", mac_address="ff:ff:ff:ff:ff:ff"),
        "mac_address",
    ),
    "no binding": (lambda: Binding(), "binding"),
    "two bindings": (lambda: Binding(netns="a", tap="b"), "binding"),
    "netns with a slash": (lambda: Binding(netns="a/b"), "netns"),
    "netns dots": (lambda: Binding(netns=".."), "netns"),
    "tap of 16": (lambda: Binding(tap="a" * 16), "tap"),
    "tap with NUL": (lambda: Binding(tap="a\0"), "tap"),
    "tap with a colon": (lambda: Binding(tap="a:b"), "tap"),
    "route of two families": (lambda: ExtraRoute(destination="10.0.0.0/8", nexthop="fd00::1"), "nexthop"),
    "snat on a centralised router": (lambda: Router(id="r", name="", snat_here=True), "snat_here"),
    "leg": (lambda: Leg(router_id="r", network_id="n", index=8192), "index"),
    "floating IPv6": (
        lambda: FloatingIP(id="f", floating_ip_address="fd00::1", floating_network_id="n"),
        "floating_ip_address",
    ),
    "proxied IPv4": (
        lambda: NdpProxy(id="x", router_id="r", port_id="p", ip_address="10.0.0.1"),
        "ip_address",
    ),
    "port 0": (
        lambda: PortForwarding(
            protocol="tcp", external_port=0, internal_ip_address="10.0.0.1", internal_port=1
        ),
        "external_port",
    ),
}


@pytest.mark.parametrize(("build", "field"), BAD.values(), ids=BAD.keys())
def test_a_value_refuses_and_names_the_field(build: Callable[[], object], field: str) -> None:
    with pytest.raises(FieldError) as caught:
        build()
    assert caught.value.field == field
    assert isinstance(caught.value, ValueError)


@given(address=st.ip_addresses())
def test_canonical_addresses_are_accepted(address: object) -> None:
    assert FixedIP(subnet_id="s", ip_address=canonical_address(str(address))).ip_address == str(address)


@pytest.mark.parametrize("text", ["x", "10.0.0", "10.0.0.0/8", "1.2.3.4%x", "::g"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text)):
        canonical_address(text)


def test_canonical_forms() -> None:
    assert canonical_mac("FA-16-3E-00-00-01") == MAC
    assert canonical_prefix("2001:0DB8::/32") == "2001:db8::/32"


@given(one=st.integers(0, 255), length=st.integers(8, 16), other=st.integers(0, 255))
def test_prefixes_overlap_where_one_holds_the_other(one: int, length: int, other: int) -> None:
    first = f"{one}.0.0.0/8"
    second = f"{other}.0.0.0/{length}"
    assert overlap(first, second) == (one == other)


def test_reserved_namespace_names_are_those_that_we_make() -> None:
    assert RESERVED_NETNS == NETNS_PREFIXES
