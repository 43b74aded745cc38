"""DTN-108."""

from __future__ import annotations

from deuteron.audit.check import Check, Verdict, verdict
from deuteron.audit.facts import Facts


def _run(facts: Facts) -> Verdict:
    lines = [f"{facts.names.unit(one.unit)}: refused [{one.code}]" for one in facts.wanted.refused]
    return verdict(lines, "mend the file as the code says (`deuteron explain CODE`), then apply it")


CHECK = Check(
    id="DTN-108",
    title="every unit that the file names can be made",
    broken="the file names units that cannot be made",
    consideration=1,
    level="warning",
    help="A refused unit stays as it was, and the others go on; its tenant waits.",
    run=_run,
)
