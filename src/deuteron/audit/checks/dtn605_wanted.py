"""DTN-605."""

from __future__ import annotations

from pathlib import Path

from deuteron.audit.check import Check, Verdict, not_applicable
from deuteron.audit.facts import Facts
from deuteron.audit.modes import judged, looked_at
from deuteron.files import Purpose


def _run(facts: Facts) -> Verdict:
    sources = sorted({one.source for one in facts.known.history.values() if one.source.startswith("/")})
    role = "file that says what is wanted"
    found = [one for source in sources for one in looked_at(Path(source).resolve(), Purpose.CONFIG, role)]
    return judged(found) if found else not_applicable("nothing was applied from a file that is still there")


CHECK = Check(
    id="DTN-605",
    title="nobody but its owner can change what is wanted",
    broken="others can change the file that says what is wanted",
    consideration=6,
    help="A running watch reads the file again and programs what it says.",
    run=_run,
)
