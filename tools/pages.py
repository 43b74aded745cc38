"""What the tools that write pages share: write one, or with ``--check`` see that it is as it would be."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent


def settle(name: str, made: Callable[[str], str], source: str) -> None:
    """Write ``docs/<name>.md`` as ``made`` makes it of what it was; with ``--check`` only compare.

    Args:
        name: of the page; its tool is ``tools/<name>_page.py``.
        made: the page that should be, from the one that is.
        source: what it is made from, for the sentence.

    Raises:
        SystemExit: with ``--check``, where it is not as it should be.
    """
    page = ROOT / "docs" / f"{name}.md"
    before = page.read_text("utf-8") if page.exists() else ""
    after = made(before)
    if "--check" not in sys.argv[1:]:
        page.write_text(after, "utf-8")
    elif before != after:
        sys.exit(f"docs/{name}.md is not as {source}: run python tools/{name}_page.py")


def with_rows(text: str, rows_at: Callable[[str], Callable[[], Iterator[str]] | None]) -> str:
    """The page with the rows of its tables made anew; what stands around them stays.

    Args:
        text: the page.
        rows_at: for a line, the rows of the tables that follow it up to the next heading; of a line that
            says nothing of tables, None.
    """
    lines: list[str] = []
    rows: Callable[[], Iterator[str]] | None = None
    for line in text.splitlines():
        found = rows_at(line)
        if found is not None:
            rows = found
        elif line.startswith("#"):
            rows = None
        if rows is None or not line.startswith("| `"):
            lines.append(line)
        if rows is not None and line.startswith("| ---"):
            lines += rows()
    return "\n".join(lines) + "\n"


def between(text: str, inner: Mapping[tuple[str, str], str]) -> str:
    """The page with what stands between two marks made anew."""
    for (begin, end), new in inner.items():
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not (found and closed):
            sys.exit(f"the page has no {begin.strip()} ... {end.strip()}")
        text = before + begin + new + end + after
    return text
