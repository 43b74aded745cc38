"""The units that a watch leaves as they are, each until it is tried again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from deuteron.agent.reasons import RETRY
from deuteron.objects import RefusedUnit
from deuteron.state.quarantine import Quarantined


class Holds:
    """Who waits in quarantine, by the watch's own clock.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._holds: dict[str, tuple[Quarantined, float]] = {}

    @property
    def units(self) -> frozenset[str]:
        """All that wait."""
        return frozenset(self._holds)

    def ends(self) -> list[float]:
        """When they are tried again."""
        return [when for _, when in self._holds.values()]

    def due(self, now: float) -> list[Quarantined]:
        """Those that are to be tried."""
        return [one for one, when in self._holds.values() if now >= when]

    def waiting(self, tried: Iterable[Quarantined]) -> dict[str, RefusedUnit]:
        """Those that wait on while these are tried."""
        units = {one.unit for one in tried}
        waiting = [one for one, _ in self._holds.values() if one.unit not in units]
        return {
            one.unit: RefusedUnit(unit=one.unit, title=one.title, code=one.code, error=one.error)
            for one in waiting
        }

    def judge(self, quarantine: Iterable[Quarantined], never: Collection[str]) -> None:
        """Take over who waits: the wait of a new failure begins now, whatever the wall clock says.

        Args:
            quarantine: as it is written down.
            never: units that are not tried at all.

        Raises:
            Exception: whatever reading ``quarantine`` raises; who waits then waits on.
        """
        known, now = self._holds, self._clock()
        holds: dict[str, tuple[Quarantined, float]] = {}
        for one in quarantine:
            if one.unit in never:
                continue
            before = known.get(one.unit)
            wait = max(RETRY, (one.next - one.last).total_seconds())
            waiting = before is not None and _same(before[0], one) and before[1] > now
            holds[one.unit] = before if before is not None and waiting else (one, now + wait)
        self._holds = holds


def _same(one: Quarantined, other: Quarantined) -> bool:
    """Whether both tell of the same attempt."""
    return (one.attempts, one.last) == (other.attempts, other.last)
