"""Round trips: what a builder asks for is what a dump shows, on the real kernel."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from socket import AF_INET, AF_INET6
from typing import Any

import pytest

from deuteron.kernel.linux.netlink import address, fdb, link, neighbour, nsid, route, rule, wire
from deuteron.kernel.linux.netlink.route import NexthopRecord, RouteRecord
from deuteron.kernel.linux.netlink.socket import NetlinkSocket
from tests.support.sandbox import Host

pytestmark = pytest.mark.kernel

BRIDGE, OUTER, INNER = 10, 20, 21
MAC = "fa:16:3e:00:00:01"
OUTER_MAC = "fe:16:3e:00:00:02"
INNER_MAC = "fa:16:3e:00:00:02"
PROTOCOL = 210


@pytest.fixture
def rt(host: Host) -> Iterator[NetlinkSocket]:
    """A bridge, and a veth pair of which one end is plugged in; the other is up with two subnets."""
    with host.netlink() as made:
        run(
            made,
            link.new_bridge("br0", MAC, 1450, index=BRIDGE, up=True),
            link.new_veth(
                "tap0", OUTER_MAC, 1450, "qr0", INNER_MAC, index=OUTER, peer_index=INNER, master=BRIDGE
            ),
            address.new_address(INNER, "10.0.0.1/24", protocol=PROTOCOL),
            address.new_address(INNER, "2001:db8::1/64", protocol=PROTOCOL),
            link.set_link(OUTER, up=True),
            link.set_link(INNER, up=True),
        )
        yield made


def run(rt: NetlinkSocket, *messages: bytes) -> None:
    assert [ack for ack in rt.batch(messages) if ack.errno] == []


def errnos(rt: NetlinkSocket, *messages: bytes) -> list[int]:
    return [ack.errno for ack in rt.batch(messages)]


def links(rt: NetlinkSocket) -> dict[str, link.LinkRecord]:
    return {record.name: record for record in map(link.parse_link, rt.dump(link.dump_links()))}


def routes(rt: NetlinkSocket) -> list[RouteRecord]:
    return [route.parse_route(payload) for payload in rt.dump(route.dump_routes(protocol=PROTOCOL))]


def test_links_refer_to_each_other_by_chosen_indexes(rt: NetlinkSocket) -> None:
    found = links(rt)
    assert found["br0"].bridge == link.BridgeSettings(stp=False, forward_delay=0, mcast_snooping=False)
    outer, inner = found["tap0"], found["qr0"]
    assert (outer.index, outer.peer_index, outer.master) == (OUTER, INNER, BRIDGE)
    assert (inner.index, inner.peer_index, inner.master) == (INNER, OUTER, 0)
    assert (outer.mac, inner.mac) == (OUTER_MAC, INNER_MAC)
    assert (outer.kind, outer.mtu, outer.up, outer.peer_nsid) == ("veth", 1450, True, None)


def test_an_alias_an_altname_and_a_group_stay_until_they_are_taken_away(rt: NetlinkSocket) -> None:
    altname = "qr-5284755a-1111-2222-3333-444444444444"
    run(rt, link.set_link(INNER, alias="deuteron router/1", group=7), link.add_altname(INNER, altname, "x"))
    found = link.parse_link(rt.request(link.get_link(altname)))
    assert (found.alias, found.altnames, found.group) == ("deuteron router/1", (altname, "x"), 7)
    assert errnos(rt, link.add_altname(INNER, altname)) == [errno.EEXIST]
    run(rt, link.set_link(altname, alias=""), link.delete_altname(INNER, altname, "x"))
    assert (links(rt)["qr0"].alias, links(rt)["qr0"].altnames) == ("", ())


def test_a_link_changes_in_place(rt: NetlinkSocket) -> None:
    run(rt, link.set_link("qr0", up=False), link.set_link(INNER, name="qr1", mtu=1400, mac=MAC))
    run(rt, link.set_link(OUTER, master=0))
    found = links(rt)
    assert (found["qr1"].up, found["qr1"].mtu, found["qr1"].mac) == (False, 1400, MAC)
    assert found["tap0"].master == 0


def test_a_pair_reaches_into_another_namespace_and_comes_from_it_by_number(
    rt: NetlinkSocket, host: Host
) -> None:
    host.make_netns("other")
    fd = os.open(host.netns_dir / "other", os.O_RDONLY)
    try:
        assert nsid.parse_nsid(rt.request(nsid.get_nsid(fd))) is None
        run(rt, nsid.set_nsid(fd, 5))
        assert errnos(rt, nsid.set_nsid(fd, 6)) == [errno.EEXIST]
        assert nsid.parse_nsid(rt.request(nsid.get_nsid(fd))) == 5
        assert 5 in [nsid.parse_nsid(payload) for payload in rt.dump(nsid.dump_nsids())]
        run(
            rt,
            link.new_veth("out", OUTER_MAC, 1500, "in", INNER_MAC, index=76, peer_index=77, peer_netns_fd=fd),
        )
        assert (links(rt)["out"].peer_index, links(rt)["out"].peer_nsid) == (77, 5)
        assert host.links("other")["in"].mac == INNER_MAC
        run(rt, link.set_link("tap0", netns_fd=fd))
        assert "tap0" in host.links("other")
    finally:
        os.close(fd)


def test_a_taken_name_or_index_is_refused_and_nothing_is_made(rt: NetlinkSocket) -> None:
    before = links(rt)
    taken = [
        link.new_veth("tap0", MAC, 1500, "b", MAC),
        link.new_veth("a", MAC, 1500, "qr0", MAC),
        link.new_veth("a", MAC, 1500, "b", MAC, index=90, peer_index=BRIDGE),
        link.new_bridge("br0", MAC, 1500),
    ]
    assert set(errnos(rt, *taken)) <= {errno.EEXIST, errno.EBUSY}
    assert links(rt) == before


def test_one_end_takes_its_peer_with_it(rt: NetlinkSocket) -> None:
    run(rt, link.delete_link("tap0"))
    assert links(rt).keys() == {"lo", "br0"}
    assert errnos(rt, link.delete_link(OUTER), link.delete_link("tap0")) == [errno.ENODEV] * 2


def test_a_group_goes_at_once_and_leaves_the_others(rt: NetlinkSocket) -> None:
    run(rt, link.set_link(OUTER, group=4711), link.set_link(BRIDGE, group=4711), link.delete_group(4711))
    assert links(rt).keys() == {"lo"}
    assert errnos(rt, link.delete_group(4711)) == [errno.ENODEV]


def test_a_dump_of_links_can_be_of_a_bridges_members_or_a_kind(rt: NetlinkSocket) -> None:
    def names(message: bytes) -> list[str]:
        return [link.parse_link(payload).name for payload in rt.dump(message)]

    assert names(link.dump_links(master=BRIDGE)) == ["tap0"]
    assert names(link.dump_links(kind="bridge")) == ["br0"]


@pytest.mark.parametrize("text", ["10.9.0.1/24", "2001:db8:9::1/64", "fe80::7/64"])
def test_an_address_there_and_back(rt: NetlinkSocket, text: str) -> None:
    def found() -> list[address.AddressRecord]:
        payloads = rt.dump(address.dump_addresses(index=BRIDGE))
        return [record for record in map(address.parse_address, payloads) if record.address == text]

    made = address.new_address(BRIDGE, text, protocol=PROTOCOL)
    assert errnos(rt, made, made) == [0, errno.EEXIST]
    assert [(record.index, record.protocol) for record in found()] == [(BRIDGE, PROTOCOL)]
    assert (":" in text) == bool(found()[0].flags & address.IFA_F_NODAD)
    gone = address.delete_address(BRIDGE, text)
    assert errnos(rt, gone, gone) == [0, errno.EADDRNOTAVAIL]
    assert found() == []


def test_an_address_can_leave_its_subnets_route_out(rt: NetlinkSocket) -> None:
    run(rt, address.new_address(INNER, "10.9.0.1/24", prefix_route=False))
    payloads = rt.dump(route.dump_routes(AF_INET, type="unicast"))
    assert [route.parse_route(payload).destination for payload in payloads] == ["10.0.0.0/24"]


V4 = RouteRecord(
    family=AF_INET,
    table=0x10000001,
    destination="0.0.0.0/0",
    metric=0,
    protocol=PROTOCOL,
    type="unicast",
    nexthops=(NexthopRecord(INNER, "192.0.2.1", onlink=True),),
)
ROUTES = [
    V4,
    RouteRecord(
        family=AF_INET,
        table=254,
        destination="10.1.0.0/16",
        metric=5,
        protocol=PROTOCOL,
        type="unicast",
        nexthops=(NexthopRecord(INNER, "10.0.0.2"), NexthopRecord(INNER, "10.0.0.3")),
    ),
    RouteRecord(
        family=AF_INET,
        table=16,
        destination="203.0.113.0/24",
        metric=0,
        protocol=PROTOCOL,
        type="unicast",
        nexthops=(NexthopRecord(INNER),),
    ),
    RouteRecord(
        family=AF_INET,
        table=254,
        destination="10.2.0.0/16",
        metric=0,
        protocol=PROTOCOL,
        type="blackhole",
        nexthops=(),
    ),
    RouteRecord(
        family=AF_INET6,
        table=16,
        destination="::/0",
        metric=1024,
        protocol=PROTOCOL,
        type="unicast",
        nexthops=(NexthopRecord(INNER, "fe80::1"),),
    ),
    RouteRecord(
        family=AF_INET6,
        table=0x10000001,
        destination="2001:db8:1::/48",
        metric=1024,
        protocol=PROTOCOL,
        type="unicast",
        nexthops=(NexthopRecord(INNER, "2001:db8::2"), NexthopRecord(INNER, "2001:db8::3")),
    ),
    RouteRecord(
        family=AF_INET6,
        table=254,
        destination="2001:db8:2::/48",
        metric=1024,
        protocol=PROTOCOL,
        type="blackhole",
        nexthops=(),
    ),
]


def new(record: RouteRecord, mode: wire.Mode = "create") -> bytes:
    return route.new_route(
        record.destination,
        record.nexthops,
        table=record.table,
        metric=record.metric,
        protocol=record.protocol,
        type="blackhole" if record.type == "blackhole" else "unicast",
        mode=mode,
    )


@pytest.mark.parametrize("record", ROUTES, ids=lambda record: f"{record.destination}-{record.type}")
def test_a_route_there_and_back(rt: NetlinkSocket, record: RouteRecord) -> None:
    assert errnos(rt, new(record), new(record)) == [0, errno.EEXIST]
    assert routes(rt) == [record]

    def gone(protocol: int) -> bytes:
        return route.delete_route(
            record.destination, table=record.table, metric=record.metric, protocol=protocol
        )

    assert errnos(rt, gone(99), gone(PROTOCOL), gone(PROTOCOL)) == [errno.ESRCH, 0, errno.ESRCH]
    assert routes(rt) == []


def test_a_route_is_replaced_in_place(rt: NetlinkSocket) -> None:
    for family, gateway, destination in (
        (4, "10.0.0.9", "10.1.0.0/16"),
        (6, "2001:db8::9", "2001:db8:1::/48"),
    ):
        metric = 1024 if family == 6 else 0
        run(rt, route.new_route(destination, [NexthopRecord(INNER)], protocol=PROTOCOL, metric=metric))
        hops = (NexthopRecord(INNER, gateway),)
        run(rt, route.new_route(destination, hops, protocol=PROTOCOL, metric=metric, mode="replace"))
        assert [record.nexthops for record in routes(rt) if record.destination == destination] == [hops]


def test_a_dump_of_routes_can_be_of_one_table(rt: NetlinkSocket) -> None:
    run(rt, *map(new, ROUTES))
    found = [route.parse_route(payload) for payload in rt.dump(route.dump_routes(table=0x10000001))]
    assert sorted(record.destination for record in found) == ["0.0.0.0/0", "2001:db8:1::/48"]


def test_a_rule_there_and_back(rt: NetlinkSocket) -> None:
    wanted: list[dict[str, Any]] = [
        {"family": AF_INET, "priority": 32768, "table": 16, "fwmark": 16},
        {
            "family": AF_INET,
            "priority": 32768,
            "table": 0x10000001,
            "iif": "fpr-0",
            "source": "203.0.113.0/24",
        },
        {"family": AF_INET6, "priority": 32769, "table": 16, "fwmark": 1, "mask": 0xFF},
    ]

    def found() -> list[rule.RuleRecord]:
        records = [rule.parse_rule(payload) for payload in rt.dump(rule.dump_rules())]
        return [record for record in records if record.protocol == PROTOCOL]

    made = [rule.new_rule(**one, protocol=PROTOCOL) for one in wanted]
    run(rt, *made)
    assert errnos(rt, *made) == [errno.EEXIST] * 3
    blank: dict[str, Any] = {
        "iif": "",
        "fwmark": 0,
        "mask": rule.FULL_MASK,
        "source": "",
        "protocol": PROTOCOL,
        "plain": True,
    }
    expected = [rule.RuleRecord(**(blank | one)) for one in wanted]
    assert sorted(found(), key=repr) == sorted(expected, key=repr)
    for one in wanted:
        foreign = rule.delete_rule(**one, protocol=99)
        own = rule.delete_rule(**one, protocol=PROTOCOL)
        assert errnos(rt, foreign, own, own) == [errno.ENOENT, 0, errno.ENOENT]
    assert found() == []


@pytest.mark.parametrize("text", ["10.0.0.9", "2001:db8::9"])
def test_a_neighbour_there_and_back(rt: NetlinkSocket, text: str) -> None:
    def found() -> list[neighbour.NeighbourRecord]:
        payloads = rt.dump(neighbour.dump_neighbours(index=INNER))
        return [record for record in map(neighbour.parse_neighbour, payloads) if record.address == text]

    made = neighbour.new_neighbour(INNER, text, MAC, protocol=PROTOCOL)
    assert errnos(rt, made, made) == [0, errno.EEXIST]
    expected = neighbour.NeighbourRecord(
        index=INNER, address=text, mac=MAC, permanent=True, proxy=False, protocol=PROTOCOL
    )
    assert found() == [expected]
    run(rt, neighbour.new_neighbour(INNER, text, OUTER_MAC, protocol=PROTOCOL, mode="replace"))
    assert [record.mac for record in found()] == [OUTER_MAC]
    run(rt, neighbour.delete_neighbour(INNER, text))
    assert found() == []


@pytest.mark.parametrize("text", ["10.0.0.8", "2001:db8::8"])
def test_a_proxy_there_and_back(rt: NetlinkSocket, text: str) -> None:
    def found() -> list[neighbour.NeighbourRecord]:
        payloads = rt.dump(neighbour.dump_neighbours(proxy=True))
        return [neighbour.parse_neighbour(payload) for payload in payloads]

    run(rt, neighbour.new_proxy(INNER, text, protocol=PROTOCOL))
    expected = neighbour.NeighbourRecord(
        index=INNER, address=text, mac="", permanent=False, proxy=True, protocol=PROTOCOL
    )
    assert found() == [expected]
    gone = neighbour.delete_proxy(INNER, text)
    assert errnos(rt, gone, gone) == [0, errno.ENOENT]
    assert found() == []


def test_a_forwarding_entry_there_and_back(rt: NetlinkSocket) -> None:
    # Nobody's: that of the inner end the bridge may have learnt already from what IPv6 sends by itself.
    mac = "02:00:00:00:0f:db"

    def found() -> list[fdb.FdbRecord]:
        payloads = rt.dump(fdb.dump_fdb(bridge=BRIDGE, index=OUTER))
        return [record for record in map(fdb.parse_fdb, payloads) if record.static]

    made = fdb.new_fdb(OUTER, mac, protocol=PROTOCOL)
    assert errnos(rt, made, made) == [0, errno.EEXIST]
    assert [(record.index, record.mac, record.master) for record in found()] == [(OUTER, mac, BRIDGE)]
    gone = fdb.delete_fdb(OUTER, mac)
    assert errnos(rt, gone, gone) == [0, errno.ENOENT]
    assert found() == []
