"""DTN-306."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from deuteron.audit.check import Check, Verdict, verdict
from deuteron.audit.facts import Facts

_TOLERATED: Final = timedelta(minutes=1)


def _run(facts: Facts) -> Verdict:
    known = facts.known
    times = [record.changed_at for record in known.history.values()]
    times += [one.since for one in known.quarantine]
    times += [known.pending.at] if known.pending is not None else []
    future = sum(at > facts.now + _TOLERATED for at in times)
    lines = [f"notes that are dated in the future: {future}"] if future else []
    return verdict(lines, "set the clock (`timedatectl`), then `deuteron apply`")


CHECK = Check(
    id="DTN-306",
    title="the clock is not behind what is written down",
    broken="what is written down is dated in the future",
    consideration=3,
    level="warning",
    help="A clock that was set back makes retries late, ages wrong and keys overlap.",
    run=_run,
)
