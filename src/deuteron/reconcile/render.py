"""A plan as text for people and as JSON for programs.

In the text the first character of a line tells what it is: ``+ ~ -`` what is made,
changed and destroyed, ``>`` what is done besides; other lines are headings.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Final

import msgspec

from deuteron.objects import Create, Delete, Run, Step, Sysctl, Update
from deuteron.reconcile.explain import why
from deuteron.reconcile.plan import Plan, Tally, UnitPlan
from deuteron.reconcile.words import describe, describe_action, describe_change, place, plain

#: Of the JSON form; grows when a reader of the earlier form would be misled.
SCHEMA_VERSION: Final = 1

NO_CHANGES: Final = "No changes. The host is as wanted."


def render_text(plan: Plan, *, verbose: bool = False) -> str:
    """The plan as lines; the last one is the tally.

    Args:
        plan: what to draw.
        verbose: each kernel parameter on a line of its own, and why each object is there.
    """
    if not plan.units:
        return f"{NO_CHANGES}\n"
    blocks = ["\n".join(_unit(unit, verbose=verbose)) for unit in plan.units]
    return "\n\n".join([*blocks, tally_line(plan.tally)]) + "\n"


def tally_line(tally: Tally) -> str:
    """The last line: ``Plan: 34 to add, 2 to change, 0 to destroy, in 3 units.``."""
    units = "1 unit" if tally.units == 1 else f"{tally.units} units"
    return f"Plan: {tally.add} to add, {tally.change} to change, {tally.destroy} to destroy, in {units}."


def render_json(plan: Plan) -> str:
    """The plan as one JSON document: ``version``, ``units`` with their steps, ``tally``."""
    document = {"version": SCHEMA_VERSION, "units": plan.units, "tally": plan.tally}
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"


def _unit(unit: UnitPlan, *, verbose: bool) -> Iterator[str]:
    title = plain(unit.title)
    # A unit that is no longer wanted has its id for a title.
    yield title if title.replace(" ", "/") == unit.unit else f"{title} ({unit.unit})"
    if verbose:
        for step in unit.steps:
            yield from _verbose(step)
        return
    for group, steps in groupby(unit.steps, key=_sysctl_group):
        same = list(steps)
        yield from [line(step) for step in same] if group is None else [_sysctls(group, len(same))]


def _sysctl_group(step: Step) -> str | None:
    return step.object.netns if isinstance(step, Create) and isinstance(step.object, Sysctl) else None


def _sysctls(netns: str, count: int) -> str:
    return f"+ {count} kernel parameter{'s' if count > 1 else ''} {place(netns)}"


def _verbose(step: Step) -> Iterator[str]:
    yield line(step)
    match step:
        case Create(object=obj) | Update(new=obj):
            yield f"    it {why(obj)}"
        case Delete(contents=contents):
            for inner in contents:
                yield f"-   with {describe(inner)}"


def line(step: Step) -> str:
    """One step in one line."""
    match step:
        case Create(object=obj):
            return f"+ {describe(obj)}"
        case Update(old=old, new=new):
            return f"~ {describe_change(old, new)}"
        case Delete(object=obj, contents=contents):
            inside = (
                f", with {len(contents)} object{'s' if len(contents) > 1 else ''} in it" if contents else ""
            )
            return f"- {describe(obj)}{inside}"
        case Run(action=action):
            return f"> {describe_action(action)}"
