"""DTN-107."""

from __future__ import annotations

from deuteron.audit.check import Check, Verdict, verdict
from deuteron.audit.facts import Facts


def _run(facts: Facts) -> Verdict:
    foreign = (one for one in facts.seen.observed.foreign if one.kind == "netns")
    lines = sorted({f"{facts.names.namespace(one.netns)}: no mark of ours" for one in foreign})
    return verdict(
        lines, "remove it (`ip netns delete`), or accept it in the baseline if another agent runs here"
    )


CHECK = Check(
    id="DTN-107",
    title="every namespace with a name of ours is ours",
    broken="namespaces have names of ours and no mark of ours",
    consideration=1,
    level="warning",
    help="A router that needs that name cannot be made; another agent on this host would fight over it.",
    run=_run,
)
