"""The guard at the program's edge that counts, and strikes at one crossing."""

from __future__ import annotations

import os
import threading

from tests.crash.messages import Moment, Strike


class Striking:
    """Sends the process the signal of ``strike`` at its crossing; any thread may pass."""

    def __init__(self, strike: Strike) -> None:
        self.strike = strike
        #: The effects that were begun, in order.
        self.verbs: list[str] = []
        self._counts: dict[Moment, int] = {"before": 0, "after": 0}
        self._lock = threading.Lock()

    def before(self, verb: str) -> None:
        """See :class:`deuteron.edge.Guard`."""
        self._cross("before", verb)

    def after(self, verb: str) -> None:
        """See :class:`deuteron.edge.Guard`."""
        self._cross("after", verb)

    def spoiled(self, verb: str, count: int) -> tuple[int, int] | None:
        """Nothing is: this guard only strikes."""
        return None

    def _cross(self, moment: Moment, verb: str) -> None:
        if self.strike.verbs and verb not in self.strike.verbs:
            return
        with self._lock:
            if moment == "before":
                self.verbs.append(verb)
            self._counts[moment] += 1
            struck = (moment, self._counts[moment]) == (self.strike.moment, self.strike.at)
        if struck:
            os.kill(os.getpid(), self.strike.signal)
