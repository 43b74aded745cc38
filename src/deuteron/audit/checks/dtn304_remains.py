"""DTN-304."""

from __future__ import annotations

from shlex import quote

from deuteron.audit.check import Check, Verdict, verdict
from deuteron.audit.facts import Facts


def _run(facts: Facts) -> Verdict:
    places = (("state directory", facts.places.state_dir), ("run directory", facts.places.run_dir))
    found = {
        role: [path for path in sorted(where.glob("*.new*")) if path.is_file()] for role, where in places
    }
    lines = [f"{role}: unfinished files: {len(files)}" for role, files in found.items() if files]
    names = " ".join(quote(str(path)) for files in found.values() for path in files)
    return verdict(lines, f"rm {names}" if names else "")


CHECK = Check(
    id="DTN-304",
    title="no file was left half written",
    broken="files were left half written",
    consideration=3,
    level="warning",
    help="A file gets its name when it is whole; a killed process leaves it under another one.",
    run=_run,
)
