"""What goes wrong within one change, by name."""

from __future__ import annotations

import random
from collections.abc import Callable
from errno import EIO
from typing import Final

import msgspec

from tests.simulation.machine import DISK, REFUSALS, Edge, SimKernel

Chance = random.Random

#: No change of the state directory has more crossings than about this.
_CROSSINGS: Final = 25


class Fault(msgspec.Struct, frozen=True):
    """One kind.

    Attributes:
        weight: how often, among the others.
        arm: has it wait in the kernel or at the edge.
    """

    weight: float
    arm: Callable[[SimKernel, Edge, Chance], None]


def _early(chance: Chance) -> int:
    """How many steps pass before it: few, mostly, since most changes have few."""
    return int(chance.expovariate(chance.choice([0.12, 0.5])))


def _refused(kernel: SimKernel, guard: Edge, chance: Chance) -> None:
    del guard
    kernel.fail(_early(chance), chance.choice(REFUSALS))


def _lost(kernel: SimKernel, guard: Edge, chance: Chance) -> None:
    del guard
    kernel.fail(_early(chance), EIO, effect=True)


def _refused_twice(kernel: SimKernel, guard: Edge, chance: Chance) -> None:
    del guard
    at = _early(chance)
    kernel.fail(at, chance.choice(REFUSALS))
    # The second strikes the undo: once, or until nothing more is tried.
    kernel.fail(at + 1 + chance.randint(0, 3), chance.choice(REFUSALS), times=chance.choice([1, 40]))


def _look_refused(kernel: SimKernel, guard: Edge, chance: Chance) -> None:
    del guard
    kernel.fail("observe", chance.choice(REFUSALS))


def _disk_refused(kernel: SimKernel, guard: Edge, chance: Chance) -> None:
    del kernel
    guard.at, guard.errno = chance.randint(0, _CROSSINGS), chance.choice(DISK)


def _disk_lost(kernel: SimKernel, guard: Edge, chance: Chance) -> None:
    del kernel
    guard.at, guard.errno, guard.lost = chance.randint(0, _CROSSINGS), EIO, True


def _killed(kernel: SimKernel, guard: Edge, chance: Chance) -> None:
    del guard
    kernel.until = _early(chance)


def _killed_at_the_edge(kernel: SimKernel, guard: Edge, chance: Chance) -> None:
    del kernel
    guard.at, guard.lost = chance.randint(0, _CROSSINGS), chance.random() < 0.5


FAULTS: Final = {
    "refused": Fault(20, _refused),
    "lost": Fault(8, _lost),
    "refused twice": Fault(8, _refused_twice),
    "look refused": Fault(3, _look_refused),
    "disk refused": Fault(6, _disk_refused),
    "disk lost": Fault(5, _disk_lost),
    "killed": Fault(9, _killed),
    "killed at the edge": Fault(6, _killed_at_the_edge),
}
