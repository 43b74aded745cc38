"""A look at everything in slices, so that whatever else is due need not wait for all of it.

::

    outline: the host and the names of all namespaces
             one that is wanted is gone, or one of ours is not wanted: everything at once decides
    slice:   some namespaces, and where the outer ends of their links are, compared and mended;
             a pair is judged in the slice that has its inner end, by both its ends

Nothing is kept from one slice to the next but which namespaces are still to come: what changes in
between, by a view or by others, is looked at as it is when its turn comes, and what others change
behind it is heard as at any time.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from deuteron.agent.window import Plans
from deuteron.kernel.protocol import Kernel
from deuteron.objects import HOST, Look
from deuteron.objects.ownership import may_be_ours

#: Namespaces of a slice at least, and at most.  What their links lead to comes along, as a `fip-` namespace
#: with all its legs does with every router that has one: of fewer at a time most of the work would be that.
_LEAST: Final = 16
_MOST: Final = 256
#: By how much a slice may be larger than the one before.
_GROWTH: Final = 2.0


class Sweep:
    """What is still to be looked at.

    Args:
        index: what is wanted, as it is at any time.
        seconds: that one slice is to take, about.
        since: when the reason for it came.
        noticed: that reason, as :class:`deuteron.agent.listener.Repair` has it.

    Attributes:
        since, noticed: as given.
        outlined: whether it is known what there is.
    """

    def __init__(self, index: Plans, seconds: float, since: float, noticed: str) -> None:
        self._index = index
        self._seconds = seconds
        self.since, self.noticed = since, noticed
        self.outlined = False
        self._coming: list[str] = []
        self._all = 0
        self._size = _LEAST

    @property
    def progress(self) -> tuple[int, int]:
        """How many namespaces have been looked at, and how many there are; of what is wanted as it began."""
        return self._all - len(self._coming), self._all

    @property
    def over(self) -> bool:
        """Whether nothing is left."""
        return self.outlined and not self._coming

    def begin(self, names: Collection[str]) -> None:
        """These are to be looked at: those whose turn had not come, then those with inner ends.

        The latter bring others along.
        """
        wanted, owed = frozenset(names), frozenset(self._coming)
        more = sorted(wanted - owed, key=lambda name: (len(self._index.reach((name,))), name))
        self._coming = more + [name for name in self._coming if name in wanted]
        self._all = len(self._coming)
        self.outlined = True

    def again(self, since: float, noticed: str) -> None:
        """Begin again, for another reason; nobody's turn comes later for it."""
        self.since, self.noticed, self.outlined = since, noticed, False

    def next(self) -> frozenset[str]:
        """The next slice; what is not wanted any more is left out."""
        found: set[str] = set()
        while self._coming and len(found) < self._size:
            name = self._coming.pop()
            if self._index.users(name):
                found.add(name)
        return frozenset(found)

    def saw(self, only: frozenset[str] | None, seconds: float) -> None:
        """A slice is over.

        Args:
            only: the window that it was seen through; ``None``: it was everything.
            seconds: that it took.
        """
        if only is None:
            self.outlined, self._coming = True, []
            return
        self._coming = [name for name in self._coming if not self._whole(name, only)]
        fits = self._size * self._seconds / max(seconds, 1e-9)
        self._size = max(_LEAST, min(_MOST, int(self._size * _GROWTH), int(fits)))

    def _whole(self, name: str, only: frozenset[str]) -> bool:
        """Whether a namespace was looked at with all that it would bring along."""
        return name in only and self._index.reach((name,)) <= only


def outline(kernel: Kernel, index: Plans, sweep: Sweep, held: Collection[str]) -> bool:
    """Look at what has a name, and begin; false: only a look at everything at once can tell.

    Raises:
        KernelError: the look was refused.
    """
    there = kernel.observe(Look(only=frozenset({HOST}))).netns
    wanted = {name for name in index.interest.links if name != HOST and index.users(name)}
    gone = {name for name in wanted if not there.get(name) and not set(index.users(name)) <= set(held)}
    strange = frozenset(name for name in there.keys() - wanted if there[name] and may_be_ours(name))
    if gone or not wanted or (strange and _ours(kernel, strange)):
        return False
    sweep.begin(wanted)
    return True


def _ours(kernel: Kernel, names: frozenset[str]) -> bool:
    """Whether any of these namespaces has our mark."""
    return any(key[1] in names for key in kernel.observe(Look(only=names)).objects)
