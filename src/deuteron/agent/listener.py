"""What a watch hears, whom it tells, and how it ends between two units."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Protocol

import msgspec

from deuteron.agent.window import Found
from deuteron.apply.result import UnitResult
from deuteron.errors import DeuteronError
from deuteron.kernel.linux.events import Interest, Noticed
from deuteron.reconcile import UnitPlan


class Repair(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one unit that was not as wanted.

    Attributes:
        steps: what was to be done; empty where the unit was refused or skipped.
        seconds: from the first event that told of it to the end; of the look and the
            mending where no event did.
        noticed: ``event``, ``interval``, ``retry`` or ``file``.
    """

    result: UnitResult
    steps: UnitPlan | None
    seconds: float
    noticed: str


class Events(Protocol):
    """What tells that something may have changed; :class:`deuteron.kernel.linux.events.Events` is one."""

    def follow(
        self,
        interest: Interest,
        again: Iterable[str] | None = None,
        only: Collection[str] | None = None,
    ) -> frozenset[str]:
        """Tell of these from now on, of new ones of ``only`` alone; those not told of before."""
        ...

    def wait(self, seconds: float | None) -> Noticed:
        """What has happened, at the latest after ``seconds``."""
        ...

    def wake(self) -> None:
        """Have :meth:`wait` return."""
        ...


class Listener(Protocol):
    """Who wants to hear what is done."""

    def repaired(self, repair: Repair) -> None:
        """A unit was mended, or could not be."""
        ...

    def trouble(self, error: DeuteronError) -> None:
        """A look or a change as a whole was refused; it is tried again."""
        ...

    def looked(self, found: Found) -> None:
        """A look is over."""
        ...


class Stopped(Exception):  # noqa: N818 -- not an error: the way out between two units
    """The watch is to end; what is left of a change stays in the journal."""


class Collector:
    """The engine's reporter: collects what becomes of each unit, and ends the change between two."""

    def __init__(
        self, stopping: Callable[[], bool], done: Callable[[UnitResult, UnitPlan | None], None]
    ) -> None:
        self._stopping = stopping
        self._done = done
        self._plans: dict[str, UnitPlan] = {}

    def unit_started(self, unit: UnitPlan) -> None:
        """Remember its steps; nothing is begun any more where the watch is to end."""
        if self._stopping():
            raise Stopped
        self._plans[unit.unit] = unit

    def unit_done(self, result: UnitResult) -> None:
        """It is mended."""
        self._done(result, self._plans.get(result.unit))

    def unit_failed(self, result: UnitResult) -> None:
        """It could not be mended."""
        self._done(result, self._plans.get(result.unit))
