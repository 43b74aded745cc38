"""DTN-106."""

from __future__ import annotations

from collections import Counter

from deuteron.audit.check import Check, Verdict, verdict
from deuteron.audit.facts import Facts


def _run(facts: Facts) -> Verdict:
    facts.known  # noqa: B018 -- what another directory programs is not judged by this one
    foreign = (one for one in facts.seen.observed.foreign if one.kind not in ("netns", "nft_table"))
    counts = Counter((facts.names.namespace(one.netns), one.kind.replace("_", " ")) for one in foreign)
    lines = [f"{place}: {kind} of somebody else: {count}" for (place, kind), count in sorted(counts.items())]
    return verdict(
        lines, "remove them (`deuteron doctor` tells which they are), or accept them in the baseline"
    )


CHECK = Check(
    id="DTN-106",
    title="nobody else has put anything into our namespaces",
    broken="somebody else has put something into our namespaces",
    consideration=1,
    level="warning",
    help="A route, a rule or a link of somebody else can lead traffic astray; we never touch it.",
    run=_run,
)
