"""Units that could not be made: kept apart, and tried again later and later.

All of it is arithmetic on values; the clock and chance are the caller's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Final

import msgspec

#: Seconds to the second attempt, and the most between two.
FIRST: Final = 1.0
LONGEST: Final = 300.0
#: Waits are spread by this part of themselves, so that many units do not come back at once.
JITTER: Final = 0.25


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one attempt.

    Attributes:
        code: stable; see ``docs/errors.md``.
        error: one sentence.
        left: what could not be taken back, a line each.
    """

    unit: str
    title: str
    code: str
    error: str
    left: tuple[str, ...] = ()


class Quarantined(msgspec.Struct, frozen=True, kw_only=True):
    """A unit that is not as wanted since it could not be made so.

    Attributes:
        code: of the last attempt's error; stable.
        error: one sentence.
        left: what the last attempt left behind, a line each.
        since: of the first failure in a row, UTC.
        attempts: how many in a row.
        last: of the last one, UTC.
        next: not to be tried by itself before that, UTC.
    """

    unit: str
    title: str
    code: str
    error: str
    left: tuple[str, ...]
    since: datetime
    attempts: int
    last: datetime
    next: datetime


def backoff(attempts: int, random: Random) -> float:
    """Seconds to wait after so many failures in a row: 1, 2, 4, ... 300, each spread by a quarter."""
    doublings = min(attempts - 1, 16)  # 2**16 s is far above the longest: no overflow after a year of them
    wait = min(LONGEST, FIRST * 2.0 ** max(doublings, 0))
    return wait * random.uniform(1 - JITTER, 1 + JITTER)


def failed(before: Quarantined | None, failure: Failure, now: datetime, random: Random) -> Quarantined:
    """The unit after one more failure."""
    attempts = before.attempts + 1 if before is not None else 1
    return Quarantined(
        unit=failure.unit,
        title=failure.title,
        code=failure.code,
        error=failure.error,
        left=failure.left,
        # A clock that was set back must not make a failure older than its cause.
        since=min(before.since, now) if before is not None else now,
        attempts=attempts,
        last=now,
        next=now + timedelta(seconds=backoff(attempts, random)),
    )


def remaining(one: Quarantined, now: datetime) -> float:
    """Seconds until it may be tried again by itself; never more than its backoff, whatever the clock did.

    A clock behind the last attempt was set back: what it would measure means nothing, so the wait is over.
    """
    if now < one.last:
        return 0.0
    return max(0.0, (one.next - now).total_seconds())


def due(units: Iterable[Quarantined], now: datetime) -> tuple[Quarantined, ...]:
    """Those whose wait is over."""
    return tuple(one for one in units if not remaining(one, now))


def updated(
    before: Mapping[str, Quarantined],
    failures: Sequence[Failure],
    now: datetime,
    random: Random,
) -> dict[str, Quarantined]:
    """The rows of the units that failed now."""
    return {one.unit: failed(before.get(one.unit), one, now, random) for one in failures}
