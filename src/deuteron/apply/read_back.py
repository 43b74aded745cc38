"""Reading back: what was just applied is looked at before it is called done."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

from deuteron.apply.look import look_for
from deuteron.apply.result import Result
from deuteron.errors import KernelError
from deuteron.kernel.protocol import Kernel
from deuteron.objects import Create, Delete, KernelObject, Key, Observed, Run, Step, Update, Veth, Wanted
from deuteron.reconcile import Plan
from deuteron.reconcile.delta import compare
from deuteron.reconcile.invariant import namespaces_of
from deuteron.reconcile.words import describe

#: How many mismatches one sentence names.
_TOLD: Final = 5


class Mismatch(msgspec.Struct, frozen=True, order=True, kw_only=True):
    """Something that is not as it was just made.

    Attributes:
        what: one line for people.
    """

    unit: str
    what: str


def read_back(kernel: Kernel, wanted: Wanted, plan: Plan, result: Result) -> tuple[Mismatch, ...]:
    """Look at the namespaces that the plan touched, and compare the units that are done.

    The cost is that of looking at these namespaces (and the host's links), however
    many others there are.

    Raises:
        KernelError: the look was refused.
    """
    touched = _touched(plan)
    if not touched:
        return ()
    look = look_for(wanted)
    observed = kernel.observe(
        msgspec.structs.replace(
            look,
            namespaces=look.namespaces & touched,
            sysctls={netns: paths for netns, paths in look.sysctls.items() if netns in touched},
            own={netns: values for netns, values in look.own.items() if netns in touched},
            only=touched,
        )
    )
    done = {unit.unit for unit in result.units if unit.outcome == "done"}
    return tuple(sorted(_mismatches(_within(wanted, touched), _seen(observed, touched), done)))


def refuse(mismatches: Sequence[Mismatch]) -> None:
    """Nothing where there is no mismatch.

    Raises:
        KernelError: ``read-back-differs``, naming the first few.
    """
    if not mismatches:
        return
    told = "; ".join(f"{one.unit} {one.what}" for one in mismatches[:_TOLD])
    more = f"; and {len(mismatches) - _TOLD} more" if len(mismatches) > _TOLD else ""
    raise KernelError(
        "read-back-differs",
        f"not as it was made a moment ago: {told}{more};"
        " something else changes this host, find it and apply again",
    )


def _touched(plan: Plan) -> frozenset[str]:
    things = (thing for unit in plan.units for step in unit.steps if (thing := _subject(step)) is not None)
    return frozenset(netns for thing in things for netns in namespaces_of(thing))


def _subject(step: Step) -> KernelObject | None:
    match step:
        case Create(object=thing) | Delete(object=thing) | Update(new=thing):
            return thing
        case Run():
            return None


def _visible(thing: KernelObject, touched: frozenset[str]) -> bool:
    """Whether it was looked at whole: a pair only where both its ends were."""
    if isinstance(thing, Veth):
        return touched.issuperset(namespaces_of(thing))
    return thing.key[1] in touched


def _within(wanted: Wanted, touched: frozenset[str]) -> Wanted:
    units = (
        msgspec.structs.replace(unit, objects=tuple(o for o in unit.objects if _visible(o, touched)))
        for unit in wanted.units
    )
    return Wanted(units=tuple(units))


def _seen(observed: Observed, touched: frozenset[str]) -> Observed:
    objects = {key: thing for key, thing in observed.objects.items() if _visible(thing, touched)}
    return msgspec.structs.replace(observed, objects=objects)


def _mismatches(wanted: Wanted, observed: Observed, done: Iterable[str]) -> Iterator[Mismatch]:
    delta = compare(wanted, observed)
    units = set(done)

    def told(key: Key, what: str) -> Iterator[Mismatch]:
        if (unit := delta.unit_of(key)) in units:
            yield Mismatch(unit=unit, what=what)

    for key, thing in delta.create.items():
        yield from told(key, f"missing: {describe(thing)}")
    for key, (old, _new) in delta.update.items():
        yield from told(key, f"other than asked for: {describe(old)}")
    for key, thing in delta.surplus.items():
        yield from told(key, f"still there: {describe(thing)}")
