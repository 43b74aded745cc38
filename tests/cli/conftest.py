from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.command import Deuteron, Site
from tests.support.sandbox import Host


@pytest.fixture
def deuteron(tmp_path: Path) -> Deuteron:
    """The program, for what needs no kernel."""
    return Deuteron(tmp_path / "state")


@pytest.fixture
def bare(host: Host, deuteron: Deuteron, tmp_path: Path) -> Site:
    """A host with nothing on it."""
    return Site(host, deuteron, tmp_path)


@pytest.fixture
def site(bare: Site) -> Site:
    """A host with all that the example needs."""
    bare.host.make_bridge("br-ex")
    for name in ("vm1", "vm2", "vm3"):
        bare.host.make_netns(name)
    return bare
