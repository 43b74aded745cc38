"""The matrix and its page."""

from __future__ import annotations

import re
from pathlib import Path

from tests.packets.page import page
from tests.packets.rows import ROWS
from tests.packets.stages import ALL, FLOATING_SIDE


def test_the_page_is_that_of_the_rows() -> None:
    text = (Path(__file__).parents[2] / "docs/packet-matrix.md").read_text(encoding="utf-8")
    assert text == page(), "run python -m tests.packets"


def test_rows_are_named_once_and_placed() -> None:
    names = [row.name for row in ROWS]
    assert sorted(set(names)) == sorted(names)
    assert all(row.stages and set(row.stages) <= {*ALL, *FLOATING_SIDE} for row in ROWS)


def test_advisories_are_ids() -> None:
    ids = {each for row in ROWS for each in row.advisories}
    assert all(re.fullmatch(r"OSSA-\d{4}-\d{3}|OSSN-\d{4}|CVE-\d{4}-\d{4,5}", each) for each in ids), ids
    assert {"OSSA-2016-009", "OSSA-2021-001", "OSSA-2021-004", "OSSN-0027", "OSSN-0069"} <= ids
