"""The watch loop in the simulation: what it hears comes from a script, and its clock moves when it waits."""

from __future__ import annotations

import random
from bisect import insort
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from deuteron.agent import change as going
from deuteron.agent.listener import Repair
from deuteron.agent.mend import Road
from deuteron.agent.watch import Watch
from deuteron.agent.window import Found
from deuteron.apply.look import look_for
from deuteron.errors import DeuteronError
from deuteron.kernel.linux.events import Interest, Noticed
from deuteron.objects import Observed
from deuteron.state.quarantine import Quarantined
from tests.simulation import hands
from tests.simulation.agent import Agent, Goal
from tests.simulation.machine import REFUSALS, Machine
from tests.simulation.picture import unlike

#: Seconds within which what somebody has spoilt is as wanted again.
REPAIRED: Final = 1.0
#: Seconds in which things go wrong.
TROUBLE: Final = 15.0
_TURNS: Final = 5000


class Script:
    """Events that come when they are due, and both clocks."""

    def __init__(self, machine: Machine) -> None:
        self.now = 0.0
        self._machine = machine
        self._coming: list[tuple[float, Noticed, Callable[[], Noticed] | None]] = []

    def at(self, when: float, then: Callable[[], Noticed]) -> None:
        """Something happens then, and is heard of as it says."""
        insort(self._coming, (when, Noticed(), then), key=lambda one: one[0])

    def hear(self, when: float, noticed: Noticed) -> None:
        """Something is heard of then."""
        insort(self._coming, (when, noticed, None), key=lambda one: one[0])

    def follow(
        self, interest: Interest, again: Iterable[str] | None = None, only: object = None
    ) -> frozenset[str]:
        del interest, again, only
        return frozenset()

    def wait(self, seconds: float | None) -> Noticed:
        until = self.now + (seconds or 0.0)
        if not self._coming or self._coming[0][0] > until:
            self._go(until)
            return Noticed()
        when, noticed, then = self._coming.pop(0)
        self._go(max(self.now, when))
        return then() if then is not None else noticed

    def wake(self) -> None:
        """Nobody does."""

    def _go(self, until: float) -> None:
        self._machine.wait(until - self.now)
        self.now = until


class Heard:
    """What the watch told, and whether it tried anything too early."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.looks = 0
        self.repairs: list[str] = []
        self.early: list[str] = []
        self._failed: dict[str, tuple[int, float]] = {}

    def repaired(self, repair: Repair) -> None:
        unit, now = repair.result.unit, self.script.now
        times, last = self._failed.get(unit, (0, 0.0))
        if times and now < last + 0.75 * 2.0 ** (times - 1) - 1e-6:
            self.early.append(f"{unit} again {now - last} s after failure {times}")
        self.repairs.append(f"{repair.result.outcome} by {repair.noticed}")
        if repair.result.outcome == "done":
            self._failed.pop(unit, None)
        else:
            self._failed[unit] = (times + 1, now)

    def settled(self, units: Iterable[Quarantined]) -> None:
        """These came right without a repair (by the recovery of an earlier one): a failure is a first one."""
        for one in units:
            self._failed.pop(one.unit, None)

    def trouble(self, error: DeuteronError) -> None:
        self.repairs.append(error.code)

    def looked(self, found: Found) -> None:
        del found
        self.looks += 1


class _Road(Road):
    """Tells also of units that are as wanted again before their turn."""

    heard: Heard

    def settled(self, units: Iterable[Quarantined]) -> None:
        well = tuple(units)
        super().settled(well)
        self.heard.settled(well)


class Watched:
    """One process that watches for a while, and what others do in that time.

    Attributes:
        problems: what should not have been.
    """

    def __init__(self, machine: Machine, agent: Agent, goal: Goal, chance: random.Random) -> None:
        self.machine, self.agent, self.chance, self.goal = machine, agent, chance, goal
        self.script = Script(machine)
        self.heard = Heard(self.script)
        self.problems: list[str] = []
        target = going.forward(agent.state)
        if target is None:
            raise AssertionError("nothing was applied")
        road = _Road(partial(going.change, [machine.kernel], agent.state), agent.state, target, lambda: None)
        road.heard = self.heard
        self.watch = Watch(
            machine.kernel,
            goal.wanted,
            self.script,
            road,
            self.heard,
            clock=lambda: self.script.now,
            random=random.Random(chance.random()),
        )

    def run(self, *, trouble: bool) -> str:
        """Watch, with one to three things spoilt; says what happened."""
        self.told = "trouble" if trouble else "calm"
        self.watch.begin()
        when = 2.0
        for _ in range(self.chance.randint(1, 3)):
            self.script.at(when, partial(self._spoil, trouble=trouble))
            if not trouble:
                self.script.at(when + REPAIRED, self._as_wanted)
            when += REPAIRED + 0.3
        if self.chance.random() < 0.3:
            self._storm(when)
        if self.chance.random() < 0.3:
            self.script.at(when + 0.1, self._clock_is_set)
        end = when + (TROUBLE if trouble else 2.0)
        self._until(end)
        if trouble:
            self.machine.kernel.calm()
            # Who waits is tried once more when its wait is over, and not later.
            waits = [(one.next - one.last).total_seconds() for one in self.agent.state.quarantine()]
            self._until(end + max(waits, default=0.0) + REPAIRED)
        self._as_wanted()
        self.problems += self.heard.early
        return f"{self.told}; {len(self.heard.repairs)} repairs, {self.heard.looks} looks"

    def _until(self, end: float) -> None:
        self.script.hear(end, Noticed())
        for _ in range(_TURNS):
            if self.script.now >= end:
                return
            self.watch.turn()
        self.problems.append(f"the watch is still at {self.script.now} s after {_TURNS} turns")

    def _spoil(self, *, trouble: bool) -> Noticed:
        before = self._look()
        if trouble:
            at, times = self.chance.randint(0, 4), self.chance.randint(1, 3)
            self.machine.kernel.fail(at, self.chance.choice(REFUSALS), times=times)
        self.told += "; " + hands.spoil(self.machine, before, self.chance)
        after = self._look()
        keys = [
            key
            for key in before.objects.keys() | after.objects.keys()
            if before.objects.get(key) != after.objects.get(key)
        ]
        if self.chance.random() < 0.2:
            return Noticed(everything=True)  # the socket was overrun
        return Noticed(namespaces=frozenset(key[1] for key in keys), names=before.netns != after.netns)

    def _storm(self, when: float) -> None:
        """Many events of somebody else's doing: a look or two, no more, besides those of who waits."""
        looks = [0]

        def others() -> int:
            return self.heard.looks - sum(told.endswith(" by retry") for told in self.heard.repairs)

        def begins() -> Noticed:
            looks[0] = others()
            return Noticed(namespaces=frozenset({""}))

        def ended() -> Noticed:
            if others() - looks[0] > 4:
                self.problems.append(f"{others() - looks[0]} looks for one storm")
            return Noticed()

        self.script.at(when, begins)
        for number in range(60):
            self.script.hear(when + number * 0.005, Noticed(namespaces=frozenset({""})))
        self.script.at(when + 0.8, ended)

    def _clock_is_set(self) -> Noticed:
        self.machine.wait(self.chance.choice([-86400, 86400]))
        return Noticed()

    def _as_wanted(self) -> Noticed:
        different = unlike(self.goal.wanted, self._look())
        if different:
            self.problems.append(f"not put back: {different}")
        return Noticed()

    def _look(self) -> Observed:
        return self.machine.kernel.look(look_for(self.goal.wanted))
