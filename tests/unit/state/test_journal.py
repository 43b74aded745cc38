"""What is about to be done is on the disk before it is done, and comes back equal."""

from __future__ import annotations

import errno
import sqlite3
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import msgspec
import pytest

from deuteron import edge
from deuteron.agent.change import back, forward
from deuteron.apply.engine import prepare
from deuteron.apply.result import Result, UnitOutcome, UnitResult
from deuteron.domain import HostView
from deuteron.errors import HostError
from deuteron.inputs.allocate import Allocation, Allocations
from deuteron.reconcile import UnitPlan
from deuteron.state.directory import State
from deuteron.state.journal import Intent, Target, decode, encode
from tests.unit.apply.hosts import fake_host, host_with, wanted_of
from tests.unit.compile.world import centralised, distributed

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def target(view: HostView | None, *values: str) -> Target:
    entries = tuple(Allocation(kind="leg", scope="public", key=value, value=value) for value in values)
    verb = "destroy" if view is None else "apply"
    return Target(
        verb="destroy" if verb == "destroy" else "apply",
        view=view,
        source="topology.yaml",
        at=NOON,
        allocations=Allocations(entries=entries),
    )


def units() -> tuple[UnitPlan, ...]:
    return prepare(fake_host(), wanted_of(distributed())).plan.units


def result(*outcomes: tuple[str, UnitOutcome]) -> Result:
    return Result(
        units=tuple(
            UnitResult(unit=unit, title=unit, outcome=outcome, steps=1, seconds=0.1, code="", error="e")
            for unit, outcome in outcomes
        )
    )


@pytest.mark.parametrize("way", ["there", "away", "changed"])
def test_every_step_of_a_journal_comes_back_equal(way: str) -> None:
    worlds = {"there": (centralised(), distributed()), "away": (distributed(), centralised())}
    before, after = worlds.get(way, (distributed(), distributed()))
    if way == "changed":
        after.network("web", "10.0.0.0/24", mtu=1400)
        after.floating_ip("203.0.113.50", "public", "r1", "vm7", "10.0.0.7")
    planned = prepare(host_with(wanted_of(before)), wanted_of(after)).plan.units
    assert planned
    for unit in planned:
        intent = Intent(unit=unit.unit, title=unit.title, steps=unit.steps)
        assert decode(encode(intent)) == intent


def test_a_change_that_was_begun_is_there_for_the_next_process_until_it_is_finished(tmp_path: Path) -> None:
    old, new, planned = centralised().view(), distributed().view(), units()
    with State(tmp_path) as state:
        state.commit(old, "old.yaml", target(old, "1").allocations)
        state.begin(target(new, "2", "3"), planned)
    with State(tmp_path) as state:
        assert state.pending() == target(new, "2", "3") == forward(state)
        assert [(i.unit, i.steps) for i in state.intents()] == [(u.unit, u.steps) for u in planned]
        assert state.committed() == old == back(state).view
        assert state.allocations() == target(new, "2", "3").allocations
        assert back(state).allocations == target(old, "1").allocations
        state.finish(target(new, "2", "3"), result(*((unit.unit, "done") for unit in planned)))
    with State(tmp_path) as state:
        assert (state.pending(), state.intents(), state.committed()) == (None, (), new)
        assert state.allocations() == target(new, "2", "3").allocations


class FullDisk:
    """The disk is full when it comes to the n-th statement."""

    def __init__(self, number: int) -> None:
        self.left = number

    def before(self, verb: str) -> None:
        if verb == "sqlite.execute":
            self.left -= 1
            if self.left == -1:
                raise OSError(errno.ENOSPC, "No space left on device")

    def after(self, verb: str) -> None:
        pass

    def spoiled(self, verb: str, count: int) -> tuple[int, int] | None:
        return None


def test_of_what_is_written_together_all_is_there_or_nothing(tmp_path: Path) -> None:
    old, new, planned = centralised().view(), distributed().view(), units()

    def seen(state: State) -> tuple[object, ...]:
        return state.pending(), state.intents(), state.committed(), state.allocations()

    for number in range(100):
        path = tmp_path / str(number)
        with State(path) as state:
            state.commit(old, "old.yaml", target(old, "1").allocations)
            start = seen(state)
            with edge.guarded(disk := FullDisk(number)), suppress(HostError):
                state.begin(target(new, "2", "3"), planned)
        if disk.left >= 0:
            break
        with State(path) as state:
            assert seen(state) == start, f"statement {number}"
    assert number > 3


