"""DTN-204."""

from __future__ import annotations

from deuteron.audit.check import Check, Verdict, not_applicable, verdict
from deuteron.audit.facts import Facts
from deuteron.compile.policy import packaged, places


def _run(facts: Facts) -> Verdict:
    overrides = facts.view.overrides if facts.view is not None else ()
    if not overrides:
        return not_applicable("the policy is that of the package")
    lines = [
        f"{what} {name} ({kind}): {one.value} is looser than {entry.value}"
        for (what, name, kind), entry in places(packaged().entries).items()
        for one in overrides
        if (one.what, one.name) == (what, name) and kind in one.kinds and entry.is_looser(one.value)
    ]
    mend = "take it out of the policy file and apply again, or accept it in the baseline until a date"
    return verdict(lines, mend, seen=[f"overrides, none of them looser: {len(overrides)}"])


CHECK = Check(
    id="DTN-204",
    title="no override is looser than the policy of the package",
    broken="overrides are looser than the policy of the package",
    consideration=2,
    level="warning",
    help="A looser value is taken with a reason only, and told here until it is accepted or gone.",
    run=_run,
)
