from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deuteron.domain import Subnet
from deuteron.inputs.allocate import (
    ADDRESS,
    Allocation,
    Allocations,
    ExhaustedError,
    Range,
    allocate,
    mac_range,
    record,
    subnet_range,
)

OWNERS = st.lists(st.text("abcdef", min_size=1, max_size=4), max_size=8)
SMALL = {"s": Range(4, ((10, 14), (20, 24)))}


@given(owners=OWNERS)
def test_each_owner_has_a_value_of_its_own(owners: list[str]) -> None:
    chosen = allocate(ADDRESS, [("s", owner) for owner in owners], SMALL, {}, Allocations())
    assert len(set(chosen.values())) == len(set(owners))


@given(owners=OWNERS, order=st.randoms())
def test_the_order_of_owners_is_of_no_account(owners: list[str], order: object) -> None:
    wanted = [("s", owner) for owner in owners]
    shuffled = list(reversed(wanted))
    assert allocate(ADDRESS, wanted, SMALL, {}, Allocations()) == allocate(
        ADDRESS, shuffled, SMALL, {}, Allocations()
    )


@given(first=OWNERS, second=OWNERS)
def test_what_was_chosen_stays(first: list[str], second: list[str]) -> None:
    before = allocate(ADDRESS, [("s", owner) for owner in first], SMALL, {}, Allocations())
    together = sorted({*first, *second})[:10]
    after = allocate(ADDRESS, [("s", one) for one in together], SMALL, {}, record((ADDRESS, before)))
    assert all(after[place] == value for place, value in before.items() if place in after)


def test_values_taken_elsewhere_are_not_given() -> None:
    taken = {"s": {f"0.0.0.{number}" for number in (10, 11, 12, 13, 20, 21, 22, 23, 24)}}
    assert allocate(ADDRESS, [("s", "x")], SMALL, taken, Allocations()) == {("s", "x"): "0.0.0.14"}


def test_nothing_left() -> None:
    with pytest.raises(ExhaustedError) as caught:
        allocate(ADDRESS, [("s", str(n)) for n in range(11)], SMALL, {}, Allocations())
    assert caught.value.scope == "s"


def test_two_owners_of_one_value_are_no_allocations() -> None:
    one = Allocation(kind=ADDRESS, scope="s", key="a", value="1")
    with pytest.raises(ValueError, match="unique"):
        Allocations(entries=(one, Allocation(kind=ADDRESS, scope="s", key="b", value="1")))


@pytest.mark.parametrize(
    ("cidr", "first", "last"),
    [
        ("10.0.0.0/24", "10.0.0.1", "10.0.0.254"),
        ("10.0.0.0/31", "10.0.0.0", "10.0.0.1"),
        ("10.0.0.7/32", "10.0.0.7", "10.0.0.7"),
        ("fd00::/126", "fd00::1", "fd00::3"),
    ],
)
def test_the_addresses_of_a_subnet(cidr: str, first: str, last: str) -> None:
    values = subnet_range(Subnet(id="s", name="", network_id="n", cidr=cidr))
    assert (values.text(0), values.text(values.size - 1)) == (first, last)


def test_overlapping_pools_give_each_address_once() -> None:
    pools = (("10.0.0.5", "10.0.0.9"), ("10.0.0.8", "10.0.0.12"))
    assert subnet_range(Subnet(id="s", name="", network_id="n", cidr="10.0.0.0/24", pools=pools)).size == 8


def test_mac_addresses() -> None:
    assert mac_range().text(0x010203) == "fa:16:3e:01:02:03"
    assert mac_range().holds("fa:16:3e:ff:00:00")
    assert not mac_range().holds("fa:16:3f:00:00:00")
    assert not mac_range().holds("junk")
