"""Which unit runs when, and on which of several workers.

One worker takes the units in the plan's order.  Several take whatever is ready: all that the
unit needs has been tried, so have those before it in the plan that it could meet (at the same
object, or as another kind of unit in the same namespace), and nobody is in one of its
namespaces.  So each unit finds what it would have found with one worker, and the results are
the same, in the same order.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Generator, Sequence
from itertools import islice
from queue import SimpleQueue
from typing import Final

import msgspec

from deuteron.apply.attempt import Memory, attempt, failed_before
from deuteron.apply.result import UnitResult
from deuteron.apply.rollback import touched
from deuteron.errors import DeuteronError
from deuteron.kernel.protocol import Kernel, namespaces_written
from deuteron.locks import Namespaces
from deuteron.objects import HOST, Bridge, Key, Tap, Veth, objects_of
from deuteron.objects.link import link_key
from deuteron.reconcile import UnitPlan

#: How many of the units that wait are asked whether their namespaces are free.
_WINDOW: Final = 64


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """A unit's place among the others.

    Attributes:
        unit: its steps.
        namespaces: that they touch, the host's left out: there each unit has links of its own.
        after: positions of the units that must have been tried before.
    """

    unit: UnitPlan
    namespaces: frozenset[str]
    after: frozenset[int] = frozenset()


def turns(units: Sequence[UnitPlan]) -> tuple[Turn, ...]:
    """The units with what each has to wait for; always earlier ones, so nobody waits for ever."""
    position: dict[str, int] = {}
    at_key: defaultdict[Key, list[int]] = defaultdict(list)
    in_netns: defaultdict[str, defaultdict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    found: list[Turn] = []
    for index, unit in enumerate(units):
        namespaces, kind, keys = namespaces_in(unit), unit.unit.partition("/")[0], _meeting_points(unit)
        after = {position[name] for name in unit.needs if name in position}
        after.update(other for key in keys for other in at_key.get(key, ()))
        for netns in namespaces:
            after.update(i for other, them in in_netns[netns].items() if other != kind for i in them)
            in_netns[netns][kind].append(index)
        for key in keys:
            at_key[key].append(index)
        position[unit.unit] = index
        found.append(Turn(unit=unit, namespaces=namespaces, after=frozenset(after)))
    return tuple(found)


def namespaces_in(unit: UnitPlan) -> frozenset[str]:
    """The namespaces that a unit's steps touch, the host's left out."""
    return frozenset(namespaces_written(unit.steps)) - {HOST}


def _meeting_points(unit: UnitPlan) -> set[Key]:
    """What two units must not be at together: objects, and the names of both ends of links."""
    keys = set(touched(unit.steps))
    for thing in (one for step in unit.steps for one in objects_of(step)):
        if isinstance(thing, Bridge | Tap | Veth):
            keys.add(link_key(thing.netns, thing.name))
        if isinstance(thing, Veth):
            keys.add(link_key(thing.peer_netns, thing.peer_name))
    return keys


class Crew:
    """Runs units, by one kernel on the calling thread, or by several on a thread each.

    Args:
        kernels: the workers, at least one.
        units: in the plan's order.
        memory: what is in the kernel before.
    """

    def __init__(self, kernels: Sequence[Kernel], units: Sequence[UnitPlan], memory: Memory) -> None:
        self._kernels = kernels
        self._units = units
        self._memory = memory
        self._namespaces = [namespaces_in(unit) for unit in units]
        self._locks = Namespaces(frozenset().union(*self._namespaces))

    def run(
        self, skip: Callable[[UnitPlan], UnitResult | None], started: Callable[[UnitPlan], None]
    ) -> Generator[tuple[int, UnitResult], None, None]:
        """Each unit's position and result, as they come.

        What is asked and told is on the calling thread.  Where that is interrupted, the units
        in progress are finished or taken back before the interruption goes on.

        Args:
            skip: the result of a unit that is not to be tried, else ``None``.
            started: told of each unit that is.
        """
        if len(self._kernels) == 1 or len(self._units) <= 1:
            return self._alone(skip, started)
        return self._together(skip, started)

    def _alone(
        self, skip: Callable[[UnitPlan], UnitResult | None], started: Callable[[UnitPlan], None]
    ) -> Generator[tuple[int, UnitResult], None, None]:
        for index, unit in enumerate(self._units):
            if (skipped := skip(unit)) is not None:
                yield index, skipped
                continue
            started(unit)
            yield index, self._settle(unit, self._attempt(self._kernels[0], unit, self._namespaces[index]))

    def _settle(self, unit: UnitPlan, result: UnitResult) -> UnitResult:
        if result.outcome == "done":
            self._memory.done(unit)
        return result

    def _attempt(self, kernel: Kernel, unit: UnitPlan, namespaces: frozenset[str]) -> UnitResult:
        try:
            with self._locks.owned(namespaces):
                return attempt(kernel, unit, self._memory)
        except DeuteronError as error:  # a namespace's lock was not to be had
            return failed_before(unit, error)

    def _together(
        self, skip: Callable[[UnitPlan], UnitResult | None], started: Callable[[UnitPlan], None]
    ) -> Generator[tuple[int, UnitResult], None, None]:
        pool = _Pool(self._kernels, self._attempt)
        queue = _Queue(turns(self._units))
        try:
            while not queue.empty:
                while pool.free and (index := queue.take()) is not None:
                    turn = queue.turns[index]
                    if (skipped := skip(turn.unit)) is not None:
                        queue.tried(index)
                        yield index, skipped
                        continue
                    started(turn.unit)
                    pool.give(index, turn)
                if pool.busy:
                    index, result = pool.result()
                    queue.tried(index)
                    yield index, self._settle(self._units[index], result)
        finally:
            pool.end()


class _Queue:
    """What is still to be tried, and what of it may be tried now."""

    def __init__(self, all_turns: tuple[Turn, ...]) -> None:
        self.turns = all_turns
        self._waiting = dict.fromkeys(range(len(all_turns)))
        self._left = {index: len(turn.after) for index, turn in enumerate(all_turns)}
        self._next: defaultdict[int, list[int]] = defaultdict(list)
        for index, turn in enumerate(all_turns):
            for earlier in turn.after:
                self._next[earlier].append(index)
        self._ready = {index: None for index, count in self._left.items() if not count}
        self._busy: set[str] = set()

    @property
    def empty(self) -> bool:
        """Whether everything has been tried."""
        return not self._waiting

    def take(self) -> int | None:
        """The first unit that may run now, which then counts as running."""
        for index in islice(self._ready, _WINDOW):
            if self._busy.isdisjoint(self.turns[index].namespaces):
                del self._ready[index]
                self._busy |= self.turns[index].namespaces
                return index
        return None

    def tried(self, index: int) -> None:
        """A unit has been tried, or skipped."""
        del self._waiting[index]
        self._busy -= self.turns[index].namespaces
        for later in self._next[index]:
            self._left[later] -= 1
            if not self._left[later]:
                self._ready[later] = None


_Answer = tuple[int, int, UnitResult | BaseException]


class _Pool:
    """A thread for each kernel; each works on one unit at a time."""

    def __init__(
        self, kernels: Sequence[Kernel], work: Callable[[Kernel, UnitPlan, frozenset[str]], UnitResult]
    ) -> None:
        self._work = work
        self._answers: SimpleQueue[_Answer] = SimpleQueue()
        self._jobs: list[SimpleQueue[tuple[int, Turn] | None]] = [SimpleQueue() for _ in kernels]
        self._idle = list(reversed(range(len(kernels))))
        self._threads = [
            threading.Thread(
                target=self._loop, args=(number, kernel), name=f"deuteron-unit-{number}", daemon=True
            )
            for number, kernel in enumerate(kernels)
        ]
        for thread in self._threads:
            thread.start()

    def _loop(self, number: int, kernel: Kernel) -> None:
        while (job := self._jobs[number].get()) is not None:
            index, turn = job
            answer: UnitResult | BaseException
            try:
                answer = self._work(kernel, turn.unit, turn.namespaces)
            except BaseException as error:  # handed to the calling thread, whatever it is
                answer = error
            self._answers.put((number, index, answer))

    @property
    def free(self) -> bool:
        """Whether a worker has nothing to do."""
        return bool(self._idle)

    @property
    def busy(self) -> bool:
        """Whether a worker has something to do."""
        return len(self._idle) < len(self._threads)

    def give(self, index: int, turn: Turn) -> None:
        """Have a free worker run a unit."""
        self._jobs[self._idle.pop()].put((index, turn))

    def result(self) -> tuple[int, UnitResult]:
        """The next result; each attempt ends by itself, since each call of a kernel has a deadline."""
        number, index, answer = self._answers.get()
        self._idle.append(number)
        if isinstance(answer, BaseException):
            raise answer
        return index, answer

    def end(self) -> None:
        """Let the workers finish what they are at, and go."""
        for jobs in self._jobs:
            jobs.put(None)
        for thread in self._threads:
            thread.join()
