"""A host with a provider's bridge and an instance, and ``deuteron serve`` on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deuteron.kernel.linux.netlink import address
from tests.cli.command import Deuteron
from tests.serve.running import Serving, serving
from tests.support.reach import python_within_reach
from tests.support.sandbox import Host


@pytest.fixture
def serve(host: Host) -> Iterator[Serving]:
    """The program at work; this host itself is somebody outside, the instance is ``vm1``."""
    host.make_bridge("br-ex")
    with host.netlink() as rt:
        (ack,) = rt.batch([address.new_address(host.links()["br-ex"].index, "203.0.113.1/24")])
    assert ack.errno == 0
    host.make_netns("vm1")
    place = Path("/run/t")
    place.mkdir(mode=0o755)
    run = Deuteron(place / "state")
    with python_within_reach(), serving(run, place, "--bridge-mapping", "physnet1:br-ex") as one:
        yield one
        assert one.end() == 0, (one.out, one.err)
