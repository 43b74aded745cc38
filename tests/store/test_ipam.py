"""Addresses: the lowest that is free, never twice, at a cost that does not know how many are taken."""

from __future__ import annotations

import asyncio
import random
from functools import partial
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deuteron.domain.ipam import Range, default_pools, hosts, key, number, split, text, without
from deuteron.store.store import Store, Unit
from tests.store.world import PORTS, SUBNETS, base, listed, plug, port, subnet, uid, wrote

SEED = 20261123


@pytest.mark.parametrize(
    ("cidr", "first", "last"),
    [
        ("10.0.0.0/24", "10.0.0.1", "10.0.0.254"),
        ("10.0.0.0/31", "10.0.0.0", "10.0.0.1"),
        ("10.0.0.1/32", "10.0.0.1", "10.0.0.1"),
        ("2001:db8::/64", "2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff"),
        ("2001:db8::/127", "2001:db8::", "2001:db8::1"),
    ],
)
def test_hosts_have_all_but_what_the_family_reserves(cidr: str, first: str, last: str) -> None:
    assert hosts(cidr) == Range(int(ip_address(first)), int(ip_address(last)))


def test_the_gateway_is_given_to_nobody() -> None:
    gateway = int(ip_address("10.0.0.1"))
    assert default_pools("10.0.0.0/29", gateway) == (Range(gateway + 1, gateway + 5),)
    assert default_pools("10.0.0.0/29", gateway + 2) == (
        Range(gateway, gateway + 1),
        Range(gateway + 3, gateway + 5),
    )


_RANGES = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9)), max_size=8)


@given(_RANGES, _RANGES)
@settings(max_examples=200, deadline=None)
def test_ranges_less_ranges_are_what_sets_say(pools: Any, taken: Any) -> None:
    apart: list[Range] = []
    for first, size in sorted(pools):
        if not apart or first > apart[-1].last:
            apart.append(Range(first, first + size))
    holes = sorted(Range(first, first + size) for first, size in taken)

    left = list(without(apart, holes))

    numbers = [one for part in left for one in range(part.first, part.last + 1)]
    gone = {one for hole in holes for one in range(hole.first, hole.last + 1)}
    assert numbers == [one for part in apart for one in range(part.first, part.last + 1) if one not in gone]


def test_keys_sort_as_numbers() -> None:
    numbers = [0, 1, 255, 256, int(ip_address("10.0.0.1")), int(ip_address("2001:db8::1")), (1 << 128) - 1]
    assert sorted(map(key, reversed(numbers))) == [key(one) for one in numbers]
    assert [number(key(one)) for one in numbers] == numbers
    assert text(numbers[4], 4) == "10.0.0.1"
    assert split(Range(1, 3), 2) == (Range(1, 1), Range(3, 3))
    assert split(Range(2, 2), 2) == ()


def _gone(unit: Unit, number: int) -> None:
    unit.delete(PORTS, uid(3, number))


def test_a_freed_address_is_given_again(store: Store) -> None:
    base(store, "10.0.0.0/29")
    wrote(store, lambda unit: [plug(unit, n) for n in range(1, 7)])
    assert wrote(store, lambda unit: unit.allocate(uid(2))) is None, "six hosts are all"
    for gone in (3, 4, 2):
        wrote(store, partial(_gone, number=gone))
    rows = store._db._raw.execute("SELECT first, last FROM free_ranges").fetchall()
    at = int(ip_address("10.0.0.0"))
    assert [(number(first) - at, number(last) - at) for first, last in rows] == [(2, 4)], "ranges join"
    wrote(store, lambda unit: plug(unit, 9))
    (one,) = [each for each in listed(store) if each.id == uid(3, 9)]
    assert one.fixed_ips[0].ip_address == "10.0.0.2"


def test_an_address_that_was_asked_for_is_not_given_to_the_next(store: Store) -> None:
    base(store)

    def work(unit: Unit) -> list[str | None]:
        asked = unit.allocate(uid(2), "10.0.0.2")
        unit.insert(PORTS, port(1, "10.0.0.2"))
        again = unit.allocate(uid(2), "10.0.0.2")
        return [asked, again, unit.holder(uid(2), "10.0.0.2"), unit.allocate(uid(2)), unit.allocate(uid(2))]

    assert wrote(store, work) == ["10.0.0.2", None, uid(3, 1), "10.0.0.1", "10.0.0.3"]


def test_an_address_that_a_port_brings_along_is_not_given_to_the_next(store: Store) -> None:
    """As SLAAC's: nobody allocated it, and it lies in the pool."""
    base(store)
    wrote(store, lambda unit: unit.insert(PORTS, port(1, "10.0.0.1")))
    assert wrote(store, lambda unit: unit.allocate(uid(2))) == "10.0.0.2"


def test_new_pools_are_given_of_and_what_is_taken_stays_taken(store: Store) -> None:
    base(store, "10.0.0.0/24")
    wrote(store, lambda unit: unit.insert(PORTS, port(1, "10.0.0.100")))
    at = int(ip_address("10.0.0.0"))
    pools = (Range(at + 99, at + 101), Range(at + 200, at + 200))

    def work(unit: Unit) -> list[str | None]:
        unit.update(SUBNETS, subnet(pools=pools))
        return [unit.allocate(uid(2)) for _ in range(4)]

    assert wrote(store, work) == ["10.0.0.99", "10.0.0.101", "10.0.0.200", None]


