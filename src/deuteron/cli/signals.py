"""What signals mean to a verb that stays: ``apply --watch`` and ``serve``."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def signals(stop: Callable[[], object], again: Callable[[], object]) -> Iterator[None]:
    """SIGTERM and Ctrl-C ``stop`` it after the unit in progress, SIGHUP has it read ``again``."""

    def end(_number: int, _frame: FrameType | None) -> None:
        stop()

    def reread(_number: int, _frame: FrameType | None) -> None:
        again()

    handlers = {signal.SIGTERM: end, signal.SIGINT: end, signal.SIGHUP: reread}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
