"""The long tests first, and some in every worker's share: at the end nobody waits for one of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import pytest

_One = TypeVar("_One")

#: Where the tests are that take longest, in their order; within a file it is their own.
LONG: Final = (
    "tests/faults/test_linux.py",
    "tests/crash/test_kill_each.py",
    "tests/crash/test_random_kills.py",
    "tests/simulation/test_simulation.py",
    "tests/docs/test_lab.py",
    "tests/confine/test_api_escape.py",
    "tests/faults/test_fake.py",
    "tests/install/test_serve_service.py",
)


def is_long(item: pytest.Item) -> int | None:
    """When its turn is among the long ones, ``None`` where it is none of them."""
    path = item.nodeid.partition("::")[0]
    return LONG.index(path) if path in LONG else None


def spread(items: Sequence[_One], workers: int, turn: Callable[[_One], int | None]) -> list[_One]:
    """Put the long ones where each worker begins.

    ``--dist worksteal`` cuts the tests, in their order, into as many equal parts as there are workers,
    and whoever has nothing left takes from the end of somebody's part.

    Args:
        items: as collected; all workers have the same.
        workers: how many there are.
        turn: of a long one, ``None`` for all others.

    Returns:
        The same ones: at the beginning of each part its share of the long ones, then the others.
    """
    turns = [(turn(item), item) for item in items]
    first = sorted(((at, item) for at, item in turns if at is not None), key=lambda pair: pair[0])
    long, others = [item for _, item in first], iter([item for at, item in turns if at is None])
    found: list[_One] = []
    for worker in range(workers):
        size = (len(items) - len(found)) // (workers - worker)
        share = long[worker::workers][:size]
        found += share
        found += [item for _, item in zip(range(size - len(share)), others, strict=False)]
    placed = set(map(id, found))
    return found + [item for item in items if id(item) not in placed]
