"""Write the tables of docs/policy.md from src/deuteron/compile/policy.toml; ``--check`` only compares."""

from __future__ import annotations

from typing import Final

from pages import settle

from deuteron.cli.policy import as_markdown, rows

FIRST: Final = "## Kernel parameters\n"


def page(text: str) -> str:
    """The page with its tables made anew; what stands before them stays."""
    return text.partition(FIRST)[0] + as_markdown(rows(()))


if __name__ == "__main__":
    settle("policy", page, "src/deuteron/compile/policy.toml")
