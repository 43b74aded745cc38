"""All checks, one after another, and what they answered."""

from __future__ import annotations

import errno
import pkgutil
import time
from collections.abc import Iterable, Sequence
from functools import lru_cache
from importlib import import_module
from importlib.metadata import version

from deuteron.audit import checks as package
from deuteron.audit.baseline import Baseline, judge
from deuteron.audit.check import CONSIDERATIONS, Check, Undecided, Verdict
from deuteron.audit.facts import Facts, meaning
from deuteron.errors import DeuteronError
from deuteron.report import Finding, Report


@lru_cache
def all_checks() -> tuple[Check, ...]:
    """Every check in ``checks``, by consideration and id."""
    modules = (
        import_module(f"{package.__name__}.{one.name}") for one in pkgutil.iter_modules(package.__path__)
    )
    found: list[Check] = [module.CHECK for module in modules]
    return tuple(sorted(found, key=lambda check: (check.consideration, check.id)))


def audit(facts: Facts, baseline: Baseline, checks: Sequence[Check] | None = None) -> Report:
    """Make the checks.

    Args:
        facts: the host.
        baseline: what is accepted.
        checks: which; all of them where it is not said.
    """
    start = time.perf_counter()
    chosen = all_checks() if checks is None else checks
    findings = judge(
        [finding_of(check, answer(check, facts)) for check in chosen], baseline, facts.now.date()
    )
    return Report(
        tool="deuteron audit",
        version=version("deuteron"),
        at=facts.now,
        subject=facts.host,
        findings=tuple(findings),
        rules=tuple(check.rule for check in chosen),
        seconds=time.perf_counter() - start,
        note=_note(facts),
    )


def answer(check: Check, facts: Facts) -> Verdict:
    """What a check says; what it could not find out is ``unknown``, never passed."""
    try:
        return check.run(facts)
    except Undecided as why:
        return Verdict(status="unknown", reason=str(why))
    except DeuteronError as error:
        return Verdict(
            status="unknown",
            reason=f"{meaning(error.code)} [{error.code}]",
            mend=f"deuteron explain {error.code}",
        )
    except OSError as error:
        # The error's own words have the file's name in them.
        number = errno.errorcode.get(error.errno or 0, "no number")
        return Verdict(status="unknown", reason=f"the kernel refused to tell: {number}")


def finding_of(check: Check, said: Verdict) -> Finding:
    """A check's answer as a finding."""
    return Finding(
        check=check.id,
        title=check.broken if said.status == "fail" else check.title,
        status=said.status,
        level=check.level,
        evidence=said.evidence,
        mend=said.mend,
        help=check.help,
        reason=said.reason,
    )


def table(checks: Iterable[Check]) -> str:
    """All checks as a table in Markdown, for ``docs/audit.md``."""
    lines: list[str] = []
    heading = 0
    for check in checks:
        if check.consideration != heading:
            heading = check.consideration
            lines += [
                "",
                f"### {CONSIDERATIONS[heading]}",
                "",
                "| check | holds | why |",
                "| --- | --- | --- |",
            ]
        lines.append(f"| `{check.id}` | {check.title} | {check.help} |")
    return "\n".join(lines[1:]) + "\n"


def _note(facts: Facts) -> str:
    lasting = "Things are called by their pseudonyms in the logs; deuteron reveal tells what they stand for."
    passing = "There is no key for pseudonyms yet: those of this report are its own."
    return lasting if facts.names.lasting else passing