def test_an_address_outside_the_pools_does_not_join_them_when_it_is_freed(store: Store) -> None:
    at = int(ip_address("10.0.0.0"))
    base(store, pools=(Range(at + 10, at + 10),))
    wrote(store, lambda unit: unit.insert(PORTS, port(1, "10.0.0.5")))
    wrote(store, lambda unit: unit.delete(PORTS, uid(3)))
    assert wrote(store, lambda unit: [unit.allocate(uid(2)) for _ in (1, 2)]) == ["10.0.0.10", None]


def test_sixteen_clients_in_a_nearly_full_pool_never_share_an_address(store: Store) -> None:
    base(store, "10.0.0.0/26")  # 62 hosts
    wrote(store, lambda unit: [plug(unit, n) for n in range(1, 59)])
    dice = random.Random(SEED)

    def one(unit: Unit, number: int) -> str:
        address = unit.allocate(uid(2))
        if address is None:
            raise LookupError("full")
        unit.insert(PORTS, port(number, address))
        return address

    async def client(which: int) -> int:
        mine: list[int] = []
        refused = 0
        for turn in range(30):
            number = 1000 + which * 100 + turn
            if mine and dice.random() < 0.5:
                gone = mine.pop()
                await store.write(partial(_gone, number=gone))
                continue
            try:
                await store.write(partial(one, number=number))
                mine.append(number)
            except LookupError:
                refused += 1
        return refused

    async def all_of_them() -> list[int]:
        return await asyncio.gather(*(client(which) for which in range(16)))

    refused = asyncio.run(all_of_them())

    ports = listed(store)
    addresses = [fixed.ip_address for each in ports for fixed in each.fixed_ips]
    assert len(set(addresses)) == len(addresses) == len(ports)
    assert sum(refused) > 0, f"the pool was never full: no proof (seed {SEED})"
    free = store._db._raw.execute("SELECT first, last FROM free_ranges").fetchall()
    left = sum(number(last) - number(first) + 1 for first, last in free)
    assert left + len(addresses) == 62


def test_an_address_costs_the_same_in_a_full_slash_8(store: Store) -> None:
    """By statements and by the steps of SQLite's machine: clocks lie on a busy host."""
    costs = {}
    for taken in (0, 1_000, 1 << 24):
        base_at = int(ip_address("10.0.0.0"))
        wrote(store, partial(_fresh, taken=taken))
        costs[taken] = _cost(store)
        if taken == 1 << 24:
            assert costs[taken][2] is None, "full is said"
        else:
            assert costs[taken][2] == text(base_at + taken + 1, 4)
        wrote(store, _remove)
    statements = {cost[0] for cost in costs.values()}
    steps = [cost[1] for cost in costs.values()]
    assert max(statements) <= 3, costs
    assert max(steps) < 200, costs


def _fresh(unit: Unit, taken: int) -> None:
    """A /8 of which so many are taken, and one in two of a thousand beside them free."""
    from deuteron.store import ipam
    from tests.store.world import NETWORKS, network

    unit.insert(NETWORKS, network())
    unit.insert(SUBNETS, subnet(cidr="10.0.0.0/8"))
    at = int(ip_address("10.0.0.0"))
    db = unit._db
    if taken >= (1 << 24):
        ipam.forget(db, uid(2))
        return
    ipam.forget(db, uid(2))
    holes = [Range(at + taken + 1 + 2 * n, at + taken + 1 + 2 * n) for n in range(1_000)]
    ipam._add(db, uid(2), [*holes, Range(at + taken + 5_000, at + (1 << 24) - 2)])


def _remove(unit: Unit) -> None:
    from tests.store.world import NETWORKS

    unit.delete(SUBNETS, uid(2))
    unit.delete(NETWORKS, uid(1))


def _cost(store: Store) -> tuple[int, int, str | None]:
    """Statements, and tens of steps of SQLite's machine, of one allocation."""
    ticks = [0]

    def tick() -> int:
        ticks[0] += 1
        return 0

    def work(unit: Unit) -> tuple[int, str | None]:
        db = unit._db
        before = db.statements
        db._raw.set_progress_handler(tick, 1)
        address = unit.allocate(uid(2))
        db._raw.set_progress_handler(None, 1)
        return db.statements - before, address

    statements, address = wrote(store, work)
    return statements, ticks[0], address


def test_numbers_are_given_once_and_again_when_dropped(store: Store) -> None:
    def work(unit: Unit) -> list[int | None]:
        first = [unit.number("leg/node1", holder, 5, 6) for holder in ("a", "b", "a", "c")]
        unit.drop_number("leg/node1", "a")
        unit.drop_number("leg/node1", "nobody")
        return [*first, unit.number("leg/node1", "c", 5, 6), unit.number("leg/node2", "c", 5, 6)]

    assert wrote(store, work) == [5, 6, 5, None, 5, 5]


def test_a_number_that_was_asked_for_is_one_holder_s(store: Store) -> None:
    from deuteron.store.store import ConstraintError

    wrote(store, lambda unit: unit.take_number("vxlan", "net1", 7, 1, 100))
    with pytest.raises(ConstraintError) as refused:
        wrote(store, lambda unit: unit.take_number("vxlan", "net2", 7, 1, 100))
    assert refused.value.constraint == "pk_numbers"
    assert wrote(store, lambda unit: [unit.number("vxlan", f"n{n}", 1, 100) for n in range(8)]) == [
        *range(1, 7),
        8,
        9,
    ]
