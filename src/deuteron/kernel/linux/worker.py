"""One thread that walks the network namespaces.

A thread is in one network namespace at a time, and with it every socket that it
opens, every nft transaction and every file below ``/proc/sys/net``.  The main thread
never leaves its own: all of our work in others happens on the worker's thread, for which
going from one to the next costs 2 microseconds.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

from deuteron.kernel.linux.later import finish
from deuteron.kernel.linux.libc import CLONE_NEWNET, setns, unshare

T = TypeVar("T")

#: The calling thread's network namespace; ``/proc/self`` would be the main thread's.
OWN_NETNS = Path("/proc/thread-self/ns/net")


def open_own_netns() -> int:
    """A descriptor of the network namespace of the calling thread."""
    return os.open(OWN_NETNS, os.O_RDONLY | os.O_CLOEXEC)


class Worker:
    """A thread for work in other network namespaces.

    It starts in the namespaces of the thread that makes it; ``home`` is a descriptor of
    that network namespace.
    """

    def __init__(self) -> None:
        self.home = open_own_netns()
        self._here = self.home
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._loop, name="deuteron-netns", daemon=True)
        self._thread.start()

    def _loop(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()

    def call(self, function: Callable[[], T]) -> T:
        """Run ``function`` on the worker's thread; its result or exception is the caller's."""
        if threading.current_thread() is self._thread:
            return function()
        return self.submit(function).result()

    def submit(self, function: Callable[[], T]) -> Future[T]:
        """Have ``function`` run on the worker's thread, after what was asked before."""
        future: Future[T] = Future()

        def job() -> None:
            try:
                future.set_result(function())
            except BaseException as error:  # handed to the caller, whatever it is
                future.set_exception(error)

        self._jobs.put(job)
        return future

    def enter(self, fd: int) -> None:
        """Go to the namespace of ``fd``; on the worker's thread only."""
        if threading.current_thread() is not self._thread:
            raise RuntimeError("only the worker's own thread changes its namespace")
        if fd != self._here:
            setns(fd)
            self._here = fd

    def in_netns(self, fd: int, function: Callable[[], T]) -> T:
        """Run ``function`` inside the network namespace of ``fd``."""

        def inside() -> T:
            self.enter(fd)
            return function()

        return self.call(inside)

    def in_new_netns(self, function: Callable[[], T]) -> T:
        """Run ``function`` inside a network namespace made for it, which vanishes unless it is kept."""

        def inside() -> T:
            unshare(CLONE_NEWNET)
            self._here = -1
            try:
                return function()
            finally:
                self.enter(self.home)

        return self.call(inside)

    def forget(self, fd: int) -> None:
        """Leave the namespace of ``fd``, which is about to be closed."""

        def leave() -> None:
            if self._here == fd:
                self.enter(self.home)

        self.call(leave)

    def close(self) -> None:
        """End the thread, once nothing that it began goes on."""
        self._jobs.put(None)
        self._thread.join()
        finish()
        os.close(self.home)
