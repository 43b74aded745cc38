"""DTN-504."""

from __future__ import annotations

import sys
from datetime import date
from typing import Final

from deuteron.audit.check import Check, Undecided, Verdict, verdict
from deuteron.audit.facts import Facts

#: Until when each version gets security fixes; https://devguide.python.org/versions/
_ENDS: Final = {
    (3, 11): date(2027, 10, 31),
    (3, 12): date(2028, 10, 31),
    (3, 13): date(2029, 10, 31),
    (3, 14): date(2030, 10, 31),
}


def _run(facts: Facts) -> Verdict:
    major, minor, *_rest = sys.version_info
    end = _ENDS.get((major, minor))
    if end is None:
        raise Undecided(f"it is not known until when Python {major}.{minor} gets security fixes")
    ended = facts.now.date() > end
    lines = [f"Python {major}.{minor} had its last one by {end}"] if ended else []
    return verdict(lines, "move to a later Python", seen=[f"Python {major}.{minor}, until {end}"])


CHECK = Check(
    id="DTN-504",
    title="the interpreter still gets security fixes",
    broken="the interpreter gets no security fixes any more",
    consideration=5,
    level="warning",
    help="By the dates of the Python project; a distribution may support its own for longer.",
    run=_run,
)
