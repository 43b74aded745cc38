"""Repair while running: what somebody deletes or changes is put back.

::

    event -> "look again at these namespaces" -> quiet for 50 ms (at most 250 ms) -> one look
                                                        nothing differs: that was all
                                                        something does: mend it, as every change is made
    lost events, a namespace gone, each interval -> a look at everything; in slices, where views come too
    a unit that cannot be mended -> quarantine: tried again by its backoff, never earlier;
                                    the others do not wait for it

Events decide nothing, they only say where to look.  So a lost, late or superfluous event costs time
and never correctness.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from random import Random
from typing import Final, Protocol

import msgspec

from deuteron.agent.echo import Echo
from deuteron.agent.mend import Road
from deuteron.agent.sweep import Sweep, outline
from deuteron.agent.window import Found, Index, Plans, look_at, look_at_all, parting, without
from deuteron.apply.engine import Prepared
from deuteron.apply.isolate import plan_apart
from deuteron.apply.result import UnitResult
from deuteron.errors import DeuteronError
from deuteron.kernel.linux.events import Interest, Noticed
from deuteron.kernel.protocol import Kernel
from deuteron.objects import HOST, RefusedUnit, Wanted
from deuteron.reconcile import UnitPlan
from deuteron.state.quarantine import Quarantined

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
_RETRY: Final = 0.1
_LONGEST_RETRY: Final = 60.0
#: How many looks in a row wait for the kernel to clear up a namespace that has lost its name.
_PARTINGS: Final = 6


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

    def follow(self, interest: Interest, again: Iterable[str] | None = None) -> frozenset[str]:
        """Tell of these from now on; those not told of before."""
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


class Watch:
    """The loop.

    Args:
        kernel: what to look at.
        wanted: what was just applied; or an index that follows what is.
        events: what tells of changes.
        road: how to change.
        listener: who is told.
        interval: seconds from the end of one look at everything to the begin of the next.
        slice_seconds: look at everything in slices that take about so long, with whatever else is due
            between two; 0: at once.
        clock: seconds that only grow.
        random: spreads the interval.
    """

    def __init__(
        self,
        kernel: Kernel,
        wanted: Wanted | Plans,
        events: Events,
        road: Road,
        listener: Listener,
        *,
        interval: float = INTERVAL,
        slice_seconds: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        random: Random | None = None,
    ) -> None:
        self._kernel = kernel
        self._events = events
        self._road = road
        self._listener = listener
        self._interval = interval
        self._slice = slice_seconds
        self._sweep: Sweep | None = None
        #: What is heard without end and a look at everything take turns.
        self._turn_of_sweep = False
        self._clock = clock
        self._random = random or Random()  # noqa: S311 -- it spreads looks, it keeps no secret
        self._stop = self._reread = False
        self._index: Plans = Index(wanted) if isinstance(wanted, Wanted) else wanted
        self._dirty: set[str] = set()
        self.echo = Echo(self._clock)
        self._everything = self._names = False
        self._first: float | None = None
        self._last = 0.0
        self._patience = PATIENCE
        self._not_before = 0.0
        self._retry = 0.0
        self._partings = 0
        self._trouble = ""
        self._holds: dict[str, tuple[Quarantined, float]] = {}
        self._next_full = self._clock() + self._spread()

    def stop(self) -> None:
        """End after the unit in progress; may be called by a signal's handler."""
        self._stop = True
        self._events.wake()

    def reread(self) -> None:
        """Read the file again; may be called by a signal's handler."""
        self._reread = True
        self._events.wake()

    def run(self) -> None:
        """Watch until :meth:`stop`; :meth:`begin` comes before."""
        while not self._stop:
            self.turn()

    def begin(self) -> None:
        """Listen, and look once at everything: what happened before was not heard."""
        self._follow(None)
        self.judge()
        self._note(Noticed(everything=True))

    def turn(self) -> None:
        """Wait for the next reason to do something, and do it."""
        self._note(self._events.wait(max(0.0, self.due() - self._clock())))
        if self._stop:
            return
        with suppress(Stopped):
            if self._reread:
                self._read_again()
            else:
                self.attend()

    # For a loop that has other things to wait for as well -----------------------------------------

    def hear(self, noticed: Noticed) -> None:
        """Something was heard; what this process has written itself a moment ago can wait."""
        self._note(self.echo.theirs(noticed))

    def listen(self) -> None:
        """Listen from now on, and look at nothing: somebody is about to look at everything."""
        self._events.follow(self._index.interest, None)
        self.judge()

    @property
    def held(self) -> frozenset[str]:
        """The units that wait in quarantine."""
        return frozenset(self._holds)

    # When -------------------------------------------------------------------------------------

    def due(self) -> float:
        """When there is something to do, unless something happens before."""
        return self._not_before if self._sweep is not None else self._due()

    def _due(self) -> float:
        """When there is, but for a look at everything that is under way."""
        ends = [self._next_full, *(due for _, due in self._holds.values())]
        if (owed := self.echo.due()) is not None:
            ends.append(owed)
        if self._first is not None:
            ends.append(min(self._last + QUIET, self._first + self._patience))
        return max(min(ends), self._not_before)

    def _note(self, noticed: Noticed) -> None:
        self._reread = self._reread or noticed.file
        if not (noticed.namespaces or noticed.everything or noticed.names):
            return
        now = self._clock()
        if now - self._last > PATIENCE:
            self._patience = PATIENCE
        self._last = now
        self._first = now if self._first is None else self._first
        self._dirty |= noticed.namespaces
        self._everything = self._everything or noticed.everything
        self._names = self._names or noticed.names

    def _spread(self) -> float:
        return self._interval * self._random.uniform(1 - _SPREAD, 1 + _SPREAD)

    # What -------------------------------------------------------------------------------------

    def attend(self) -> None:
        """One look, for all there is reason for by now, and the mending of what it finds.

        Raises:
            Stopped: the watch is to end.
        """
        now = self._clock()
        if now < self.due():
            return
        if self._sweep is not None and (now < self._due() or self._turn_of_sweep):
            self._look_on(self._sweep)
            return
        if (owed := self.echo.due()) is not None and now >= owed:
            self._take_owed()
        full = self._everything or now >= self._next_full
        due = [one for one, when in self._holds.values() if now >= when]
        since, noticed = now if self._first is None else self._first, self._reason(due)
        names = self._dirty | self._index.homes(one.unit for one in due)
        moved, remade = self._names, self.echo.remade()
        self._forget_reasons()
        self._turn_of_sweep = True
        if full:
            self._next_full = now + self._spread()
        if full and self._slice:
            self._begin_sweep(since, noticed)
            full = False
        try:
            if full or moved or remade:
                self._follow(None if full else remade)
            found = self._look(names, due, full=full)
            if found.only is None and self._sweep is not None:
                self._sweep.saw(None, 0.0)
            self._act(found, due, since, noticed)
        except DeuteronError as error:
            self._failed(error)
        else:
            self._trouble, self._retry = "", 0.0
            # In a storm at most half of the time is spent on looking.
            self._not_before = self._clock() + min(self._clock() - now, PATIENCE)

    def _begin_sweep(self, since: float, noticed: str) -> None:
        """Look at everything from now on; one that is under way begins again."""
        if self._sweep is None:
            self._sweep = Sweep(self._index, self._slice, since, noticed)
        else:
            self._sweep.again(since, noticed)
        self._next_full = math.inf

    def _look_on(self, sweep: Sweep) -> None:
        """The next slice of a look at everything, and the mending of what it finds."""
        now, self._turn_of_sweep = self._clock(), False
        try:
            whole = not (sweep.outlined or outline(self._kernel, self._index, sweep, self._held(())))
            names = frozenset[str]() if whole else sweep.next()
            if names or whole:
                self._follow(None if whole else names)
                found = self._look(names, (), full=whole)
                sweep.saw(found.only, self._clock() - now)
                self._act(found, (), sweep.since if sweep.noticed == "event" else now, sweep.noticed)
        except DeuteronError as error:
            self._sweep = None
            self._failed(error)
            return
        if sweep.over and self._sweep is sweep:
            self._sweep, self._trouble, self._retry = None, "", 0.0
            self._next_full = self._clock() + self._spread()
        self._not_before = self._clock() + min(self._clock() - now, PATIENCE)

    def _reason(self, due: Sequence[Quarantined]) -> str:
        if self._first is not None:
            return "event"
        return "retry" if due else "interval"

    def _forget_reasons(self) -> None:
        self._dirty = set()
        self._everything = self._names = False
        self._first = None

    def _take_owed(self) -> None:
        """What this process has written to is due; a namespace that it has removed needs no look."""
        names, since = self.echo.owed()
        self._dirty |= {name for name in names if name == HOST or self._index.users(name)}
        self._first = since if self._first is None else min(since, self._first)

    def _failed(self, error: DeuteronError) -> None:
        """Say it once, and look at everything a little later."""
        if error.message != self._trouble:
            self._listener.trouble(error)
        self._trouble = error.message
        self._retry = min(max(_RETRY, 2 * self._retry), _LONGEST_RETRY)
        self._next_full = self._not_before = self._clock() + self._retry

    def _look(self, names: Iterable[str], due: Sequence[Quarantined], *, full: bool) -> Found:
        held = self._held(due).keys()
        if full:
            found = look_at_all(self._kernel, self._index, held)
        else:
            found = look_at(self._kernel, self._index, names, held)
        self._listener.looked(found)
        self._patience = PATIENCE if found.units else _LONGEST_PATIENCE
        return found

    def _held(self, due: Sequence[Quarantined]) -> dict[str, RefusedUnit]:
        """The units to leave as they are: those that wait, and those that the model could not hold."""
        tried = {one.unit for one in due}
        waiting = [one for one, _ in self._holds.values() if one.unit not in tried]
        held = {
            one.unit: RefusedUnit(unit=one.unit, title=one.title, code=one.code, error=one.error)
            for one in waiting
        }
        return held | {one.unit: one for one in self._index.wanted.refused}

    def _act(self, found: Found, due: Sequence[Quarantined], since: float, noticed: str) -> None:
        later = self._parting(found)
        if found.units - later.keys():
            held = (self._held(due) | later).values()

            def planned() -> Prepared:
                # What an unfinished change has left was recovered in between, so that the look is of before.
                return _plan(look_at_all(self._kernel, self._index, ()) if unfinished else found, held)

            unfinished = self._road.unfinished()
            self._change(planned, since, noticed, whole=found.only is None and not held)
            self._follow(None if unfinished else found.only)
        if later:
            self._note(Noticed(everything=True))
        if well := [one for one in due if one.unit not in found.units]:
            self._road.settled(well)
        if found.units or due:
            self.judge()

    def _parting(self, found: Found) -> dict[str, RefusedUnit]:
        """The units to come back to in a moment; not for ever, since somebody may have moved a link away."""
        units = parting(found) if found.only is None else frozenset()
        self._partings = self._partings + 1 if units else 0
        if self._partings > _PARTINGS:
            return {}
        return {unit: RefusedUnit(unit=unit, title=unit, code="", error="") for unit in units}

    def _change(
        self, planned: Callable[[], Prepared] | None, since: float, noticed: str, *, whole: bool
    ) -> None:
        def done(result: UnitResult, steps: UnitPlan | None) -> None:
            seconds = self._clock() - since
            self._listener.repaired(Repair(result=result, steps=steps, seconds=seconds, noticed=noticed))

        collector = Collector(lambda: self._stop, done)
        self._road.change(self._index.wanted, planned, collector, whole=whole)

    def _read_again(self) -> None:
        """The file has changed: everything of it is tried, the quarantined units too."""
        self._reread = False
        since = self._clock()
        try:
            wanted = self._road.reread()
            if wanted is None:
                return
            self._index = Index(wanted)
            self._change(None, since, "file", whole=True)
            self.judge()
            self._follow(None)
        except DeuteronError as error:
            self._failed(error)
        self._note(Noticed(everything=True))

    def _follow(self, again: Iterable[str] | None) -> None:
        new = self._events.follow(self._index.interest, again)
        self._note(Noticed(namespaces=new))

    def judge(self) -> None:
        """Take over who waits: the wait of a new failure begins now, whatever the wall clock says."""
        known, now = self._holds, self._clock()
        never = {one.unit for one in self._index.wanted.refused}
        self._holds = {}
        for one in self._road.quarantine():
            if one.unit in never:
                continue
            before = known.get(one.unit)
            wait = max(_RETRY, (one.next - one.last).total_seconds())
            waiting = before is not None and _same(before[0], one) and before[1] > now
            self._holds[one.unit] = before if before is not None and waiting else (one, now + wait)


def _plan(found: Found, held: Iterable[RefusedUnit]) -> Prepared:
    """The steps for what a look found, with the held units left as they are."""
    wanted = without(found, held)
    plan, refused = plan_apart(wanted, found.observed)
    return Prepared(wanted=wanted, observed=found.observed, plan=plan, refused=refused)


def _same(one: Quarantined, other: Quarantined) -> bool:
    """Whether both tell of the same attempt."""
    return (one.attempts, one.last) == (other.attempts, other.last)
