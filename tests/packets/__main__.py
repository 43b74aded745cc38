"""Write docs/packet-matrix.md: ``python -m tests.packets``."""

from __future__ import annotations

from pathlib import Path

from tests.packets.page import page

Path("docs/packet-matrix.md").write_text(page(), encoding="utf-8")
