"""DTN-603."""

from __future__ import annotations

from deuteron.audit.check import Check, Verdict, not_applicable
from deuteron.audit.facts import Facts
from deuteron.audit.modes import judged, looked_at
from deuteron.files import Purpose


def _run(facts: Facts) -> Verdict:
    found = list(looked_at(facts.places.netns_dir, Purpose.DIRECTORY, "directory of namespaces"))
    return judged(found) if found else not_applicable("no namespace has a name on this host")


CHECK = Check(
    id="DTN-603",
    title="only root can name network namespaces",
    broken="others can name network namespaces, or take names away",
    consideration=6,
    help="Who puts another namespace behind a name of ours has that router in his hands.",
    run=_run,
)
