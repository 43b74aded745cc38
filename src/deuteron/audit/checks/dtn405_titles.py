"""DTN-405."""

from __future__ import annotations

import re
from typing import Final

from deuteron.audit.check import Check, Verdict, verdict
from deuteron.audit.facts import Facts
from deuteron.audit.processes import others

_SHAPES: Final = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    r"|(?<![0-9a-f:])[0-9a-f]{2}(?::[0-9a-f]{2}){5}(?![0-9a-f:])"
    r"|(?<![0-9.])(?:\d{1,3}\.){3}\d{1,3}(?![0-9.])",
    re.IGNORECASE,
)


def _run(facts: Facts) -> Verdict:
    ours = list(others(facts.places.proc))
    count = sum(any(_SHAPES.search(word) for word in one.words) for one in ours)
    lines = [f"processes of ours with an id or an address on their command line: {count}"] if count else []
    return verdict(
        lines, "put it into the file or the configuration", seen=[f"processes of ours: {len(ours)}"]
    )


CHECK = Check(
    id="DTN-405",
    title="no command line of ours tells of a tenant",
    broken="command lines of ours tell of tenants",
    consideration=4,
    level="warning",
    help="Every user of a host can read the command lines of all its processes.",
    run=_run,
)
