"""Whatever bytes arrive, a parser gives a record or a ValueError, and soon."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from socket import AF_INET, AF_INET6

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deuteron.kernel.linux.netlink import address, conntrack, fdb, link, neighbour, nsid, route, rule, wire
from deuteron.kernel.linux.netlink.route import NexthopRecord
from deuteron.kernel.linux.netlink.socket import _parse_ack, _parse_done

MAC = "fa:16:3e:00:00:01"
VALID: list[tuple[Callable[[bytes], object], bytes]] = [
    (link.parse_link, link.new_veth("a", MAC, 1500, "b", MAC)),
    (link.parse_link, link.new_bridge("a", MAC, 1500)),
    (link.parse_link, link.add_altname(3, "a-long-name-of-a-link", "another")),
    (address.parse_address, address.new_address(5, "10.0.0.1/24", protocol=210)),
    (address.parse_address, address.new_address(5, "2001:db8::1/24", protocol=210)),
    (route.parse_route, route.new_route("10.0.0.0/24", [NexthopRecord(5, "10.0.0.1")], metric=1)),
    (route.parse_route, route.new_route("::/0", [NexthopRecord(5, "fe80::1"), NexthopRecord(6)])),
    (rule.parse_rule, rule.new_rule(AF_INET, 5, 300, iif="a", fwmark=1, source="10.0.0.0/8")),
    (neighbour.parse_neighbour, neighbour.new_neighbour(5, "10.0.0.1", MAC)),
    (fdb.parse_fdb, fdb.new_fdb(5, MAC)),
    (nsid.parse_nsid, nsid.set_nsid(3, 4)),
    (conntrack.parse_flow, conntrack.delete_matching("10.0.0.1")[0]),
]
PARSERS = sorted({parse for parse, _ in VALID}, key=lambda parse: parse.__name__)


@pytest.mark.parametrize("parse", PARSERS)
@given(data=st.binary(max_size=200))
def test_random_bytes_are_a_record_or_a_value_error(parse: Callable[[bytes], object], data: bytes) -> None:
    with contextlib.suppress(ValueError):
        parse(data)


@pytest.mark.parametrize(("parse", "message"), VALID)
@given(cut=st.integers(0, 400), at=st.integers(0, 400), byte=st.integers(0, 255))
def test_a_cut_or_changed_message_is_a_record_or_a_value_error(
    parse: Callable[[bytes], object], message: bytes, cut: int, at: int, byte: int
) -> None:
    payload = bytearray(message[wire.HEADER_SIZE :])
    payload[at % len(payload)] = byte
    with contextlib.suppress(ValueError):
        parse(bytes(payload[: cut or None]))


@given(flags=st.integers(0, 0xFFFF), data=st.binary(max_size=120))
def test_random_answers_are_an_ack_or_a_value_error(flags: int, data: bytes) -> None:
    with contextlib.suppress(ValueError):
        _parse_ack(flags, data)
    with contextlib.suppress(ValueError):
        _parse_done(data)


@given(
    family=st.sampled_from([AF_INET, AF_INET6]),
    number=st.integers(0, 2**128 - 1),
    share=st.floats(0, 1),
    table=st.integers(1, 2**32 - 1),
    metric=st.integers(0, 2**32 - 1),
    hops=st.lists(st.tuples(st.integers(1, 2**31 - 1), st.booleans()), min_size=1, max_size=4),
)
def test_a_route_reads_back_as_it_was_built(
    family: int, number: int, share: float, table: int, metric: int, hops: list[tuple[int, bool]]
) -> None:
    bits = 32 if family == AF_INET else 128
    size = round(bits * share)
    packed = (number % (1 << bits)).to_bytes(bits // 8, "big")
    text = f"{wire.address_text(packed)}/{size}" if size else ("0.0.0.0/0" if bits == 32 else "::/0")
    nexthops = tuple(NexthopRecord(index, wire.address_text(packed), onlink) for index, onlink in hops)
    message = route.new_route(text, nexthops, table=table, metric=metric, protocol=210)
    read = route.parse_route(message[wire.HEADER_SIZE :])
    assert read == route.RouteRecord(
        family=family,
        table=table,
        destination=text,
        metric=metric,
        protocol=210,
        type="unicast",
        nexthops=nexthops,
    )
