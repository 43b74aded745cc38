"""DTN-103."""

from __future__ import annotations

from deuteron.audit.check import REPAIR, Check, Verdict, verdict
from deuteron.audit.facts import Facts


def _run(facts: Facts) -> Verdict:
    lines = [
        f"{facts.names.unit(one.unit)}: could not be applied [{one.code}], attempts: {one.attempts}"
        for one in facts.known.quarantine
    ]
    return verdict(lines, REPAIR)


CHECK = Check(
    id="DTN-103",
    title="every unit could be applied",
    broken="units could not be applied and wait for their next try",
    consideration=1,
    help="Their tenants do not have what was asked for; deuteron explain CODE tells what is to be mended.",
    run=_run,
)
