"""What real kernels said, as we read it and as pyroute2 does."""

from __future__ import annotations

from collections.abc import Callable
from socket import AF_INET
from typing import Any, Final

import pytest
from pyroute2.netlink.nfnetlink.nfctsocket import nfct_msg
from pyroute2.netlink.rtnl.fibmsg import fibmsg
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.ndmsg import ndmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from deuteron.kernel.linux.netlink import address, conntrack, fdb, link, neighbour, route, rule, wire
from tests.fuzz.corpus import messages


def theirs(kind: type[Any], payload: bytes) -> Any:
    made = kind(wire.HEADER.pack(wire.HEADER_SIZE + len(payload), 0, 0, 0, 0) + payload)
    made.decode()
    return made


def test_links() -> None:
    for payload in messages("link"):
        ours, other = link.parse_link(payload), theirs(ifinfmsg, payload)
        get = other.get_attr
        assert (ours.index, ours.up) == (other["index"], bool(other["flags"] & 1))
        assert (ours.name, ours.mtu, ours.mac) == (
            get("IFLA_IFNAME"),
            get("IFLA_MTU"),
            get("IFLA_ADDRESS") or "",
        )
        assert (ours.master, ours.group) == (get("IFLA_MASTER") or 0, get("IFLA_GROUP") or 0)
        assert (ours.peer_index, ours.peer_nsid) == (get("IFLA_LINK") or 0, get("IFLA_LINK_NETNSID"))
        assert ours.alias == (get("IFLA_IFALIAS") or "")
        assert ours.altnames == tuple(value for _, value in (get("IFLA_PROP_LIST") or {"attrs": ()})["attrs"])
        info = get("IFLA_LINKINFO")
        assert ours.kind in {(info.get_attr("IFLA_INFO_KIND") if info else None) or "", "tap"}
        if ours.bridge:
            data = info.get_attr("IFLA_INFO_DATA").get_attr
            bridge = ours.bridge
            assert (bridge.stp, bridge.forward_delay, bridge.mcast_snooping) == (
                bool(data("IFLA_BR_STP_STATE")),
                data("IFLA_BR_FORWARD_DELAY"),
                bool(data("IFLA_BR_MCAST_SNOOPING")),
            )


def test_addresses() -> None:
    for payload in messages("address"):
        ours, other = address.parse_address(payload), theirs(ifaddrmsg, payload)
        there = other.get_attr("IFA_LOCAL") or other.get_attr("IFA_ADDRESS")
        assert (ours.index, ours.address) == (other["index"], f"{there}/{other['prefixlen']}")
        assert ours.flags == other.get_attr("IFA_FLAGS")


def test_routes() -> None:
    for payload in messages("route"):
        ours, other = route.parse_route(payload), theirs(rtmsg, payload)
        get = other.get_attr
        nowhere = "0.0.0.0" if other["family"] == AF_INET else "::"
        assert (ours.family, ours.protocol) == (other["family"], other["proto"])
        assert (ours.table, ours.metric) == (get("RTA_TABLE"), get("RTA_PRIORITY") or 0)
        assert ours.destination == f"{get('RTA_DST') or nowhere}/{other['dst_len']}"
        hops = get("RTA_MULTIPATH")
        if hops:
            read = [(hop["oif"], _via(hop.get_attr)) for hop in hops]
        else:
            read = [(get("RTA_OIF"), _via(get))] if get("RTA_OIF") and ours.nexthops else []
        assert [(hop.index, hop.via) for hop in ours.nexthops] == read


def _via(get: Callable[[str], Any]) -> str:
    via = get("RTA_VIA")
    return get("RTA_GATEWAY") or (via["addr"] if via else "")


def test_rules() -> None:
    for payload in messages("rule"):
        ours, other = rule.parse_rule(payload), theirs(fibmsg, payload)
        get = other.get_attr
        assert (ours.family, ours.table) == (other["family"], get("FRA_TABLE"))
        assert (ours.priority, ours.iif) == (get("FRA_PRIORITY") or 0, get("FRA_IIFNAME") or "")
        assert (ours.fwmark, ours.mask) == (get("FRA_FWMARK") or 0, get("FRA_FWMASK") or rule.FULL_MASK)
        assert ours.source == (f"{get('FRA_SRC')}/{other['src_len']}" if get("FRA_SRC") else "")


_STATES: Final = {"permanent": 0x80, "noarp": 0x40}


def test_neighbours() -> None:
    for payload in messages("neighbour"):
        ours, other = neighbour.parse_neighbour(payload), theirs(ndmsg, payload)
        assert (ours.index, ours.address) == (other["ifindex"], other.get_attr("NDA_DST"))
        assert ours.mac == (other.get_attr("NDA_LLADDR") or "")
        assert ours.permanent == bool(other["state"] & _STATES["permanent"])
        assert ours.proxy == bool(other["flags"] & 8)


def test_forwarding_entries() -> None:
    for payload in messages("fdb"):
        ours, other = fdb.parse_fdb(payload), theirs(ndmsg, payload)
        assert (ours.index, ours.mac) == (other["ifindex"], other.get_attr("NDA_LLADDR"))
        assert ours.master == (other.get_attr("NDA_MASTER") or 0)
        assert ours.static == bool(other["state"] & _STATES["noarp"])
        assert ours.local == bool(other["state"] & _STATES["permanent"])


def test_connections() -> None:
    for payload in messages("conntrack"):
        ours, other = conntrack.parse_flow(payload), theirs(nfct_msg, payload)
        assert ours.mark == (other.get_attr("CTA_MARK") or 0)
        for flow, name in ((ours.original, "CTA_TUPLE_ORIG"), (ours.reply, "CTA_TUPLE_REPLY")):
            place = other.get_attr(name).get_attr("CTA_TUPLE_IP").get_attr
            ends = other.get_attr(name).get_attr("CTA_TUPLE_PROTO").get_attr
            addresses = [place(f"CTA_IP_{kind}_{end}") for end in ("SRC", "DST") for kind in ("V4", "V6")]
            assert [flow.source, flow.destination] == [one for one in addresses if one]
            assert flow.protocol == ends("CTA_PROTO_NUM")
            ports = (ends("CTA_PROTO_SRC_PORT") or 0, ends("CTA_PROTO_DST_PORT") or 0)
            assert (flow.source_port, flow.destination_port) == ports


@pytest.mark.parametrize(
    "name", ["link", "address", "route", "rule", "neighbour", "fdb", "nsid", "conntrack", "event", "nft"]
)
def test_there_is_something_of_each_kind(name: str) -> None:
    assert messages(name)
