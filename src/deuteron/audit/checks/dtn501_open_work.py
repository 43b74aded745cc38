"""DTN-501."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from deuteron.audit.check import Check, Verdict, verdict
from deuteron.audit.facts import Facts

# Each with a letter in brackets, so that this line is none of them.
_WORDS: Final = re.compile(rb"\b(T[O]DO|F[I]XME|X[X]X)\b")


def _run(facts: Facts) -> Verdict:
    sources = sorted(facts.places.code.rglob("*.py"))
    lines = [line for path in sources for line in _found(path, facts.places.code)]
    return verdict(lines, "install a released version", seen=[f"files read: {len(sources)}"])


def _found(path: Path, root: Path) -> Iterator[str]:
    content = path.read_bytes()
    if _WORDS.search(content) is None:
        return
    for number, line in enumerate(content.splitlines(), 1):
        if _WORDS.search(line):
            yield f"{path.relative_to(root)}:{number}"


CHECK = Check(
    id="DTN-501",
    title="the installed code has no work left open in it",
    broken="the installed code has work left open in it",
    consideration=5,
    level="note",
    help="Code that says of itself that it is not finished does not run here; open work lives in issues.",
    run=_run,
)
