"""schemathesis finds no 5xx and no answer that the document lacks; ``make fuzz-api`` asks for longer."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

import pytest

from tests.api.fuzz import fuzz

SEED: Final = int(os.environ.get("DEUTERON_SEED", "1"))


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("asked", "least"),
    [
        ({"phases": "coverage", "methods": ["POST"]}, 1500),
        ({"phases": "fuzzing,stateful", "examples": 2}, 150),
    ],
    ids=["each-limit-of-each-attribute", "any-values-anywhere"],
)
def test_no_answer_is_undocumented_or_a_5xx(tmp_path: Path, asked: Any, least: int) -> None:
    print(f"seed {SEED}")
    outcome = fuzz(tmp_path, seed=SEED, **asked)
    assert not outcome.defects, outcome.defects[0]
    assert outcome.status == 0, outcome.said
    assert outcome.cases >= least
