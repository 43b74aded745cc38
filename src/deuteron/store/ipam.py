"""Addresses and numbers given out: the lowest that is free, found by an index.

What is free is kept as ranges (``free_ranges``), so that the next address of a full /8 costs what it
costs of a /28: one look at the first range, one change of it.  A subnet's ranges are those of its
allocation pools less what its ports have; the constraint on ``fixed_ips`` is what makes an address one
port's alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Final

import msgspec
from sqlalchemy import bindparam, delete, insert, select, update

from deuteron.domain.ipam import Range, key, number, split, without
from deuteron.store.children import among
from deuteron.store.driver import Connection, Statement
from deuteron.store.tables import ALLOCATION_POOLS, FIXED_IPS, FREE_RANGES, NUMBERS

_F: Final = FREE_RANGES.c
_POOL: Final = _F.pool == bindparam("pool")
_LOWEST: Final = Statement(select(_F.first, _F.last).where(_POOL).order_by(_F.first).limit(1))
_BELOW: Final = Statement(
    select(_F.first, _F.last).where(_POOL, _F.first <= bindparam("at")).order_by(_F.first.desc()).limit(1)
)
_STARTS: Final = Statement(select(_F.first, _F.last).where(_POOL, _F.first == bindparam("at")))
_CUT: Final = Statement(
    update(FREE_RANGES).where(_POOL, _F.first == bindparam("at")).values(first=bindparam("to"))
)
_DROP: Final = Statement(delete(FREE_RANGES).where(_POOL, _F.first == bindparam("at")))
_EMPTY: Final = Statement(delete(FREE_RANGES).where(_POOL))
_ADD: Final = Statement(insert(FREE_RANGES))
_POOLS: Final = Statement(
    select(ALLOCATION_POOLS.c.first, ALLOCATION_POOLS.c.last)
    .where(ALLOCATION_POOLS.c.subnet_id == bindparam("pool"))
    .order_by(ALLOCATION_POOLS.c.first)
)
_IN_POOL: Final = Statement(
    select(ALLOCATION_POOLS.c.first).where(
        ALLOCATION_POOLS.c.subnet_id == bindparam("pool"),
        ALLOCATION_POOLS.c.first <= bindparam("at"),
        ALLOCATION_POOLS.c.last >= bindparam("at"),
    )
)
_TAKEN: Final = Statement(
    select(FIXED_IPS.c.address)
    .where(FIXED_IPS.c.subnet_id == bindparam("pool"))
    .order_by(FIXED_IPS.c.address)
)
_HOLDER: Final = Statement(
    select(FIXED_IPS.c.port_id).where(
        FIXED_IPS.c.subnet_id == bindparam("pool"), FIXED_IPS.c.address == bindparam("at")
    )
)
_NUMBER: Final = Statement(
    select(NUMBERS.c.number).where(
        NUMBERS.c.pool == bindparam("pool"), NUMBERS.c.holder == bindparam("holder")
    )
)
_NUMBERED: Final = Statement(
    select(NUMBERS.c.holder).where(NUMBERS.c.pool == bindparam("pool"), among(NUMBERS.c.holder, "holders"))
)
_KEEP: Final = Statement(insert(NUMBERS))
_FORGET: Final = Statement(
    delete(NUMBERS)
    .where(NUMBERS.c.pool == bindparam("pool"), NUMBERS.c.holder == bindparam("holder"))
    .returning(NUMBERS.c.number)
)
_STARTED: Final = Statement(select(NUMBERS.c.number).where(NUMBERS.c.pool == bindparam("pool")).limit(1))


def take_lowest(db: Connection, pool: str) -> int | None:
    """Take the lowest free number of a pool; ``None`` when there is none."""
    found = db.first(_LOWEST, {"pool": pool})
    if found is None:
        return None
    first, last = number(found[0]), number(found[1])
    if first == last:
        db.run(_DROP, {"pool": pool, "at": found[0]})
    else:
        db.run(_CUT, {"pool": pool, "at": found[0], "to": key(first + 1)})
    return first


def take(db: Connection, pool: str, value: int) -> bool:
    """Take this number out of a pool; ``False`` when it was not free in it."""
    found = db.first(_BELOW, {"pool": pool, "at": key(value)})
    if found is None or number(found[1]) < value:
        return False
    db.run(_DROP, {"pool": pool, "at": found[0]})
    _add(db, pool, split(Range(number(found[0]), number(found[1])), value))
    return True


def give_back(db: Connection, pool: str, value: int) -> None:
    """A number is free again: it joins the ranges beside it."""
    first = last = value
    below = db.first(_BELOW, {"pool": pool, "at": key(value)})
    if below is not None and number(below[1]) >= value:
        return
    if below is not None and number(below[1]) == value - 1:
        first = number(below[0])
        db.run(_DROP, {"pool": pool, "at": below[0]})
    above = db.first(_STARTS, {"pool": pool, "at": key(value + 1)})
    if above is not None:
        last = number(above[1])
        db.run(_DROP, {"pool": pool, "at": above[0]})
    _add(db, pool, (Range(first, last),))


def give_back_address(db: Connection, subnet_id: str, value: int) -> None:
    """An address is free again, where its subnet's pools have it."""
    if db.first(_IN_POOL, {"pool": subnet_id, "at": key(value)}) is not None:
        give_back(db, subnet_id, value)


