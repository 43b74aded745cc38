"""A watch over a real kernel, on a thread of its own, as the command runs it."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from deuteron.agent.change import change
from deuteron.agent.listener import Repair
from deuteron.agent.mend import Road
from deuteron.agent.watch import Watch
from deuteron.agent.window import Found
from deuteron.apply.engine import verify
from deuteron.compile import compile_host
from deuteron.domain import HostView
from deuteron.errors import DeuteronError
from deuteron.kernel.linux import LinuxKernel
from deuteron.kernel.linux.events import Events, Interest, Noticed
from deuteron.objects import Wanted
from deuteron.reconcile.render import line
from deuteron.state.directory import State
from deuteron.state.journal import Target

NETNS: Final = Path("/run/netns")
#: Seconds until a test gives up: no measure, others may keep the machine busy. The promise is one second.
PATIENCE: Final = 30.0


class Counted:
    """Events, counted on their way."""

    def __init__(self, events: Events) -> None:
        self.events = events
        self.noticed: list[Noticed] = []

    def follow(self, interest: Interest, again: Any = None, only: Any = None) -> frozenset[str]:
        return self.events.follow(interest, again, only)

    def wait(self, seconds: float | None) -> Noticed:
        noticed = self.events.wait(seconds)
        if noticed != Noticed():
            self.noticed.append(noticed)
        return noticed

    def wake(self) -> None:
        self.events.wake()


class Watching:
    """Applies a view, then watches it until the end of the block."""

    def __init__(self, view: HostView, folder: Path, *, interval: float = 3600.0, buffer: int = 0) -> None:
        self.view = view
        self.wanted: Wanted = compile_host(view)
        self.folder = folder
        self.interval = interval
        self.buffer = buffer
        self.repairs: list[Repair] = []
        self.troubles: list[DeuteronError] = []
        #: What was looked at, and which units were not as wanted there: nothing else of a look is kept.
        self.looks: list[tuple[frozenset[str] | None, frozenset[str]]] = []
        self.failure: BaseException | None = None
        self.kernel: LinuxKernel
        self.events: Counted
        self.watch: Watch
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch")

    def repaired(self, repair: Repair) -> None:
        self.repairs.append(repair)

    def trouble(self, error: DeuteronError) -> None:
        self.troubles.append(error)

    def looked(self, found: Found) -> None:
        self.looks.append((found.only, frozenset(found.units)))

    def _run(self) -> None:
        try:
            self._watch()
        except BaseException as error:  # told by the test's own thread
            self.failure = error
        finally:
            self._ready.set()

    def _watch(self) -> None:
        with State(self.folder) as state, state.locked():
            self.kernel = LinuxKernel()
            events = Events(NETNS, receive_buffer=self.buffer) if self.buffer else Events(NETNS)
            self.events = Counted(events)
            try:
                target = Target(verb="apply", view=self.view, source="", at=state.clock())
                done = change([self.kernel], state, target, self.wanted, rulesets=self.kernel.rulesets)
                assert done.result.ok, done.result.failed
                road_of = partial(change, [self.kernel], state, rulesets=self.kernel.rulesets)
                road = Road(road_of, state, target, lambda: None)
                self.watch = Watch(self.kernel, self.wanted, self.events, road, self, interval=self.interval)
                self.watch.begin()
                self._ready.set()
                self.watch.run()
            finally:
                events.close()
                self.kernel.close()

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(60)
        self._raise()
        self.rest()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if hasattr(self, "watch"):
            self.watch.stop()
        self._thread.join(60)
        self._raise()

    def _raise(self) -> None:
        if self.failure is not None:
            raise self.failure

    def rest(self, seconds: float = 0.6) -> None:
        """Wait until nothing has been looked at for a while."""
        deadline = time.monotonic() + 30
        seen, since = -1, time.monotonic()
        while time.monotonic() < deadline:
            if len(self.looks) != seen:
                seen, since = len(self.looks), time.monotonic()
            elif seen and time.monotonic() - since > seconds:
                return
            time.sleep(0.02)
        raise AssertionError("the watch does not come to rest")

    def back(self, damage: Callable[[], None]) -> float:
        """Do damage; the seconds until all is as wanted again."""
        repairs = len(self.repairs)
        damage()
        kernel = LinuxKernel()  # made afterwards: an open one would keep a deleted namespace alive
        try:
            return self._back(kernel, repairs)
        finally:
            kernel.close()

    def _back(self, kernel: LinuxKernel, repairs: int) -> float:
        begun = time.monotonic()
        while time.monotonic() < begun + PATIENCE:
            # That it was noticed comes first: before the look nothing might seem to be amiss.
            if len(self.repairs) > repairs and verify(kernel, self.wanted).none:
                return time.monotonic() - begun
            time.sleep(0.01)
        left = [line(step) for unit in verify(kernel, self.wanted).plan.units for step in unit.steps]
        told = [repair.result.error or repair.result.outcome for repair in self.repairs[repairs:]]
        raise AssertionError(f"not back after {PATIENCE} s: {left}; {told}; {self.troubles}; {self.failure}")


def sh(command: str) -> None:
    """What somebody does by hand."""
    done = subprocess.run(command, shell=True, text=True, capture_output=True, check=False, timeout=30)
    assert done.returncode == 0, (command, done.stderr)
