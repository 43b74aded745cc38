"""What became of a plan, unit by unit, and who wants to know while it runs."""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

from deuteron.reconcile import UnitPlan

UnitOutcome = Literal["done", "undone", "undo-failed", "skipped", "refused"]


class UnitResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one unit.

    Attributes:
        outcome: ``done``; ``undone``: a step failed and all is as before; ``undo-failed``:
            and some of it could not be taken back; ``skipped``: a unit it needs failed;
            ``refused``: what it needs is missing or something foreign is in its way, nothing was tried.
        steps: how many were run and had their effect.
        seconds: wall time, undo included.
        code: of the error, or "".
        error: one sentence that names the step, or "".
        left: after ``undo-failed``, what is not as it was before, a line each.
    """

    unit: str
    title: str
    outcome: UnitOutcome
    steps: int
    seconds: float
    code: str = ""
    error: str = ""
    left: tuple[str, ...] = ()


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a plan: the refused units first, then the others in the plan's order."""

    units: tuple[UnitResult, ...] = ()
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether every unit is done."""
        return all(unit.outcome == "done" for unit in self.units)

    @property
    def failed(self) -> tuple[UnitResult, ...]:
        """The units that are not done."""
        return tuple(unit for unit in self.units if unit.outcome != "done")


class Reporter(Protocol):
    """Who wants to know how far an apply is; always called by the thread that applies."""

    def unit_started(self, unit: UnitPlan) -> None:
        """A unit's steps are about to be run."""
        ...

    def unit_done(self, result: UnitResult) -> None:
        """All steps of a unit have had their effect."""
        ...

    def unit_failed(self, result: UnitResult) -> None:
        """A unit was taken back, could not be, was skipped or refused."""
        ...


class Silent:
    """A reporter that says nothing."""

    def unit_started(self, unit: UnitPlan) -> None:
        """Nothing."""

    def unit_done(self, result: UnitResult) -> None:
        """Nothing."""

    def unit_failed(self, result: UnitResult) -> None:
        """Nothing."""
