"""How the agent of ``deuteron serve`` mends what others change: the watch, led by views instead of a file."""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final, Protocol

from deuteron.agent.listener import Events
from deuteron.agent.mend import Changer, Road
from deuteron.agent.serve import Follower
from deuteron.apply.engine import Prepared
from deuteron.apply.result import Reporter, Result, UnitResult
from deuteron.kernel.linux.events import Interest, Noticed
from deuteron.objects import Wanted
from deuteron.state.directory import State
from deuteron.state.quarantine import Quarantined

_NOTHING: Final = Noticed()


class Ears(Events, Protocol):
    """What tells of the kernel, and at the same time of a descriptor of somebody else's."""

    def wait(self, seconds: float | None, also: int = -1) -> Noticed:
        """What has happened, as soon as anything has or ``also`` can be read."""
        ...


class Deaf:
    """Ears that hear nothing of the kernel: a host that is looked at every interval alone."""

    def __init__(self) -> None:
        self._woken = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def follow(
        self,
        interest: Interest,
        again: Iterable[str] | None = None,
        only: Collection[str] | None = None,
    ) -> frozenset[str]:
        """Nothing is heard anew."""
        del interest, again, only
        return frozenset()

    def wait(self, seconds: float | None, also: int = -1) -> Noticed:
        """Return when ``also`` can be read, when woken, and at the latest after ``seconds``."""
        descriptors = [self._woken, *([also] if also >= 0 else [])]
        if self._woken in select.select(descriptors, [], [], seconds)[0]:
            os.eventfd_read(self._woken)
        return _NOTHING

    def wake(self) -> None:
        """Have :meth:`wait` return."""
        os.eventfd_write(self._woken, 1)


class ServedRoad(Road):
    """The road of a watch whose target is the view that the follower has come to.

    Args:
        change: :func:`deuteron.agent.change.change` with its kernels and its state.
        state: held by this process, and so is the host.
        follower: has the target.
        told: hears what became of the units.
    """

    def __init__(
        self,
        change: Changer,
        state: State,
        follower: Follower,
        told: Callable[[Sequence[UnitResult]], None],
    ) -> None:
        super().__init__(change, state, follower.target, lambda: None)
        self._follower = follower
        self._told = told

    def change(
        self, wanted: Wanted, planned: Callable[[], Prepared] | None, reporter: Reporter, *, whole: bool
    ) -> Result:
        """See :meth:`deuteron.agent.mend.Road.change`."""
        self._target = self._follower.target
        result = super().change(wanted, planned, reporter, whole=whole)
        self._told(result.units)
        return result

    def settled(self, units: Iterable[Quarantined]) -> None:
        """See :meth:`deuteron.agent.mend.Road.settled`."""
        well = tuple(units)
        self._target = self._follower.target
        super().settled(well)
        self._told(
            [UnitResult(unit=one.unit, title=one.title, outcome="done", steps=0, seconds=0.0) for one in well]
        )
