"""Write the tables of docs/policy.md from src/deuteron/compile/policy.toml; ``--check`` only compares."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from deuteron.cli.policy import as_markdown, rows

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "policy.md"
FIRST: Final = "## Kernel parameters\n"


def page(text: str) -> str:
    """The page with its tables made anew; what stands before them stays."""
    return text.partition(FIRST)[0] + as_markdown(rows(()))


def main() -> None:
    """Write the page, or say that it is not as the policy is."""
    text = PAGE.read_text()
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(page(text))
    elif page(text) != text:
        sys.exit(f"{PAGE}: not as the policy is; run python tools/policy_page.py")


if __name__ == "__main__":
    main()
