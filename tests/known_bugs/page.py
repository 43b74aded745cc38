"""The table of ``docs/design/known-bugs.md``."""

from __future__ import annotations

from typing import Final

from tests.known_bugs.bug import ROOT, Bug
from tests.known_bugs.bugs import BUGS

PAGE: Final = ROOT / "docs" / "design" / "known-bugs.md"

_HEAD: Final = (
    "| bug | where others met it | what is broken, and where | the test that goes red |",
    "| --- | --- | --- | --- |",
)


def page(text: str) -> str:
    """The page with the table of today in the place of its own."""
    lines = text.splitlines()
    first = lines.index(_HEAD[0])
    last = next((n for n in range(first, len(lines)) if not lines[n].startswith("|")), len(lines))
    return "\n".join([*lines[:first], *_HEAD, *map(_row, BUGS), *lines[last:], ""])


def _row(bug: Bug) -> str:
    tests = "<br>".join(f"`{test}`" for test in bug.tests)
    return f"| {bug.name} | {bug.origin} | {bug.what} `{bug.file}` | {tests} |"
