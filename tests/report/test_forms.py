"""One report in its four forms: what a person, a script, a collector and a browser see."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from typing import Any, Final

import jsonschema
import msgspec
import pytest

from deuteron.report import FORMS, Finding, Place, Report, Rule, render

HOSTILE: Final = "<script>alert('&\"')</script>"

REPORT: Final = Report(
    tool="deuteron audit",
    version="0.1.0",
    at=datetime(2026, 11, 23, 9, 30, tzinfo=UTC),
    subject="host-7f3k9q2mvd",
    seconds=0.21,
    note="Names are pseudonyms.",
    rules=(
        Rule(id="DTN-201", title="parameters are as wanted", topic="Policy", help="CVE-2017-7543"),
        Rule(id="R101", title="everything is released", topic="Resources"),
        Rule(id="DTN-900", title="nothing else", topic="Policy"),
    ),
    findings=(
        Finding(check="DTN-900", title="nothing else", status="pass", evidence=("looked at: 3",)),
        Finding(
            check="R101",
            title=f"not released {HOSTILE}",
            status="fail",
            level="warning",
            place=Place(file="a dir/fip_ns.py", line=137, end_line=149, column=9, name="create"),
            mend="with open_fip() as fip:",
        ),
        Finding(
            check="DTN-201",
            title="parameters differ",
            status="fail",
            evidence=("router-7f3k9q2mvd: net/ipv4/ip_forward is 0, not 1",),
            mend="deuteron doctor --repair",
            help="CVE-2017-7543",
        ),
        Finding(
            check="DTN-201",
            title="parameters differ",
            status="accepted",
            evidence=("router-aaaaaaaaaa: net/ipv4/conf/*/proxy_arp is 0, not 1",),
            reason="moved by hand until the switch is replaced",
            until=date(2026, 12, 31),
        ),
        Finding(check="DTN-900", title="nothing else", status="unknown", reason="no privilege"),
        Finding(check="DTN-900", title="nothing else", status="not-applicable", reason="no API here"),
    ),
)


def text_of(limit: int = 1) -> dict[str, Any]:
    return {"type": "string", "minLength": limit}


def closed(required: str, **properties: Any) -> dict[str, Any]:
    """An object with these properties and no others; ``required`` names those that must be there."""
    return {
        "type": "object",
        "properties": properties,
        "required": required.split(),
        "additionalProperties": False,
    }


MESSAGE: Final = closed("text", text=text_of())
#: What SARIF 2.1.0 says of the objects that we write, and nothing besides them: sections 3.13 (log),
#: 3.14 (run), 3.19 (driver), 3.49 (rule), 3.27 (result), 3.28-3.30 (location, region), 3.35 (suppression).
SARIF: Final = closed(
    "version runs",
    **{
        "$schema": {"type": "string", "format": "uri"},
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "minItems": 1,
            "items": closed(
                "tool results",
                tool=closed(
                    "driver",
                    driver=closed(
                        "name rules",
                        name=text_of(),
                        semanticVersion={"pattern": r"^\d+\.\d+\.\d+"},
                        rules={
                            "type": "array",
                            "uniqueItems": True,
                            "items": closed(
                                "id shortDescription",
                                id=text_of(),
                                shortDescription=MESSAGE,
                                fullDescription=MESSAGE,
                                help=MESSAGE,
                                properties=closed("", tags={"type": "array", "uniqueItems": True}),
                            ),
                        },
                    ),
                ),
                automationDetails=closed("id", id=text_of()),
                columnKind={"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                invocations={
                    "type": "array",
                    "items": closed(
                        "executionSuccessful",
                        executionSuccessful={"type": "boolean"},
                        endTimeUtc={"pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"},
                    ),
                },
                properties={"type": "object"},
                results={
                    "type": "array",
                    "items": {
                        **closed(
                            "message ruleId ruleIndex kind level",
                            ruleId=text_of(),
                            ruleIndex={"type": "integer", "minimum": 0},
                            kind={"enum": ["pass", "open", "notApplicable", "fail"]},
                            level={"enum": ["none", "note", "warning", "error"]},
                            message=MESSAGE,
                            partialFingerprints={"type": "object", "additionalProperties": text_of()},
                            locations={
                                "type": "array",
                                "items": closed(
                                    "",
                                    physicalLocation=closed(
                                        "artifactLocation",
                                        artifactLocation=closed("uri", uri={"pattern": r"^[^ ]+$"}),
                                        region=closed(
                                            "startLine",
                                            startLine={"type": "integer", "minimum": 1},
                                            endLine={"type": "integer", "minimum": 1},
                                            startColumn={"type": "integer", "minimum": 1},
                                        ),
                                    ),
                                    logicalLocations={
                                        "type": "array",
                                        "items": closed("", fullyQualifiedName=text_of()),
                                    },
                                ),
                            },
                            suppressions={
                                "type": "array",
                                "items": closed(
                                    "kind",
                                    kind={"enum": ["inSource", "external"]},
                                    status={"enum": ["accepted", "underReview", "rejected"]},
                                    justification=text_of(),
                                ),
                            },
                            properties={"type": "object"},
                        ),
                        # Section 3.27.9: a level other than "none" goes with the kind "fail" alone.
                        "if": {"properties": {"kind": {"const": "fail"}}},
                        "then": {"properties": {"level": {"enum": ["note", "warning", "error"]}}},
                        "else": {"properties": {"level": {"const": "none"}}},
                    },
                },
            ),
        },
    },
)


def sarif() -> dict[str, Any]:
    decoded: dict[str, Any] = msgspec.json.decode(render(REPORT, "sarif"))
    return decoded


def test_text_tells_what_failed_first_with_its_evidence_and_mend() -> None:
    lines = render(REPORT, "text").splitlines()
    assert lines[:3] == [
        "✗ DTN-201 parameters differ [error]",
        "    router-7f3k9q2mvd: net/ipv4/ip_forward is 0, not 1",
        "    mend: deuteron doctor --repair",
    ]
    assert lines[3].startswith("✗ R101 a dir/fip_ns.py:137 (create): not released")
    assert [line[0] for line in lines if line[0] in "✗?!✓-"] == ["✗", "✗", "?", "!", "✓", "-"]
    assert "    moved by hand until the switch is replaced (until 2026-12-31)" in lines
    assert lines[-2].startswith("2 failed, 1 unknown, 1 accepted, 1 passed, 1 not applicable: deuteron audit")


def test_json_has_all_of_it_and_says_whether_it_is_clean() -> None:
    document = msgspec.json.decode(render(REPORT, "json"))
    assert (document["clean"], document["tally"]["fail"], document["version"]) == (False, 2, 1)
    assert [one["status"] for one in document["findings"]][:2] == ["fail", "fail"]
    assert document["at"] == "2026-11-23T09:30:00Z"


def test_sarif_is_as_the_standard_says() -> None:
    jsonschema.Draft7Validator.check_schema(SARIF)
    jsonschema.Draft7Validator(SARIF).validate(sarif())


def test_sarif_counts_what_is_accepted_as_suppressed_and_what_is_unknown_as_open() -> None:
    (run,) = sarif()["runs"]
    results = run["results"]
    assert [(one["kind"], one["level"]) for one in results] == [
        ("fail", "error"),
        ("fail", "warning"),
        ("open", "none"),
        ("fail", "error"),
        ("pass", "none"),
        ("notApplicable", "none"),
    ]
    assert [one for one in results if "suppressions" in one] == [results[3]]
    for one in results:
        assert run["tool"]["driver"]["rules"][one["ruleIndex"]]["id"] == one["ruleId"]


def test_a_fingerprint_outlives_lines_that_move() -> None:
    moved = msgspec.structs.replace(
        REPORT,
        findings=tuple(
            msgspec.structs.replace(one, place=msgspec.structs.replace(one.place, line=one.place.line + 7))
            for one in REPORT.findings
        ),
    )
    later = msgspec.json.decode(render(moved, "sarif"))["runs"][0]["results"]
    prints = [one["partialFingerprints"] for one in sarif()["runs"][0]["results"]]
    assert [one["partialFingerprints"] for one in later] == prints
    assert len({str(one) for one in prints[:2]}) == 2


class Page(HTMLParser):
    """What a browser would load or run, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.fetched: list[str] = []
        self.said = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.fetched += [
            f"{tag} {name}={value}" for name, value in attrs if name in ("src", "href", "srcset")
        ]
        assert not any(name.startswith("on") for name, _value in attrs)

    def handle_data(self, data: str) -> None:
        self.said += data


