"""What can go wrong at one place: refused, or done and the answer lost; and who stands at the edge for it."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from typing import Final

import msgspec

#: The kernel's refusals that are tried.
ERRNOS: Final = (
    errno.EPERM,
    errno.EBUSY,
    errno.ENOBUFS,
    errno.ENODEV,
    errno.EEXIST,
    errno.ENOMEM,
)


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that goes wrong.

    Attributes:
        at: how many steps (fake), or crossings of the edge (real kernel), pass before it.
        errno: the answer.
        lost: it happens all the same, and only its answer is lost.
        message: the message of a batch that alone is refused, ``None``: the whole crossing.
        then: how many more pass before everything that follows is refused too; ``None``: nothing is.
    """

    at: int
    errno: int
    lost: bool = False
    message: int | None = None
    then: int | None = None

    def __str__(self) -> str:
        name = errno.errorcode[self.errno]
        what = "answer lost" if self.lost else f"refused {name}"
        which = "" if self.message is None else f" (message {self.message + 1})"
        after = "" if self.then is None else f", all refused from {self.then} later"
        return f"n={self.at + 1}{which} {what}{after}"


class Crossing(msgspec.Struct, frozen=True):
    """One passage over the edge.

    Attributes:
        count: of a batch, how many messages; else 0.
    """

    verb: str
    count: int = 0


class NthCrossing:
    """A guard: lets so many crossings pass, then strikes as ``fault`` says.

    Args:
        counts: which verbs count; others pass.
        exempt: says whether the calling thread passes uncounted.

    Attributes:
        passed: what crossed, in order.
        struck: the verb that was struck, "" so far.
        again: how many more were, after that.
    """

    def __init__(self, fault: Fault | None, counts: Callable[[str], bool] = lambda _verb: True) -> None:
        self._fault = fault
        self._counts = counts
        self._lock = threading.Lock()
        self._number = -1
        self._batch = 0
        self.passed: list[Crossing] = []
        self.struck = ""
        self.again = 0

    def before(self, verb: str) -> None:
        """See :class:`deuteron.edge.Guard`."""
        with self._lock:
            if not self._counts(verb):
                return
            self._number += 1
            self.passed.append(Crossing(verb, self._batch if verb == "netlink.batch" else 0))
            fault = self._fault
            if fault is None:
                return
            if fault.then is not None and self._number > fault.at + fault.then:
                self.again += 1
                raise OSError(fault.errno, os.strerror(fault.errno))
            if self._number == fault.at and not fault.lost and fault.message is None:
                self.struck = verb
                raise OSError(fault.errno, os.strerror(fault.errno))

    def after(self, verb: str) -> None:
        """See :class:`deuteron.edge.Guard`."""
        with self._lock:
            fault = self._fault
            if fault is None or not fault.lost or not self._counts(verb):
                return
            if self._number == fault.at and not self.struck:
                self.struck = verb
                raise OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))

    def spoiled(self, verb: str, count: int) -> tuple[int, int] | None:
        """See :class:`deuteron.edge.Guard`."""
        # A batch asks before it crosses: the crossing to come has the next number.
        with self._lock:
            self._batch = count
            fault = self._fault
            if fault is None or fault.message is None or not self._counts(verb):
                return None
            if self._number + 1 != fault.at or fault.message >= count:
                return None
            self.struck = verb
            return fault.message, fault.errno
