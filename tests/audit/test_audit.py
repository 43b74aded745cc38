"""The audit itself: what it may say of what it cannot find out, and what a baseline accepts."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from deuteron.audit.baseline import Accepted, Baseline, judge, read_baseline
from deuteron.audit.check import CONSIDERATIONS, Check, Undecided, Verdict
from deuteron.audit.facts import Facts, Places
from deuteron.audit.run import all_checks, audit, table
from deuteron.errors import HostError, InputError
from deuteron.kernel.protocol import Kernel
from deuteron.report import Finding, Report

ROOT: Final = Path(__file__).parents[2]
NOW: Final = datetime(2026, 11, 23, tzinfo=UTC)
IDS: Final = [check.id for check in all_checks()]


def no_kernel() -> AbstractContextManager[Kernel]:
    raise HostError("no-privilege", "the namespace qrouter-1 cannot be looked into; run as root")


def facts(folder: Path) -> Facts:
    places = Places(state_dir=folder / "state", run_dir=folder / "run", netns_dir=folder / "netns")
    return Facts(places, no_kernel, NOW)


def test_there_are_checks_of_all_six_considerations_each_with_an_id_of_its_own() -> None:
    assert len(IDS) >= 25
    assert len(set(IDS)) == len(IDS)
    assert {check.consideration for check in all_checks()} == set(CONSIDERATIONS)
    assert {f"Check-Neutron-0{number}" for number in range(1, 6)} <= set(IDS)


def test_a_check_is_one_small_file_that_is_called_as_its_id() -> None:
    for path in (ROOT / "src" / "deuteron" / "audit" / "checks").glob("[!_]*.py"):
        text = path.read_text()
        (found,) = re.findall(r'^    id="(DTN-|Check-Neutron-)(\d+)"', text, re.MULTILINE)
        assert path.name.startswith({"DTN-": "dtn", "Check-Neutron-": "neutron"}[found[0]] + found[1])
        assert len(text.splitlines()) <= 100, path


def test_what_cannot_be_found_out_is_unknown_with_its_reason_and_never_passed(tmp_path: Path) -> None:
    report = audit(facts(tmp_path), Baseline())
    found = {one.check: one for one in report.findings}
    for ident in ("DTN-101", "DTN-105", "DTN-106", "DTN-203", "DTN-205"):
        assert found[ident].status == "unknown", found[ident]
        assert "no-privilege" in found[ident].reason
        assert "qrouter" not in found[ident].reason  # the error's sentence names places: its code does not
    assert report.clean


@pytest.mark.parametrize(
    ("raised", "reason"),
    [
        (Undecided("the links came and went"), "the links came and went"),
        (PermissionError(13, "Permission denied", "/var/lib/secret"), "the kernel refused to tell: EACCES"),
        (HostError("state-corrupt", "/srv/tenant-acme/state is damaged"), "[state-corrupt]"),
    ],
    ids=["undecided", "refused by the kernel", "refused by us"],
)
def test_an_answer_that_failed_is_unknown_and_names_nothing(
    tmp_path: Path, raised: Exception, reason: str
) -> None:
    def run(_facts: Facts) -> Verdict:
        raise raised

    check = Check(id="X-1", title="t", broken="b", consideration=1, help="h", run=run)
    (finding,) = audit(facts(tmp_path), Baseline(), [check]).findings
    assert (finding.status, finding.title) == ("unknown", "t")
    assert reason in finding.reason
    assert "acme" not in finding.reason
    assert "secret" not in finding.reason


def test_where_the_names_are_of_one_report_only_it_says_so(tmp_path: Path) -> None:
    assert "no key" in audit(facts(tmp_path), Baseline(), []).note


FAILED: Final = Finding(
    check="DTN-104", title="x", status="fail", evidence=("router-a: routes missing: 1", "router-b: links: 2")
)


def statuses(findings: list[Finding]) -> dict[str, tuple[str, ...]]:
    return {one.status: one.evidence for one in findings}


def accepted(evidence: str = "*", check: str = "DTN-104", until: date = date(2026, 12, 31)) -> Baseline:
    return Baseline(accepted=(Accepted(check=check, evidence=evidence, reason="known", until=until),))


def test_a_baseline_accepts_line_by_line() -> None:
    split = judge([FAILED], accepted("router-a:*"), NOW.date())
    assert statuses(split) == {"accepted": FAILED.evidence[:1], "fail": FAILED.evidence[1:]}
    assert [one.reason for one in split if one.status == "accepted"] == ["known"]
    whole = judge([FAILED], accepted(), NOW.date())
    assert statuses(whole) == {"accepted": FAILED.evidence}


def test_a_baseline_is_of_one_check_only() -> None:
    assert judge([FAILED], accepted(check="DTN-105"), NOW.date()) == [FAILED]


def test_on_its_last_day_it_is_accepted_and_on_the_next_it_is_a_finding_that_says_so() -> None:
    ends = accepted(until=NOW.date())
    assert statuses(judge([FAILED], ends, NOW.date())).keys() == {"accepted"}
    (late,) = judge([FAILED], ends, date(2026, 11, 24))
    assert late.status == "fail"
    assert late.reason == "it was accepted until 2026-11-23, and that has passed: known"


def test_neither_unknown_nor_passed_is_changed_by_a_baseline() -> None:
    others = [msgspec.structs.replace(FAILED, status=status) for status in ("unknown", "pass")]
    assert judge(others, accepted(), NOW.date()) == others


def test_a_baseline_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "baseline.toml"
    path.write_text(
        '[[accepted]]\ncheck = "DTN-106"\nevidence = "router-a:*"\nreason = "a probe"\nuntil = 2026-12-31\n'
    )
    (one,) = read_baseline(path, IDS).accepted
    assert (one.check, one.evidence, one.until) == ("DTN-106", "router-a:*", date(2026, 12, 31))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[accepted]]\ncheck = "DTN-106"\nuntil = 2026-12-31\n', "reason"),
        ('[[accepted]]\ncheck = "DTN-106"\nreason = ""\nuntil = 2026-12-31\n', "length >= 1"),
        ('[[accepted]]\ncheck = "DTN-106"\nreason = "x"\n', "until"),
        ('[[accepted]]\ncheck = "DTN-999"\nreason = "x"\nuntil = 2026-12-31\n', "DTN-999"),
        ('[[acepted]]\ncheck = "DTN-106"\nreason = "x"\nuntil = 2026-12-31\n', "acepted"),
        ("[[accepted", "cannot be used"),
    ],
    ids=["no reason", "empty reason", "no end", "no such check", "no such table", "no TOML"],
)
def test_a_baseline_that_says_too_little_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "baseline.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=said) as refused:
        read_baseline(path, IDS)
    assert refused.value.code == "bad-baseline"


def test_the_page_lists_every_check_as_it_is() -> None:
    page = (ROOT / "docs" / "audit.md").read_text()
    assert table(all_checks()) in page, "write it anew: python tools/audit_page.py"


def test_a_report_knows_its_rules(tmp_path: Path) -> None:
    report: Report = audit(facts(tmp_path), Baseline())
    assert [rule.id for rule in report.rules] == IDS
    known: dict[str, Any] = {rule.id: rule for rule in report.rules}
    assert all(known[one.check].help for one in report.findings)
