"""The watch's loop on a fake kernel, with a clock that only moves when it waits."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from errno import EPERM
from functools import partial
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Final, NoReturn

import pytest

from deuteron.agent.change import change
from deuteron.agent.holds import Holds
from deuteron.agent.listener import Repair
from deuteron.agent.mend import Road
from deuteron.agent.reasons import PATIENCE, QUIET
from deuteron.agent.watch import Watch
from deuteron.agent.window import Found
from deuteron.apply.engine import verify
from deuteron.compile import compile_host
from deuteron.errors import DeuteronError, HostError, InputError
from deuteron.kernel.fake import FakeKernel
from deuteron.kernel.linux.events import Interest, Noticed
from deuteron.objects import Address, Delete, LinkUp, Netns, NftElement, Route, Step, Wanted
from deuteron.state.directory import State
from deuteron.state.journal import Target
from deuteron.state.quarantine import JITTER, Quarantined
from tests.unit.apply.hosts import add_floating_ip, fake_host
from tests.unit.compile.world import World, distributed, ident

INTERVAL: Final = 60.0
_START: Final = datetime(2026, 1, 1, tzinfo=UTC)


class Script:
    """Events that come when they are due, and the clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.coming: list[tuple[float, Noticed, Callable[[], None] | None]] = []
        self.followed: list[Interest] = []
        self.only: list[Collection[str] | None] = []
        self.woken = False

    def at(self, when: float, noticed: Noticed, then: Callable[[], None] | None = None) -> None:
        insort(self.coming, (when, noticed, then), key=lambda one: one[0])

    def follow(
        self,
        interest: Interest,
        again: Iterable[str] | None = None,
        only: Collection[str] | None = None,
    ) -> frozenset[str]:
        self.followed.append(interest)
        self.only.append(only)
        return frozenset()

    def wait(self, seconds: float | None) -> Noticed:
        assert seconds is not None
        until = self.now + seconds
        if self.coming and self.coming[0][0] <= until:
            when, noticed, then = self.coming.pop(0)
            self.now = max(self.now, when)
            if then is not None:
                then()
            return noticed
        if self.woken:
            self.woken = False
            return Noticed()
        self.now = until
        return Noticed()

    def wake(self) -> None:
        self.woken = True


class Heard:
    """What the watch told."""

    def __init__(self) -> None:
        self.repairs: list[Repair] = []
        self.troubles: list[DeuteronError] = []
        self.looks: list[Found] = []

    def repaired(self, repair: Repair) -> None:
        self.repairs.append(repair)

    def trouble(self, error: DeuteronError) -> None:
        self.troubles.append(error)

    def looked(self, found: Found) -> None:
        self.looks.append(found)


class Rig:
    """A fake host as wanted, and the watch over it."""

    def __init__(
        self,
        kernel: FakeKernel,
        state: State,
        world: World,
        script: Script,
        seed: int,
        slice_seconds: float = 0.0,
    ) -> None:
        self.kernel = kernel
        self.state = state
        self.script = script
        self.heard = Heard()
        self.reads: list[World | InputError] = []
        self.wanted = compile_host(world.view())
        target = self._target(world)
        change([kernel], state, target, self.wanted)
        road = Road(partial(change, [kernel], state), state, target, self._read)
        self.watch = Watch(
            kernel,
            self.wanted,
            script,
            road,
            self.heard,
            interval=INTERVAL,
            slice_seconds=slice_seconds,
            clock=lambda: script.now,
            random=Random(seed),
        )
        self.watch.begin()
        self.until(1.0)
        self.heard.looks.clear()
        self.log = len(kernel.log)

    def _target(self, world: World) -> Target:
        return Target(verb="apply", view=world.view(), source="topology.yaml", at=self.state.clock())

    def _read(self) -> tuple[Target, Wanted] | None:
        world = self.reads.pop(0)
        if isinstance(world, InputError):
            raise world
        return self._target(world), compile_host(world.view())

    def until(self, when: float) -> None:
        """Let the watch run until then, or a little longer."""
        self.script.at(when, Noticed())
        for _ in range(20_000):
            if self.script.now >= when:
                return
            self.watch.turn()
        raise AssertionError("the watch does not come to rest")

    def lose(self, thing: Step) -> None:
        """Somebody else removes something."""
        assert self.kernel.run([thing]).failed is None
        self.log = len(self.kernel.log)

    def ours(self, kind: type, netns: str = "") -> list[Step]:
        found = [one for unit in self.wanted.units for one in unit.objects if type(one) is kind]
        return [Delete(one) for one in found if one.key[1].startswith(netns)]

    @property
    def writes(self) -> int:
        return len(self.kernel.log) - self.log

    def whole(self) -> bool:
        return verify(self.kernel, self.wanted).none


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def rig(tmp_path: Path, script: Script) -> Iterator[Rig]:
    state = State(
        tmp_path / "state",
        clock=lambda: _START + timedelta(seconds=script.now),
        random=Random(7),
    )
    with state, state.locked():
        yield Rig(fake_host(), state, distributed(), script, seed=7)


