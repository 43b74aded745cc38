"""What a subnet pool has left: aligned blocks of addresses, halved when less is wanted and joined again.

As Neutron has it the smallest block that is large enough is taken, the lowest of those; a look at the blocks
of one size is one step in an index, so that a pool of many thousand prefixes costs what an empty one does.
The blocks follow from the pool's prefixes and its subnets: where they are not known they are made anew of
those, by who asks.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sqlalchemy import bindparam, delete, insert, select

from deuteron.domain.ipam import Range, blocks, key, number
from deuteron.store.driver import Connection, Statement
from deuteron.store.tables import FREE_RANGES

#: Powers of two that a block can have.
_ORDERS: Final = range(129)
_F: Final = FREE_RANGES.c
_POOL: Final = _F.pool == bindparam("pool")
_ADD: Final = Statement(insert(FREE_RANGES))
_LOWEST: Final = Statement(select(_F.first).where(_POOL).order_by(_F.first).limit(1))
_AT: Final = Statement(select(_F.last).where(_POOL, _F.first == bindparam("at")))
_DROP: Final = Statement(delete(FREE_RANGES).where(_POOL, _F.first == bindparam("at")))
_FITTING: Final = Statement(
    select(_F.pool, _F.first)
    .where(_F.pool >= bindparam("low"), _F.pool < bindparam("high"))
    .order_by(_F.pool, _F.first)
    .limit(1)
)
_FORGET: Final = Statement(
    delete(FREE_RANGES).where(_F.pool >= bindparam("low"), _F.pool < bindparam("high"))
)


class Blocks:
    """The free blocks of one pool."""

    def __init__(self, db: Connection, pool_id: str) -> None:
        self._db = db
        self._base = f"prefixes:{pool_id}/"
        #: All that begins with the base: "0" comes after "/".
        self._own = {"low": self._base, "high": f"prefixes:{pool_id}0"}

    @property
    def known(self) -> bool:
        """Whether they are kept: an exhausted pool has none, and is known."""
        return self._db.first(_LOWEST, {"pool": f"{self._base}known"}) is not None

    def begin(self, free: Iterable[Range]) -> None:
        """Keep them: what these ranges are made of."""
        self._db.run(_ADD, {"pool": f"{self._base}known", "first": b"", "last": b""})
        for first, order in blocks(free):
            self._add(first, order)

    def forget(self) -> None:
        """Keep them no more: the pool has changed, or is gone."""
        self._db.run(_FORGET, self._own)

    def take_best(self, order: int) -> int | None:
        """Take a block of 2**order addresses, of the smallest that is large enough; its first address."""
        bounds = {"low": self._size(order), "high": f"{self._base}known"}
        found = self._db.first(_FITTING, bounds)
        if found is None:
            return None
        first = number(found[1])
        self._cut(first, int(found[0].removeprefix(self._base)), first, order)
        return first

    def take(self, first: int, order: int) -> bool:
        """Take this block; ``False`` when not all of it is free."""
        for larger in _ORDERS[order:]:
            start = first >> larger << larger
            if self._has(start, larger):
                self._cut(start, larger, first, order)
                return True
        return False

    def give_back(self, first: int, order: int) -> None:
        """A block is free again; it joins its other half as often as that is free."""
        if not self.known:
            return
        while self._has(other := first ^ (1 << order), order):
            self._drop(other, order)
            first, order = min(first, other), order + 1
        self._add(first, order)

    def _cut(self, start: int, larger: int, first: int, order: int) -> None:
        """Take a block out of a larger one, and keep the halves that are left."""
        self._drop(start, larger)
        for half in range(larger - 1, order - 1, -1):
            self._add((first >> half ^ 1) << half, half)

    def _size(self, order: int) -> str:
        return f"{self._base}{order:03}"

    def _has(self, first: int, order: int) -> bool:
        return self._db.first(_AT, {"pool": self._size(order), "at": key(first)}) is not None

    def _add(self, first: int, order: int) -> None:
        last = first + (1 << order) - 1
        self._db.run(_ADD, {"pool": self._size(order), "first": key(first), "last": key(last)})

    def _drop(self, first: int, order: int) -> None:
        self._db.run(_DROP, {"pool": self._size(order), "at": key(first)})
