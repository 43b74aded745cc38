"""A look at everything in slices: nothing waits for all of it, and nothing is missed by it.

On a fake kernel, with a clock that each look moves by what it costs.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from errno import ENOMEM
from itertools import count
from pathlib import Path
from random import Random
from typing import Final

import pytest
from msgspec.structs import replace

from deuteron.agent import sweep, watch
from deuteron.kernel.fake import FakeKernel
from deuteron.kernel.linux.events import Noticed
from deuteron.objects import (
    HOST,
    Address,
    Create,
    Look,
    Netns,
    Observed,
    Update,
    Veth,
)
from deuteron.state.directory import State
from tests.unit.agent.test_watch import INTERVAL, ROUTER, Rig, Script
from tests.unit.compile.world import distributed, ident

_START: Final = datetime(2026, 1, 1, tzinfo=UTC)
#: Seconds that a look takes for each namespace.
_COST: Final = 0.05
_MORE: Final = 12


class Slow(FakeKernel):
    """A kernel that takes its time, and remembers what it was asked for."""

    def __init__(self, script: Script) -> None:
        super().__init__()
        self.script = script
        self.cost = 0.0
        self.looks: list[frozenset[str] | None] = []

    def observe(self, look: Look) -> Observed:
        observed = super().observe(look)
        self.script.now += self.cost * len(observed.netns if look.only is None else look.only)
        self.looks.append(look.only)
        return observed


class Slices(Rig):
    """A host of some thirty namespaces, watched in slices."""

    kernel: Slow

    def begin(self) -> float:
        """Nothing but the interval from now on; when it comes."""
        self.kernel.cost, self.kernel.looks = _COST, []
        return self.script.now + INTERVAL * 1.1

    @property
    def unseen(self) -> set[str]:
        """What of the host was not looked at since."""
        wanted = {one.key[1] for unit in self.wanted.units for one in unit.objects}
        return wanted.difference(*(only for only in self.kernel.looks if only is not None))


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Slices]:
    monkeypatch.setattr(sweep, "_LEAST", 1)
    script, world = Script(), distributed()
    kernel = Slow(script)
    kernel.add_host_bridge("br-ex")
    for name in ("vm5", "vm6", "vm7", "vm8", *(f"more{number}" for number in range(_MORE))):
        kernel.add_instance_netns(name)
    for number in range(_MORE):
        world.network(f"net{number}", f"10.{number + 20}.0.0/24")
        world.vm(f"more{number}", f"net{number}", f"10.{number + 20}.0.5")
    state = State(tmp_path / "state", clock=lambda: _START + timedelta(seconds=script.now), random=Random(7))
    with state, state.locked():
        rig = Slices(kernel, state, world, script, seed=7, slice_seconds=4 * _COST)
        rig.until(script.now + 2.0)
        rig.heard.looks.clear()
        yield rig


def test_every_namespace_is_looked_at_and_none_of_the_looks_is_at_much(rig: Slices) -> None:
    rig.until(rig.begin())
    assert not rig.unseen
    assert None not in rig.kernel.looks
    sizes = [len(only) for only in rig.kernel.looks if only is not None]
    assert len(sizes) > 5
    assert max(sizes) <= 12, sizes
    assert rig.writes == 0


def test_what_a_large_view_has_made_is_read_back_in_slices(
    rig: Slices, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one piece it took seconds with a thousand routers, and the next view waited."""
    monkeypatch.setattr(watch, "_MANY", 8)
    rig.begin()
    names = sorted({one.key[1] for unit in rig.wanted.units for one in unit.objects} - {HOST})
    assert len(names) > 20
    lost = next(iter(rig.ours(Address)))
    rig.lose(lost)
    rig.watch.echo.wrote(names, names)
    followed = len(rig.script.followed)
    rig.until(rig.script.now + INTERVAL * 0.8)
    assert not rig.unseen - {HOST}
    assert max(len(only or names) for only in rig.kernel.looks) <= 12, rig.kernel.looks
    only = [one for one in rig.script.only[followed:] if one is not None]
    assert only
    assert max(map(len, only)) <= 12, "nor is more heard anew at a time"
    assert rig.whole()


def test_a_few_namespaces_are_read_back_at_once(rig: Slices) -> None:
    rig.begin()
    names = sorted({one.key[1] for unit in rig.wanted.units for one in unit.objects} - {HOST})[:3]
    rig.watch.echo.wrote(names, names)
    rig.until(rig.script.now + 2.0)
    assert len(rig.kernel.looks) == 1
    assert set(names) <= (rig.kernel.looks[0] or set())