def test_the_page_stands_for_itself_and_runs_nothing() -> None:
    page = Page(render(REPORT, "html"))
    assert page.fetched == []
    assert "script" not in page.tags
    assert "@import" not in page.said
    assert re.findall(r"url\(", page.said) == []


def test_the_page_shows_every_finding_and_escapes_what_it_is_given() -> None:
    page = Page(render(REPORT, "html"))
    assert HOSTILE in page.said  # as text
    for finding in REPORT.findings:
        assert finding.check in page.said
        for line in finding.evidence:
            assert line in page.said
    assert "2 checks failed" in page.said
    assert "prefers-color-scheme: dark" in page.said


@pytest.mark.parametrize(
    ("counted", "failures", "heading"),
    [
        ("checks", 0, "Nothing failed, 1 could not be found out"),
        ("checks", 1, "One check failed"),
        ("checks", 2, "2 checks failed"),
        ("findings", 0, "Nothing found, 1 could not be found out"),
        ("findings", 1, "One finding"),
        ("findings", 2, "2 findings"),
    ],
)
def test_the_heading_counts_checks_or_their_findings(counted: Any, failures: int, heading: str) -> None:
    failed = [one for one in REPORT.findings if one.status == "fail"]
    others = [one for one in REPORT.findings if one.status != "fail"]
    some = msgspec.structs.replace(REPORT, counted=counted, findings=(*failed[:failures], *others))
    assert re.findall(r"<h1[^>]*>(.*)</h1>", render(some, "html")) == [heading]


