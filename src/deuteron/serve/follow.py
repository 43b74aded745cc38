"""The agent's loop: views come, the host follows, what became of it goes back.

::

    want -> View   -> begin: a look at everything
            Change -> follow: a look at what it touches     -> tell
            Same   -> rest: the view is committed; entries that were made without a look are looked at
    each interval, and when a unit in quarantine is due     -> begin again: what somebody changed is put back
    an error                                                -> say its code, wait, begin again
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol

from deuteron.agent.link import Link
from deuteron.agent.serve import Follower, Report
from deuteron.agent.watch import Collector, Stopped
from deuteron.agent.window import Index, look_at
from deuteron.apply.engine import Prepared
from deuteron.apply.result import Reporter
from deuteron.domain import FieldError
from deuteron.errors import DeuteronError, InputError
from deuteron.feed.part import Part
from deuteron.feed.wire import LONGEST_WAIT, Change, FeedError, Same, View
from deuteron.kernel.protocol import Kernel
from deuteron.state.directory import State

#: Seconds without anything new after which the view is written down.
IDLE: Final = 0.3
#: Seconds until the next try after an error, and the most.
_RETRY: Final = 0.2
_LONGEST_RETRY: Final = 30.0
#: Seconds for a process whose socket is closed to have ended.
_LAST_MOMENT: Final = 5.0
_POLL: Final = 0.02
#: Seconds between two tries of a unit in quarantine, at the least.
_LEAST: Final = 1.0


class Listener(Protocol):
    """Who wants to hear of it."""

    def begun(self, namespaces: int) -> None:
        """All that the API has was applied for the first time."""
        ...

    def trouble(self, error: DeuteronError) -> None:
        """A view, a look or a change as a whole was refused; it is tried again."""
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
        interval: seconds between two looks at everything.
        ended: whether the API's process has ended.
    """

    def __init__(
        self,
        link: Link,
        follower: Follower,
        kernel: Kernel,
        state: State,
        listener: Listener,
        *,
        interval: float,
        ended: Callable[[], bool],
    ) -> None:
        self._link = link
        self._follower = follower
        self._kernel = kernel
        self._state = state
        self._listener = listener
        self._interval = interval
        self._ended = ended
        self._stop = threading.Event()
        self._whole = True
        self._resting = False
        self._began = False
        self._retry = 0.0
        self._trouble = ""
        self._next_look = 0.0
        self._unconfirmed: frozenset[str] = frozenset()

    def stop(self) -> None:
        """End after the unit in progress; may be called by a signal's handler."""
        self._stop.set()
        self._link.stop()

    def run(self) -> None:
        """Follow until :meth:`stop`.

        Raises:
            FeedError: the API's process does not answer any more.
        """
        while not self._stop.is_set():
            try:
                self._turn()
            except Stopped:
                break
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
        with suppress(DeuteronError, FieldError):  # the next start looks at everything
            self._follower.rest()

    def _gone(self) -> bool:
        """Whether the other process has ended; its socket closes a moment before it has."""
        deadline = time.monotonic() + _LAST_MOMENT
        while not self._ended():
            if time.monotonic() > deadline or self._stop.wait(_POLL):
                return False
        return True

    def _turn(self) -> None:
        since = 0 if self._whole else self._follower.revision
        match self._link.want(since, self._wait()):
            case View(revision=revision, view=view) if self._whole:
                self._done(self._follower.begin(revision, view, self._reporter))
                self._looked()
            case View(revision=revision, view=view):
                self._done(self._follower.take(revision, view, self._reporter, self._held()))
            case Change(revision=revision, part=part) if part == Part():
                # Nothing of this host's; so it need not be written down, though that is the newest revision.
                self._link.tell(revision, self._follower.follow(revision, part).items)
            case Change(revision=revision, part=part):
                self._done(self._follower.follow(revision, part, self._reporter, self._held()))
            case Same():
                self._idle()
        self._listener.alive()

    def _wait(self) -> float:
        """How long there may be nothing new."""
        if self._whole or not self._resting:
            return IDLE
        return min(LONGEST_WAIT, max(0.0, self._next_look - time.monotonic()))

    def _idle(self) -> None:
        """Nothing has come for a while."""
        if not self._resting:
            self._confirm()
            self._follower.rest()
            self._resting = True
        if time.monotonic() >= self._next_look:
            self._whole = True

    def _confirm(self) -> None:
        """Look at what was made without a look; where it is not so, at everything."""
        names, self._unconfirmed = self._unconfirmed, frozenset()
        if names:
            found = look_at(self._kernel, Index(self._follower.model.wanted), names, self._held())
            self._whole = bool(found.units)

    def _looked(self) -> None:
        self._whole = False
        if not self._began:
            self._began = True
            places = self._follower.model.wanted.units
            self._listener.begun(len({thing.key[1] for unit in places for thing in unit.objects} - {""}))

    def _done(self, report: Report) -> None:
        self._resting = False
        self._unconfirmed |= report.unconfirmed
        self._link.tell(report.revision, report.items)
        self._next_look = time.monotonic() + self._due()

    def _due(self) -> float:
        """Seconds until the next look at everything: a unit that failed is tried again before."""
        now = self._state.clock()
        waits = [(one.next - now).total_seconds() for one in self._state.quarantine()]
        return max(_LEAST, min([self._interval, *waits]))

    def _held(self) -> frozenset[str]:
        return frozenset(one.unit for one in self._state.quarantine())

    def _reporter(self, prepared: Prepared) -> Reporter:
        del prepared
        return Collector(self._stop.is_set, lambda _result, _plan: self._listener.alive())

    def _failed(self, error: DeuteronError) -> None:
        """Say it once, and begin again a little later: what the host has of it is not known."""
        if error.message != self._trouble:
            self._listener.trouble(error)
        self._trouble, self._whole = error.message, True
        self._retry = min(max(_RETRY, 2 * self._retry), _LONGEST_RETRY)
        self._stop.wait(self._retry)
