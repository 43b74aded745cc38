"""A report as text for a terminal or a mail: no colours, a line for each check that passed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from deuteron.report.finding import Finding, Report, Status, tally

#: The first characters of a finding's line.
MARKS: Final[dict[Status, str]] = {
    "fail": "✗",
    "unknown": "?",
    "accepted": "!",
    "pass": "✓",
    "not-applicable": "-",
}

#: How many lines of evidence of one finding a person reads.
MOST: Final = 40

WORDS: Final[dict[Status, str]] = {
    "fail": "failed",
    "unknown": "unknown",
    "accepted": "accepted",
    "pass": "passed",
    "not-applicable": "not applicable",
}


def render_text(report: Report) -> str:
    """The report, what failed first, and a line with the counts at its end."""
    lines = [line for finding in report.ordered for line in _finding(finding)]
    note = [report.note] if report.note else []
    return "\n".join([*lines, summary(report), *note]) + "\n"


def summary(report: Report) -> str:
    """``3 failed, 1 unknown, 28 passed: deuteron audit of host-..., 0.4 s``."""
    return f"{counts(report)}: {report.tool} of {report.subject}, {report.seconds:.1f} s"


def counts(report: Report) -> str:
    """How many there are of each status, where there are any."""
    told = [f"{count} {WORDS[status]}" for status, count in tally(report.findings).items() if count]
    return ", ".join(told) or "nothing looked at"


def shown(evidence: tuple[str, ...]) -> tuple[str, ...]:
    """What a person is shown of it; all of it is in the JSON and SARIF forms."""
    more = len(evidence) - MOST
    return evidence if more <= 0 else (*evidence[:MOST], f"and {more} more")


def _finding(finding: Finding) -> Iterator[str]:
    where = str(finding.place)
    level = f" [{finding.level}]" if finding.status == "fail" else ""
    place = f"{where}: " if where else ""
    yield f"{MARKS[finding.status]} {finding.check} {place}{finding.title}{level}"
    if finding.status in ("pass", "not-applicable") and not finding.reason:
        return
    if finding.reason:
        until = f" (until {finding.until})" if finding.until else ""
        yield f"    {finding.reason}{until}"
    for line in shown(finding.evidence):
        yield f"    {line}"
    if finding.mend and finding.status in ("fail", "unknown"):
        yield f"    mend: {finding.mend}"
