"""A process was killed: starting again must bring the host to one of the two committed states."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from tests.crash.place import Ledger, Place
from tests.crash.process import Ended

#: How somebody goes on after a crash: the same command, ``apply`` without a file, ``recover``, back.
Road = Literal["again", "apply", "recover", "back"]

ROADS: Final[tuple[Road, ...]] = ("again", "apply", "recover", "back")

#: What asked for nothing: ``destroy``.
DESTROY: Final = None


def command(target: Path | None) -> tuple[str | Path, ...]:
    """The command line for a file, or for nothing at all."""
    return ("destroy",) if target is DESTROY else ("apply", target)


def go_on(place: Place, road: Road, before: Path | None, target: Path | None) -> list[str]:
    """Start again after a crash on the way from ``before`` to ``target``; what is wrong afterwards.

    Args:
        place: where.
        road: how.
        before: the file that was committed, ``None`` for nothing.
        target: the file that was being applied, ``None`` for ``destroy``.
    """
    found = place.ledger()
    wrong = [] if found.pending else settled(place, found, before, target)
    arguments = _arguments(found, road, target)
    if arguments:
        wrong += failed(place.run(*arguments))
    wanted, now = _end(found, road, before, target), place.ledger()
    if now.source != wanted:
        wrong.append(f"committed is {now.source or 'nothing'}, not {wanted or 'nothing'}")
    if now.pending:
        wrong.append("the journal still tells of an unfinished change")
    return wrong + place.faults(now)


def _arguments(found: Ledger, road: Road, target: Path | None) -> tuple[str | Path, ...]:
    match road:
        case "again":
            return command(target)
        case "apply":
            # Without a file and with nothing known there is nothing to apply, and that is an error.
            return ("apply",) if found.pending or found.source else ()
        case "recover":
            return ("recover",)
        case "back":
            return ("recover", "--back")


def _end(found: Ledger, road: Road, before: Path | None, target: Path | None) -> str:
    """The source of what must be committed in the end."""
    if road == "again" or (found.pending and road != "back"):
        return name(target)
    return name(before) if found.pending else found.source


def settled(place: Place, found: Ledger, before: Path | None, target: Path | None) -> list[str]:
    """What is wrong with a place that must be wholly before or wholly after the change, untouched."""
    strange = [] if found.source in {name(before), name(target)} else [f"committed is {found.source!r}"]
    return [f"no change is pending, but {each}" for each in strange + place.faults(found)]


def name(file: Path | None) -> str:
    """As the state directory has it."""
    return "" if file is None else str(file)


def failed(ended: Ended) -> list[str]:
    """A line where a command that must succeed has not."""
    return [str(ended)] if ended.status != 0 else []


def idle(place: Place, target: Path | None) -> list[str]:
    """What is wrong with doing the same again: it must write nothing."""
    again = place.run(*command(target))
    wrong = failed(again)
    if (again.report.messages, again.report.transactions) != (0, 0):
        wrong.append(f"the same again is not nothing to do: {again.report} {again}")
    return wrong
