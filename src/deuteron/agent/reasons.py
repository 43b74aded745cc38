"""Why a watch looks again, and when: bursts, the interval, and what was refused."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from random import Random
from typing import Final

from deuteron.kernel.linux.events import Noticed

#: Seconds without an event after which a burst is over, and the longest to wait for that.
QUIET: Final = 0.05
PATIENCE: Final = 0.25
#: The longest to wait where looks found nothing and events go on: with a look it stays within 1 s.
_LONGEST_PATIENCE: Final = 0.7
#: Seconds from the end of one look at everything to the begin of the next.
INTERVAL: Final = 60.0
#: By how much of itself the interval varies, so that many hosts do not look at once.
_SPREAD: Final = 0.1
#: Seconds until the next try where a look or the state directory was refused, and the most.
RETRY: Final = 0.1
_LONGEST_RETRY: Final = 60.0


class Reasons:
    """What there is to look at and since when.

    Args:
        interval: seconds from the end of one look at everything to the begin of the next.
        clock: seconds that only grow.
        random: spreads the interval.

    Attributes:
        namespaces: where something was noticed.
        everything: whether it may have been anywhere.
        names: whether a namespace has come or gone.
        next_full: when to look at everything, whatever was noticed.
        not_before: until when nothing is done.
    """

    def __init__(self, interval: float, clock: Callable[[], float], random: Random) -> None:
        self._interval = interval
        self._clock = clock
        self._random = random
        self.namespaces: set[str] = set()
        self.everything = self.names = False
        self._first: float | None = None
        self._last = 0.0
        self._patience = PATIENCE
        self.not_before = 0.0
        self._retry = 0.0
        self.next_full = clock() + self._spread()

    def due(self, others: Iterable[float]) -> float:
        """When there is something to do, with what is due for other reasons."""
        ends = [self.next_full, *others]
        if self._first is not None:
            ends.append(min(self._last + QUIET, self._first + self._patience))
        return max(min(ends), self.not_before)

    def note(self, noticed: Noticed) -> None:
        """Something was noticed: a reason, unless it was no namespace's."""
        if not (noticed.namespaces or noticed.everything or noticed.names):
            return
        now = self._clock()
        if now - self._last > PATIENCE:
            self._patience = PATIENCE
        self._last = now
        self._first = now if self._first is None else self._first
        self.namespaces |= noticed.namespaces
        self.everything = self.everything or noticed.everything
        self.names = self.names or noticed.names

    def add(self, namespaces: Iterable[str], since: float) -> None:
        """These were noticed some time ago."""
        self.namespaces |= set(namespaces)
        self._first = since if self._first is None else min(since, self._first)

    def since(self, now: float) -> float:
        """When the first of them came; now, where none did."""
        return now if self._first is None else self._first

    def word(self, *, retried: bool) -> str:
        """What :class:`deuteron.agent.listener.Repair` calls it."""
        if self._first is not None:
            return "event"
        return "retry" if retried else "interval"

    def forget(self) -> None:
        """What was noticed is about to be looked at."""
        self.namespaces = set()
        self.everything = self.names = False
        self._first = None

    def end_interval(self) -> None:
        """Look at everything now, whatever was noticed."""
        self.next_full = self._clock()

    def begin_interval(self) -> None:
        """The next look at everything is an interval away."""
        self.next_full = self._clock() + self._spread()

    def stop_interval(self) -> None:
        """A look at everything is under way; the next one waits for its end."""
        self.next_full = math.inf

    def looked(self, *, found: bool) -> None:
        """A look that found nothing lets the next burst last longer."""
        self._patience = PATIENCE if found else _LONGEST_PATIENCE

    def rest(self, began: float) -> None:
        """In a storm at most half of the time is spent on looking."""
        self.not_before = self._clock() + min(self._clock() - began, PATIENCE)

    def well(self) -> None:
        """Nothing was refused."""
        self._retry = 0.0

    def refused(self) -> None:
        """Look at everything a little later, and later still each time."""
        self._retry = min(max(RETRY, 2 * self._retry), _LONGEST_RETRY)
        self.next_full = self.not_before = self._clock() + self._retry

    def _spread(self) -> float:
        return self._interval * self._random.uniform(1 - _SPREAD, 1 + _SPREAD)