def test_only_a_report_that_has_a_note_ends_with_one() -> None:
    assert "Names are pseudonyms." in render(REPORT, "html")
    assert "<footer" not in render(msgspec.structs.replace(REPORT, note=""), "html")


@pytest.mark.parametrize(
    ("mend", "shown"),
    [
        ("deuteron doctor --repair", "<code>deuteron doctor --repair</code>"),
        ("chmod 600 a; chown root b && rm c", "<code>chmod 600 a; chown root b &amp;&amp; rm c</code>"),
        ("Use `with`, or close it.", "Use <code>with</code>, or close it."),
        ("Take the lock around both.", "Take the lock around both."),
        ("ip is not what to run, netlink is", "ip is not what to run, netlink is"),
        ("`<b>` first", "<code>&lt;b&gt;</code> first"),
    ],
)
def test_code_in_a_mend_is_what_can_be_typed(mend: str, shown: str) -> None:
    finding = Finding(check="R101", title="it", status="fail", mend=mend)
    page = render(msgspec.structs.replace(REPORT, findings=(finding,)), "html")
    assert re.findall(r"Mend</span> (.*)</p>", page) == [shown]


def _luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_colour_can_be_read_on_its_ground(scheme: str) -> None:
    """WCAG 2.2, success criterion 1.4.3: at least 4.5 to 1."""
    roots = re.findall(r":root \{(.*?)\}", render(REPORT, "html"), re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", roots[("light", "dark").index(scheme)]))
    grounds = {name: colours.pop(name) for name in ("ground", "card", "code")}
    del colours["line"]
    for name, colour in colours.items():
        for on, ground in grounds.items():
            if on == "code" and name != "ink":
                continue  # only ink is written there
            light, dark = sorted((_luminance(colour), _luminance(ground)), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 4.5, f"{name} on {on}"


def test_lines_of_source_keep_their_form() -> None:
    lines = ("   9  run(a,", "  10      b)")
    finding = Finding(
        check="R101", title="it", status="fail", place=Place(file="a.py", line=9), evidence=lines
    )
    page = render(msgspec.structs.replace(REPORT, findings=(finding,)), "html")
    assert all(f"<li>{line}</li>" in page for line in lines)
    assert re.search(r"\.evidence li \{[^}]*white-space: pre-wrap", page)


@pytest.mark.parametrize("form", list(FORMS))
def test_a_report_with_nothing_in_it_can_be_told(form: Any) -> None:
    empty = msgspec.structs.replace(REPORT, findings=(), rules=(), note="")
    assert render(empty, form).endswith("\n")
    assert empty.clean


def test_a_person_is_shown_some_of_a_thousand_lines_and_a_script_all() -> None:
    lines = tuple(f"router-{number}: an address missing" for number in range(1000))
    long = msgspec.structs.replace(
        REPORT, findings=(Finding(check="R101", title="much", status="fail", evidence=lines),)
    )
    assert "    and 960 more" in render(long, "text").splitlines()
    assert len(msgspec.json.decode(render(long, "json"))["findings"][0]["evidence"]) == 1000
