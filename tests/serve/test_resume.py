"""A start on a host that an earlier process of this boot left: what differs is made, then all is looked at.

On a fake kernel, with an API that says what it is told to.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from errno import EPERM
from functools import partial
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Final

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from deuteron.agent import sweep
from deuteron.agent.change import change
from deuteron.agent.serve import Follower
from deuteron.apply.engine import verify
from deuteron.compile import compile_host
from deuteron.domain import HostView
from deuteron.feed.part import difference
from deuteron.feed.wire import Change, Same
from deuteron.objects import Address, Delete, Netns, Route, Sysctl, Update
from deuteron.reconcile import UnitPlan
from deuteron.serve import follow
from deuteron.serve.follow import Following
from deuteron.state.directory import State
from deuteron.state.journal import Target
from tests.serve.test_follower import Counting, made
from tests.serve.test_slices import Api, Quiet
from tests.strategies_views import views
from tests.unit.apply.hosts import add_floating_ip, drop_floating_ip, instance_moves, move_floating_ip
from tests.unit.compile.world import World, distributed, ident

_BRIDGES: Final = ("br-ex", "br-ext0", "br-ext1")
_HERE: Final = "this boot/this namespace/this version"
#: Spreads the waits of what is tried again so that what others need comes before these.
_SEED: Final = 1
#: Seconds that a start may take here.
_PATIENCE: Final = 30.0
_ALTERED: Final = [add_floating_ip, drop_floating_ip, move_floating_ip, instance_moves]


class Answering(Api):
    """Has nothing new, and says so at once."""

    open: Final[list[Answering]] = []

    def __init__(self, view: HostView) -> None:
        super().__init__(view)
        self.open.append(self)

    def ask(self, since: int, wait: float) -> None:
        self.say(Same(request=1, revision=since))


class Listening(Quiet):
    """Who hears how far the look after a start is."""

    def __init__(self) -> None:
        self.far: list[tuple[int, int]] = []
        self.over = 0

    def looking(self, done: int, of: int) -> None:
        self.far.append((done, of))

    def looked_over(self) -> None:
        self.over += 1


class Started:
    """A process that has just begun on the host; the one before it is no more."""

    def __init__(self, kernel: Counting, state: State, view: HostView, place: str = _HERE) -> None:
        kernel.looks.clear()
        kernel.steps.clear()
        self.kernel = kernel
        self.api = Answering(view)
        self.heard = Listening()
        self.follower = Follower(kernel, state, partial(change, (kernel,), state), _BRIDGES, place)
        self.loop = Following(
            self.api, self.follower, kernel, state, self.heard, interval=3600.0, ended=lambda: False
        )
        self.loop._turn()

    def until_looked(self) -> None:
        """Until who waits for the first revision is told that it is done."""
        self.until(lambda: self.api.reached)

    def until(self, true: Callable[[], object]) -> None:
        end = time.monotonic() + _PATIENCE
        while not true():
            assert time.monotonic() < end, "it never comes to be"
            self.loop._turn()

    def told(self, unit: str) -> list[str]:
        return [one.state for _, items in self.api.told for one in items if one.unit == unit]


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State(tmp_path / "state", random=Random(_SEED)) as opened, opened.locked():
        yield opened


@pytest.fixture(autouse=True)
def _small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "_LEAST", 1)
    monkeypatch.setattr(sweep, "_MOST", 1)
    monkeypatch.setattr(follow, "_SLICE", 1e-9)


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while Answering.open:
        Answering.open.pop().close()


def left(kernel: Counting, state: State, *history: HostView, rest: int = 1) -> None:
    """An earlier process has brought the host through these views, and written down one of them."""
    one = Follower(kernel, state, partial(change, (kernel,), state), _BRIDGES, _HERE)
    one.begin(1, history[0])
    for revision, (before, after) in enumerate(pairwise(history), 2):
        if revision == rest + 1:
            one.rest()
        assert not [item for item in one.follow(revision, difference(before, after)).items if item.code]
    if rest >= len(history):
        one.rest()


def test_where_nothing_has_changed_nothing_is_written_and_no_look_is_at_everything(state: State) -> None:
    kernel, view = made(), distributed().view()
    left(kernel, state, view)
    started = Started(kernel, state, view)
    assert kernel.looks == [], "whoever asks for something need not wait for a look"
    started.until_looked()
    wanted = {thing.key[1] for unit in compile_host(view).units for thing in unit.objects}
    assert None not in kernel.looks
    assert wanted <= frozenset().union(*(only for only in kernel.looks if only is not None))
    assert kernel.steps == []
    assert started.heard.over == 1
    assert started.heard.far == sorted(started.heard.far)
    assert {of for _, of in started.heard.far} == {len(wanted - {""})}


@pytest.mark.parametrize("alter", _ALTERED)
def test_a_part_that_was_applied_and_not_written_down_costs_no_write(
    state: State, alter: Callable[[World], None]
) -> None:
    kernel, world = made(), distributed()
    before = world.view()
    alter(world)
    left(kernel, state, before, world.view())
    assert state.committed() == before
    started = Started(kernel, state, world.view())
    assert "done" in {one.state for _, items in started.api.told for one in items}, (
        "its status is told at once"
    )
    started.until_looked()
    assert kernel.steps == []
    assert verify(kernel, compile_host(world.view())).none


def a_network_more(world: World) -> None:
    world.network("more", "10.77.0.0/24")
    world.vm("net2-vm0", "more", "10.77.0.5")


@pytest.mark.parametrize("alter", [*_ALTERED, a_network_more])
def test_what_was_made_after_the_last_rest_and_is_not_wanted_any_more_goes(
    state: State, alter: Callable[[World], None]
) -> None:
    kernel, world = made(), distributed()
    before = world.view()
    alter(world)
    left(kernel, state, before, world.view())
    started = Started(kernel, state, before)
    started.until_looked()
    assert verify(kernel, compile_host(before)).none
    assert started.loop._state.quarantine() == ()


def test_what_is_not_wanted_and_could_not_be_removed_is_tried_again(state: State) -> None:
    kernel, world = made(), distributed()
    before = world.view()
    a_network_more(world)
    left(kernel, state, before, world.view())
    kernel.fail("delete", EPERM, times=1)
    started = Started(kernel, state, before)
    started.until_looked()
    assert "failed" in {one.state for _, items in started.api.told for one in items}
    assert not verify(kernel, compile_host(before)).none
    started.until(lambda: verify(kernel, compile_host(before)).none)
    started.until(lambda: state.quarantine() == ())


@pytest.mark.parametrize("kind", [Netns, Address, Route, Sysctl])
def test_what_somebody_took_meanwhile_is_put_back_before_who_waits_is_answered(
    state: State, kind: type
) -> None:
    kernel, view = made(), distributed().view()
    left(kernel, state, view)
    ours = [thing for unit in compile_host(view).units for thing in unit.objects if type(thing) is kind]
    taken = ours[-1]
    if isinstance(taken, Netns):
        kernel.remove_netns(taken.name)
    elif isinstance(taken, Sysctl):
        assert kernel.run([Update(old=taken, new=replace(taken, value="77"))]).error is None
    else:
        assert kernel.run([Delete(taken)]).error is None
    started = Started(kernel, state, view)
    started.until_looked()
    assert verify(kernel, compile_host(view)).none


def test_a_change_is_made_and_told_meanwhile_and_no_revision_is_said_to_be_reached(state: State) -> None:
    kernel, world = made(), distributed()
    before = world.view()
    left(kernel, state, before)
    started = Started(kernel, state, before)
    started.until(lambda: len(kernel.looks) > 4)
    add_floating_ip(world)
    started.api.say(Change(request=1, since=1, revision=2, part=difference(before, world.view())))
    started.until(lambda: started.told(f"router/{ident('r1')}"))
    assert kernel.steps
    assert {"done"} == set(started.told(f"router/{ident('r1')}"))
    assert started.api.reached == 0, "not all of it has been looked at"
    started.until_looked()
    assert started.api.reached == 2
    told = {one.unit for one in started.api.told[-1][1]}
    assert {unit.name for unit in compile_host(world.view()).units} <= told
    assert verify(kernel, compile_host(world.view())).none


def test_a_unit_that_waits_in_quarantine_is_tried_again_at_once(state: State) -> None:
    kernel, world = made(), distributed()
    before = world.view()
    one = Follower(kernel, state, partial(change, (kernel,), state), _BRIDGES, _HERE)
    one.begin(1, before)
    add_floating_ip(world)
    kernel.fail("create", EPERM, times=100)
    one.follow(2, difference(before, world.view()))
    one.rest()
    kernel.forgive()
    assert [held.unit for held in state.quarantine()]
    assert state.committed() == one.model.view
    started = Started(kernel, state, world.view())
    assert state.quarantine() == ()
    assert started.told(f"router/{ident('r1')}")[-1] == "done"
    started.until_looked()
    assert verify(kernel, compile_host(world.view())).none


def unfinished(state: State) -> str:
    view = state.committed()
    target = Target(verb="apply", view=view, source="deuteron serve", at=state.clock())
    state.begin(target, [UnitPlan(unit="router/x", title="router x", steps=())])
    return _HERE


def of_another_verb(state: State) -> str:
    view = state.committed()
    assert view is not None
    state.commit(view, "topology.yaml")
    return _HERE


@pytest.mark.parametrize(
    "place_of",
    [lambda _: "another boot", lambda _: "", unfinished, of_another_verb],
    ids=["another boot", "not told", "an unfinished change", "a file was applied"],
)
def test_where_the_host_may_be_anything_it_is_looked_at_first(
    state: State, place_of: Callable[[State], str]
) -> None:
    kernel, view = made(), distributed().view()
    left(kernel, state, view)
    started = Started(kernel, state, view, place_of(state))
    assert None in kernel.looks
    started.until_looked()
    assert started.heard.over == 0
    assert kernel.steps == []


@settings(
    max_examples=12,
    deadline=None,
    print_blob=True,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # as in test_follower
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(history=st.lists(views, min_size=2, max_size=4), rest=st.integers(1, 4), data=st.data())
def test_whatever_came_and_went_the_host_is_what_the_view_wants_when_that_is_said(
    tmp_path_factory: pytest.TempPathFactory, history: list[HostView], rest: int, data: st.DataObject
) -> None:
    kernel = made()
    now = data.draw(st.sampled_from(history) | views)
    with State(tmp_path_factory.mktemp("state") / "state") as state, state.locked():
        left(kernel, state, *history, rest=min(rest, len(history)))
        started = Started(kernel, state, now)
        started.until_looked()
        if failed := [one for _, items in started.api.told for one in items if one.state == "failed"]:
            print("told to have failed, and to be tried again:", failed)
            started.until(lambda: verify(kernel, compile_host(now)).none)
        assert verify(kernel, compile_host(now)).none
        assert now != history[-1] or kernel.steps == []
