"""Work counted, or timed beside its like: the same on a machine that is busy with something else."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any


def called(work: Callable[[], object]) -> Counter[str]:
    """The functions that this thread calls, of Python and of C, by their qualified names."""
    found: Counter[str] = Counter()

    def note(frame: Any, event: str, function: Any) -> None:
        if event == "call":
            found[frame.f_code.co_qualname] += 1
        elif event == "c_call":
            found[function.__qualname__] += 1

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return found


def calls(work: Callable[[], object]) -> int:
    """How many there are in all."""
    return called(work).total()


def seconds(work: Callable[[], object], tries: int = 3) -> float:
    """Processor time of the quickest try: to be compared with that of like work, never with a constant."""
    found = []
    for _ in range(tries):
        begun = time.thread_time()
        work()
        found.append(time.thread_time() - begun)
    return min(found)
