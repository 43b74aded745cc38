"""A view is followed while a look at everything is under way.

On a fake kernel, with an API that says what it is told to; what it asks and when is the loop's own doing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest

from deuteron.agent import sweep
from deuteron.agent.change import change
from deuteron.agent.serve import Follower
from deuteron.apply.engine import verify
from deuteron.compile import compile_host
from deuteron.domain import HostView
from deuteron.feed.part import difference
from deuteron.feed.wire import Change, Item, Same, View
from deuteron.objects import Address, Delete
from deuteron.serve import follow
from deuteron.serve.follow import Following
from deuteron.state.directory import State
from tests.serve.test_follower import made
from tests.unit.apply.hosts import add_floating_ip, drop_floating_ip
from tests.unit.compile.world import World, distributed

_BRIDGES: Final = ("br-ex",)
_TURNS: Final = 400


class Api:
    """Answers that the test puts there; what can be read is told by a descriptor, as by a socket."""

    def __init__(self, view: HostView) -> None:
        self._view = view
        self._answers: list[Change | Same] = []
        self._ready, self._written = os.pipe()
        self.told: list[tuple[int, tuple[Item, ...]]] = []
        #: The revision that `deuteron wait` takes for done.
        self.reached = 0

    def say(self, answer: Change | Same) -> None:
        self._answers.append(answer)
        os.write(self._written, b"!")

    def want(self, since: int, wait: float = 0.0) -> View:
        return View(request=1, revision=1, view=self._view)

    def ask(self, since: int, wait: float) -> None:
        pass

    def take(self) -> View | Change | Same:
        os.read(self._ready, 1)
        return self._answers.pop(0)

    def tell(self, revision: int, items: tuple[Item, ...], *, whole: bool = True) -> None:
        self.told.append((revision, items))
        if whole:
            self.reached = revision

    def fileno(self) -> int:
        return self._ready

    def stop(self) -> None:
        pass

    def close(self) -> None:
        os.close(self._ready)
        os.close(self._written)


class Quiet:
    """Who hears of it and says nothing."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


@pytest.fixture
def world() -> World:
    world = distributed()
    for number in range(8):
        world.network(f"net{number}", f"10.{number + 20}.0.0/24")
        world.vm(f"net{number // 4}-vm{number % 4}", f"net{number}", f"10.{number + 20}.0.5")
    return world


@pytest.fixture
def api(world: World) -> Iterator[Api]:
    api = Api(world.view())
    yield api
    api.close()


def test_a_view_comes_between_two_slices_and_what_others_took_is_back(
    world: World, api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "_LEAST", 1)
    monkeypatch.setattr(sweep, "_MOST", 1)
    monkeypatch.setattr(follow, "_SLICE", 1e-9)
    kernel = made()
    with State(tmp_path / "state") as state, state.locked():
        changer = partial(change, (kernel,), state)
        follower = Follower(kernel, state, changer, _BRIDGES)
        loop = Following(api, follower, kernel, state, Quiet(), interval=0.01, ended=lambda: False)
        loop._turn()
        before = world.view()
        wanted = compile_host(before)
        taken = [one for unit in wanted.units for one in unit.objects if isinstance(one, Address)]
        for one in taken:
            assert kernel.run([Delete(one)]).error is None
        kernel.looks.clear()
        for _ in range(_TURNS):
            loop._turn()
            if len(kernel.looks) >= 4:
                break
        assert None not in kernel.looks
        assert not verify(kernel, wanted).none, "the look at everything is under way"
        kernel.looks.clear()
        add_floating_ip(world)
        api.say(Change(request=1, since=1, revision=2, part=difference(before, world.view())))
        loop._turn()
        assert [revision for revision, _ in api.told][-1] == 2, "it has waited for the look"
        for _ in range(_TURNS):
            if verify(kernel, compile_host(world.view())).none:
                break
            loop._turn()
        assert verify(kernel, compile_host(world.view())).none


def test_who_asks_for_one_thing_after_the_other_meets_a_look_twice_a_second(
    world: World, api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look would be due all the time; it waits for a lull, and half a second at most."""
    now = 1000.0
    monkeypatch.setattr(follow, "time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(sweep, "_LEAST", 1)
    monkeypatch.setattr(sweep, "_MOST", 1)
    monkeypatch.setattr(follow, "_SLICE", 1e-9)
    kernel, views = made(), [world.view()]
    drop_floating_ip(world)
    views.append(world.view())
    with State(tmp_path / "state") as state, state.locked():
        follower = Follower(kernel, state, partial(change, (kernel,), state), _BRIDGES)
        loop = Following(api, follower, kernel, state, Quiet(), interval=0.0, ended=lambda: False)
        loop._turn()

        def met(answer: Change | Same) -> bool:
            kernel.looks.clear()
            api.say(answer)
            loop._turn()
            return bool(kernel.looks)

        found = []
        for number in range(1, 201):
            now += 0.01
            found.append(met(_part(views, number)))
        assert 3 <= sum(found) <= 5, f"{sum(found)} looks in two seconds"
        now += 0.06
        assert met(Same(request=1, revision=201)), "nobody is waited for any more"


def _part(views: Sequence[HostView], number: int) -> Change:
    part = difference(views[(number - 1) % 2], views[number % 2])
    return Change(request=1, since=number, revision=number + 1, part=part)
