"""Tracked connections that are really in the kernel's table, and are gone afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from socket import AF_INET, AF_INET6
from struct import Struct

import pytest

from deuteron.kernel.linux.netlink import conntrack, wire
from deuteron.kernel.linux.netlink.socket import NETLINK_NETFILTER, Ack, NetlinkSocket
from tests.support.sandbox import Host

pytestmark = pytest.mark.kernel

UDP = 17
Flush = Callable[[NetlinkSocket, Sequence[str]], int | None]


@pytest.fixture
def ct(host: Host) -> Iterator[NetlinkSocket]:
    with host.inside(""):
        made = NetlinkSocket(NETLINK_NETFILTER)
    with made:
        yield made


def _side(kind: int, source: str, destination: str, source_port: int, destination_port: int) -> bytes:
    family, packed = wire.packed_address(source)
    first = 3 if family == AF_INET6 else 1
    there = wire.packed_address(destination)[1]
    return wire.nested(
        kind,
        wire.nested(1, wire.attribute(first, packed), wire.attribute(first + 1, there)),
        wire.nested(
            2,
            wire.u8(1, UDP),
            wire.attribute(2, source_port.to_bytes(2, "big")),
            wire.attribute(3, destination_port.to_bytes(2, "big")),
        ),
    )


def insert(ct: NetlinkSocket, source: str, destination: str, fixed: str = "") -> None:
    """A UDP flow; where ``fixed`` is given it is who answers, as after a translation."""
    family = wire.packed_address(source)[0]
    message = wire.message(
        0x100,  # IPCTNL_MSG_CT_NEW
        wire.MODE_FLAGS["create"],
        Struct("=BBH").pack(family, 0, 0),
        _side(1, source, destination, 1000, 53),
        _side(2, fixed or destination, source, 53, 1000),
        wire.be32(7, 300),  # CTA_TIMEOUT, seconds
    )
    assert ct.batch([message]) == [Ack()]


def flows(ct: NetlinkSocket, family: int = 0) -> list[tuple[str, str]]:
    found = [conntrack.parse_flow(payload) for payload in ct.dump(conntrack.dump_flows(family))]
    return sorted((flow.original.source, flow.original.destination) for flow in found)


@pytest.fixture(params=[conntrack.flush_flows, conntrack.flush_each])
def flush(request: pytest.FixtureRequest) -> Flush:
    flush: Flush = request.param
    return flush


def test_a_flow_shows_both_its_directions(ct: NetlinkSocket) -> None:
    insert(ct, "9.9.9.9", "203.0.113.50", fixed="10.0.0.5")
    (flow,) = (conntrack.parse_flow(payload) for payload in ct.dump(conntrack.dump_flows()))
    assert flow.original == conntrack.TupleRecord(
        source="9.9.9.9", destination="203.0.113.50", protocol=UDP, source_port=1000, destination_port=53
    )
    assert flow.reply == conntrack.TupleRecord(
        source="10.0.0.5", destination="9.9.9.9", protocol=UDP, source_port=53, destination_port=1000
    )


@pytest.mark.parametrize("address", ["9.9.9.9", "203.0.113.50", "10.0.0.5"])
def test_a_flow_ends_with_any_address_that_it_uses(ct: NetlinkSocket, flush: Flush, address: str) -> None:
    insert(ct, "9.9.9.9", "203.0.113.50", fixed="10.0.0.5")
    insert(ct, "10.0.0.6", "8.8.8.8")
    insert(ct, "2001:db8::1", "2001:db8::2")
    flush(ct, [address])
    assert flows(ct) == [("10.0.0.6", "8.8.8.8"), ("2001:db8::1", "2001:db8::2")]


@pytest.mark.parametrize("address", ["2001:db8::1", "2001:db8::2", "2001:DB8:0::2"])
def test_ipv6_flows_end_too(ct: NetlinkSocket, flush: Flush, address: str) -> None:
    insert(ct, "2001:db8::1", "2001:db8::2")
    insert(ct, "2001:db8::3", "2001:db8::4")
    insert(ct, "10.0.0.6", "8.8.8.8")
    flush(ct, [address])
    assert flows(ct, AF_INET6) == [("2001:db8::3", "2001:db8::4")]
    assert flows(ct, AF_INET) == [("10.0.0.6", "8.8.8.8")]


def test_several_addresses_at_once(ct: NetlinkSocket, flush: Flush) -> None:
    for last in range(20):
        insert(ct, f"10.0.0.{last}", "8.8.8.8")
    flush(ct, [f"10.0.0.{last}" for last in range(1, 20)])
    assert flows(ct) == [("10.0.0.0", "8.8.8.8")]


def test_both_families_at_once(ct: NetlinkSocket, flush: Flush) -> None:
    insert(ct, "2001:db8::1", "2001:db8::2")
    insert(ct, "2001:db8::3", "2001:db8::4")
    insert(ct, "10.0.0.6", "8.8.8.8")
    insert(ct, "10.0.0.7", "8.8.8.8")
    flush(ct, ["10.0.0.6", "2001:db8::2"])
    assert flows(ct) == [("10.0.0.7", "8.8.8.8"), ("2001:db8::3", "2001:db8::4")]


def test_no_address_ends_no_flow(ct: NetlinkSocket, flush: Flush) -> None:
    insert(ct, "10.0.0.6", "8.8.8.8")
    assert flush(ct, []) == 0
    assert flows(ct) == [("10.0.0.6", "8.8.8.8")]


def test_the_kernels_filter_is_not_used_for_ipv6_where_it_ends_all_but_the_wanted() -> None:
    with pytest.raises(ValueError, match="one by one"):
        conntrack.delete_matching("2001:db8::1")


def test_an_address_that_no_flow_uses_ends_none(ct: NetlinkSocket, flush: Flush) -> None:
    insert(ct, "10.0.0.6", "8.8.8.8")
    assert not flush(ct, ["10.0.0.7"])
    assert flows(ct) == [("10.0.0.6", "8.8.8.8")]


def test_flows_of_another_namespace_stay(ct: NetlinkSocket, host: Host, flush: Flush) -> None:
    host.make_netns("other")
    with host.inside("other"):
        other = NetlinkSocket(NETLINK_NETFILTER)
    with other:
        insert(other, "10.0.0.6", "8.8.8.8")
        flush(ct, ["10.0.0.6"])
        assert flows(other) == [("10.0.0.6", "8.8.8.8")]


def test_ending_them_one_by_one_says_how_many(ct: NetlinkSocket) -> None:
    insert(ct, "10.0.0.6", "8.8.8.8")
    insert(ct, "10.0.0.6", "8.8.4.4")
    assert conntrack.flush_each(ct, ["10.0.0.6"]) == 2


def test_a_kernel_that_does_not_know_the_filter_refuses_and_ends_nothing(ct: NetlinkSocket) -> None:
    """Such a kernel sees an incomplete tuple: the same message without its filter."""
    insert(ct, "10.0.0.6", "8.8.8.8")
    message = conntrack.delete_matching("10.0.0.6")[0]
    tuple_only = wire.attributes(message, wire.HEADER_SIZE + 4)[1]
    head = message[wire.HEADER_SIZE : wire.HEADER_SIZE + 4]
    (ack,) = ct.batch([wire.message(0x102, 0, head, wire.nested(1, tuple_only))])
    assert ack.errno == 22
    assert flows(ct) == [("10.0.0.6", "8.8.8.8")]
