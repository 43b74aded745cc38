"""DTN-202."""

from __future__ import annotations

from deuteron.audit.check import REPAIR, Check, Verdict, verdict
from deuteron.audit.drift import changed, is_filter, missing, surplus
from deuteron.audit.facts import Facts
from deuteron.objects import NftTable


def _run(facts: Facts) -> Verdict:
    count = sum(isinstance(thing, NftTable) for unit in facts.wanted.units for thing in unit.objects)
    delta, names = facts.delta, facts.names
    lines = [
        *missing(delta, names, is_filter),
        *changed(delta, names, is_filter),
        *surplus(delta, names, is_filter),
    ]
    return verdict(lines, REPAIR, seen=[f"rule sets compared: {count}"])


CHECK = Check(
    id="DTN-202",
    title="every rule, set and translation is as wanted",
    broken="rules, sets or translations are other than wanted",
    consideration=2,
    help="The rule sets are compared as structures, chain by chain and entry by entry, not by their text.",
    run=_run,
)
