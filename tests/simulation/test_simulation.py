"""Ten thousand random steps of changes and faults; every failure names its seed."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.simulation.__main__ import memory
from tests.simulation.simulation import Simulation

#: 4 x 2,500: several, so that they are spread over the cores.
SEEDS = (1, 2, 3, 4)
STEPS = 2500


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.timeout(600)
def test_nothing_is_left_behind_whatever_goes_wrong(seed: int) -> None:
    with tempfile.TemporaryDirectory(dir=memory()) as root:
        simulation = Simulation(seed, Path(root))
        for _ in simulation.run(STEPS):
            pass
    happened = simulation.counts
    assert happened["crash"] > STEPS / 100, happened
    assert happened["settle"] > STEPS / 100, happened


def test_one_seed_is_one_run_whatever_the_order_of_hashes() -> None:
    digests = [_digest(seed=7, steps=60, hashes=hashes) for hashes in ("1", "2")]
    assert digests[0] == digests[1]


def test_another_seed_is_another_run() -> None:
    assert _digest(seed=7, steps=20, hashes="1") != _digest(seed=8, steps=20, hashes="1")


def _digest(*, seed: int, steps: int, hashes: str) -> str:
    command = [sys.executable, "-m", "tests.simulation", "--seed", str(seed), "--steps", str(steps)]
    done = subprocess.run(
        command,
        env={**os.environ, "PYTHONHASHSEED": hashes},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout.splitlines()[-1]
