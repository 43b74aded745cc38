"""One process of the program: it opens the state directory, recovers, applies, and dies or ends."""

from __future__ import annotations

from contextlib import ExitStack

import msgspec

from deuteron.agent import change as going
from deuteron.agent.change import Changed
from deuteron.agent.recover import Recovered, recover
from deuteron.apply.read_back import refuse
from deuteron.compile import compile_host
from deuteron.domain import HostView
from deuteron.inputs import topology
from deuteron.inputs.allocate import Allocations
from deuteron.objects import Wanted
from deuteron.state.directory import State
from deuteron.state.host import claim
from deuteron.state.journal import Target
from tests.simulation.machine import Machine

NOTHING = Wanted(units=())
HOST_NAME = "sim"


class Goal(msgspec.Struct, frozen=True):
    """What a file asks for."""

    view: HostView | None
    wanted: Wanted
    allocations: Allocations = Allocations()


class Agent:
    """A process with the state directory open; made again after each crash."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._open = ExitStack()
        try:
            self.state = self._open.enter_context(
                State(machine.disk, clock=machine.clock, random=machine.chance)
            )
            self._open.enter_context(self.state.locked())
            self._open.enter_context(claim(machine.run, self.state.id, machine.disk))
        except BaseException:
            self._open.close()
            raise

    def read(self, text: str) -> Goal:
        """The file as wanted objects, with what was allocated before."""
        view, allocations = topology.load(text, "cloud.yaml", HOST_NAME, self.state.allocations())
        return Goal(view, compile_host(view), allocations)

    def committed(self) -> Goal:
        """What was committed."""
        return goal_of(self.state.committed())

    def pending(self) -> Goal | None:
        """What an unfinished change is going to."""
        target = self.state.pending()
        return None if target is None else goal_of(target.view)

    def change(self, goal: Goal) -> Changed:
        """Go there."""
        return self._change(
            Target(
                verb="apply" if goal.view is not None else "destroy",
                view=goal.view,
                source="cloud.yaml",
                at=self._machine.now,
                allocations=goal.allocations,
            ),
            goal.wanted,
        )

    def recover(self, *, back: bool = False) -> Changed | None:
        """Bring an interrupted change to an end, or to what was before it."""
        target = going.back(self.state) if back else going.forward(self.state)
        return None if target is None else self._change(target, going.wanted_of(target))

    def heal(self) -> Recovered:
        """The first part of every change alone: make whole what was interrupted."""
        return recover(self._machine.kernel, self.state)

    def _change(self, target: Target, wanted: Wanted) -> Changed:
        changed = going.change([self._machine.kernel], self.state, target, wanted)
        refuse(changed.mismatches)
        return changed

    def close(self) -> None:
        """The process ends."""
        self._open.close()


def goal_of(view: HostView | None) -> Goal:
    """What a view asks for."""
    return Goal(view, NOTHING if view is None else compile_host(view))
