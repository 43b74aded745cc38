"""Repair while running: what somebody deletes or changes is put back.

::

    event -> "look again at these namespaces" -> quiet for 50 ms (at most 250 ms) -> one look
                                                        nothing differs: that was all
                                                        something does: mend it, as every change is made
    lost events, a namespace gone, each interval -> a look at everything; in slices, where views come too
    a unit that cannot be mended -> quarantine: tried again by its backoff, never earlier;
                                    the others do not wait for it

Events decide nothing, they only say where to look.  So a lost, late or superfluous event costs time
and never correctness.  When to look is :mod:`deuteron.agent.reasons`'; which units wait is
:mod:`deuteron.agent.holds`'; what is heard and told has the forms of :mod:`deuteron.agent.listener`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from random import Random
from typing import Final

from deuteron.agent.echo import Echo
from deuteron.agent.holds import Holds
from deuteron.agent.listener import Collector, Events, Listener, Repair, Stopped
from deuteron.agent.mend import Road, prepared
from deuteron.agent.reasons import INTERVAL, Reasons
from deuteron.agent.sweep import Sweep, outline
from deuteron.agent.window import Found, Index, Plans, look_at, look_at_all, parting
from deuteron.apply.engine import Prepared
from deuteron.apply.result import UnitResult
from deuteron.errors import DeuteronError
from deuteron.kernel.linux.events import Noticed
from deuteron.kernel.protocol import Kernel
from deuteron.objects import HOST, RefusedUnit, Wanted
from deuteron.reconcile import UnitPlan
from deuteron.state.quarantine import Quarantined

#: Namespaces that are looked at in one piece at most, where a look at everything goes in slices: what a view
#: of a thousand routers has made is heard and read back in slices too.
_MANY: Final = 64
#: How many looks in a row wait for the kernel to clear up a namespace that has lost its name.
_PARTINGS: Final = 6


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
        self._slice = slice_seconds
        self._sweep: Sweep | None = None
        #: What is heard without end and a look at everything take turns.
        self._turn_of_sweep = False
        self._looked = True
        self._clock = clock
        self._stop = self._reread = False
        self._index: Plans = Index(wanted) if isinstance(wanted, Wanted) else wanted
        self.echo = Echo(self._clock)
        self._partings = 0
        self._trouble = ""
        self._holds = Holds(clock)
        spread = random or Random()  # noqa: S311 -- it spreads looks, it keeps no secret
        self._reasons = Reasons(interval, clock, spread)

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

    def look_over(self) -> None:
        """Look at everything from now on, listening to each slice as its turn comes; nobody has before."""
        self._looked = False
        self._reasons.end_interval()
        self.judge()

    @property
    def looked(self) -> bool:
        """Whether what :meth:`look_over` began is over, and what was not as wanted was tried."""
        return self._looked

    @property
    def progress(self) -> tuple[int, int]:
        """Of a look at everything that is under way: how many namespaces were looked at, and of how many."""
        return (0, 0) if self._sweep is None else self._sweep.progress

    @property
    def held(self) -> frozenset[str]:
        """The units that wait in quarantine."""
        return self._holds.units

    # When -------------------------------------------------------------------------------------

    def due(self) -> float:
        """When there is something to do, unless something happens before."""
        return self._reasons.not_before if self._sweep is not None else self._due()

    def _due(self) -> float:
        """When there is, but for a look at everything that is under way."""
        owed = self.echo.due()
        return self._reasons.due(self._holds.ends() + ([] if owed is None else [owed]))

    def _note(self, noticed: Noticed) -> None:
        self._reread = self._reread or noticed.file
        self._reasons.note(noticed)

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
        self._turn_of_sweep = True
        self._attend(now)

    def _attend(self, now: float) -> None:
        reasons = self._reasons
        full = reasons.everything or now >= reasons.next_full
        due = self._holds.due(now)
        since, noticed = reasons.since(now), reasons.word(retried=bool(due))
        tried = self._index.homes(one.unit for one in due)
        names, moved, remade = frozenset(reasons.namespaces) | tried, reasons.names, self.echo.remade()
        reasons.forget()
        if full:
            reasons.begin_interval()
        many = len(names | remade) > _MANY
        # Where something is left of what is not wanted any more, nobody knows but a look at everything; what
        # waits for it to go is known to nobody, so that another look comes after.
        if astray := any(one.unit not in self._index.known for one in due):
            full = True
        elif self._slice and (full or many):
            self._begin_sweep(since, noticed)
            full = False
            if many:
                names, moved, remade = tried | (names & {HOST}), False, frozenset()
        try:
            if full or moved or remade:
                self._follow(None if full else remade, names)
            found = self._look(names, due, full=full)
            if found.only is None and self._sweep is not None:
                self._sweep.saw(None, 0.0)
            self._act(found, due, since, noticed)
            self._note(Noticed(everything=astray))
        except DeuteronError as error:
            self._failed(error)
        else:
            self._well()
            reasons.rest(now)

    def _begin_sweep(self, since: float, noticed: str) -> None:
        """Look at everything from now on; one that is under way begins again."""
        if self._sweep is None:
            self._sweep = Sweep(self._index, self._slice, since, noticed)
        else:
            self._sweep.again(since, noticed)
        self._reasons.stop_interval()

    def _look_on(self, sweep: Sweep) -> None:
        """The next slice of a look at everything, and the mending of what it finds."""
        now, self._turn_of_sweep = self._clock(), False
        try:
            whole = not (sweep.outlined or outline(self._kernel, self._index, sweep, self._held(())))
            self._partings = self._partings if whole else 0
            names = frozenset[str]() if whole else sweep.next()
            if names or whole:
                self._follow(None if whole else names, names)
                found = self._look(names, (), full=whole)
                sweep.saw(found.only, self._clock() - now)
                self._act(found, (), sweep.since if sweep.noticed == "event" else now, sweep.noticed)
            if sweep.over and self._sweep is sweep:
                self._end_sweep()
        except DeuteronError as error:
            self._sweep = None
            self._failed(error)
            return
        if self._looked:  # what nobody has looked at yet is somebody's wait
            self._reasons.rest(now)

    def _end_sweep(self) -> None:
        self._sweep = None
        self._follow(frozenset())  # what is wanted since the last slice
        self._looked = self._looked or not 0 < self._partings <= _PARTINGS
        self._well()
        self._reasons.begin_interval()

    def _take_owed(self) -> None:
        """What this process has written to is due; a namespace that it has removed needs no look."""
        names, since = self.echo.owed()
        self._reasons.add((name for name in names if name == HOST or self._index.users(name)), since)

    def _well(self) -> None:
        self._trouble = ""
        self._reasons.well()

    def _failed(self, error: DeuteronError) -> None:
        """Say it once, and look at everything a little later."""
        if error.message != self._trouble:
            self._listener.trouble(error)
        self._trouble = error.message
        self._reasons.refused()

    def _look(self, names: Iterable[str], due: Sequence[Quarantined], *, full: bool) -> Found:
        held = self._held(due).keys()
        if full:
            found = look_at_all(self._kernel, self._index, held)
        else:
            found = look_at(self._kernel, self._index, names, held)
        self._listener.looked(found)
        self._reasons.looked(found=bool(found.units))
        return found

    def _held(self, due: Sequence[Quarantined]) -> dict[str, RefusedUnit]:
        """The units to leave as they are: those that wait, and those that the model could not hold."""
        return self._holds.waiting(due) | {one.unit: one for one in self._index.wanted.refused}

    def _act(self, found: Found, due: Sequence[Quarantined], since: float, noticed: str) -> None:
        later = self._parting(found)
        if found.units - later.keys():
            held = (self._held(due) | later).values()

            def planned() -> Prepared:
                # What an unfinished change has left was recovered in between, so that the look is of before.
                return prepared(look_at_all(self._kernel, self._index, ()) if unfinished else found, held)

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
        if found.only is not None:  # nor is that the end of a parting: the next look at everything is
            return {}
        units = parting(found)
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

    def _follow(self, again: frozenset[str] | None, looked: frozenset[str] = frozenset()) -> None:
        """Hear what is wanted; what was not heard before is to be looked at, but where that comes next.

        While a look at everything goes on, the others are heard from their slice on.
        """
        only = None if self._sweep is None or again is None else again | looked
        new = self._events.follow(self._index.interest, again, only)
        self._note(Noticed(namespaces=new - looked))

    def judge(self) -> None:
        """Take over who waits: the wait of a new failure begins now, whatever the wall clock says."""
        never = {one.unit for one in self._index.wanted.refused}
        self._holds.judge(self._road.quarantine(), never)
