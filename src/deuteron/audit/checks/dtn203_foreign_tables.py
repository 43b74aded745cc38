"""DTN-203."""

from __future__ import annotations

from collections import Counter

from deuteron.audit.check import Check, Verdict, verdict
from deuteron.audit.facts import Facts


def _run(facts: Facts) -> Verdict:
    foreign = (one for one in facts.seen.observed.foreign if one.kind == "nft_table")
    counts = Counter(facts.names.namespace(one.netns) for one in foreign)
    lines = [f"{place}: tables of somebody else: {count}" for place, count in sorted(counts.items())]
    return verdict(
        lines, "remove them (`nft delete table`, in that namespace), or accept them in the baseline"
    )


CHECK = Check(
    id="DTN-203",
    title="no rule set but ours is in our namespaces",
    broken="somebody else's rule sets are in our namespaces",
    consideration=2,
    level="warning",
    help="Another table cannot open what ours drops, but it can drop, translate and mark.",
    run=_run,
)
