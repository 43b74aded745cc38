"""Our bytes, decoded by pyroute2's message classes."""

from __future__ import annotations

from socket import AF_BRIDGE, AF_INET, AF_INET6
from typing import Any

import pytest
from pyroute2.netlink.rtnl.fibmsg import fibmsg
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.ndmsg import ndmsg
from pyroute2.netlink.rtnl.nsidmsg import nsidmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from deuteron.kernel.linux.netlink import address, fdb, link, neighbour, nsid, route, rule
from deuteron.kernel.linux.netlink.route import NexthopRecord

CREATE = 0x1 | 0x400 | 0x200  # NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL
DUMP = 0x1 | 0x300
MAC = "fa:16:3e:00:00:01"
PEER_MAC = "fa:16:3e:00:00:02"


def decoded(kind: type[Any], message: bytes) -> Any:
    made = kind(message)
    made.decode()
    assert made["header"]["length"] == len(message)
    assert len(message) % 4 == 0
    return made


def test_a_veth_carries_both_ends_at_once() -> None:
    message = link.new_veth(
        "tap0123", MAC, 1450, "qr-0123", PEER_MAC, index=20, peer_index=21, peer_netns_fd=9, master=10
    )
    made = decoded(ifinfmsg, message)
    assert (made["header"]["type"], made["header"]["flags"]) == (16, CREATE)
    assert (made["index"], made["flags"], made["change"]) == (20, 0, 0)
    assert made.get_attr("IFLA_IFNAME") == "tap0123"
    assert made.get_attr("IFLA_ADDRESS") == MAC
    assert made.get_attr("IFLA_MTU") == 1450
    assert made.get_attr("IFLA_MASTER") == 10
    info = made.get_attr("IFLA_LINKINFO")
    assert info.get_attr("IFLA_INFO_KIND") == "veth"
    peer = info.get_attr("IFLA_INFO_DATA").get_attr("VETH_INFO_PEER")
    assert peer["index"] == 21
    assert peer.get_attr("IFLA_IFNAME") == "qr-0123"
    assert peer.get_attr("IFLA_ADDRESS") == PEER_MAC
    assert peer.get_attr("IFLA_MTU") == 1450
    assert peer.get_attr("IFLA_NET_NS_FD") == 9


def test_a_veth_without_the_optional_parts_does_not_name_them() -> None:
    made = decoded(ifinfmsg, link.new_veth("a", MAC, 1500, "b", PEER_MAC))
    peer = made.get_attr("IFLA_LINKINFO").get_attr("IFLA_INFO_DATA").get_attr("VETH_INFO_PEER")
    assert made["index"] == peer["index"] == 0
    assert made.get_attr("IFLA_MASTER") is None
    assert peer.get_attr("IFLA_NET_NS_FD") is None


def test_a_bridge_has_its_settings_from_the_start() -> None:
    made = decoded(ifinfmsg, link.new_bridge("br-0123", MAC, 1450, index=7, up=True))
    assert (made["index"], made["flags"], made["change"]) == (7, 1, 1)
    info = made.get_attr("IFLA_LINKINFO")
    data = info.get_attr("IFLA_INFO_DATA")
    assert info.get_attr("IFLA_INFO_KIND") == "bridge"
    assert data.get_attr("IFLA_BR_STP_STATE") == 0
    assert data.get_attr("IFLA_BR_FORWARD_DELAY") == 0
    assert data.get_attr("IFLA_BR_MCAST_SNOOPING") == 0


def test_a_change_of_a_link_says_only_what_changes() -> None:
    made = decoded(ifinfmsg, link.set_link(20, up=False, alias="deuteron router/1", master=0))
    assert (made["index"], made["flags"], made["change"]) == (20, 0, 1)
    assert made.get_attr("IFLA_IFALIAS") == "deuteron router/1"
    assert made.get_attr("IFLA_MASTER") == 0
    assert made.get_attr("IFLA_MTU") is None
    untouched = decoded(ifinfmsg, link.set_link(20, mtu=1400, mac=MAC))
    assert untouched["change"] == 0
    assert untouched.get_attr("IFLA_MTU") == 1400
    assert untouched.get_attr("IFLA_ADDRESS") == MAC