ROUTER: Final = f"qrouter-{ident('r1')}"
SNAT: Final = f"snat-{ident('r1')}"


def test_what_is_lost_is_back_and_told(rig: Rig) -> None:
    (step, *_) = rig.ours(Route, ROUTER)
    rig.lose(step)
    begun = rig.script.now
    rig.script.at(begun + 0.1, Noticed(namespaces=frozenset({ROUTER})))
    rig.until(begun + 1.0)
    (repair,) = rig.heard.repairs
    assert (repair.result.unit, repair.result.outcome) == (f"router/{ident('r1')}", "done")
    assert repair.noticed == "event"
    assert repair.seconds <= QUIET + 0.01
    assert rig.writes == 1
    assert rig.whole()


def test_a_storm_is_one_look(rig: Rig) -> None:
    begun = rig.script.now
    for number in range(10_000):
        rig.script.at(begun + number * 0.00001, Noticed(namespaces=frozenset({ROUTER})))
    rig.until(begun + 2.0)
    assert len(rig.heard.looks) == 1
    assert rig.writes == 0


def test_a_storm_that_does_not_end_does_not_put_off_the_look(rig: Rig) -> None:
    begun = rig.script.now
    (step, *_) = rig.ours(Address, ROUTER)
    rig.lose(step)
    for number in range(500):
        rig.script.at(begun + 0.5 + number * 0.01, Noticed(namespaces=frozenset({ROUTER})))
    rig.until(begun + 5.0)
    (repair,) = rig.heard.repairs
    assert repair.seconds <= PATIENCE + QUIET
    # 5 s of it: looks that find nothing come at 1.4 a second, not at 4.
    assert len(rig.heard.looks) <= 10


def test_echoes_of_a_repair_cost_one_look_that_writes_nothing(rig: Rig) -> None:
    begun = rig.script.now
    rig.lose(rig.ours(Address, ROUTER)[0])
    rig.script.at(begun + 0.1, Noticed(namespaces=frozenset({ROUTER})))
    rig.script.at(begun + 0.2, Noticed(namespaces=frozenset({ROUTER})))
    rig.until(begun + 2.0)
    assert [bool(found.units) for found in rig.heard.looks] == [True, False]
    assert len(rig.heard.repairs) == 1


def test_lost_events_are_a_reason_to_look_at_everything(rig: Rig) -> None:
    begun = rig.script.now
    rig.lose(rig.ours(Address, ROUTER)[0])
    rig.script.at(begun + 0.1, Noticed(everything=True))
    rig.until(begun + 1.0)
    assert [found.only for found in rig.heard.looks] == [None]
    assert rig.whole()


def test_what_has_no_event_is_found_at_the_interval(rig: Rig) -> None:
    rig.lose(rig.ours(Address, ROUTER)[0])
    begun = rig.script.now
    rig.until(begun + INTERVAL * 0.8)
    assert not rig.heard.looks
    rig.until(begun + INTERVAL * 1.2)
    assert [one.noticed for one in rig.heard.repairs] == ["interval"]
    assert rig.whole()


def test_a_namespace_that_goes_is_made_again(rig: Rig) -> None:
    begun = rig.script.now
    for step in rig.ours(Netns, ROUTER):
        rig.lose(step)
    rig.script.at(begun + 0.1, Noticed(namespaces=frozenset({ROUTER}), names=True))
    rig.until(begun + 1.0)
    assert rig.whole()
    assert {repair.result.outcome for repair in rig.heard.repairs} == {"done"}