def test_a_change_that_is_abandoned_leaves_what_was_committed(tmp_path: Path) -> None:
    with State(tmp_path) as state:
        state.commit(centralised().view(), "old.yaml", target(None, "1").allocations)
        state.begin(target(distributed().view(), "2"), units())
        state.abandon()
        assert (state.pending(), state.intents(), state.committed()) == (None, (), centralised().view())
        assert state.allocations() == target(None, "1").allocations


def test_a_change_without_steps_is_no_change(tmp_path: Path) -> None:
    with State(tmp_path) as state:
        state.begin(target(distributed().view()), ())
        assert state.pending() is None


def test_after_a_destroy_nothing_is_wanted_whatever_is_left(tmp_path: Path) -> None:
    view, planned = distributed().view(), units()
    with State(tmp_path) as state:
        state.commit(view, "old.yaml", target(None, "1").allocations)
        state.begin(target(None), planned)
        assert state.pending() == target(None)
        state.finish(target(None), result((planned[0].unit, "undone")))
        assert state.committed() == HostView(host=view.host)
        assert [one.unit for one in state.quarantine()] == [planned[0].unit]
        state.finish(target(None), result((planned[0].unit, "done")))
        assert (state.committed(), state.allocations()) == (None, Allocations())
        assert (state.quarantine(), state.history()) == ((), {})


def test_what_could_not_be_taken_back_keeps_its_intent(tmp_path: Path) -> None:
    planned = units()
    one, two = planned[0], planned[1]
    with State(tmp_path) as state:
        state.begin(target(distributed().view()), planned)
        state.finish(target(distributed().view()), result((one.unit, "undo-failed"), (two.unit, "undone")))
        assert state.pending() is None
        assert [intent.unit for intent in state.intents()] == [one.unit]
        state.begin(target(distributed().view()), [two], keep=state.intents())
        assert [intent.unit for intent in state.intents()] == [one.unit, two.unit]
        state.finish(
            target(distributed().view()), result((one.unit, "done"), (two.unit, "done")), unwhole=[one.unit]
        )
        assert state.intents() == ()


def test_history_tells_who_made_a_unit_and_who_changed_it(tmp_path: Path) -> None:
    times = iter([NOON, NOON.replace(hour=13), NOON.replace(hour=14)])
    view = distributed().view()
    with State(tmp_path, clock=lambda: next(times)) as state:
        state.finish(target(view), result(("router/a", "done"), ("router/b", "done")))
        later = msgspec.structs.replace(target(view), source="other.yaml")
        state.finish(later, result(("router/a", "done"), ("router/b", "undone")))
        record = state.history()["router/a"]
        assert (record.made_at.hour, record.changed_at.hour, record.source) == (12, 13, "other.yaml")
        assert state.history()["router/b"].changed_at.hour == 12
        state.finish(target(view), result(("router/a", "done")), wanted={"router/b"})
        assert state.history().keys() == {"router/b"}


def test_a_unit_is_in_quarantine_from_its_failure_to_its_success(tmp_path: Path) -> None:
    view = distributed().view()
    with State(tmp_path, clock=lambda: NOON, random=Random(1)) as state:
        for attempts in (1, 2):
            state.finish(target(view), result(("router/a", "refused"), ("router/b", "done")))
            (one,) = state.quarantine()
            assert (one.unit, one.attempts, one.since, one.error) == ("router/a", attempts, NOON, "e")
        state.finish(target(view), result(("router/b", "done")), whole=False)
        assert [unit.unit for unit in state.quarantine()] == ["router/a"]
        state.finish(target(view), result(("router/a", "done")), whole=False)
        assert state.quarantine() == ()


def test_what_cannot_be_recorded_is_told_and_the_journal_stays(tmp_path: Path) -> None:
    with State(tmp_path) as state:
        state.begin(target(distributed().view()), units())
        other = sqlite3.connect(tmp_path / "state.sqlite")
        other.execute("PRAGMA query_only = 0")
        other.execute("DROP TABLE history")
        other.commit()
        other.close()
        with pytest.raises(HostError, match="deuteron recover") as refused:
            state.finish(target(distributed().view()), result())
        assert refused.value.code == "not-recorded"
        assert state.pending() is not None