def test_the_next_one_begins_an_interval_after_the_end(rig: Slices) -> None:
    rig.begin()
    for _ in range(4_000):
        rig.watch.turn()
        if not rig.unseen:
            break
    assert not rig.unseen
    rig.until(rig.script.now + 1.0)
    rig.kernel.looks.clear()
    rig.until(rig.script.now + INTERVAL * 0.8)
    assert rig.kernel.looks == []


@pytest.mark.parametrize("kind", [Address, Veth])
@pytest.mark.parametrize("at", [0, 5, _MORE - 1])
def test_what_is_taken_from_any_slice_unheard_is_put_back(rig: Slices, kind: type, at: int) -> None:
    found = [step for step in rig.ours(kind) if f"more{at}" in repr(step)]
    rig.lose(found[0])
    rig.until(rig.begin())
    assert None not in rig.kernel.looks
    assert {one.noticed for one in rig.heard.repairs} == {"interval"}
    assert rig.whole()


@pytest.mark.parametrize("inner", ["more3", ROUTER])
def test_of_a_pair_both_ends_are_judged(rig: Slices, inner: str) -> None:
    pairs = [one for unit in rig.wanted.units for one in unit.objects if isinstance(one, Veth)]
    pair = next(one for one in pairs if one.peer_netns == inner)
    rig.lose(Update(old=pair, new=replace(pair, peer_mac="02:00:00:00:00:99")))
    assert not rig.whole()
    rig.until(rig.begin())
    assert rig.whole()


def test_a_namespace_that_has_gone_is_made_again_by_a_look_at_everything(rig: Slices) -> None:
    rig.kernel.remove_netns(ROUTER)
    rig.until(rig.begin() + 10.0)
    assert rig.whole()
    assert None in rig.kernel.looks


def test_a_pair_of_which_one_end_stays_away_is_not_waited_for_for_ever(
    rig: Slices, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody has moved it: that looks like a namespace that is going, which is waited for, a while."""
    halved = frozenset({f"router/{ident('r1')}"})
    monkeypatch.setattr(watch, "parting", lambda found: halved & found.units)
    rig.kernel.remove_netns(ROUTER)
    rig.until(rig.begin() + 60.0)
    assert rig.whole()
    waited = [only for only in rig.kernel.looks if only is None]
    assert len(waited) > 6


def test_one_of_ours_that_nobody_wants_is_removed(rig: Slices) -> None:
    name = f"qrouter-{ident('nobody')}"
    stray = Netns(name=name, owner=f"router/{ident('nobody')}")
    rig.lose(Create(stray))
    rig.until(rig.begin() + 10.0)
    assert not rig.kernel.observe(Look(only=frozenset())).netns.get(name)


def test_what_is_heard_does_not_wait_for_the_slices_still_to_come(rig: Slices) -> None:
    rig.begin()
    while len(rig.kernel.looks) < 3:
        rig.watch.turn()
    assert rig.unseen, "it is under way"
    rig.lose(rig.ours(Address, ROUTER)[0])
    rig.script.at(rig.script.now, Noticed(namespaces=frozenset({ROUTER})))
    for _ in range(6):
        rig.watch.turn()
        if rig.heard.repairs:
            break
    assert [one.noticed for one in rig.heard.repairs] == ["event"]
    assert rig.unseen, "it is under way still"
    rig.until(rig.script.now + 30.0)
    assert not rig.unseen


def test_what_is_heard_of_one_place_without_end_starves_no_other(
    rig: Slices, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is reason for a look there whenever the one before is over; slices have every other turn."""
    end = rig.begin() + 60.0
    calm, turns = rig.script.wait, count()

    def touched(seconds: float | None) -> Noticed:
        return calm(seconds) if next(turns) % 2 else Noticed(namespaces=frozenset({ROUTER}))

    monkeypatch.setattr(rig.script, "wait", touched)
    rig.until(end)
    assert not rig.unseen
    near = [only for only in rig.kernel.looks if only is not None and ROUTER in only]
    assert len(near) > 20, "nor does what is heard wait for the slices"


def test_lost_events_again_and_again_starve_nobody(rig: Slices) -> None:
    rig.begin()
    for number in range(200):
        rig.script.at(rig.script.now + number * 0.4, Noticed(everything=True))
    rig.until(rig.script.now + 70.0)
    assert not rig.unseen


def test_a_slice_that_is_refused_is_told_and_all_is_looked_at_again(rig: Slices) -> None:
    rig.lose(rig.ours(Address, ROUTER)[0])
    when = rig.begin()
    rig.kernel.fail("observe", ENOMEM, times=3)
    rig.until(when + 10.0)
    assert len(rig.heard.troubles) == 1
    assert rig.whole()
    assert not rig.unseen