def test_a_window_that_is_large_enough_is_enough(rig: Rig) -> None:
    begun = rig.script.now
    rig.lose(
        rig.ours(NftElement, SNAT or ROUTER)[0] if rig.ours(NftElement, SNAT) else rig.ours(NftElement)[0]
    )
    rig.script.at(begun + 0.1, Noticed(namespaces=frozenset({ROUTER, SNAT})))
    rig.until(begun + 1.0)
    assert rig.whole()
    assert all(found.only is not None for found in rig.heard.looks)


def test_all_that_a_unit_lacks_is_mended_where_one_thing_was_noticed(rig: Rig) -> None:
    begun = rig.script.now
    rig.lose(rig.ours(Address, ROUTER)[0])
    rig.lose(rig.ours(Address, SNAT)[0])
    rig.script.at(begun + 0.1, Noticed(namespaces=frozenset({ROUTER})))
    rig.until(begun + 1.0)
    assert rig.whole()


def test_a_unit_that_cannot_be_mended_waits_and_the_others_do_not(rig: Rig) -> None:
    begun = rig.script.now
    broken = rig.ours(Address, ROUTER)[0]
    rig.lose(broken)
    rig.kernel.fail("create address", EPERM, times=3)
    for number in range(200):  # somebody keeps touching it
        rig.script.at(begun + 0.1 + number * 0.1, Noticed(namespaces=frozenset({ROUTER})))
    rig.until(begun + 4.0)
    failed = [repair for repair in rig.heard.repairs if repair.result.outcome != "done"]
    assert {repair.result.code for repair in failed} == {"kernel-refused"}
    (held,) = rig.state.quarantine()
    # After 1 s and 2 s more (each spread by a quarter), whatever the events say.
    assert len(failed) in (2, 3)
    assert held.attempts == len(failed)
    other = rig.ours(Address, "vm7")[0]
    rig.lose(other)
    at = rig.script.now
    rig.script.at(at + 0.1, Noticed(namespaces=frozenset({"vm7"})))
    rig.until(at + 1.0)
    assert any(repair.result.unit == f"port/{ident('vm7')}" for repair in rig.heard.repairs)
    rig.until(begun + 20.0)
    assert rig.whole()
    assert rig.state.quarantine() == ()


def test_a_quarantined_unit_is_never_tried_before_its_time(rig: Rig) -> None:
    begun = rig.script.now
    rig.lose(rig.ours(Address, ROUTER)[0])
    rig.kernel.fail("create address", EPERM, times=6)
    rig.script.at(begun + 0.1, Noticed(namespaces=frozenset({ROUTER})))
    times: list[float] = []
    for _ in range(5_000):
        before = len(rig.heard.repairs)
        rig.watch.turn()
        if len(rig.heard.repairs) > before:
            times.append(rig.script.now)
        if len(times) == 5:
            break
    waits = [later - earlier for earlier, later in pairwise(times)]
    for attempt, wait in enumerate(waits):
        assert 2.0**attempt * (1 - JITTER) - 0.01 <= wait <= 2.0**attempt * (1 + JITTER) + 1.0, waits


def test_a_unit_that_waits_is_left_as_it_is_while_another_is_mended(rig: Rig) -> None:
    """Its ``lo`` too, which every namespace that stays is to have up."""
    begun = rig.script.now
    rig.lose(rig.ours(Address, ROUTER)[0])
    rig.kernel.fail("create address", EPERM)
    rig.script.at(begun + 0.1, Noticed(namespaces=frozenset({ROUTER})))
    rig.until(begun + 0.3)
    assert [one.attempts for one in rig.state.quarantine()] == [1]
    rig.lose(Delete(LinkUp(netns=ROUTER, dev="lo")))
    rig.lose(rig.ours(Address, "vm7")[0])
    rig.script.at(begun + 0.4, Noticed(everything=True))
    rig.until(begun + 0.6)
    units = [repair.result.unit for repair in rig.heard.repairs]
    assert units == [f"router/{ident('r1')}", f"port/{ident('vm7')}"]
    assert [one.attempts for one in rig.state.quarantine()] == [1]
    rig.until(begun + 4.0)
    assert rig.whole()


