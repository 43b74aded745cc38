"""What a check found, as values that every form is made from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime
from typing import Final, Literal

import msgspec

#: ``fail``: not as it should be. ``unknown``: it could not be found out. ``accepted``: a failure
#: that the baseline names. ``not-applicable``: what is checked does not exist here, and why.
Status = Literal["fail", "unknown", "accepted", "pass", "not-applicable"]

#: How bad a failure is, in SARIF's words (section 3.27.10).
Level = Literal["error", "warning", "note"]

#: The order in which findings are told: what asks for something to be done comes first.
STATUSES: Final[tuple[Status, ...]] = ("fail", "unknown", "accepted", "pass", "not-applicable")
#: What a failure is called where they are counted: a check that failed, or one of a check's findings.
Counted = Literal["checks", "findings"]

LEVELS: Final[tuple[Level, ...]] = ("error", "warning", "note")


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where: a file with a line, or something that has no file.

    Attributes:
        file: a path relative to what was looked at, "" where it is no file.
        line: counted from 1, 0 for the file as a whole.
        end_line: the last line, 0 where it is the first one.
        column: counted from 1, 0 where it is not known.
        name: what it is called otherwise: a unit by its pseudonym, a function.
    """

    file: str = ""
    line: int = 0
    end_line: int = 0
    column: int = 0
    name: str = ""

    def __str__(self) -> str:
        """``file:line (name)``, as far as there is any."""
        where = f"{self.file}:{self.line}" if self.file and self.line else self.file
        if where and self.name:
            return f"{where} ({self.name})"
        return where or self.name


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One check as such, whatever it found.

    Attributes:
        id: stable, ``DTN-201``.
        title: what is as it should be where it passes, in a few words.
        topic: the heading that it stands under.
        help: what is looked at and why, a sentence or two.
    """

    id: str
    title: str
    topic: str = ""
    help: str = ""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What one check says of one place, or of everything it looked at.

    Attributes:
        check: the rule's id.
        title: what was found, in a few words.
        status: see :data:`Status`.
        level: how bad it is; told where it failed.
        place: where, an empty one where it is the whole.
        evidence: what was seen, a line each; by pseudonyms and counts, never in clear.
        mend: a command as it is typed, or a sentence with commands in backticks; "" where nothing is
            to be done.
        help: why it matters.
        reason: why it was accepted, why it could not be found out, or why it does not apply.
        until: the last day on which it is accepted.
    """

    check: str
    title: str
    status: Status
    level: Level = "error"
    place: Place = Place()
    evidence: tuple[str, ...] = ()
    mend: str = ""
    help: str = ""
    reason: str = ""
    until: date | None = None

    def order(self) -> tuple[int, int, str, str, int]:
        """Sorts findings into the order in which they are told."""
        place = self.place
        return (
            STATUSES.index(self.status),
            LEVELS.index(self.level),
            self.check,
            place.file or place.name,
            place.line,
        )


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All that one run found.

    Attributes:
        tool: ``deuteron audit`` or ``deuteron review``.
        version: of the tool.
        at: when, UTC.
        subject: what was looked at: a host's pseudonym, or paths.
        findings: of every check, also of those that passed.
        rules: every check that was made.
        seconds: how long it took.
        note: a sentence at its end, or "".
        counted: what its failures are.
    """

    tool: str
    version: str
    at: datetime
    subject: str
    findings: tuple[Finding, ...]
    rules: tuple[Rule, ...] = ()
    seconds: float = 0.0
    note: str = ""
    counted: Counted = "checks"

    @property
    def ordered(self) -> tuple[Finding, ...]:
        """The findings in the order in which they are told."""
        return tuple(sorted(self.findings, key=Finding.order))

    @property
    def clean(self) -> bool:
        """Whether nothing failed."""
        return all(finding.status != "fail" for finding in self.findings)

    def rule(self, check: str) -> Rule:
        """The rule with this id; one that says nothing where there is none."""
        return next((rule for rule in self.rules if rule.id == check), Rule(id=check, title=""))


def tally(findings: Iterable[Finding]) -> dict[Status, int]:
    """How many there are of each status, also where it is none."""
    counted = Counter(finding.status for finding in findings)
    return {status: counted[status] for status in STATUSES}
