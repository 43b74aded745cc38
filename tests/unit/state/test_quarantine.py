"""Waits between attempts: doubling, bounded, spread, and no longer than that whatever the clock does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from deuteron.state.quarantine import LONGEST, Failure, Quarantined, backoff, due, failed, remaining

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
FAILURE = Failure(unit="router/a", title="router a", code="eexist", error="File exists")


class Middle(Random):
    """Chance that always takes the middle."""

    def uniform(self, a: float, b: float) -> float:
        return (a + b) / 2


def after(attempts: int) -> Quarantined:
    one = failed(None, FAILURE, NOON, Middle())
    for _ in range(attempts - 1):
        one = failed(one, FAILURE, NOON, Middle())
    return one


def test_waits_double_from_one_second_to_five_minutes() -> None:
    waits = [backoff(attempts, Middle()) for attempts in (1, 2, 3, 4, 9, 10, 1000)]
    assert waits == [1, 2, 4, 8, 256, 300, 300]


@pytest.mark.parametrize("seed", range(20))
def test_waits_are_spread_by_a_quarter(seed: int) -> None:
    random = Random(seed)
    waits = [backoff(20, random) for _ in range(200)]
    assert all(0.75 * LONGEST <= wait <= 1.25 * LONGEST for wait in waits), seed
    assert max(waits) - min(waits) > 0.3 * LONGEST, seed


def test_a_unit_is_due_when_its_wait_is_over_and_not_before() -> None:
    one = after(4)
    assert (one.attempts, one.since, one.last) == (4, NOON, NOON)
    assert due([one], NOON + timedelta(seconds=7.9)) == ()
    assert due([one], NOON + timedelta(seconds=8)) == (one,)


@pytest.mark.parametrize("jump", [timedelta(days=-400), timedelta(seconds=-1), timedelta(days=400)])
def test_a_clock_that_jumps_never_makes_a_wait_longer(jump: timedelta) -> None:
    one = after(9)
    assert remaining(one, NOON + jump) <= 256
    again = failed(one, FAILURE, NOON + jump, Middle())
    assert again.since <= again.last
    assert remaining(again, again.last) == 300
