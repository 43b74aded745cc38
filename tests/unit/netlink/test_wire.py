from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deuteron.kernel.linux.netlink import wire

VALUES = st.lists(st.tuples(st.integers(1, 0x3FFF), st.binary(max_size=40)), max_size=8)


@given(VALUES)
def test_attributes_come_back_as_they_were_packed(values: list[tuple[int, bytes]]) -> None:
    packed = b"".join(wire.attribute(kind, value) for kind, value in values)
    assert len(packed) % 4 == 0
    assert list(wire.walk(packed)) == values
    assert wire.attributes(packed) == dict(values)


def test_nested_attributes_are_flagged_and_walked_without_the_flag() -> None:
    packed = wire.nested(7, wire.u32(1, 5), wire.string(2, "x"))
    assert wire.number(packed[2:4]) == 7 | 0x8000
    assert wire.attributes(wire.attributes(packed)[7]) == {1: b"\x05\0\0\0", 2: b"x\0"}


@pytest.mark.parametrize("length", [0, 3, 9, 0xFFFF])
def test_an_attribute_of_a_wrong_length_is_an_error_and_not_an_endless_walk(length: int) -> None:
    data = length.to_bytes(2, wire.BYTE_ORDER) + b"\1\0abcd"
    with pytest.raises(ValueError, match="attribute ends beyond"):
        wire.attributes(data)
    with pytest.raises(ValueError, match="attribute ends beyond"):
        list(wire.walk(data))


@pytest.mark.parametrize("length", [0, 15, 21])
def test_a_message_of_a_wrong_length_is_an_error(length: int) -> None:
    data = wire.HEADER.pack(length, 16, 0, 1, 0) + b"abcd"
    with pytest.raises(ValueError, match="message ends beyond"):
        list(wire.messages(data))


def test_messages_of_a_datagram_are_told_apart() -> None:
    data = wire.message(16, 0, b"abcd") + wire.message(17, wire.NLM_F_DUMP, b"efgh")
    assert list(wire.messages(data)) == [(16, 1, 0, b"abcd"), (17, 0x301, 0, b"efgh")]


@pytest.mark.parametrize("text", ["", "10.0.0", "10.0.0.256", "2001:db8::g", "fe80::1%eth0"])
def test_what_is_not_an_address_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"10\.0\.0\.1 or 2001:db8::1"):
        wire.packed_address(text)


@pytest.mark.parametrize("text", ["10.0.0.0/33", "10.0.0.0/-1", "2001:db8::/129"])
def test_a_prefix_longer_than_its_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="prefix length"):
        wire.packed_prefix(text)


def test_a_bare_address_is_the_prefix_of_one_host() -> None:
    assert wire.packed_prefix("10.0.0.1")[2] == 32
    assert wire.packed_prefix("2001:db8::1")[2] == 128


def test_an_alias_that_is_not_utf8_shows_as_escapes() -> None:
    assert wire.text(b"caf\xe9\0") == "caf\\xe9"
