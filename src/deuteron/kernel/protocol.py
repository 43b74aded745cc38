"""What the engine asks of a kernel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec

from deuteron.errors import KernelError
from deuteron.objects import Delete, Look, Observed, Run, Step, Update
from deuteron.reconcile.invariant import namespaces_of


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What is now true after :meth:`Kernel.run`.

    Attributes:
        done: for each step, whether its effect is in the kernel.  With a failure it is
            not always a prefix: steps sent in one batch are independent of each other.
        failed: index of the first step that failed, or ``None``.
        error: why it failed, or ``None``.
    """

    done: tuple[bool, ...]
    failed: int | None = None
    error: KernelError | None = None


class Kernel(Protocol):
    """A kernel that can be looked at and told what to do.

    The contract, which ``tests/contract`` holds every implementation to:

    * ``Create`` of what exists fails with EEXIST and changes nothing;
      ``Delete`` of what is gone succeeds.
    * What ``run`` reports as done is what ``observe`` shows afterwards.
    * nftables steps of one namespace that follow one another are one transaction.
    """

    def observe(self, look: Look) -> Observed:
        """Dump what is ours, and what is foreign in our namespaces.

        Raises:
            KernelError: a dump was refused, or was interrupted by changes too often.
        """
        ...

    def run(self, steps: Sequence[Step]) -> Outcome:
        """Run the steps in order, stopping at the first failure; never raises for one."""
        ...

    def close(self) -> None:
        """Release sockets and threads; the kernel's state stays."""
        ...


def namespaces_written(steps: Sequence[Step]) -> Iterator[str]:
    """The namespaces that the steps write to, "" for the host's; some of them more than once."""
    for step in steps:
        match step:
            case Run(action=action):
                yield action.netns
            case Update(new=thing):
                yield from namespaces_of(thing)
            case Delete(object=thing, contents=contents):
                yield from (name for one in (thing, *contents) for name in namespaces_of(one))
            case _:
                yield from namespaces_of(step.object)
