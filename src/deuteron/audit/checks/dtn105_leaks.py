"""DTN-105."""

from __future__ import annotations

from deuteron.audit.check import REPAIR, Check, Verdict, verdict
from deuteron.audit.drift import is_other, surplus
from deuteron.audit.facts import Facts


def _run(facts: Facts) -> Verdict:
    unclaimed = [one.unit for one in facts.troubles if one.kind == "unclaimed"]
    if facts.known.wanted is None and unclaimed:
        lines = [
            f"{facts.names.unit(unit)}: on this host, and nothing tells who wants it" for unit in unclaimed
        ]
        return verdict(lines, "`deuteron doctor --adopt FILE`, or `deuteron destroy`")
    return verdict(surplus(facts.delta, facts.names, is_other), REPAIR)


CHECK = Check(
    id="DTN-105",
    title="nothing of ours is there that nobody wants",
    broken="objects of ours are there that nobody wants",
    consideration=1,
    help="A namespace, link or address that was left keeps answering for a tenant who is gone.",
    run=_run,
)
