"""Answers that are slow to get: each asked for once, however many want it, and kept for a while."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Crowded(Exception):  # noqa: N818 - a state, which the caller turns into its own error
    """As much is being asked as may be."""


class Remembered(Generic[T]):
    """A cache that is bounded in every direction; of one event loop.

    Answers that are bad are kept apart: whoever makes many of them up drives out nobody's good one.

    Args:
        seconds: that an answer holds.
        most: how many are kept, of good ones and bad ones each; those not wanted for longest go first.
        at_once: how many may be on their way.
        bad: whether an answer is a bad one.
        clock: seconds, of any beginning.
    """

    def __init__(
        self,
        *,
        seconds: float,
        most: int,
        at_once: int,
        bad: Callable[[T], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._seconds = seconds
        self._most = most
        self._at_once = at_once
        self._bad = bad
        self._clock = clock
        self._kept: tuple[OrderedDict[bytes, tuple[float, T]], ...] = (OrderedDict(), OrderedDict())
        self._coming: dict[bytes, asyncio.Task[T]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._kept))

    async def get(self, key: bytes, ask: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The answer that is known, or the one that is on its way, or one that is asked for now.

        Whoever waits may give up; the others still get it.  An error reaches all who wait, and is not kept.

        Raises:
            Crowded: too much is on its way.
        """
        for kept in self._kept:
            found = kept.get(key)
            if found is not None and found[0] > self._clock():
                kept.move_to_end(key)
                return found[1]
        return await asyncio.shield(self._task(key, ask))

    async def close(self) -> None:
        """Give up what is on its way."""
        coming: list[Awaitable[T]] = list(self._coming.values())
        for task in self._coming.values():
            task.cancel()
        await asyncio.gather(*coming, return_exceptions=True)

    def _task(self, key: bytes, ask: Callable[[], Coroutine[Any, Any, T]]) -> asyncio.Task[T]:
        task = self._coming.get(key)
        if task is None:
            if len(self._coming) >= self._at_once:
                raise Crowded
            task = asyncio.get_running_loop().create_task(ask())
            self._coming[key] = task
            task.add_done_callback(lambda done: self._came(key, done))
        return task

    def _came(self, key: bytes, done: asyncio.Task[T]) -> None:
        self._coming.pop(key, None)
        if done.cancelled() or done.exception() is not None:
            return
        answer = done.result()
        bad = self._bad(answer)
        self._kept[not bad].pop(key, None)
        kept = self._kept[bad]
        kept[key] = (self._clock() + self._seconds, answer)
        kept.move_to_end(key)
        while len(kept) > self._most:
            kept.popitem(last=False)
