"""The simulated host: a fake kernel that can be cut off at any step, a clock, and an edge that can fail.

A crash is an exception that is no :class:`Exception`.  Once it has been raised the process is
dead: every later step, look and crossing of what is unwinding raises it again, so nothing that
runs on the way out can have an effect, as nothing can after ``kill -9``.
"""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from errno import EACCES, EBUSY, EEXIST, EIO, ENOBUFS, ENODEV, ENOMEM, ENOSPC, EPERM, EROFS, ETIMEDOUT
from pathlib import Path
from typing import Final

import msgspec

from deuteron.errors import KernelError
from deuteron.kernel.fake import FakeKernel
from deuteron.kernel.protocol import Outcome
from deuteron.objects import Look, Observed, Step
from tests.simulation.cloud import EXTERNALS, INSTANCES

#: What a kernel answers when it refuses.
REFUSALS: Final = (EPERM, EBUSY, ENOBUFS, ENODEV, EEXIST, ENOMEM)
#: What a disk answers.
DISK: Final = (EIO, ENOSPC, EROFS, EACCES)


class Crash(BaseException):
    """The process is gone."""


@dataclass
class Life:
    """Whether the process of the moment is alive."""

    dead: bool = False

    def check(self) -> None:
        if self.dead:
            raise Crash

    def end(self) -> None:
        self.dead = True
        raise Crash


class SimKernel(FakeKernel):
    """A fake kernel in which a process can die between two steps.

    Attributes:
        life: of the process that uses it at the moment.
        until: so many batches are run before the process dies; ``None``: it does not.
    """

    def __init__(self, life: Life) -> None:
        super().__init__()
        self.life = life
        self.until: int | None = None

    def observe(self, look: Look) -> Observed:
        self.life.check()
        return super().observe(look)

    def look(self, look: Look) -> Observed:
        """What the simulation sees, whatever goes wrong in the simulated: all instances' namespaces."""
        look = msgspec.structs.replace(look, namespaces=look.namespaces.union(INSTANCES))
        waiting, self._faults = self._faults, []
        try:
            return super().observe(look)
        finally:
            self._faults = waiting

    def run(self, steps: Sequence[Step]) -> Outcome:
        self.life.check()
        return super().run(steps)

    def calm(self) -> bool:
        """No fault is to come any more; says whether one was still waiting."""
        waiting = any(fault.times for fault in self._faults) or self.until is not None
        self._faults.clear()
        self.until = None
        return waiting

    def _batch(self, steps: Sequence[Step]) -> tuple[int, KernelError] | None:
        self.life.check()
        if self.until is not None:
            self.until -= 1
            if self.until < 0:
                self.until = None
                self.life.end()
        return super()._batch(steps)


@dataclass
class Edge:
    """A guard of :mod:`deuteron.edge`: the n-th crossing is refused, loses its answer, or is the last.

    Attributes:
        at: how many crossings pass before it; ``None``: none fails.
        errno: 0 for a crash.
        lost: it fails on the way back: the effect is there.
        struck: the verb that it failed at.
    """

    life: Life
    at: int | None = None
    errno: int = 0
    lost: bool = False
    struck: str = ""
    passed: int = 0

    def before(self, verb: str) -> None:
        self.life.check()
        self.passed += 1
        if not self.lost:
            self._count(verb)

    def after(self, verb: str) -> None:
        self.life.check()
        if self.lost:
            self._count(verb)

    def spoiled(self, verb: str, count: int) -> tuple[int, int] | None:
        del verb, count
        return None

    def _count(self, verb: str) -> None:
        if self.at is None:
            return
        self.at -= 1
        if self.at >= 0:
            return
        self.at, self.struck = None, verb
        if not self.errno:
            self.life.end()
        number = ETIMEDOUT if self.lost else self.errno
        raise OSError(number, os.strerror(number))


@dataclass
class Machine:
    """A host with its disk: what outlives a process, and what outlives a boot.

    Attributes:
        disk: the state directory; outlives everything.
        run: ``/run``; ends with the boot.
        now: what the clock says.
        boots: how many so far; the boot id.
    """

    root: Path
    chance: random.Random
    life: Life = field(default_factory=Life)
    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    boots: int = 0
    kernel: SimKernel = field(init=False)

    def __post_init__(self) -> None:
        self.boot()

    @property
    def disk(self) -> Path:
        return self.root / "state"

    @property
    def run(self) -> Path:
        return self.root / f"run{self.boots}" / "deuteron"

    def boot(self) -> None:
        """All kernel state is gone; bridges, instances and the world outside come up again."""
        self.boots += 1
        self.life = Life()
        self.kernel = SimKernel(self.life)
        for name in INSTANCES:
            self.kernel.add_instance_netns(name)
        for name in EXTERNALS:
            self.add_bridge(name)

    def add_bridge(self, external: str) -> None:
        """The provider's bridge, with the way out of the cloud on it."""
        bridge, v4, v6 = EXTERNALS[external]
        self.kernel.add_host_bridge(bridge)
        addresses = [f"{v4}.1/24", *([f"{v6}1/64"] if v6 else [])]
        self.kernel.add_machine(outside(external), bridge, *addresses)

    def new_life(self) -> None:
        """Another process: the old one's faults and its death are no concern of it."""
        self.life = self.kernel.life = Life()

    def clock(self) -> datetime:
        """What time it is, in the simulation."""
        return self.now

    def wait(self, seconds: float) -> None:
        """Time goes by, or is set back."""
        self.now += timedelta(seconds=seconds)


def outside(external: str) -> str:
    """The namespace of whoever is outside on an external network."""
    return f"inet-{external}"
