"""Write the tables of the rules into docs/review.md, between its two marks."""

from __future__ import annotations

import re
from pathlib import Path

from deuteron.review.rules import document

PAGE = Path(__file__).resolve().parent.parent / "docs" / "review.md"
_BETWEEN = re.compile(r"(<!-- rules -->\n).*(<!-- end of rules -->)", re.DOTALL)


def main() -> None:
    """Replace what is between the marks."""
    before = PAGE.read_text("utf-8")
    after = _BETWEEN.sub(lambda found: found[1] + document() + found[2], before)
    PAGE.write_text(after, "utf-8")
    print(f"{PAGE.name}: {'written' if after != before else 'as it was'}")


if __name__ == "__main__":
    main()
