"""What a parser may take: so much time of a processor, so much memory."""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

#: Seconds of processor time (not of the clock: the machine may be busy) that one input may take.
SECONDS: Final = 2.0
#: Octets of address space that a whole run may take beyond what there was.
MEMORY: Final = 512 << 20


class _OutOfTime(BaseException):  # no Exception: what is tried may catch those
    pass


@contextmanager
def in_time(seconds: float) -> Iterator[None]:
    """Fail where the block takes longer; on the main thread only."""

    def out_of_time(_number: int, _frame: object) -> None:
        raise _OutOfTime

    before = signal.signal(signal.SIGVTALRM, out_of_time)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    except _OutOfTime as error:
        raise AssertionError(f"no answer in {seconds} s of processor time") from error
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


@contextmanager
def in_memory(octets: int = MEMORY) -> Iterator[None]:
    """Have what takes more than that in the block get a ``MemoryError``."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    wanted = now + octets
    resource.setrlimit(
        resource.RLIMIT_AS, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard)
    )
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
