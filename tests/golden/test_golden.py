from __future__ import annotations

from pathlib import Path

import pytest

from deuteron.compile import compile_host
from deuteron.inputs import load
from tests.golden.listing import listing

CASES = sorted(path.parent for path in Path(__file__).parent.glob("*/topology.yaml"))


def test_there_are_cases() -> None:
    assert len(CASES) > 20


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_topology_becomes_these_objects(case: Path, request: pytest.FixtureRequest) -> None:
    got = listing(compile_host(load(case / "topology.yaml", host="host1").view))
    expected = case / "wanted.txt"
    if request.config.getoption("--golden-update", default=False):
        expected.write_text(got)
    assert got == expected.read_text(), "look at the difference, then run pytest tests/golden --golden-update"
