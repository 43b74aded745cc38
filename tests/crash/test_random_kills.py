"""A thousand random kills under random changes, each followed by a start that must mend all of it."""

from __future__ import annotations

import os

import pytest

from tests.crash.place import Place
from tests.crash.storm import Storm

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(900)]

#: Where a run begins; that of a failure is in its message, and repeats it.
SEED = int(os.environ.get("DEUTERON_CRASH_SEED", "20261123"))
KILLS = int(os.environ.get("DEUTERON_CRASH_KILLS", "1000"))
PARTS = 20


#: Seed and number of kills of each part; together they make up all of them.
EACH = [(SEED + part, KILLS // PARTS + (part < KILLS % PARTS)) for part in range(PARTS)]


@pytest.mark.parametrize(("seed", "kills"), EACH)
def test_killed_at_random_nothing_is_left_behind(place: Place, seed: int, kills: int) -> None:
    storm = Storm(place, seed)
    storm.run(kills)
    print(f"seed {seed}: {dict(storm.tally)}")
