"""Ctrl-C and SIGTERM at random crossings: the unit in progress is taken back, the next start goes on."""

from __future__ import annotations

import random
import signal

import pytest

from tests.crash import worlds
from tests.crash.aftermath import ROADS, go_on
from tests.crash.messages import EFFECTS, MOMENTS, Moment, Strike
from tests.crash.place import Place

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(300)]

ROUNDS = 12
#: 128 and the number of SIGINT, as a shell has it; the same for SIGTERM.
INTERRUPTED = 130


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
@pytest.mark.parametrize("seed", range(3))
def test_a_unit_is_taken_back_and_the_next_start_goes_on(
    place: Place, number: signal.Signals, seed: int
) -> None:
    chance = random.Random(seed)
    old, new = place.file(worlds.centralised()), place.file(worlds.distributed(port="vm2"))
    place.done("apply", old)
    count = sum(verb in EFFECTS for verb in place.done("apply", new).report.verbs)
    interrupted = 0
    for _ in range(ROUNDS):
        place.done("apply", old)
        at = chance.randint(1, count)
        moment: Moment = chance.choice(MOMENTS)
        said = f"seed {seed}: {number.name} {moment} crossing {at} of {count}"
        ended = place.run("apply", new, strike=_strike(at, moment, number))
        assert ended.status in (0, 1, INTERRUPTED, -number), f"{said}: {ended}"
        assert "Traceback" not in ended.err, f"{said}: {ended}"
        if place.pending():
            interrupted += 1
            assert ended.status != 0, f"{said}: {ended}"
            assert "deuteron recover" in ended.err, f"{said}: {ended}"
            assert "--back" in ended.err, f"{said}: {ended}"
        assert place.leaks() == [], said
        assert go_on(place, chance.choice(ROADS), old, new) == [], said
    assert interrupted, f"seed {seed}: no signal ever came in between"


def _strike(at: int, moment: Moment, number: signal.Signals) -> Strike:
    return Strike(at=at, moment=moment, signal=number, verbs=EFFECTS)
