"""The simulation: random steps of changes and faults on one host, and what must hold after each.

Everything that happens follows from the seed: the source of chance, the clock, the kernel and the
edge of the process are the simulation's own; there are no threads and nobody waits.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from deuteron import edge
from deuteron.agent.change import Changed
from deuteron.apply.look import look_for
from deuteron.errors import DeuteronError
from deuteron.kernel.fake import Packet
from deuteron.objects import Observed, Wanted
from tests.simulation import hands, invariants
from tests.simulation.agent import NOTHING, Agent, Goal
from tests.simulation.cloud import EXTERNALS, Cloud, mutate
from tests.simulation.faults import FAULTS as _FAULTS
from tests.simulation.machine import Crash, Edge, Machine, outside
from tests.simulation.picture import Units, changed_units, disturbed, homes, theirs, units_of, unlike
from tests.simulation.watching import Watched

#: The part of all changes in which nothing goes wrong.
_CALM: Final = 0.35
#: How many of the last actions a failure tells.
_TOLD: Final = 12


class BrokenError(AssertionError):
    """Something that must always hold did not."""


class Simulation:
    """A host, its users, and all that goes wrong on it.

    Attributes:
        counts: how often each kind of thing has happened.
        digest: of everything that was told so far.
    """

    def __init__(self, seed: int, root: Path) -> None:
        self.seed, self.steps = seed, 0
        self.chance = random.Random(seed)
        self.machine = Machine(root=root, chance=random.Random(f"{seed}/backoff"))
        self.cloud = Cloud()
        self.counts: Counter[str] = Counter()
        self.told: deque[str] = deque(maxlen=_TOLD)
        self._hash = hashlib.sha256()
        self.agent: Agent | None = Agent(self.machine)
        self.goal = Goal(None, NOTHING)
        self._text = ""
        #: Ends that a unit may have: as it was observed, and as it was wanted since.
        self._before: Units = {}
        self._wants: list[Wanted] = []
        self._now = ""
        self._dirty = self._loose = self._blocked = False

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    def run(self, steps: int) -> Iterator[int]:
        """So many steps; yields their numbers.

        Raises:
            BrokenError: with the seed, the step and the last actions.
        """
        try:
            for _ in range(steps):
                self.steps += 1
                self._guarded(self.step)
                yield self.steps
            self._guarded(self.finish)
        finally:
            self.close()

    def close(self) -> None:
        """The process ends, if there is one."""
        if self.agent is not None:
            self.agent.close()
            self.agent = None

    def step(self) -> None:
        """One thing happens."""
        self.machine.wait(self.chance.expovariate(1.0))
        table = _ALIVE if self.agent is not None else _DEAD
        action = self.chance.choices([one for one, _ in table], [weight for _, weight in table])[0]
        self._now = action.__name__
        self._tell(f"{action.__name__}: {action(self)}")
        self.counts[action.__name__] += 1

    # What happens --------------------------------------------------------------------------------

    def change(self) -> str:
        """Somebody wants something else, and perhaps something goes wrong."""
        told = mutate(self.cloud, self.chance)
        return f"{told}; {self._attempt(self._read(), self._fault())}"

    def again(self) -> str:
        """The same once more, and perhaps something goes wrong."""
        return self._attempt(self._read(), self._fault())

    def spoil(self) -> str:
        """Somebody deletes or changes something of ours."""
        told = hands.spoil(self.machine, self._look(), self.chance)
        self._touched()
        return told

    def beside(self) -> str:
        """Somebody puts something foreign beside ours."""
        told = hands.add_beside(self.machine, self.chance)
        self._touched()
        return told

    def in_the_way(self) -> str:
        """Somebody puts something foreign where ours is to be."""
        told = hands.stand_in_the_way(self.machine, self.goal.wanted, self.chance)
        self._blocked = True
        self._touched()
        return told

    def jump(self) -> str:
        """The clock is set, forwards or backwards."""
        seconds = self.chance.choice([-86400 * 365, -3600, -1, 600, 86400, 86400 * 365])
        self.machine.wait(seconds)
        return f"{seconds:+} s"

    def reboot(self) -> str:
        """All that is in the kernel is gone."""
        self.close()
        self.machine.boot()
        self._blocked = False
        self._touched()
        return "new kernel"

    def stop(self) -> str:
        """The process ends in an orderly way."""
        self.close()
        return "ended"

    def start(self) -> str:
        """A new process: it recovers, and then wants what was committed."""
        self.machine.new_life()
        fault = self._fault() if self.chance.random() < 0.4 else ""
        try:
            with self._faults(fault):
                self.agent = Agent(self.machine)
        except Crash:
            self._died()
            return f"{fault}: died at the start"
        except DeuteronError as error:
            self.agent = None
            self._require(bool(fault), f"it does not start: {error.message}")
            return f"{fault}: {error.code}"
        return self._recover(fault)

    def settle(self) -> str:
        """Nothing goes wrong any more: it converges, writes nothing again, and packets arrive."""
        hands.make_way(self.machine)
        self._blocked = False
        self._touched()
        told = self._attempt(self._read(), "")
        self._settled()
        return f"{told}; {self._packets()}"

    def watch(self) -> str:
        """The process stays and watches while somebody spoils what is ours."""
        hands.make_way(self.machine)
        self._blocked = False
        self._touched()
        told = self._attempt(self._read(), "")
        others, state = theirs(self.machine.kernel.state), self.machine.kernel.state
        watched = Watched(self.machine, self._running(), self.goal, self.chance)
        told = f"{told}; {watched.run(trouble=self.chance.random() < 0.4)}"
        self._require(not watched.problems, f"{told}: {watched.problems}")
        harm = disturbed(others, theirs(state), state)
        self._require(not harm, f"touched what is not ours: {harm}")
        self._require(not self._running().state.quarantine(), "in quarantine, and as wanted")
        return told

    def destroy(self) -> str:
        """Take everything away, and perhaps something goes wrong."""
        fault = self._fault()
        told = self._attempt(Goal(None, NOTHING), fault)
        if not fault and not self._blocked:
            self._require(not self._look().objects, f"left by destroy: {sorted(self._look().objects)[:5]}")
        return told

    def finish(self) -> None:
        """Quiescence, and then nothing of ours is left."""
        if self.agent is None:
            self.machine.new_life()
            self.agent = Agent(self.machine)
            self._tell(f"the last start: {self._recover('')}")
        self._tell(f"the last settling: {self.settle()}")
        self._tell(f"the last destroy: {self._attempt(Goal(None, NOTHING), '')}")
        left = self._look().objects
        self._require(not left, f"left at the end: {sorted(left)[:5]}")

    # How it happens ------------------------------------------------------------------------------

    def _recover(self, fault: str) -> str:
        agent = self._running()
        if not fault and self._dirty and not self._loose:
            # Where a unit has nothing at all any more, the change that follows makes it.
            left = {one.unit for one in agent.heal().units if one.found in ("left", "gone")}
            self._whole(self._look(*self._wants), left)
        back = self.chance.random() < 0.3
        pending = agent.pending()
        goal = agent.committed() if back or pending is None else pending
        told = self._attempt(goal, fault, lambda: agent.recover(back=back))
        which = "nothing pending" if pending is None else "back" if back else "forward"
        return f"{which}; {told}"

    def _attempt(self, goal: Goal, fault: str, act: Callable[[], Changed | None] | None = None) -> str:
        """Go to ``goal`` with a fault on the way, and check what became of it."""
        agent, kernel = self._running(), self.machine.kernel
        self._now = f"{self._now} -> {fault or 'no fault'}"
        if not self._dirty and not self._loose:
            self._before, self._wants = units_of(self._look(goal.wanted)), []
        self._wants.append(goal.wanted)
        others, previous = theirs(kernel.state), self.goal
        self.goal = goal
        changed: Changed | None = None
        told = ""
        try:
            with self._faults(fault):
                changed = (act or (lambda: agent.change(goal)))()
        except Crash:
            self._died()
            self._dirty = True
            told = "died"
        except DeuteronError as error:
            why = f"failed without a fault: {error.code}: {error.message}"
            self._require(bool(fault) or self._blocked, why)
            told = error.code
        else:
            told = _summary(changed)
        harm = disturbed(others, theirs(kernel.state), kernel.state)
        self._require(not harm, f"touched what is not ours: {harm}")
        self._check(previous, changed, told, fault)
        return f"{fault or 'no fault'}: {told}"

    def _check(self, previous: Goal, changed: Changed | None, told: str, fault: str) -> None:
        if self.agent is None:
            return
        now, state = self._look(previous.wanted, *self._wants), self.agent.state
        broken = half_made(changed)
        ended = changed is not None or not told
        # What was half made before stays so where a change could not even be begun.
        if not self._loose and (ended or not self._dirty):
            self._whole(now, broken)
        if not ended:
            self._dirty = True
            return
        failed = {one.unit for one in changed.result.failed} if changed is not None else set()
        if not fault:
            self._converged(now, failed)
        for problem in (
            invariants.journal(state, broken),
            invariants.quarantine(state, self.goal.wanted, now, failed, broken),
            invariants.allocations(state, self.goal.view),
        ):
            self._require(not problem, problem)
        # A unit that could not be taken back may still become what it was before.
        self._dirty = bool(broken)
        self._loose = self._loose and self._dirty

    def _whole(self, now: Observed, broken: Collection[str]) -> None:
        """Every unit is as it was before, or as it was to be; never between."""
        home = homes(self.goal.wanted)
        suspects = changed_units(self._before, units_of(now), home)
        for wanted in self._wants:
            different = unlike(wanted, now, home) if suspects else {}
            suspects = {unit: why for unit, why in suspects.items() if unit in different}
        half = {unit: why for unit, why in suspects.items() if unit not in broken}
        self._require(not half, f"neither as before nor as wanted: {half}")

    def _converged(self, now: Observed, failed: set[str]) -> None:
        if not self._blocked:
            self._require(not failed, f"failed without a fault: {sorted(failed)}")
        different = {u: why for u, why in unlike(self.goal.wanted, now).items() if u not in failed}
        self._require(not different, f"not as wanted, and not told: {different}")

    def _settled(self) -> None:
        kernel = self.machine.kernel
        kernel.log.clear()
        self._attempt(self._read(), "")
        self._require(not kernel.log, f"a second apply writes: {kernel.log[:3]}")

    def _packets(self) -> str:
        """From outside, floating IPs lead to their instances, and free addresses nowhere."""
        addresses = list(self.cloud.floating)
        chosen = self.chance.sample(addresses, min(2, len(addresses)))
        chosen.append(f"{EXTERNALS['ext0'][1]}.{self.chance.randint(100, 110)}")
        for address in chosen:
            self._packet(address)
        for namespace in self.machine.kernel.state.alive():
            namespace.flows.clear()
        return f"{len(chosen)} packets"

    def _packet(self, address: str) -> None:
        vm = self.cloud.reaches(address)
        way = self.machine.kernel.trace(
            Packet(netns=outside(self.cloud.external_of(address)), dst=address, proto="icmp")
        )
        arrived = way.netns if way.delivered else ""
        why = f"{address} leads to {arrived or 'nobody'}, not {vm or 'nobody'}:\n{way}"
        self._require(arrived == vm, why)
        if vm:
            back = self.machine.kernel.reply(way)
            self._require(back.delivered, f"the answer of {address} does not come back:\n{back}")

    def _fault(self) -> str:
        if self.chance.random() < _CALM:
            return ""
        return self.chance.choices(list(_FAULTS), [one.weight for one in _FAULTS.values()])[0]

    @contextmanager
    def _faults(self, fault: str) -> Iterator[None]:
        """Something is to go wrong within the block, and nothing after it."""
        guard, kernel = Edge(self.machine.life), self.machine.kernel
        if fault:
            _FAULTS[fault].arm(kernel, guard, self.chance)
        try:
            with edge.guarded(guard):
                yield
        finally:
            if kernel.calm() or guard.at is not None:
                self.counts["a fault never struck"] += 1
            if fault:
                self.counts[f"fault: {fault}"] += 1

    def _died(self) -> None:
        self.counts["crash"] += 1
        self.close()
        self.machine.new_life()

    def _touched(self) -> None:
        """Somebody else has changed something: what was before is what is there now."""
        if self._dirty:
            self._loose = True

    def _read(self) -> Goal:
        text = self.cloud.text()
        if text == self._text and self.goal.view is not None:
            return self.goal
        return self._running().read(text)

    def _look(self, *more: Wanted) -> Observed:
        return self.machine.kernel.look(look_for(self.goal.wanted, *more))

    def _running(self) -> Agent:
        if self.agent is None:
            raise AssertionError("there is no process")
        return self.agent

    # What is told --------------------------------------------------------------------------------

    def _tell(self, line: str) -> None:
        line = f"{self.steps} {self.machine.now:%Y-%m-%dT%H:%M:%S.%f} {line}"
        self.told.append(line)
        self._hash.update(line.encode() + b"\n")

    def _require(self, holds: bool, why: str) -> None:
        if not holds:
            raise BrokenError(why)

    def _guarded(self, act: Callable[[], None]) -> None:
        try:
            act()
        except (AssertionError, DeuteronError, Crash, LookupError, ValueError) as error:
            last = "\n".join(f"  {line}" for line in self.told)
            raise BrokenError(
                f"{type(error).__name__}: {error}\nin {self._now}\nseed {self.seed}, step {self.steps};"
                f" replay: python -m tests.simulation --seed {self.seed} --steps {self.steps}\nlast:\n{last}"
            ) from error


def half_made(changed: Changed | None) -> frozenset[str]:
    """The units that a change has told to be neither as before nor as wanted."""
    if changed is None:
        return frozenset()
    left = {one.unit for one in changed.recovered.units if one.found == "left"}
    left -= {one.unit for one in changed.result.units if one.outcome == "done"}
    return frozenset(left | {one.unit for one in changed.result.units if one.outcome == "undo-failed"})


def _summary(changed: Changed | None) -> str:
    if changed is None:
        return "nothing to do"
    counts = Counter(one.outcome for one in changed.result.units)
    codes = sorted({one.code for one in changed.result.failed})
    found = Counter(one.found for one in changed.recovered.units)
    recovered = [f"recovered {dict(sorted(found.items()))}"] if found else []
    units = [f"{counts[name]} {name}" for name in sorted(counts)]
    return " ".join([*recovered, *units, *codes]) or "nothing to do"


Action = Callable[[Simulation], str]

_ALIVE: Final[tuple[tuple[Action, float], ...]] = (
    (Simulation.change, 45),
    (Simulation.again, 10),
    (Simulation.spoil, 14),
    (Simulation.beside, 6),
    (Simulation.in_the_way, 3),
    (Simulation.jump, 5),
    (Simulation.reboot, 2),
    (Simulation.stop, 2),
    (Simulation.settle, 5),
    (Simulation.watch, 4),
    (Simulation.destroy, 1),
)
_DEAD: Final[tuple[tuple[Action, float], ...]] = (
    (Simulation.start, 75),
    (Simulation.spoil, 10),
    (Simulation.beside, 5),
    (Simulation.jump, 5),
    (Simulation.reboot, 5),
)
