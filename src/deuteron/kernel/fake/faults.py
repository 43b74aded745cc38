"""Named faults: the n-th step, or the next of a kind, is refused, or done and its answer lost."""

from __future__ import annotations

import errno as numbers
import os
from dataclasses import dataclass

from deuteron.errors import KernelError
from deuteron.objects import Create, Delete, Run, Step, Update


@dataclass
class Fault:
    """One fault to come.

    Attributes:
        at: how many steps to let pass before it, or the kind of step (see :func:`kinds`).
        times: how often it strikes; what is left of it.
        effect: whether the step happens all the same, and only its answer is lost.
    """

    at: int | str
    errno: int
    times: int
    effect: bool = False

    def strikes(self, step: Step | None) -> bool:
        """Whether the next step (``None``: an observation) is refused; counts."""
        if not self.times:
            return False
        if isinstance(self.at, int):
            if step is None:
                return False
            self.at -= 1
            hit = self.at < 0
        else:
            hit = self.at.lower() in kinds(step)
        self.times -= hit
        return hit

    def error(self) -> KernelError:
        """What the caller gets to see."""
        if self.effect:
            return KernelError("kernel-timeout", "the kernel did not answer in time", numbers.ETIMEDOUT)
        return KernelError("kernel-refused", f"the kernel refused: {os.strerror(self.errno)}", self.errno)


def kinds(step: Step | None) -> frozenset[str]:
    """The words that a step answers to: ``create``, ``address``, ``create address``."""
    match step:
        case None:
            return frozenset({"observe"})
        case Create(object=target) | Delete(object=target) | Update(new=target):
            noun = type(target).__name__.lower()
        case Run(action=action):
            noun = type(action).__name__.lower()
    verb = type(step).__name__.lower()
    return frozenset({verb, noun, f"{verb} {noun}"})
