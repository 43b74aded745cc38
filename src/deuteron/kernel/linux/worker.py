"""One thread that walks the network namespaces.

A thread is in one network namespace at a time, and with it every socket that it
opens, every nft transaction and every file below ``/proc/sys/net``.  The main thread
never leaves its own: all of our work in others happens on the worker's thread, for which
going from one to the next costs 2 microseconds.
"""

from __future__ import annotations

import errno
import os
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final, TypeVar

from deuteron import edge, locks
from deuteron.errors import KernelError
from deuteron.kernel.linux.later import finish
from deuteron.kernel.linux.libc import CLONE_NEWNET, setns, unshare

T = TypeVar("T")

#: Seconds that a caller waits for the kernel.
DEADLINE: Final = 60.0
#: For so many times that, while work goes on from namespace to namespace.
_ROUNDS: Final = 10

#: The calling thread's network namespace; ``/proc/self`` would be the main thread's.
OWN_NETNS = Path("/proc/thread-self/ns/net")


def open_own_netns() -> int:
    """A descriptor of the network namespace of the calling thread."""
    return os.open(OWN_NETNS, os.O_RDONLY | os.O_CLOEXEC)


class Worker:
    """A thread for work in other network namespaces.

    It starts in the namespaces of the thread that makes it; ``home`` is a descriptor of
    that network namespace.

    Args:
        deadline: seconds without another namespace entered after which a caller does not wait any longer.
    """

    def __init__(self, deadline: float = DEADLINE) -> None:
        self._deadline = deadline
        #: The first job that took too long, as long as it goes on: nobody waits behind it again.
        self._stuck: Future[Any] | None = None
        #: How often a namespace was entered: a look at thousands of them may take long and is not stuck.
        self._entered = 0
        self.home = open_own_netns()
        self._here = self.home
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._loop, name="deuteron-netns", daemon=True)
        self._thread.start()

    def _loop(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
            # It holds what it has answered: a look at everything, tens of megabytes until the next job.
            del job

    def call(self, function: Callable[[], T]) -> T:
        """Run ``function`` on the worker's thread; its result or exception is the caller's.

        Raises:
            KernelError: ``kernel-timeout``, the kernel did not answer in time; what is done of it
                is not known, and it may go on.
        """
        if threading.current_thread() is self._thread:
            return function()
        if self._stuck is not None and not self._stuck.done():
            raise _overdue(self._deadline)
        future = self.submit(locks.on_behalf(function))
        for _ in range(_ROUNDS):
            entered = self._entered
            try:
                return future.result(self._deadline)
            except TimeoutError:
                if future.done():  # it is what the function raised
                    raise
                if self._entered == entered:
                    break
        self._stuck = future
        raise _overdue(self._deadline) from None

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
            self._here = -1
            with edge.crossing("netns.enter"):
                setns(fd)
            self._here = fd
            self._entered += 1

    def in_netns(self, fd: int, function: Callable[[], T]) -> T:
        """Run ``function`` inside the network namespace of ``fd``."""

        def inside() -> T:
            self.enter(fd)
            return function()

        return self.call(inside)

    def in_new_netns(self, function: Callable[[], T]) -> T:
        """Run ``function`` inside a network namespace made for it, which vanishes unless it is kept."""

        def inside() -> T:
            self._here = -1
            try:
                with edge.crossing("netns.unshare"):
                    unshare(CLONE_NEWNET)
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
        self._thread.join(self._deadline)
        if self._thread.is_alive():
            return  # in the kernel for good: its descriptors go with the process
        finish()
        os.close(self.home)


def _overdue(seconds: float) -> KernelError:
    return KernelError(
        "kernel-timeout",
        f"the kernel did not answer within {seconds:g} s; look at its log (dmesg), then apply again",
        errno.ETIMEDOUT,
    )
