"""The packet matrix: each row's packet is let through nowhere, and its twin is.

The world is made once for the file; a row sends its frames and a ping after them (see ``probe.py``).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deuteron.kernel.linux import LinuxKernel
from tests.packets.probe import Row, arrives, built, caught, fresh, one_cpu, shoot
from tests.packets.reference import Ground
from tests.packets.rows import ROWS
from tests.packets.stages import Stages
from tests.support.sandbox import private_host

pytestmark = pytest.mark.kernel

CASES = [pytest.param(row, name, id=f"{row.name}[{name}]") for row in ROWS for name in row.stages]


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stages]:
    directory: Path = tmp_path_factory.mktemp("packets")
    with private_host() as host, one_cpu():
        kernel = LinuxKernel(host.netns_dir)
        ground = Ground(host, kernel, directory)
        made = Stages(ground)
        try:
            yield made
        finally:
            made.close()
            ground.close()
            kernel.close()


@pytest.mark.parametrize(("row", "place"), CASES)
def test_it_is_let_through_nowhere_and_its_twin_is(stages: Stages, row: Row, place: str) -> None:
    """The twin shows that the packet is a real one: it is the right one, or the same at a careless host."""
    stage = fresh(stages.made[place])
    frames = built(row.shot, stage)
    seen = caught(row, stage, shoot(stages.ears, stage, frames), frames)
    assert seen == [], [(each.ear, each.raw.hex()) for each in seen]
    stage = fresh(stages.made[place])
    if row.twin is None:
        stage = stages.careless(stage, row.careless)
    frames = built(row.twin or row.shot, stage)
    assert arrives(stages.ears, row, stage, frames), "the control is not seen: the packet may be malformed"
