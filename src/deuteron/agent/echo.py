"""What a watch hears of its own process's writing, told from what others do.

The kernel tells of every change alike.  Where this process has just written, what is heard is most
likely its echo: it is looked at as well, since somebody else may have been there, but when nothing
else is going on, at the latest after a second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from msgspec.structs import replace

from deuteron.kernel.linux.events import Noticed

#: Seconds for which what is heard of a namespace may be an echo.
ECHO: Final = 5.0
#: Seconds for which a look for it may wait while other things go on.
PATIENCE: Final = 1.0


class Echo:
    """Namespaces that were written to, and those of them that are to be looked at.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._written: dict[str, float] = {}
        self._remade: set[str] = set()
        self._owed: set[str] = set()
        self._since: float | None = None
        self._wait = PATIENCE

    def wrote(self, namespaces: Iterable[str], unseen: Iterable[str]) -> None:
        """This process has written to these, and to some of them without a look."""
        names = frozenset(namespaces)
        self._remade |= names
        self._written.update(dict.fromkeys(names, self._clock() + ECHO))
        self._owe(frozenset(unseen))

    def theirs(self, noticed: Noticed) -> Noticed:
        """What of it is not an echo; what is, is kept for later."""
        now = self._clock()
        self._written = {name: until for name, until in self._written.items() if until > now}
        mine = noticed.namespaces & self._written.keys()
        if not mine or noticed.everything:
            return noticed
        self._owe(mine)
        others = noticed.namespaces - mine
        return replace(noticed, namespaces=others, names=noticed.names and bool(others))

    def rest(self) -> None:
        """Nothing else is going on: what is owed is due."""
        self._wait = 0.0

    def due(self) -> float | None:
        """When to look at what is owed; ``None``: nothing is."""
        return None if self._since is None else self._since + self._wait

    def owed(self) -> tuple[frozenset[str], float]:
        """Where to look now, and since when; forgotten with this."""
        names, since = frozenset(self._owed), self._clock() if self._since is None else self._since
        self._owed, self._since = set(), None
        return names, since

    def remade(self) -> frozenset[str]:
        """Where links may be others than before, so that their parameters are watched anew; forgotten too."""
        names, self._remade = frozenset(self._remade), set()
        return names

    def _owe(self, names: frozenset[str]) -> None:
        if names:
            if self._since is None:
                self._since, self._wait = self._clock(), PATIENCE
            self._owed |= names
