"""``python -m tests.known_bugs``: writes the table of ``docs/design/known-bugs.md`` anew."""

from __future__ import annotations

from tests.known_bugs.page import PAGE, page

if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
    print(PAGE)
