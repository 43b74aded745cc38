"""DTN-405."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
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
_LISTEN: Final = "--listen"


def _run(facts: Facts) -> Verdict:
    ours = list(others(facts.places.proc))
    count = sum(any(map(_SHAPES.search, _given(one.words))) for one in ours)
    lines = [f"processes of ours with an id or an address on their command line: {count}"] if count else []
    return verdict(
        lines, "put it into the file or the configuration", seen=[f"processes of ours: {len(ours)}"]
    )


def _given(words: tuple[str, ...]) -> Iterator[str]:
    """All that was said, but where the API listens: that is this host's own, and whoever asks sees it."""
    for before, word in pairwise(("", *words)):
        if before != _LISTEN and not word.startswith(f"{_LISTEN}="):
            yield word


CHECK = Check(
    id="DTN-405",
    title="no command line of ours tells of a tenant",
    broken="command lines of ours tell of tenants",
    consideration=4,
    level="warning",
    help="Every user of a host can read the command lines of all its processes.",
    run=_run,
)
