"""The forms of a report, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Literal

from deuteron.report.finding import Report
from deuteron.report.html import render_html
from deuteron.report.jsonform import render_json
from deuteron.report.sarif import render_sarif
from deuteron.report.text import render_text

Form = Literal["text", "json", "sarif", "html"]

FORMS: Final[Mapping[Form, Callable[[Report], str]]] = {
    "text": render_text,
    "json": render_json,
    "sarif": render_sarif,
    "html": render_html,
}


def render(report: Report, form: Form) -> str:
    """The report in one of its forms, with a line feed at its end."""
    return FORMS[form](report)
