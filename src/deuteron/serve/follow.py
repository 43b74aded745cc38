"""The agent's loop: views come, the host follows, what became of it goes back; what others change is mended.

::

    want -> View   -> resume: what differs from what is committed; the watch looks at everything
                      begin: a look at everything, where nothing is known of this host
            Change -> follow: a look at what it touches     -> tell
            Same   -> rest: the view is committed; entries that were made without a look are looked at
    an event of the kernel, each interval, a unit in quarantine that is due
                   -> the watch looks there and mends        -> tell, where a unit's status is another now
    an error       -> say its code, wait, begin again

One thread waits for the API's socket and the kernel's at once.  What others change waits for a view
that is being made, and a view for a look: at most half of the time goes to looks, and a look at
everything is made in slices, with what has come between two.

After a start the state of each unit is told as it becomes known, and that a revision is reached not
before all has been looked at: ``deuteron wait`` means what it says.
"""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, Protocol

from deuteron.agent import listener
from deuteron.agent.link import Feeding
from deuteron.agent.listener import Collector, Stopped
from deuteron.agent.live import LiveIndex
from deuteron.agent.mend import Changer
from deuteron.agent.model import Model, homes
from deuteron.agent.serve import Follower, Report
from deuteron.agent.watch import Watch
from deuteron.apply.engine import Prepared
from deuteron.apply.result import Reporter, UnitResult
from deuteron.domain import FieldError
from deuteron.errors import DeuteronError, InputError
from deuteron.feed.part import Part
from deuteron.feed.wire import Change, FeedError, Item, Same, View
from deuteron.kernel.protocol import Kernel
from deuteron.serve.mending import Deaf, Ears, ServedRoad
from deuteron.state.directory import State

#: Seconds without anything new after which the view is written down.
IDLE: Final = 0.3
#: Seconds for which a question to the API may stay open: what became of a mending is told after it.
_QUESTION: Final = 2.0
#: Seconds of a look at everything after which a view may come; see :mod:`deuteron.agent.sweep`.
_SLICE: Final = 0.05
#: Seconds after a view in which the next one would wait for a look, and seconds for which looks wait at most:
#: who asks for one thing after the other meets a slice twice a second, and not every other time.
_LULL: Final = 0.15
_STARVED: Final = 0.5
#: Seconds until the next try after an error, and the most.
_RETRY: Final = 0.2
_LONGEST_RETRY: Final = 30.0
#: Seconds for a process whose socket is closed to have ended.
_LAST_MOMENT: Final = 5.0
_POLL: Final = 0.02


class Listener(listener.Listener, Protocol):
    """Who wants to hear of it."""

    def begun(self, namespaces: int) -> None:
        """All that the API has was applied for the first time."""
        ...

    def looking(self, done: int, of: int) -> None:
        """The look at everything after a start is under way: so many namespaces, of so many."""
        ...

    def looked_over(self) -> None:
        """It is over: all is as the API has it, or was told not to be."""
        ...

    def alive(self) -> None:
        """Something was done, or there is nothing to do."""
        ...


