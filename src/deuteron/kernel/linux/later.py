"""Waiting out, on threads of their own, what the kernel does when the effect is there already.

Some system calls have their effect at once and then wait for all of the kernel's readers
(RCU) before they return, 10 to 30 ms: a link's removal, and the closing of a netfilter
socket after a deletion.  Such waits overlap: many take hardly longer than one.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from threading import BoundedSemaphore, Thread
from typing import Final, TypeVar

T = TypeVar("T")

#: How many waits at a time; the next waits for one of them.
_WAITS: Final = 16

#: Seconds to wait for that; then it is one more.
_PATIENCE: Final = 1.0

_SLOTS: Final = BoundedSemaphore(_WAITS)
_THREADS: Final[set[Thread]] = set()


def later(function: Callable[[], T]) -> Future[T]:
    """Run ``function`` on a thread of its own.

    A thread starts in the network namespace of its maker and keeps that alive: so each ends
    with its function.
    """
    future: Future[T] = Future()

    slot = _SLOTS.acquire(timeout=_PATIENCE)

    def run() -> None:
        try:
            try:
                result = function()
            except BaseException as error:  # handed to whoever asks, whatever it is
                future.set_exception(error)
            else:
                future.set_result(result)
        finally:
            if slot:
                _SLOTS.release()

    thread = Thread(target=run, name="deuteron-later")
    try:
        thread.start()
    except RuntimeError:  # there may be no more threads: then wait here
        run()
        return future
    _THREADS.difference_update({one for one in tuple(_THREADS) if not one.is_alive()})
    _THREADS.add(thread)
    return future


def finish() -> None:
    """Wait until all of it is over; tens of milliseconds."""
    for thread in tuple(_THREADS):
        thread.join()
        _THREADS.discard(thread)
