"""The review over our own tree: nothing, and where that is by exception, with a reason."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from deuteron.review.rules import BY_ID
from deuteron.review.run import review

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "deuteron"
_MARK = re.compile(r"#\s*nosec\b(.*)$")
_REASONED = re.compile(r"^:? (R\d{3}(?:, ?R\d{3})*) # (.+)$")


@pytest.mark.timeout(400)  # half a minute of one processor, which others may want as well
def test_nothing_is_found_in_our_own_tree() -> None:
    report = review([SOURCE], version="0")
    told = [f"{one.place}: {one.check} {one.title}" for one in report.findings if one.status == "fail"]
    assert told == [], "\n".join(told)


def test_each_exception_names_its_rule_and_its_reason() -> None:
    marks = [
        (f"{file.relative_to(ROOT)}:{number}", found[1])
        for file in sorted(SOURCE.rglob("*.py"))
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1)
        if (found := _MARK.search(line)) and "review" not in file.parts and file.name != "review.py"
    ]
    for place, rest in marks:
        reasoned = _REASONED.match(rest)
        assert reasoned is not None, f"{place}: `# nosec{rest}` lacks a rule or a reason: # nosec R101 # why"
        assert set(re.findall(r"R\d{3}", reasoned[1])) <= set(BY_ID), place
        assert len(reasoned[2].split()) >= 4, f"{place}: `{reasoned[2]}` is no reason"
    assert len(marks) <= 12, "exceptions are few"
