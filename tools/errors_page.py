"""Write the tables of docs/errors.md from src/deuteron/codes.toml; ``--check`` only compares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Final

from pages import settle, with_rows

from deuteron.codes import Section, codes

HEADINGS: Final[Mapping[str, Section]] = {
    "## Input (exit 2)": "input",
    "## Compiling and planning": "plan",
    "## Host, kernel and state (exit 1)": "host",
}


def rows(section: Section) -> Iterator[str]:
    """A table's rows, sorted by code."""
    for code, one in sorted(codes().items()):
        if one.section == section:
            yield f"| `{code}` | {one.meaning} | {one.next} |"


def page(text: str) -> str:
    """The page with its tables made anew; what stands around them stays."""
    tables = {heading: partial(rows, section) for heading, section in HEADINGS.items()}
    return with_rows(text, tables.get)


if __name__ == "__main__":
    settle("errors", page, "src/deuteron/codes.toml")
