"""DTN-301."""

from __future__ import annotations

from typing import Final

from deuteron.audit.check import Check, Verdict, not_applicable, verdict
from deuteron.audit.facts import Facts, meaning
from deuteron.state.directory import State

#: What says that the database is damaged; everything else is told by a check of its own.
DAMAGED: Final = frozenset({"state-corrupt", "state-newer"})


def _run(facts: Facts) -> Verdict:
    codes = [code for code, _sentence in facts.memory.trouble if code in DAMAGED]
    if codes:
        mend = "deuteron doctor --adopt FILE" if "state-corrupt" in codes else f"deuteron explain {codes[0]}"
        return verdict([f"{meaning(code)} [{code}]" for code in codes], mend)
    if not (facts.places.state_dir / "state.sqlite").exists():
        return not_applicable("nothing has been applied with this state directory")
    with State(facts.places.state_dir) as state:
        kept = state.rulesets()  # read last, and looked at only here
    return verdict([], seen=[f"rows are as they were written; rule sets kept: {len(kept)}"])


CHECK = Check(
    id="DTN-301",
    title="the state database is whole",
    broken="the state database is damaged or cannot be used",
    consideration=3,
    help="Its structure and the digest of every row are checked: one flipped bit is found.",
    run=_run,
)