def test_links_can_be_named_by_index_or_by_name() -> None:
    assert decoded(ifinfmsg, link.delete_link(20))["index"] == 20
    by_name = decoded(ifinfmsg, link.delete_link("tap-0123456789-0123456789"))
    assert by_name["index"] == 0
    assert by_name.get_attr("IFLA_ALT_IFNAME") == "tap-0123456789-0123456789"


def test_all_links_are_never_taken_for_a_group() -> None:
    with pytest.raises(ValueError, match="group 0"):
        link.delete_group(0)


def test_an_altname_is_a_property() -> None:
    made = decoded(ifinfmsg, link.add_altname(20, "qr-full-id"))
    assert made["header"]["type"] == 108
    assert made.get_attr("IFLA_PROP_LIST").get_attr("IFLA_ALT_IFNAME") == "qr-full-id"


def test_a_dump_of_links_leaves_statistics_out() -> None:
    made = decoded(ifinfmsg, link.dump_links(master=10))
    assert made["header"]["flags"] == DUMP
    assert made.get_attr("IFLA_EXT_MASK") == 8
    assert made.get_attr("IFLA_MASTER") == 10


@pytest.mark.parametrize(
    ("text", "family", "bare", "size", "flags"),
    [
        ("10.0.0.1/24", AF_INET, "10.0.0.1", 24, None),
        ("2001:db8::1/64", AF_INET6, "2001:db8::1", 64, 0x02),
    ],
)
def test_an_address(text: str, family: int, bare: str, size: int, flags: int | None) -> None:
    made = decoded(ifaddrmsg, address.new_address(5, text, protocol=210))
    assert (made["header"]["type"], made["header"]["flags"]) == (20, CREATE)
    assert (made["family"], made["prefixlen"], made["index"]) == (family, size, 5)
    assert made.get_attr("IFA_LOCAL") == made.get_attr("IFA_ADDRESS") == bare
    assert made.get_attr("IFA_FLAGS") == flags
    assert made.get_attr("IFA_PROTO") == 210
    gone = decoded(ifaddrmsg, address.delete_address(5, text))
    assert (gone["header"]["type"], gone["header"]["flags"], gone["prefixlen"]) == (21, 1, size)
    assert gone.get_attr("IFA_LOCAL") == bare


def test_an_address_with_broadcast_and_without_its_subnets_route() -> None:
    message = address.new_address(
        5, "10.0.0.1/24", broadcast="10.0.0.255", prefix_route=False, mode="replace"
    )
    made = decoded(ifaddrmsg, message)
    assert made["header"]["flags"] == 0x1 | 0x400 | 0x100
    assert made.get_attr("IFA_BROADCAST") == "10.0.0.255"
    assert made.get_attr("IFA_FLAGS") == 0x200


def test_a_default_route_in_a_table_beyond_255_with_an_onlink_gateway() -> None:
    hop = NexthopRecord(5, "192.0.2.1", onlink=True)
    made = decoded(rtmsg, route.new_route("0.0.0.0/0", [hop], table=0x10000001, metric=7, protocol=210))
    assert (made["family"], made["dst_len"], made["table"], made["proto"]) == (AF_INET, 0, 0, 210)
    assert (made["type"], made["scope"], made["flags"]) == (1, 0, 4)
    assert made.get_attr("RTA_TABLE") == 0x10000001
    assert made.get_attr("RTA_GATEWAY") == "192.0.2.1"
    assert made.get_attr("RTA_OIF") == 5
    assert made.get_attr("RTA_PRIORITY") == 7
    assert made.get_attr("RTA_DST") is None


