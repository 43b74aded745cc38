"""Two tenants with the same addresses."""

from __future__ import annotations

from typing import Any

import pytest

from deuteron.lab import probe
from deuteron.lab.probe import Servers
from deuteron.lab.scene import INTERNET
from tests.netns.site import PORT, Site, floating, instance, merge, public, router, tenant

pytestmark = pytest.mark.kernel

BOTH = pytest.mark.parametrize("distributed", [False, True], ids=["centralised", "distributed"])


def world(distributed: bool) -> dict[str, Any]:
    return merge(
        public(),
        tenant("blue"),
        tenant("green"),
        {
            "routers": [
                router("r1", "blue-v4", distributed=distributed),
                router("r2", "green-v4", address="203.0.113.20", distributed=distributed),
            ],
            "ports": [
                instance("b5", "10.0.0.5", "blue"),
                instance("g5", "10.0.0.5", "green"),
                instance("b6", "10.0.0.6", "blue"),
                instance("g7", "10.0.0.7", "green"),
            ],
            "floatingips": [floating("203.0.113.50", "b5"), floating("203.0.113.60", "g5")],
        },
    )


@BOTH
def test_each_floating_ip_reaches_its_own_tenant(site: Site, distributed: bool) -> None:
    site.apply(world(distributed))
    site.reaches(INTERNET, "203.0.113.50", "b5")
    site.reaches(INTERNET, "203.0.113.60", "g5")
    site.leaves_as("b5", "203.0.113.50")
    site.leaves_as("g5", "203.0.113.60")


@BOTH
def test_tenants_do_not_see_each_other(site: Site, distributed: bool) -> None:
    site.apply(world(distributed))
    site.reaches("b6", "10.0.0.5", "b5")
    site.reaches("g7", "10.0.0.5", "g5")
    site.cut_off("g7", "10.0.0.6", "b6")
    site.cut_off("b6", "10.0.0.7", "g7")


@BOTH
def test_tenants_meet_by_their_floating_ips_alone(site: Site, distributed: bool) -> None:
    site.apply(world(distributed))
    seen = site.ask("b5", "203.0.113.60", "g5")
    assert (seen.reached, seen.source) == ("g5", "203.0.113.50")
    site.reaches("b6", "203.0.113.60", "g5")
    site.reaches("g7", "203.0.113.50", "b5")


@BOTH
def test_one_tenant_s_removal_leaves_the_other_alone(site: Site, distributed: bool) -> None:
    both = world(distributed)
    site.apply(both)
    with Servers({"g5": ""}, PORT) as servers:
        _, connection = probe.connect(INTERNET, "203.0.113.60", PORT, servers)
    assert connection is not None
    with connection:
        site.vacate()  # a router goes, and with it its network's guests
        both["routers"] = [each for each in both["routers"] if each["name"] != "r1"]
        both["floatingips"] = [each for each in both["floatingips"] if each["port_id"] != "b5"]
        site.apply(both)
        assert connection.alive()
