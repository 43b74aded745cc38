"""A change, from what is there to what is wanted: the one road of every verb that writes.

::

    recover -> look and plan -> begin -> apply -> read back -> finish
               (nothing is written)  |  the journal is durable  |

A process that ends anywhere on it leaves a journal from which the next one goes on, or back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NoReturn

import msgspec

from deuteron.agent.recover import Recovered, recover
from deuteron.apply.destroy import NOTHING
from deuteron.apply.engine import Prepared, apply_plan, prepare
from deuteron.apply.read_back import Mismatch, read_back
from deuteron.apply.result import Reporter, Result, Silent
from deuteron.compile import compile_host
from deuteron.domain import HostView
from deuteron.kernel.linux.memory import Ruleset
from deuteron.kernel.protocol import Kernel
from deuteron.objects import Wanted
from deuteron.state.directory import State
from deuteron.state.journal import Target


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a change.

    Attributes:
        recovered: what was found of an earlier one that was not finished.
        prepared: what it started from.
        result: unit by unit.
        mismatches: what was not as it had just been made.
    """

    recovered: Recovered
    prepared: Prepared
    result: Result
    mismatches: tuple[Mismatch, ...] = ()


class Interrupted(KeyboardInterrupt):
    """A change was interrupted: every unit is whole, and the journal tells which are still to be done."""


def change(
    kernels: Sequence[Kernel],
    state: State,
    target: Target,
    wanted: Wanted,
    *,
    reporter: Callable[[Prepared], Reporter] = lambda _prepared: Silent(),
    begun: Callable[[], None] = lambda: None,
    rulesets: Callable[[], Iterable[Ruleset]] = tuple,
    planned: Callable[[], Prepared] | None = None,
    whole: bool = True,
    confirm: bool = True,
) -> Changed:
    """Bring the host to ``target``.

    Args:
        kernels: the first one looks, all of them apply; one is enough.
        state: held by this process (:meth:`State.locked`), and so is the host.
        target: where to go.
        wanted: what its view compiles to, nothing for ``destroy``.
        reporter: who wants to know of the units, once it is known which they are.
        begun: called when the journal is durable, before the first write to the kernel.
        rulesets: what the last look has found, to be kept for the next process.
        planned: looks and plans, where that is to be other than for the whole host.
        whole: the plan is for the whole host.
        confirm: read back what was done; who does not, hears of it and looks later (a watch).

    Raises:
        HostError: the state directory refuses: before the first write to the kernel, or, as
            ``not-recorded``, after the last one.
        KernelError: a look was refused.
        Interrupted: by Ctrl-C or SIGTERM, after the journal was begun.
    """
    kernel, *others = kernels
    try:
        recovered = recover(kernel, state)
        if planned is None:
            prepared = prepare(kernel, wanted, *wanted_before(state, target.view))
        else:
            prepared = planned()
        state.begin(target, prepared.plan.units, keep=recovered.unwhole)
        begun()
        result = apply_plan(kernel, prepared, reporter(prepared), others=others)
        mismatches = read_back(kernel, prepared.wanted, prepared.plan, result) if confirm else ()
        state.finish(
            target,
            result,
            rulesets() if whole else None,
            wanted=frozenset(unit.name for unit in wanted.units),
            whole=whole,
            unwhole=[intent.unit for intent in recovered.unwhole],
        )
    except KeyboardInterrupt:
        _interrupted(state)
    return Changed(recovered=recovered, prepared=prepared, result=result, mismatches=mismatches)


def _interrupted(state: State) -> NoReturn:
    raise (KeyboardInterrupt if state.pending() is None else Interrupted) from None


def wanted_before(state: State, view: HostView | None = None) -> tuple[Wanted, ...]:
    """What was wanted before, for a look that sees all of it: what was committed, and what is pending.

    Args:
        state: the state directory.
        view: what is wanted now; the same again is nothing earlier.
    """
    pending = state.pending()
    views = [state.committed(), pending.view if pending is not None else None]
    earlier = [one for n, one in enumerate(views) if one is not None and one not in (view, *views[:n])]
    return tuple(compile_host(one) for one in earlier)


def forward(state: State) -> Target | None:
    """Where an interrupted change was going, else what was committed; ``None``: nothing is known.

    Raises:
        HostError: the state directory cannot be read.
    """
    return state.pending() or committed_target(state)


def back(state: State) -> Target:
    """What was committed before an interrupted change: nothing, where it was the first.

    Raises:
        HostError: the state directory cannot be read.
    """
    nothing = Target(verb="destroy", view=None, source="", at=state.clock())
    return committed_target(state) or nothing


def committed_target(state: State) -> Target | None:
    """What was committed, as a target to go to again; ``None`` where nothing was.

    Raises:
        HostError: the state directory cannot be read.
    """
    record = state.record()
    if record is None:
        return None
    return Target(
        verb="apply",
        view=record.view,
        source=record.source,
        at=record.at,
        allocations=state.committed_allocations(),
    )


def wanted_of(target: Target) -> Wanted:
    """What a target's view compiles to.

    Raises:
        InputError: this version cannot compile it.
    """
    return NOTHING if target.view is None else compile_host(target.view)
