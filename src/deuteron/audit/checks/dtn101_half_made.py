"""DTN-101."""

from __future__ import annotations

from deuteron.audit.check import REPAIR, Check, Verdict, verdict
from deuteron.audit.facts import Facts


def _run(facts: Facts) -> Verdict:
    found = [one for one in facts.troubles if one.kind == "half-made"]
    return verdict(
        (
            f"{facts.names.unit(one.unit) if one.unit else facts.names.namespace(one.netns)}:"
            f" {'a link without its mark' if one.what.startswith('link') else 'a name without its namespace'}"
            for one in found
        ),
        REPAIR,
    )


CHECK = Check(
    id="DTN-101",
    title="nothing is half made",
    broken="something was left half made",
    consideration=1,
    help="A process that is killed leaves a link without its mark, or a name without its namespace; both"
    " stand in the way of what is made next.",
    run=_run,
)
