"""Write the tables of the rules into docs/review.md; ``--check`` only compares."""

from __future__ import annotations

from typing import Final

from pages import between, settle

from deuteron.review.rules import document

MARKS: Final = ("<!-- rules -->\n", "<!-- end of rules -->")

if __name__ == "__main__":
    settle("review", lambda text: between(text, {MARKS: document()}), "the rules")
