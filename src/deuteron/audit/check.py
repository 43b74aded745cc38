"""What a check is, and what it may answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

import msgspec

from deuteron.report import Level, Rule, Status

if TYPE_CHECKING:
    from deuteron.audit.facts import Facts

#: The six promises, by number; what checks are sorted under.
CONSIDERATIONS: Final[dict[int, str]] = {
    1: "Nothing left behind, nothing half made",
    2: "Kernel parameters and packet filter",
    3: "Locks and state",
    4: "Logs and disclosure",
    5: "Installed code",
    6: "Files and processes",
}

#: What mends everything that differs in the kernel.
REPAIR: Final = "deuteron doctor --repair"


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a check has to say.

    Attributes:
        evidence: a line for each thing; where it failed, each can be accepted by itself.
        mend: a command, or a sentence.
        reason: why it cannot be decided, or does not apply.
    """

    status: Status
    evidence: tuple[str, ...] = ()
    mend: str = ""
    reason: str = ""


class Undecided(Exception):  # noqa: N818 -- it is an answer, not an error
    """It cannot be found out, and why: a sentence without names."""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One check.

    Attributes:
        id: stable: ``DTN-1xx`` leaks, ``2xx`` policy, ``3xx`` locks and state, ``4xx`` logs, ``5xx``
            installed code, ``6xx`` files and processes; ``Check-Neutron-nn`` of the OpenStack Security Guide.
        title: what holds where it passes.
        broken: what is so where it fails.
        consideration: the promise that it belongs to, a key of :data:`CONSIDERATIONS`.
        level: how bad a failure is.
        help: what is looked at, and why it matters.
        run: looks; ``DeuteronError``, ``OSError`` and :class:`Undecided` are answers too: unknown.
    """

    id: str
    title: str
    broken: str
    consideration: int
    help: str
    run: Callable[[Facts], Verdict]
    level: Level = "error"

    @property
    def rule(self) -> Rule:
        """As a report tells of it."""
        return Rule(id=self.id, title=self.title, topic=CONSIDERATIONS[self.consideration], help=self.help)


def verdict(troubles: Iterable[str], mend: str = "", *, seen: Iterable[str] = ()) -> Verdict:
    """Failed where there is any trouble, else passed.

    Args:
        troubles: a line each.
        mend: what to do about them.
        seen: what was looked at, told where it passes.
    """
    found = tuple(troubles)
    return (
        Verdict(status="fail", evidence=found, mend=mend)
        if found
        else Verdict(status="pass", evidence=tuple(seen))
    )


def not_applicable(reason: str) -> Verdict:
    """What is checked does not exist here."""
    return Verdict(status="not-applicable", reason=reason)
