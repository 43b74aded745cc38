"""Doing something inside a network namespace."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from deuteron.kernel.linux.libc import setns

#: Where named namespaces are mounted.
NETNS_DIR: Final = Path("/run/netns")

T = TypeVar("T")


def in_thread(work: Callable[[], T]) -> T:
    """Call ``work`` in a thread of its own, which takes its namespaces with it when it ends.

    Raises:
        BaseException: whatever ``work`` raises.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # carried over to the caller's thread, below
            errors.append(error)

    thread = threading.Thread(target=run, name="deuteron-lab")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def inside(place: Path, work: Callable[[], T]) -> T:
    """Call ``work`` inside the namespace mounted at ``place``.

    Raises:
        OSError: the namespace is not there or may not be entered; and whatever ``work`` raises.
    """

    def enter_and_work() -> T:
        fd = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
        try:
            setns(fd)
        finally:
            os.close(fd)
        return work()

    return in_thread(enter_and_work)
