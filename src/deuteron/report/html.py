"""A report as one HTML page: nothing is fetched, no script runs, light and dark, fit for print."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.resources import files
from itertools import groupby
from typing import TYPE_CHECKING, Final

import msgspec

from deuteron.report.finding import Finding, Report, Status, tally
from deuteron.report.mend import spans
from deuteron.report.text import MARKS, WORDS, shown

if TYPE_CHECKING:
    import jinja2

NO_TOPIC: Final = "Other"

#: Where failures are findings of rules: of one rule there may be many.
_WORDS_OF_FINDINGS: Final[Mapping[Status, str]] = {**WORDS, "fail": "found", "pass": "rules passed"}


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """The findings under one heading."""

    topic: str
    findings: tuple[Finding, ...]
    tally: Mapping[Status, int]


def render_html(report: Report) -> str:
    """The report as a page that stands for itself."""
    told = [finding for finding in report.ordered if finding.status in ("fail", "unknown", "accepted")]
    return _template().render(
        report=report,
        tally=tally(report.findings),
        told=told,
        groups=groups(report),
        words=WORDS if report.counted == "checks" else _WORDS_OF_FINDINGS,
        widest=max((len(finding.check) for finding in report.findings), default=0),
        marks=MARKS,
        shown=shown,
        spans=spans,
        verdict=verdict(report),
    )


def verdict(report: Report) -> str:
    """The page's heading: how it ended, in a few words."""
    told = tally(report.findings)
    failed, unknown = told["fail"], told["unknown"]
    if failed and report.counted == "findings":
        return "One finding" if failed == 1 else f"{failed} findings"
    if failed:
        return "One check failed" if failed == 1 else f"{failed} checks failed"
    nothing = "Nothing found" if report.counted == "findings" else "Nothing failed"
    return f"{nothing}, {unknown} could not be found out" if unknown else nothing


def groups(report: Report) -> tuple[Group, ...]:
    """All findings by their rule's topic, topics in the order of the rules."""
    topics = list(dict.fromkeys(rule.topic or NO_TOPIC for rule in report.rules))
    topic_of = {rule.id: rule.topic or NO_TOPIC for rule in report.rules}

    def topic(finding: Finding) -> int:
        name = topic_of.get(finding.check, NO_TOPIC)
        return topics.index(name) if name in topics else len(topics)

    ordered = sorted(report.findings, key=lambda finding: (topic(finding), finding.check, finding.order()))
    return tuple(
        _group((*topics, NO_TOPIC)[position], found) for position, found in groupby(ordered, key=topic)
    )


def _group(topic: str, findings: Iterable[Finding]) -> Group:
    kept = tuple(findings)
    return Group(topic=topic, findings=kept, tally=tally(kept))


@lru_cache
def _template() -> jinja2.Template:
    """The package's own template; whatever is put into it is escaped."""
    import jinja2  # 2 MB that each of serve's processes would hold; only a page needs them

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: (files("deuteron.report") / name).read_text("utf-8")),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html")
