"""What must hold after a fault, whatever it was."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from deuteron.objects import KernelObject, Key, Observed
from deuteron.state.directory import State
from tests.faults.cases import Case, by_unit, differs
from tests.faults.road import Attempt

Units = dict[str, dict[Key, KernelObject]]


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """The two states between which there must be none.

    Attributes:
        before: as it was.
        after: as it is when nothing goes wrong.
    """

    before: Observed
    after: Observed


def whole(reference: Reference, now: Observed, came: Attempt) -> Iterator[str]:
    """Each unit is as before, or done; nothing in between, whatever is told.

    A unit whose undo failed is not held to it here: it has to say so (``left``), and to be mended
    by the next attempt.  Nor is one of which the kernel said that it has no such thing any more
    (ENODEV to a deletion is success) while it has: that is found by reading back, and told.
    """
    before, after, found = (by_unit(one) for one in (reference.before, reference.after, now))
    outcomes = {unit.unit: unit.outcome for unit in came.result.units}
    lied_to = came.error is not None and came.error.code == "read-back-differs"
    for name in sorted(before.keys() | after.keys() | found.keys()):
        outcome = outcomes.get(name)
        if outcome == "undo-failed" or (outcome == "done" and lied_to):
            continue
        then = after if outcome == "done" else before
        yield from differs(f"{name}, {outcome or 'untouched'}", found.get(name, {}), then.get(name, {}))


def marked(reference: Reference, now: Observed, came: Attempt) -> Iterator[str]:
    """No link without a mark has come, and no dead namespace of ours.

    Where an undo failed there may be some until the next attempt; what cannot be looked at cannot be told.
    """
    if any(unit.outcome == "undo-failed" for unit in came.result.units):
        return
    for netns, links in now.unmarked.items():
        known = reference.before.unmarked.get(netns, {}) | reference.after.unmarked.get(netns, {})
        if more := links.keys() - known.keys():
            yield f"unmarked links in {netns or 'the host'}: {sorted(more)}"
    known_names = reference.before.netns | reference.after.netns
    for name, alive in now.netns.items():
        if name not in known_names or not alive:
            yield f"the namespace {name} is left {'there' if alive else 'dead'}"


def honest(came: Attempt, state: State) -> Iterator[str]:
    """What is told is enough to act on, and kept."""
    for unit in came.result.failed:
        if not unit.code or not unit.error:
            yield f"{unit.unit} is {unit.outcome} without a code or a sentence"
        if unit.outcome == "undo-failed" and not unit.left:
            yield f"{unit.unit} could not be taken back, and does not tell what is left"
    if came.error is None:
        known = {one.unit for one in state.quarantine()}
        failed = {unit.unit for unit in came.result.failed}
        yield from differs("the quarantine", sorted(known), sorted(failed))
        if state.pending() is not None:
            yield "the change was finished, and is still in the journal"


def settled(state: State, case: Case) -> Iterator[str]:
    """The state directory after a change in which nothing went wrong."""
    if state.pending() is not None or state.intents():
        yield "the journal is not empty"
    yield from differs("the quarantine", state.quarantine(), ())
    if state.committed() != case.after.view:
        yield "what is committed is not what was asked for"
    if state.allocations() != case.after.allocations:
        yield "what is allocated is not what was asked for"
