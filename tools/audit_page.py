"""Write the table of checks in docs/audit.md from the checks themselves; ``--check`` only compares."""

from __future__ import annotations

from typing import Final

from pages import between, settle

from deuteron.audit.run import all_checks, table

MARKS: Final = ("<!-- checks: python tools/audit_page.py -->\n\n", "\n<!-- end of checks -->\n")

if __name__ == "__main__":
    settle("audit", lambda text: between(text, {MARKS: table(all_checks())}), "the checks")
