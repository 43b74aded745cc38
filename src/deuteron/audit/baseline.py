"""What is known and accepted: a file with a reason and an end for each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated

import msgspec

from deuteron.errors import InputError
from deuteron.report import Finding


class Accepted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that is accepted.

    Attributes:
        check: the id of the check.
        evidence: the line of evidence, or a pattern of it (``*``, ``?``, ``[...]``); all of them by default.
        reason: why; never empty.
        until: the last day on which it is.
    """

    check: Annotated[str, msgspec.Meta(min_length=1)]
    reason: Annotated[str, msgspec.Meta(min_length=1)]
    until: date
    evidence: str = "*"


class Baseline(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A baseline file: ``[[accepted]]`` tables."""

    accepted: tuple[Accepted, ...] = ()


def read_baseline(path: Path, checks: Iterable[str]) -> Baseline:
    """Read the file.

    Args:
        path: a TOML file.
        checks: the ids that there are.

    Raises:
        InputError: ``bad-baseline``.
    """
    try:
        baseline = msgspec.toml.decode(path.read_bytes(), type=Baseline)
    except (OSError, ValueError, RecursionError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        message = f"the baseline {path} cannot be used: {why}; an entry has check, reason, until, evidence"
        raise InputError("bad-baseline", message) from error
    known = set(checks)
    for one in baseline.accepted:
        if one.check not in known:
            message = f"the baseline {path} accepts {one.check}, which is no check; docs/audit.md lists them"
            raise InputError("bad-baseline", message)
    return baseline


def judge(findings: Sequence[Finding], baseline: Baseline, today: date) -> list[Finding]:
    """Findings with what the baseline accepts set apart, line by line of their evidence."""
    valid = [one for one in baseline.accepted if one.until >= today]
    ended = [one for one in baseline.accepted if one.until < today]
    return [part for finding in findings for part in _split(finding, valid, ended)]


def _split(finding: Finding, valid: Sequence[Accepted], ended: Sequence[Accepted]) -> Iterator[Finding]:
    if finding.status != "fail":
        yield finding
        return
    left = list(finding.evidence or ("",))
    for one in valid:
        lines = [line for line in left if _covers(one, finding.check, line)]
        if lines:
            left = [line for line in left if line not in lines]
            yield _accepted(finding, one, lines)
    if left:
        yield _failed(finding, [line for line in left if line], _reason(finding, left, ended))


def _covers(one: Accepted, check: str, line: str) -> bool:
    return one.check == check and (one.evidence == line or fnmatchcase(line, one.evidence))


def _accepted(finding: Finding, one: Accepted, lines: Iterable[str]) -> Finding:
    evidence = tuple(line for line in lines if line)
    return msgspec.structs.replace(
        finding, status="accepted", evidence=evidence, reason=one.reason, until=one.until
    )


def _failed(finding: Finding, lines: Iterable[str], reason: str) -> Finding:
    return msgspec.structs.replace(finding, evidence=tuple(lines), reason=reason)


def _reason(finding: Finding, left: Iterable[str], ended: Iterable[Accepted]) -> str:
    for one in ended:
        if any(_covers(one, finding.check, line) for line in left):
            return f"it was accepted until {one.until}, and that has passed: {one.reason}"
    return finding.reason