class Following:
    """The loop; runs on one thread.

    Args:
        link: to the API.
        follower: brings the host from view to view.
        kernel: looks.
        state: held by this process.
        listener: who is told.
        interval: seconds from the end of one look at everything to the begin of the next.
        ended: whether the API's process has ended.
        ears: tell of the kernel; without any the host is looked at each interval alone.
        change: what mendings are made by; without it what the follower's own changes are.
    """

    def __init__(
        self,
        link: Feeding,
        follower: Follower,
        kernel: Kernel,
        state: State,
        listener: Listener,
        *,
        interval: float,
        ended: Callable[[], bool],
        ears: Ears | None = None,
        change: Changer | None = None,
    ) -> None:
        self._link = link
        self._follower = follower
        self._kernel = kernel
        self._state = state
        self._listener = listener
        self._interval = interval
        self._ended = ended
        self._ears: Ears = ears or Deaf()
        self._change = change or follower.change
        self._watch: Watch | None = None
        self._index: LiveIndex | None = None
        self._stop = threading.Event()
        self._whole = True
        self._asked = False
        self._resting = False
        self._began = False
        self._looked = False
        self._retry = 0.0
        self._viewed = self._attended = -_STARVED  # long ago
        self._trouble = ""
        self._failed_units: set[str] = set()
        self._untold: dict[str, Item] = {}

    def stop(self) -> None:
        """End after the unit in progress; may be called by a signal's handler."""
        self._stop.set()
        if self._watch is not None:
            self._watch.stop()
        self._ears.wake()
        self._link.stop()

    def run(self) -> None:
        """Follow until :meth:`stop`.

        Raises:
            FeedError: the API's process does not answer any more.
        """
        with suppress(Stopped):
            self._run()
        with suppress(DeuteronError, FieldError):  # the next start looks at everything
            self._follower.rest()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._turn()
            except FeedError:
                if self._stop.is_set() or self._gone():
                    break
                raise
            except DeuteronError as error:
                self._failed(error)
            except FieldError as error:
                self._failed(InputError("feed-bad-view", f"what the API asks does not fit together: {error}"))
            else:
                self._retry, self._trouble = 0.0, ""

    def _gone(self) -> bool:
        """Whether the other process has ended; its socket closes a moment before it has."""
        deadline = time.monotonic() + _LAST_MOMENT
        while not self._ended():
            if time.monotonic() > deadline or self._stop.wait(_POLL):
                return False
        return True

    def _turn(self) -> None:
        if self._whole:
            self._begin()
        else:
            self._wait()
        self._listener.alive()

    def _begin(self) -> None:
        """Bring the host to all that the API has; all of it was looked at, or the watch is going to."""
        if self._asked:
            self._asked = False
            self._link.take()  # of before the error
        answer = self._link.want(0, IDLE)
        if not isinstance(answer, View):
            return
        view = (answer.revision, answer.view, self._reporter)
        report = self._follower.resume(*view, self._look_over)
        if report is None:
            report = self._follower.begin(*view, self._listen)
        self._whole, self._looked = False, self._watching.looked
        self._done(report)
        if not self._began:
            self._began = True
            places = self._follower.model.wanted.units
            self._listener.begun(len({thing.key[1] for unit in places for thing in unit.objects} - {""}))

    def _listen(self, model: Model) -> None:
        """Hear of what happens to what is going to be wanted."""
        self._watch_over(model).listen()

    def _look_over(self, model: Model) -> None:
        """Look at all that is taken for there."""
        self._watch_over(model).look_over()

    def _watch_over(self, model: Model) -> Watch:
        self._index = LiveIndex(model)
        road = ServedRoad(self._change, self._state, self._follower, self._mended)
        self._watch = Watch(
            self._kernel,
            self._index,
            self._ears,
            road,
            self._listener,
            interval=self._interval,
            slice_seconds=_SLICE,
        )
        if self._stop.is_set():
            self._watch.stop()
        return self._watch

    @property
    def _watching(self) -> Watch:
        if self._watch is None:
            raise RuntimeError("no view has come yet")
        return self._watch

    def _wait(self) -> None:
        """Wait for a view and for a reason to look, whichever comes first."""
        if not self._asked:
            self._tell_untold()
            calm = self._resting and self._looked
            self._link.ask(self._follower.revision, _QUESTION if calm else IDLE)
            self._asked = True
        mender, now = self._watching, time.monotonic()
        due = max(mender.due(), min(self._viewed + _LULL, self._attended + _STARVED))
        mender.hear(self._ears.wait(max(0.0, due - now), self._link.fileno()))
        if self._stop.is_set():
            return
        if select.select([self._link.fileno()], [], [], 0)[0]:
            self._asked = False
            self._answered(self._link.take())
        self._attend()

    def _attend(self) -> None:
        """Look, unless a view has just come and the next may follow."""
        now = time.monotonic()
        if now >= min(self._viewed + _LULL, self._attended + _STARVED):
            self._attended = now
            self._watching.attend()
            done, of = self._watching.progress
            if of and not self._looked:
                self._listener.looking(done, of)

    def _answered(self, answer: View | Change | Same) -> None:
        match answer:
            case View(revision=revision, view=view):
                self._done(self._follower.take(revision, view, self._reporter, self._watching.held))
            case Change(revision=revision, part=part) if part == Part():
                # Nothing of this host's; so it need not be written down, though that is the newest revision.
                self._tell(revision, self._follower.follow(revision, part).items)
            case Change(revision=revision, part=part):
                self._done(self._follower.follow(revision, part, self._reporter, self._watching.held))
            case Same():
                self._idle()

    def _idle(self) -> None:
        """Nothing has come for a while."""
        self._watching.echo.rest()
        if not self._resting:
            self._follower.rest()
            self._resting = True

    def _done(self, report: Report) -> None:
        # What makes nothing (a bare network) is written down with the next thing that does, or at the end.
        self._resting = self._resting and not report.changes
        self._viewed = time.monotonic()
        if self._index is not None:
            self._index.change(report.changes)
            names = {netns for one in report.changes for netns in homes(one.before) | homes(one.after)}
            self._watching.echo.wrote(names, report.unconfirmed)
        failed = {one.unit for one in report.items if one.state == "failed"}
        if failed or self._watching.held:
            self._watching.judge()
        self._failed_units = (self._failed_units - {one.unit for one in report.items}) | failed
        for one in report.items:
            self._untold.pop(one.unit, None)
        self._tell(report.revision, report.items)

    def _tell(self, revision: int, items: tuple[Item, ...]) -> None:
        self._link.tell(revision, items, whole=self._looked)

    def _mended(self, units: Sequence[UnitResult]) -> None:
        """Remember to tell of units whose status is another than what was told."""
        failed = {one.unit for one in units if one.outcome != "done"}
        news = [one for one in units if one.unit in failed or one.unit in self._failed_units]
        self._failed_units = (self._failed_units - {one.unit for one in units}) | failed
        if news:
            self._untold |= {one.unit: one for one in self._follower.became(news)}

    def _tell_untold(self) -> None:
        items = tuple(self._untold.values())
        if over := self._watching.looked and not self._looked:
            self._looked = True
            self._listener.looked_over()
            items = (*self._follower.everything(self._failed_units), *items)
        if items or over:
            self._tell(self._follower.revision, items)
            self._untold = {}

    def _reporter(self, prepared: Prepared) -> Reporter:
        del prepared
        return Collector(self._stop.is_set, lambda _result, _plan: self._listener.alive())

    def _failed(self, error: DeuteronError) -> None:
        """Say it once, and begin again a little later: what the host has of it is not known."""
        if error.message != self._trouble:
            self._listener.trouble(error)
        self._trouble, self._whole = error.message, True
        self._retry = min(max(_RETRY, 2 * self._retry), _LONGEST_RETRY)
        end = time.monotonic() + self._retry
        while not self._stop.is_set() and (left := end - time.monotonic()) > 0:
            self._mend(left)

    def meanwhile(self) -> None:
        """Mend what others change, while the API does not answer.

        Raises:
            Stopped: it is to end.
        """
        self._mend(0.0)

    def _mend(self, seconds: float) -> None:
        if self._watch is None:
            self._stop.wait(seconds)
            return
        due = max(0.0, self._watch.due() - time.monotonic())
        self._watch.hear(self._ears.wait(min(seconds, due)))
        if not self._stop.is_set():
            self._watch.attend()
