"""DTN-201."""

from __future__ import annotations

from deuteron.audit.check import REPAIR, Check, Verdict, verdict
from deuteron.audit.drift import changed, is_parameter, missing
from deuteron.audit.facts import Facts
from deuteron.objects import Sysctl


def _run(facts: Facts) -> Verdict:
    count = sum(isinstance(thing, Sysctl) for unit in facts.wanted.units for thing in unit.objects)
    lines = [
        *missing(facts.delta, facts.names, is_parameter),
        *changed(facts.delta, facts.names, is_parameter),
    ]
    return verdict(lines, REPAIR, seen=[f"kernel parameters read: {count}"])


CHECK = Check(
    id="DTN-201",
    title="every kernel parameter is as the policy says",
    broken="kernel parameters are other than the policy says",
    consideration=2,
    help="Redirects, source routes, advertisements and ARP answers are decided by these (CVE-2017-7543).",
    run=_run,
)
