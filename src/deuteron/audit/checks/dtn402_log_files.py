"""DTN-402."""

from __future__ import annotations

from deuteron.audit.check import Check, Verdict, not_applicable
from deuteron.audit.facts import Facts
from deuteron.audit.modes import judged
from deuteron.files import Purpose


def _run(facts: Facts) -> Verdict:
    found = [one for one in facts.paths if one.what == Purpose.LOG.value.name]
    return judged(found) if found else not_applicable("no log file is configured, or nothing was logged yet")


CHECK = Check(
    id="DTN-402",
    title="the log can be read by its owner and its group alone",
    broken="others can read or write the log",
    consideration=4,
    help="Who can write a log can hide what he did; how often and when things change is nobody's business.",
    run=_run,
)
