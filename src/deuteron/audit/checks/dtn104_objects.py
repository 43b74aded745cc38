"""DTN-104."""

from __future__ import annotations

from deuteron.audit.check import REPAIR, Check, Verdict, verdict
from deuteron.audit.drift import changed, is_other, missing
from deuteron.audit.facts import Facts


def _run(facts: Facts) -> Verdict:
    count = sum(len(unit.objects) for unit in facts.wanted.units)
    lines = [*missing(facts.delta, facts.names, is_other), *changed(facts.delta, facts.names, is_other)]
    return verdict(lines, REPAIR, seen=[f"wanted objects looked at: {count}"])


CHECK = Check(
    id="DTN-104",
    title="namespaces, links, addresses and routes are as wanted",
    broken="namespaces, links, addresses or routes are not as wanted",
    consideration=1,
    help="What is missing is traffic that is lost; what was changed by hand goes somewhere else.",
    run=_run,
)
