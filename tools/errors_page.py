"""Write the tables of docs/errors.md from src/deuteron/codes.toml; ``--check`` only compares."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from deuteron.codes import Section, codes

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "errors.md"
HEADINGS: Final[dict[str, Section]] = {
    "## Input (exit 2)": "input",
    "## Compiling and planning": "plan",
    "## Host, kernel and state (exit 1)": "host",
}


def page(text: str) -> str:
    """The page with its tables made anew; what stands around them stays."""
    lines: list[str] = []
    section: Section | None = None
    for line in text.splitlines():
        if line.startswith("## "):
            section = HEADINGS.get(line)
        if section is None or not line.startswith("| `"):
            lines.append(line)
        if section is not None and line.startswith("| ---"):
            lines += rows(section)
    return "\n".join(lines) + "\n"


def rows(section: Section) -> list[str]:
    """A table's rows, sorted by code."""
    found = sorted((code, one) for code, one in codes().items() if one.section == section)
    return [f"| `{code}` | {one.meaning} | {one.next} |" for code, one in found]


def main() -> None:
    """Write the page, or say that it is not as the codes are."""
    before = PAGE.read_text(encoding="utf-8")
    after = page(before)
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(after, encoding="utf-8")
    elif before != after:
        sys.exit("docs/errors.md is not as src/deuteron/codes.toml: run python tools/errors_page.py")


if __name__ == "__main__":
    main()
