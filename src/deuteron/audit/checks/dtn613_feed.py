"""DTN-613."""

from __future__ import annotations

from deuteron.audit import served
from deuteron.audit.check import Check, Verdict, not_applicable, verdict
from deuteron.audit.facts import Facts


def _run(facts: Facts) -> Verdict:
    kept = served.feed(facts)
    if not kept.path.exists():
        return not_applicable("there is no socket between an API and an agent")
    found = list(served.troubles(facts, kept))
    return verdict([line for line, _ in found], " && ".join(mend for _, mend in found))


CHECK = Check(
    id="DTN-613",
    title="nobody else speaks on the socket between API and agent",
    broken="others can connect to the socket between API and agent",
    consideration=6,
    help="Mode 0600, or 0660 for the agent's group; who connects is asked of the kernel besides.",
    run=_run,
)
