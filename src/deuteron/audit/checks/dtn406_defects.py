"""DTN-406."""

from __future__ import annotations

from shlex import quote

from deuteron.audit.check import Check, Verdict, verdict
from deuteron.audit.facts import Facts


def _run(facts: Facts) -> Verdict:
    folder = facts.places.state_dir / "defects"
    count = sum(1 for path in folder.iterdir()) if folder.is_dir() else 0
    lines = [f"defects that were written down: {count}"] if count else []
    return verdict(lines, f"report them, then `rm -r {quote(str(folder))}`")


CHECK = Check(
    id="DTN-406",
    title="no defect waits to be reported",
    broken="defects wait to be reported",
    consideration=4,
    level="note",
    help="An error that nobody foresaw is written down whole, for its owner alone: it may hold names.",
    run=_run,
)