def test_a_route_to_the_link_itself_has_the_links_scope() -> None:
    made = decoded(rtmsg, route.new_route("10.1.0.0/16", [NexthopRecord(5)]))
    assert made["scope"] == 253
    assert made.get_attr("RTA_DST") == "10.1.0.0"
    assert made.get_attr("RTA_GATEWAY") is None


def test_a_route_over_two_gateways() -> None:
    hops = [NexthopRecord(5, "2001:db8::1"), NexthopRecord(6, "fe80::1", onlink=True)]
    made = decoded(rtmsg, route.new_route("2001:db8:1::/48", hops, metric=1024))
    first, second = made.get_attr("RTA_MULTIPATH")
    assert (first["oif"], first["flags"], first.get_attr("RTA_GATEWAY")) == (5, 0, "2001:db8::1")
    assert (second["oif"], second["flags"], second.get_attr("RTA_GATEWAY")) == (6, 4, "fe80::1")
    assert made.get_attr("RTA_OIF") is None


def test_a_blackhole_and_a_filtered_dump_of_routes() -> None:
    made = decoded(rtmsg, route.new_route("10.0.0.0/8", type="blackhole"))
    assert made["type"] == 6
    asked = decoded(rtmsg, route.dump_routes(AF_INET, table=300, protocol=210, type="unicast"))
    assert (asked["header"]["flags"], asked["proto"], asked["type"]) == (DUMP, 210, 1)
    assert asked.get_attr("RTA_TABLE") == 300


@pytest.mark.parametrize(("build", "kind"), [(rule.new_rule, 32), (rule.delete_rule, 33)])
def test_a_rule(build: Any, kind: int) -> None:
    message = build(AF_INET, 32768, 300, iif="qr-0", fwmark=16, mask=0xFF, source="10.0.0.0/24", protocol=210)
    made = decoded(fibmsg, message)
    assert (made["header"]["type"], made["family"]) == (kind, AF_INET)
    assert (made["src_len"], made["table"], made["action"]) == (24, 0, 1)
    assert made.get_attr("FRA_PRIORITY") == 32768
    assert made.get_attr("FRA_TABLE") == 300
    assert made.get_attr("FRA_IIFNAME") == "qr-0"
    assert made.get_attr("FRA_FWMARK") == 16
    assert made.get_attr("FRA_FWMASK") == 0xFF
    assert made.get_attr("FRA_SRC") == "10.0.0.0"
    assert made.get_attr("FRA_PROTOCOL") == 210


def test_a_neighbour_and_a_proxy() -> None:
    made = decoded(ndmsg, neighbour.new_neighbour(5, "169.254.64.1", MAC, protocol=210))
    assert (made["family"], made["ifindex"], made["state"], made["flags"]) == (AF_INET, 5, 0x80, 0)
    assert made.get_attr("NDA_DST") == "169.254.64.1"
    assert made.get_attr("NDA_LLADDR") == MAC
    assert made.get_attr("NDA_PROTOCOL") in (210, b"\xd2", "d2")  # pyroute2 leaves it undecoded
    proxy = decoded(ndmsg, neighbour.new_proxy(5, "2001:db8::1"))
    assert (proxy["family"], proxy["flags"]) == (AF_INET6, 8)
    assert proxy.get_attr("NDA_DST") == "2001:db8::1"


@pytest.mark.parametrize(("own", "flags"), [(False, 4), (True, 2)])
def test_a_forwarding_entry(own: bool, flags: int) -> None:
    made = decoded(ndmsg, fdb.new_fdb(5, MAC, own=own))
    assert (made["family"], made["ifindex"], made["state"], made["flags"]) == (AF_BRIDGE, 5, 0x40, flags)
    assert made.get_attr("NDA_LLADDR") == MAC


def test_a_namespaces_number() -> None:
    made = decoded(nsidmsg, nsid.set_nsid(9, 4))
    assert made["header"]["type"] == 88
    assert (made.get_attr("NETNSA_FD"), made.get_attr("NETNSA_NSID")) == (9, 4)
