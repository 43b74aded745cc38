"""DTN-102."""

from __future__ import annotations

from deuteron.audit.check import Check, Verdict, verdict
from deuteron.audit.facts import Facts


def _run(facts: Facts) -> Verdict:
    pending = facts.known.pending
    count = len(facts.known.intents)
    lines = [f"{pending.verb} was begun and not finished, units in its journal: {count}"] if pending else []
    return verdict(lines, "deuteron recover")


CHECK = Check(
    id="DTN-102",
    title="every change that was begun was finished or taken back",
    broken="a change was begun and not finished",
    consideration=1,
    help="Until it is finished or taken back, nobody can say which of two states the host is in.",
    run=_run,
)
