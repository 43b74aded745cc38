"""Write the tables of docs/logs.md from the catalogue of events; ``--check`` only compares."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from deuteron.logs.events import ALWAYS, EVENTS, FIELDS

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "logs.md"


def events() -> Iterator[str]:
    """The rows of the first table."""
    for event, one in EVENTS.items():
        fields = ", ".join(f"`{field}`" for field in FIELDS if field in one.fields)
        yield f"| `{event}` | {one.level} | {one.meaning} | {fields} |"


def fields() -> Iterator[str]:
    """The rows of the second one."""
    for name, field in FIELDS.items():
        words = ": " + ", ".join(f"`{word}`" for word in sorted(field.words)) if field.words else ""
        where = "; in any record" if name in ALWAYS else ""
        yield f"| `{name}` | {field.form.value}{words} | {field.meaning}{where} |"


def page(text: str) -> str:
    """The page with its tables made anew; what stands around them stays."""
    lines: list[str] = []
    rows: Iterator[str] | None = None
    for line in text.splitlines():
        if line.startswith("<!-- events:"):
            rows = events()
        elif line.startswith("<!-- fields:"):
            rows = fields()
        elif not line.startswith(("|", "<!--")):
            rows = None
        if rows is None or not line.startswith("| `"):
            lines.append(line)
        if rows is not None and line.startswith("| ---"):
            lines += rows
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the page, or say that it is not as the catalogue is."""
    before = PAGE.read_text(encoding="utf-8")
    after = page(before)
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(after, encoding="utf-8")
    elif before != after:
        sys.exit("docs/logs.md is not as src/deuteron/logs/events.py: run python tools/logs_page.py")


if __name__ == "__main__":
    main()
