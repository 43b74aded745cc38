"""The road of every change, the one of the command line: journal, apply, read back, record."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Final

import msgspec

from deuteron.agent.change import change, wanted_of
from deuteron.apply.engine import Prepared, prepare
from deuteron.apply.read_back import refuse
from deuteron.apply.result import Reporter, Result, UnitResult
from deuteron.errors import DeuteronError
from deuteron.kernel.protocol import Kernel
from deuteron.objects import Wanted
from deuteron.reconcile import UnitPlan
from deuteron.state.directory import State
from deuteron.state.journal import Target

_COMPILED: Final[dict[int, tuple[Target, Wanted]]] = {}


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """What came of trying once.

    Attributes:
        result: of the units that were tried.
        error: what ended the attempt as a whole, ``None`` where nothing did.
    """

    result: Result
    error: DeuteronError | None = None

    @property
    def ok(self) -> bool:
        """Whether all is as was asked for."""
        return self.result.ok and self.error is None

    @property
    def told(self) -> str:
        """All that a person gets to read."""
        lines = [one.error for one in self.result.failed]
        return "; ".join([*lines, *([self.error.message] if self.error is not None else [])])


class _Listener:
    """Hears of each unit, so that it is known also where the change as a whole ends in an error."""

    def __init__(self) -> None:
        self.units: list[UnitResult] = []

    def unit_started(self, unit: UnitPlan) -> None:
        """Nothing."""

    def unit_done(self, result: UnitResult) -> None:
        self.units.append(result)

    def unit_failed(self, result: UnitResult) -> None:
        self.units.append(result)


def _compiled(target: Target) -> Wanted:
    """What the target compiles to; there are few, and each is asked for often."""
    key = id(target)
    if key not in _COMPILED:
        _COMPILED[key] = target, wanted_of(target)  # kept, so that nothing else gets its id
    return _COMPILED[key][1]


def attempt(kernel: Kernel, state: State, target: Target) -> Attempt:
    """Bring kernel and state directory to ``target``, once."""
    listener = _Listener()
    wanted = _compiled(target)

    def listening(_prepared: Prepared) -> Reporter:
        return listener

    error: DeuteronError | None = None
    try:
        done = change([kernel], state, target, wanted, reporter=listening)
        refuse(done.mismatches)
    except DeuteronError as raised:
        error = raised
    return Attempt(result=Result(units=tuple(listener.units)), error=error)


def steps_to(kernel: Kernel, target: Target) -> int:
    """How many steps it would take now."""
    return sum(len(unit.steps) for unit in prepare(kernel, _compiled(target)).plan.units)


def open_state(path: Path) -> State:
    """The state directory; what it draws by lot is always the same."""
    return State(path, random=Random(0))
