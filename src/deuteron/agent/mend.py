"""How a watch changes the host: by the road of every change, with its journal and its quarantine."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from deuteron.agent.change import Changed
from deuteron.agent.window import Found, without
from deuteron.apply.engine import Prepared
from deuteron.apply.isolate import plan_apart
from deuteron.apply.read_back import refuse
from deuteron.apply.result import Reporter, Result, UnitResult
from deuteron.objects import RefusedUnit, Wanted
from deuteron.state.directory import State
from deuteron.state.journal import Target
from deuteron.state.quarantine import Quarantined

#: Reads the file: where to go now and what that compiles to; ``None`` where it says what it said before.
Reader = Callable[[], tuple[Target, Wanted] | None]


class Changer(Protocol):
    """Brings the host to a target."""

    def __call__(
        self,
        target: Target,
        wanted: Wanted,
        *,
        reporter: Callable[[Prepared], Reporter],
        planned: Callable[[], Prepared] | None,
        whole: bool,
    ) -> Changed:
        """See :func:`deuteron.agent.change.change`."""
        ...


class Road:
    """The change of one host towards one target, which may be read anew.

    Args:
        change: :func:`deuteron.agent.change.change` with its kernels and its state.
        state: held by this process, and so is the host.
        target: what was just applied.
        reader: reads the file again.
    """

    def __init__(
        self,
        change: Changer,
        state: State,
        target: Target,
        reader: Reader,
    ) -> None:
        self._change = change
        self._state = state
        self._target = target
        self._reader = reader

    def unfinished(self) -> bool:
        """Whether a change before has left units half made, which the next one recovers first.

        Raises:
            HostError: the state directory cannot be read.
        """
        return bool(self._state.intents())

    def change(
        self, wanted: Wanted, planned: Callable[[], Prepared] | None, reporter: Reporter, *, whole: bool
    ) -> Result:
        """Make it so.

        Args:
            wanted: what is wanted of the whole host.
            planned: the plan for a part of it, or ``None`` for one of the whole.
            reporter: told of each unit.
            whole: the plan leaves no unit out.

        Raises:
            DeuteronError: nothing was begun, or it could not be written down, or something is not
                as it was just made.
        """
        changed = self._change(
            self._target, wanted, reporter=lambda _prepared: reporter, planned=planned, whole=whole
        )
        refuse(changed.mismatches)
        return changed.result

    def settled(self, units: Iterable[Quarantined]) -> None:
        """These are as wanted again without our doing.

        Raises:
            HostError: it could not be written down.
        """
        well = (
            UnitResult(unit=one.unit, title=one.title, outcome="done", steps=0, seconds=0.0) for one in units
        )
        self._state.finish(self._target, Result(units=tuple(well)), whole=False)

    def quarantine(self) -> tuple[Quarantined, ...]:
        """The units that could not be mended.

        Raises:
            HostError: they cannot be read.
        """
        return self._state.quarantine()

    def reread(self) -> Wanted | None:
        """What the file wants now, ``None`` where it is what it wanted before; the target from now on.

        Raises:
            InputError: it is not acceptable; the target stays.
        """
        read = self._reader()
        if read is None:
            return None
        self._target, wanted = read
        return wanted


def prepared(found: Found, held: Iterable[RefusedUnit]) -> Prepared:
    """The steps for what a look found, with the held units left as they are."""
    still = {one.unit: one for one in held}
    wanted = without(found, still.values())
    plan, refused = plan_apart(wanted, found.observed, still)
    return Prepared(wanted=wanted, observed=found.observed, plan=plan, refused=refused)
