"""DTN-601."""

from __future__ import annotations

from deuteron.audit.check import Check, Verdict, not_applicable
from deuteron.audit.facts import Facts
from deuteron.audit.modes import judged


def _run(facts: Facts) -> Verdict:
    folder = facts.places.state_dir.absolute()
    found = [one for one in facts.paths if folder in (one.path.absolute(), one.path.absolute().parent)]
    if not found:
        return not_applicable("there is no state directory yet")
    return judged(one for one in found if one.path.name != "log.key")


CHECK = Check(
    id="DTN-601",
    title="the state directory, its files and the way to it are safe",
    broken="others can read or change the state, or put another one in its place",
    consideration=6,
    help="What is in it decides what is programmed into the kernel; its rows name every tenant's addresses.",
    run=_run,
)
