from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.confine.running import Running
from tests.hands.grounds import Scene


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Routers of both kinds, floating IPs, IPv6, NDP proxies, taps; all applied."""
    with ExitStack() as stack:
        made = Scene(tmp_path_factory.mktemp("confine"))
        stack.callback(made.close)
        yield made


@pytest.fixture(scope="module")
def watch(scene: Scene) -> Iterator[Running]:
    """A confined watch over it."""
    with Running(scene.ground.file, scene.ground.run.state) as running:
        yield running
