"""How often a host is told: at once of one change, seldom of very many, and of each before long."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Mapping
from typing import Any, Final

from deuteron.domain import HostView
from deuteron.feed.server import Feed, Guest
from deuteron.feed.wire import Same, View, Want

_HOST: Final = "here"


class _Clock(asyncio.SelectorEventLoop):
    """A loop whose time goes by in nothing but waiting, and at once: no test of it waits for anything."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(_Selector(self))

    def time(self) -> float:
        return self.now


class _Selector(selectors.SelectSelector):
    def __init__(self, clock: _Clock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self._clock.now += timeout or 0.0
        return super().select(0)


class _Written:
    """A store in which changes come at the times that are given."""

    def __init__(self, clock: _Clock, times: list[float]) -> None:
        self._clock = clock
        self._times = times

    @property
    def revision(self) -> int:
        return 1 + sum(at <= self._clock.now for at in self._times)

    async def write(self, work: Callable[[Any], Any]) -> Any:
        del work
        return View(request=1, revision=self.revision, view=HostView(host=_HOST))

    async def read(self, work: Callable[[Any], Any]) -> Any:
        """No part is made: each answer is a whole view."""
        del work

    async def changed(self, since: int, seconds: float) -> int:
        end = self._clock.now + seconds
        while self.revision <= since and self._clock.now < end:
            coming = min((at for at in self._times if at > self._clock.now), default=end)
            await asyncio.sleep(min(coming, end) - self._clock.now)
        return self.revision


def told(times: list[float], until: float) -> tuple[int, list[float]]:
    """What an agent without work is told.

    Returns:
        How many times, and for how long each change was kept from it.
    """
    clock = _Clock()

    async def scene() -> tuple[int, list[float]]:
        feed, answers, late = Feed(_Written(clock, times), _bind, {0}), 0, list[float]()
        since = 1
        while clock.now < until:
            answer = await feed._want(Guest(_HOST, {}), Want(request=1, since=since, wait=0.3))
            assert isinstance(answer, View | Same)
            if isinstance(answer, View):
                answers += 1
                late += [clock.now - at for at in times[since - 1 : answer.revision - 1]]
            since = answer.revision
        return answers, late

    try:
        return clock.run_until_complete(scene())
    finally:
        clock.close()


def _bind(_unit: Any, _port: str, _host: str, _profile: Mapping[str, str] | None) -> None:
    raise AssertionError("nothing is to be bound")


def test_one_thing_after_the_other_is_told_at_once() -> None:
    """A floating IP, its status, the next: so somebody at work on one host is served."""
    times = [0.1 + 0.024 * turn + part for turn in range(80) for part in (0.0, 0.0, 0.011)]
    answers, late = told(times, 2.2)
    assert answers == 160
    assert max(late) < 1e-6


def test_of_a_thousand_changes_a_second_many_are_told_together_and_none_is_late() -> None:
    times = [0.1 + at / 1000 for at in range(2000)]
    answers, late = told(times, 2.3)
    assert len(late) == len(times)
    assert answers < 65, "some at first, then one each 40 ms"
    assert max(late) < 0.0401


def test_when_they_are_over_one_is_told_at_once_again() -> None:
    storm = [0.1 + at / 1000 for at in range(1000)]
    after = [1.5 + 0.02 * at for at in range(10)]
    _, late = told(storm + after, 2.2)
    assert max(late[-len(after) :]) < 1e-6
