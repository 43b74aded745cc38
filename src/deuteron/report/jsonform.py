"""A report as one JSON document."""

from __future__ import annotations

from typing import Final

import msgspec

from deuteron.report.finding import Finding, Report, Rule, Status, tally

#: Counted up where a field changes its meaning or goes.
DOCUMENT_VERSION: Final = 1


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """What is printed.

    Attributes:
        version: of this document's form.
        clean: nothing failed.
        tally: how many findings of each status.
    """

    version: int
    tool: str
    tool_version: str
    at: str
    subject: str
    seconds: float
    clean: bool
    tally: dict[Status, int]
    findings: tuple[Finding, ...]
    rules: tuple[Rule, ...]
    note: str


def document(report: Report) -> Document:
    """The report as the value that is printed."""
    return Document(
        version=DOCUMENT_VERSION,
        tool=report.tool,
        tool_version=report.version,
        at=f"{report.at:%Y-%m-%dT%H:%M:%SZ}",
        subject=report.subject,
        seconds=round(report.seconds, 3),
        clean=report.clean,
        tally=tally(report.findings),
        findings=report.ordered,
        rules=report.rules,
        note=report.note,
    )


def render_json(report: Report) -> str:
    """The report as JSON."""
    return msgspec.json.format(msgspec.json.encode(document(report)), indent=2).decode() + "\n"
