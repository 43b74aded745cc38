"""The labelled functions, and what the review says of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from deuteron.review.module import examine_text

LABELLED = Path(__file__).parent / "labelled"
_HEAD = re.compile(r"^### (bad|good)((?: R\d{3})+): (.+)$")


class Part(NamedTuple):
    """One labelled module.

    Attributes:
        rules: what it is labelled with.
        bad: whether these have to be found; otherwise they may not.
    """

    name: str
    rules: frozenset[str]
    bad: bool
    reason: str
    text: str

    @property
    def wanted(self) -> frozenset[str]:
        """What has to be found."""
        return self.rules if self.bad else frozenset()

    @property
    def found(self) -> frozenset[str]:
        """What is found."""
        return frozenset(hit.rule for hit in examine_text(self.text))


def parts() -> list[Part]:
    """Every part of every file."""
    return [part for file in sorted(LABELLED.glob("*.sample")) for part in _parts(file)]


def _parts(file: Path) -> Iterator[Part]:
    head: re.Match[str] | None = None
    at = 0
    lines: list[str] = []
    for number, line in enumerate([*file.read_text("utf-8").splitlines(), "### good R000: end"], 1):
        found = _HEAD.match(line)
        if found is None:
            lines.append(line)
            continue
        if head is not None:
            rules = frozenset(head[2].split())
            yield Part(f"{file.stem}:{at}", rules, head[1] == "bad", head[3], "\n".join(lines) + "\n")
        head, at, lines = found, number, []