def holder(db: Connection, subnet_id: str, value: int) -> str | None:
    """The port that has an address."""
    found = db.first(_HOLDER, {"pool": subnet_id, "at": key(value)})
    return None if found is None else str(found[0])


def begin(db: Connection, pool: str, ranges: Iterable[Range]) -> None:
    """A pool of which nothing is taken yet."""
    _add(db, pool, sorted(ranges))


def rebuild(db: Connection, subnet_id: str) -> None:
    """Make a subnet's free ranges anew from its pools and its ports' addresses: when the pools change."""
    db.run(_EMPTY, {"pool": subnet_id})
    pools = [Range(number(first), number(last)) for first, last in db.rows(_POOLS, {"pool": subnet_id})]
    taken = (number(address) for (address,) in db.rows(_TAKEN, {"pool": subnet_id}))
    _add(db, subnet_id, without(pools, _runs(taken)))


def forget(db: Connection, pool: str) -> None:
    """A pool is no more."""
    db.run(_EMPTY, {"pool": pool})


def number_of(db: Connection, pool: str, holder_id: str, bounds: Range) -> int | None:
    """The number that a holder has of a pool, given now if it has none: the lowest that is free.

    Args:
        db: the writer's.
        pool: its name.
        holder_id: whose.
        bounds: the pool, when nothing of it has been given yet.

    Returns:
        ``None`` when the pool is exhausted.
    """
    found = db.first(_NUMBER, {"pool": pool, "holder": holder_id})
    if found is not None:
        return int(found[0])
    lowest = take_lowest(db, pool)
    if lowest is None and db.first(_STARTED, {"pool": pool}) is None:
        _add(db, pool, (bounds,))
        lowest = take_lowest(db, pool)
    if lowest is not None:
        db.run(_KEEP, {"pool": pool, "number": lowest, "holder": holder_id})
    return lowest


def numbered(db: Connection, pool: str, holders: Collection[str]) -> frozenset[str]:
    """Of these, who has a number of a pool."""
    wanted = msgspec.json.encode(sorted(holders)).decode()
    return frozenset(one for (one,) in db.rows(_NUMBERED, {"pool": pool, "holders": wanted}))


def take_number(db: Connection, pool: str, holder_id: str, value: int, bounds: Range) -> None:
    """Give a holder this number of a pool.

    Raises:
        ConstraintError: another has it.
    """
    if db.first(_LOWEST, {"pool": pool}) is None and db.first(_STARTED, {"pool": pool}) is None:
        _add(db, pool, (bounds,))
    take(db, pool, value)
    db.run(_KEEP, {"pool": pool, "number": value, "holder": holder_id})


def drop_number(db: Connection, pool: str, holder_id: str) -> None:
    """Take back what a holder has of a pool, if anything."""
    found = db.first(_FORGET, {"pool": pool, "holder": holder_id})
    if found is not None:
        give_back(db, pool, int(found[0]))


def _runs(numbers: Iterable[int]) -> Iterator[Range]:
    """Ascending numbers as ranges."""
    first = last = -2
    for one in numbers:
        if one == last + 1:
            last = one
            continue
        if first >= 0:
            yield Range(first, last)
        first = last = one
    if first >= 0:
        yield Range(first, last)


def _add(db: Connection, pool: str, ranges: Iterable[Range]) -> None:
    rows = [{"pool": pool, "first": key(one.first), "last": key(one.last)} for one in ranges]
    if rows:
        db.run_many(_ADD, rows)
