"""An agent is alive while it is heard, and not while the API's process alone is there."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from deuteron.agent.link import Link
from deuteron.feed.server import Feed
from deuteron.resources import RESOURCES
from deuteron.serve.api_process import beat
from deuteron.serve.binding import bind
from deuteron.serve.known import make_known
from deuteron.serve.wires import Nobody
from deuteron.service.agent import DOWN_AFTER, looked_at
from deuteron.store.store import Store, Unit
from tests.service.router_world import _empty
from tests.support.waiting import wait_until

_HOST: Final = "here"
_PATIENCE: Final = 30.0
#: Seconds between two beats, of the test's clock and not of the store's.
_EVERY: Final = 0.02


class Counting(Nobody):
    """Counts the beats."""

    beats = 0

    def alive(self) -> None:
        self.beats += 1


class Api:
    """The API's process without its HTTP: a store with a clock that stands still, the feed, the beat."""

    def __init__(self, place: Path) -> None:
        self.now = 1_800_000_000.0
        self.path = place / "feed"
        self._master = Counting()
        (place / "store").write_bytes(_empty())
        (place / "store").chmod(0o600)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.store = Store(f"sqlite:///{place / 'store'}", clock=lambda: self.now)
        self.feed = Feed(self.store, bind, {os.geteuid()})
        self.do(self.store.write(lambda unit: make_known(unit, _HOST, {})))
        self.do(self.feed.listen(self.path))
        self._beating = asyncio.run_coroutine_threadsafe(
            beat(self.store, self.feed, _HOST, self._master, _EVERY), self._loop
        )

    def do(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE)

    def alive(self) -> bool:
        def seen(unit: Unit) -> bool:
            (one,) = looked_at(unit, unit.find(RESOURCES["agents"]))
            return one.alive

        return bool(self.do(self.store.read(seen)))

    def beats(self, several: int) -> None:
        """Let so many go by."""
        end = self._master.beats + several
        wait_until(lambda: self._master.beats >= end)

    def close(self) -> None:
        self._beating.cancel()
        self.do(self.feed.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self.store.close()


@contextmanager
def agent(api: Api) -> Iterator[None]:
    """An agent that has nothing to do: it asks for what is newer."""
    stop = threading.Event()

    def ask() -> None:
        with Link(api.path, _HOST, {}) as link:
            revision = 0
            while not stop.is_set():
                revision = link.want(revision, 0.01).revision

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(_PATIENCE)
        assert not thread.is_alive()


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    made = Api(tmp_path)
    yield made
    made.close()


def test_an_agent_that_never_came_is_not_alive(api: Api) -> None:
    api.beats(5)
    assert not api.alive()


def test_an_agent_is_alive_for_as_long_as_neutrons_after_it_was_heard(api: Api) -> None:
    with agent(api):
        wait_until(api.alive)
    api.beats(2)  # one may be about what was heard before
    api.now += DOWN_AFTER
    assert api.alive()
    api.now += 1
    api.beats(5)
    assert not api.alive(), "the API's process alone is no agent"
    with agent(api):
        wait_until(api.alive)


def test_a_command_on_the_host_is_no_agent(api: Api) -> None:
    with Link(api.path, _HOST) as link:
        link.settled(0.0)
        api.beats(5)
    assert not api.alive()