def test_who_waits_in_quarantine_waits_on_where_the_state_cannot_be_read(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = rig.script.now
    rig.lose(rig.ours(Address, ROUTER)[0])
    rig.kernel.fail("create address", EPERM, times=1)
    rig.script.at(begun + 0.1, Noticed(namespaces=frozenset({ROUTER})))
    rig.until(begun + 0.5)
    held = rig.watch.held
    assert held == {f"router/{ident('r1')}"}

    def refuse(_state: State) -> NoReturn:
        raise HostError("state-unusable", "the disk does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(State, "quarantine", refuse)
        with pytest.raises(HostError):
            rig.watch.judge()
    assert rig.watch.held == held
    rig.until(begun + 4.0)
    assert rig.whole()
    assert rig.watch.held == frozenset()


def test_a_quarantine_that_breaks_off_while_it_is_read_lets_nobody_go() -> None:
    last = _START
    first = Quarantined(
        unit="router/a",
        title="router a",
        code="kernel-refused",
        error="refused",
        left=(),
        since=last,
        attempts=1,
        last=last,
        next=last + timedelta(seconds=9),
    )

    def broken(number: int) -> Quarantined:
        raise HostError("state-corrupt", f"row {number} is not as it was written")

    holds = Holds(lambda: 0.0)
    holds.judge((first,), ())
    with pytest.raises(HostError):
        holds.judge((broken(number) for number in range(2)), ())
    assert holds.units == {"router/a"}


def test_what_comes_right_by_itself_leaves_the_quarantine(rig: Rig) -> None:
    begun = rig.script.now
    step = rig.ours(Address, ROUTER)[0]
    rig.lose(step)
    rig.kernel.fail("create address", EPERM, times=1)
    rig.script.at(begun + 0.1, Noticed(namespaces=frozenset({ROUTER})))
    rig.until(begun + 0.5)
    assert len(rig.state.quarantine()) == 1
    rig.until(begun + 4.0)
    assert rig.state.quarantine() == ()


def test_a_refused_look_is_told_once_and_tried_again(rig: Rig) -> None:
    begun = rig.script.now
    rig.lose(rig.ours(Address, ROUTER)[0])
    rig.kernel.fail("observe", EPERM, times=2)
    rig.script.at(begun + 0.1, Noticed(namespaces=frozenset({ROUTER})))
    rig.until(begun + 10.0)
    assert len(rig.heard.troubles) == 1
    assert rig.whole()


def test_a_changed_file_is_applied(rig: Rig) -> None:
    world = distributed()
    add_floating_ip(world)
    rig.reads.append(world)
    begun = rig.script.now
    rig.script.at(begun + 0.1, Noticed(file=True))
    rig.until(begun + 1.0)
    rig.wanted = compile_host(world.view())
    assert rig.whole()
    assert {repair.noticed for repair in rig.heard.repairs} == {"file"}
    committed = rig.state.committed()
    assert committed is not None
    assert committed.floating_ips == world.view().floating_ips
    rig.lose(rig.ours(Address, ROUTER)[0])
    rig.script.at(rig.script.now + 0.1, Noticed(namespaces=frozenset({ROUTER})))
    rig.until(rig.script.now + 1.0)
    assert rig.whole()


def test_a_bad_file_is_told_and_the_old_one_stays(rig: Rig) -> None:
    rig.reads.append(InputError("unknown-key", "line 3: no such key"))
    rig.watch.reread()
    begun = rig.script.now
    rig.until(begun + 1.0)
    assert [one.code for one in rig.heard.troubles] == ["unknown-key"]
    rig.lose(rig.ours(Address, ROUTER)[0])
    rig.script.at(rig.script.now + 0.1, Noticed(namespaces=frozenset({ROUTER})))
    rig.until(rig.script.now + 3.0)
    assert rig.whole()


def test_the_end_comes_between_two_units(rig: Rig) -> None:
    begun = rig.script.now
    for step in rig.ours(Address):
        rig.lose(step)
    rig.script.at(begun + 0.1, Noticed(everything=True))
    told = rig.heard.repaired

    def stop_after_one(repair: Repair) -> None:
        told(repair)
        rig.watch.stop()

    rig.heard.repaired = stop_after_one  # type: ignore[method-assign]  # the listener asks for the end
    rig.watch.run()
    assert len(rig.heard.repairs) == 1
    assert not rig.whole()
    pending = rig.state.pending()
    assert pending is not None
    change([rig.kernel], rig.state, pending, rig.wanted)
    assert rig.whole()
