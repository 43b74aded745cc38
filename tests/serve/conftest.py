"""A host for ``deuteron serve``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deuteron.kernel.linux.netlink import address
from tests.cli.command import Deuteron, Site
from tests.support.reach import python_within_reach
from tests.support.sandbox import Host


@pytest.fixture
def provided(host: Host) -> Iterator[Site]:
    """A host with a provider bridge, on which it is itself somebody outside; an instance's namespace."""
    host.make_bridge("br-ex")
    with host.netlink() as rt:
        (ack,) = rt.batch([address.new_address(host.links()["br-ex"].index, "203.0.113.1/24")])
    assert ack.errno == 0
    host.make_netns("vm1")
    place = Path("/run/t")
    place.mkdir(mode=0o755)
    with python_within_reach():
        yield Site(host, Deuteron(place / "state"), place)
