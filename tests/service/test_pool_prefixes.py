"""Prefixes taken of a subnet pool: the lowest that is free, or as asked, at a cost that does not grow."""

from __future__ import annotations

import random
from typing import Any

import pytest

from deuteron.domain.ipam import Range
from deuteron.store.store import Store, Unit
from tests.service.conftest import Desk
from tests.store.world import wrote

SEED = 20261123


def made(desk: Desk, *prefixes: str, **given: Any) -> dict[str, Any]:
    return desk.create("subnetpools", name="p", prefixes=list(prefixes), **given)


def cut(desk: Desk, pool: dict[str, Any], **given: Any) -> dict[str, Any]:
    network = desk.network()
    version = pool["ip_version"]
    return desk.create(
        "subnets", network_id=network["id"], subnetpool_id=pool["id"], ip_version=version, **given
    )


def test_the_lowest_of_the_smallest_that_is_large_enough_is_taken(alice: Desk) -> None:
    """As Neutron's ``SubnetAllocator`` goes about it."""
    pool = made(alice, "10.1.0.0/16", "10.2.0.0/24")
    cidrs = [cut(alice, pool, prefixlen=length)["cidr"] for length in (26, 25, 26, 24, 25)]
    assert cidrs == ["10.2.0.0/26", "10.2.0.128/25", "10.2.0.64/26", "10.1.0.0/24", "10.1.1.0/25"]
    six = made(alice, "2001:db8::/48")
    assert [cut(alice, six, prefixlen=64)["cidr"] for _ in range(2)] == ["2001:db8::/64", "2001:db8:0:1::/64"]


def test_one_that_is_asked_for_is_given_once(alice: Desk) -> None:
    pool = made(alice, "10.0.0.0/16")
    assert cut(alice, pool, cidr="10.0.3.0/24")["cidr"] == "10.0.3.0/24"
    for cidr in ("10.0.3.0/24", "10.0.3.128/25", "10.0.2.0/23", "10.1.0.0/24"):
        alice.refused(409, "SubnetAllocationError", cut, alice, pool, cidr=cidr)
    assert cut(alice, pool, prefixlen=24)["cidr"] == "10.0.2.0/24", "the smallest that is left"


def test_one_that_is_given_back_is_taken_again_and_joins_its_neighbours(alice: Desk) -> None:
    pool = made(alice, "10.0.0.0/24")
    four = [cut(alice, pool, prefixlen=26) for _ in range(4)]
    alice.refused(409, "SubnetAllocationError", cut, alice, pool, prefixlen=26)
    for one in four[1:3]:
        alice.ask("subnets", "delete", id=one["id"])
    alice.refused(409, "SubnetAllocationError", cut, alice, pool, prefixlen=25)
    alice.ask("networks", "delete", id=four[0]["network_id"])
    assert cut(alice, pool, prefixlen=25)["cidr"] == "10.0.0.0/25", "a network takes its subnets with it"


def test_what_a_refused_request_took_is_free(alice: Desk) -> None:
    pool = made(alice, "10.0.0.0/24")
    bad = [{"start": "10.0.0.1", "end": "10.9.0.1"}]
    with pytest.raises(Exception, match=r"10\.9\.0\.1"):
        cut(alice, pool, cidr="10.0.0.0/25", allocation_pools=bad)
    assert cut(alice, pool, prefixlen=25)["cidr"] == "10.0.0.0/25"


def test_a_pool_that_changes_is_looked_at_anew(alice: Desk) -> None:
    pool = made(alice, "10.0.0.0/25")
    kept = cut(alice, pool, prefixlen=25)
    more = {"prefixes": ["10.0.1.0/24", "10.0.2.0/23"]}
    alice.ask("subnetpools", "add_prefixes", id=pool["id"], body=more)
    found = [cut(alice, pool, prefixlen=24)["cidr"] for _ in range(2)]
    assert found == ["10.0.1.0/24", "10.0.2.0/24"]
    alice.ask("subnetpools", "remove_prefixes", id=pool["id"], body={"prefixes": ["10.0.3.0/24"]})
    alice.refused(409, "SubnetAllocationError", cut, alice, pool, prefixlen=24)
    alice.ask("subnets", "delete", id=kept["id"])
    assert cut(alice, pool, prefixlen=25)["cidr"] == "10.0.0.0/25"


def test_nothing_is_left_of_a_pool_that_is_gone(alice: Desk, store: Store) -> None:
    pool = made(alice, "10.0.0.0/24")
    subnet = cut(alice, pool, prefixlen=25)
    assert store.look(lambda unit: unit.blocks(pool["id"]).known)
    alice.ask("subnets", "delete", id=subnet["id"])
    alice.ask("subnetpools", "delete", id=pool["id"])
    assert not store.look(lambda unit: unit.blocks(pool["id"]).known)


def test_random_turns_never_give_two_what_overlaps(store: Store) -> None:
    """Against a model that knows every address: the blocks alone, in one unit."""
    chance = random.Random(SEED)

    def work(unit: Unit) -> None:
        blocks = unit.blocks("p")
        whole = [Range(0, 63), Range(64, 127), Range(256, 383)]
        blocks.begin(whole)
        free = {one for part in whole for one in range(part.first, part.last + 1)}
        taken: list[tuple[int, int]] = []
        for turn in range(600):
            if taken and chance.random() < 0.45:
                first, order = taken.pop(chance.randrange(len(taken)))
                blocks.give_back(first, order)
                free |= set(range(first, first + (1 << order)))
                continue
            order = chance.randrange(6)
            found = _best(free, order)
            if turn % 3 == 0:  # one that is asked for
                found = chance.randrange(384 >> order) << order
                fits = set(range(found, found + (1 << order))) <= free
                assert blocks.take(found, order) is fits, f"seed {SEED}, turn {turn}"
                found = found if fits else None
            else:
                assert blocks.take_best(order) == found, f"seed {SEED}, turn {turn}"
            if found is not None:
                taken.append((found, order))
                free -= set(range(found, found + (1 << order)))

    wrote(store, work)


def _best(free: set[int], order: int) -> int | None:
    """The lowest of the smallest aligned blocks that are wholly free and in no larger one that is."""
    left, whole = set(free), list[tuple[int, int]]()
    for size in range(9, -1, -1):
        for first in range(0, 512, 1 << size):
            block = set(range(first, first + (1 << size)))
            if block <= left:
                left -= block
                whole.append((size, first))
    return min(((size, first) for size, first in whole if size >= order), default=(0, None))[1]


def test_a_full_pool_costs_no_more_than_an_empty_one(store: Store, alice: Desk, admin: Desk) -> None:
    """In steps of SQLite's machine; the project has no limit, up to which it would be counted."""
    pool = made(alice, "10.0.0.0/8", default_prefixlen=24)
    limits = {"quota": {"network": -1, "subnet": -1}}
    admin.ask("quotas", "update", id=alice.caller.project_id, body=limits)
    done: list[int] = []
    store._db._raw.set_progress_handler(lambda: done.append(1), 1)

    def cost() -> int:
        done.clear()
        cut(alice, pool)
        return len(done)

    cost()
    few = cost()
    for _ in range(60):
        cut(alice, pool)
    assert cost() < few * 1.5
    cidrs = {one["cidr"] for one in alice.index("subnets")}
    assert cidrs == {f"10.0.{one}.0/24" for one in range(63)}
