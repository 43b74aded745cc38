#!/usr/bin/env python3
"""Write the table of checks in docs/audit.md from the checks themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from deuteron.audit.run import all_checks, table

PAGE: Final = Path(__file__).parents[1] / "docs" / "audit.md"
BEGIN: Final = "<!-- checks: python tools/audit_page.py -->\n\n"
END: Final = "\n<!-- end of checks -->\n"


def main() -> None:
    """Put the table between its marks."""
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(before + BEGIN + table(all_checks()) + END + after, "utf-8")


if __name__ == "__main__":
    main()
