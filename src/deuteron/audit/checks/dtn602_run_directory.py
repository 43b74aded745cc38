"""DTN-602."""

from __future__ import annotations

from deuteron.audit.check import Check, Verdict, not_applicable
from deuteron.audit.facts import Facts
from deuteron.audit.modes import judged


def _run(facts: Facts) -> Verdict:
    folder = facts.places.run_dir
    found = [one for one in facts.paths if folder in (one.path, one.path.parent)]
    if not found:
        return not_applicable("nothing has been applied since the host was started")
    return judged(found)


CHECK = Check(
    id="DTN-602",
    title="the host lock and its directory are safe",
    broken="others can take the host lock or change whose host this is",
    consideration=6,
    help="Whoever can open the lock keeps every repair away; whoever writes the note hands the host over.",
    run=_run,
)
