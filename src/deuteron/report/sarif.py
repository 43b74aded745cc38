"""A report as SARIF 2.1.0 (OASIS, 27 March 2020), for those who collect findings of many tools.

Section numbers are of that standard.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final, TypeAlias
from urllib.parse import quote

import msgspec

from deuteron.report.finding import Finding, Place, Report, Rule, Status

#: A JSON object; the standard has too many to give each a type of its own.
Json: TypeAlias = dict[str, object]

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

#: Section 3.27.9. What the baseline accepts has failed, and is suppressed.
KINDS: Final[Mapping[Status, str]] = {
    "fail": "fail",
    "accepted": "fail",
    "unknown": "open",
    "pass": "pass",
    "not-applicable": "notApplicable",
}


def render_sarif(report: Report) -> str:
    """The report as one SARIF log with one run."""
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [_run(report)]}
    return msgspec.json.format(msgspec.json.encode(log), indent=2).decode() + "\n"


def _run(report: Report) -> Json:
    rules = _rules(report)
    index = {rule.id: position for position, rule in enumerate(rules)}
    driver = {
        "name": report.tool,
        "semanticVersion": report.version,
        "rules": [_rule(rule) for rule in rules],
    }
    return {
        "tool": {"driver": driver},
        "automationDetails": {"id": f"{report.tool.replace(' ', '-')}/{report.at:%Y%m%dT%H%M%SZ}"},
        "columnKind": "unicodeCodePoints",
        "invocations": [{"executionSuccessful": True, "endTimeUtc": f"{report.at:%Y-%m-%dT%H:%M:%SZ}"}],
        "properties": {"subject": report.subject},
        "results": [_result(finding, index[finding.check]) for finding in report.ordered],
    }


def _rules(report: Report) -> list[Rule]:
    """Those that were made, and any that a finding names besides."""
    known = {rule.id: rule for rule in report.rules}
    for finding in report.findings:
        known.setdefault(finding.check, Rule(id=finding.check, title=finding.title, help=finding.help))
    return list(known.values())


def _rule(rule: Rule) -> Json:
    described: Json = {"id": rule.id, "shortDescription": {"text": rule.title or rule.id}}
    if rule.help:
        described |= {"fullDescription": {"text": rule.help}, "help": {"text": rule.help}}
    if rule.topic:
        described["properties"] = {"tags": [rule.topic]}
    return described


def _result(finding: Finding, index: int) -> Json:
    result: Json = {
        "ruleId": finding.check,
        "ruleIndex": index,
        "kind": KINDS[finding.status],
        # Section 3.27.10: a result of any other kind than "fail" has no level.
        "level": finding.level if KINDS[finding.status] == "fail" else "none",
        "message": {"text": message(finding)},
        "partialFingerprints": {"deuteron/v1": fingerprint(finding)},
    }
    location = _location(finding.place)
    if location:
        result["locations"] = [location]
    if finding.status == "accepted":
        result["suppressions"] = [_suppression(finding)]
    properties = {"mend": finding.mend, "evidence": list(finding.evidence)}
    result["properties"] = {key: value for key, value in properties.items() if value}
    return result


def message(finding: Finding) -> str:
    """The finding in one text: title, evidence, reason, mend."""
    parts = [finding.title, *finding.evidence, finding.reason]
    if finding.mend:
        parts.append(f"Mend: {finding.mend}")
    return "\n".join(part for part in parts if part)


def fingerprint(finding: Finding) -> str:
    """The same for the same finding of a later run: neither line numbers nor times are in it."""
    parts = (finding.check, finding.place.file, finding.place.name, finding.title)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _location(place: Place) -> Json:
    location: Json = {}
    if place.file:
        physical: Json = {"artifactLocation": {"uri": quote(place.file)}}
        if place.line:
            physical["region"] = _region(place)
        location["physicalLocation"] = physical
    if place.name:
        location["logicalLocations"] = [{"fullyQualifiedName": place.name}]
    return location


def _region(place: Place) -> Json:
    region: Json = {"startLine": place.line}
    if place.column:
        region["startColumn"] = place.column
    if place.end_line:
        region["endLine"] = place.end_line
    return region


def _suppression(finding: Finding) -> Json:
    until = f" (until {finding.until})" if finding.until else ""
    return {"kind": "external", "status": "accepted", "justification": f"{finding.reason}{until}"}
