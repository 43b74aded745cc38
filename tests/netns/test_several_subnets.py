"""Several subnets of one network, and several networks, behind one router."""

from __future__ import annotations

from typing import Any

import pytest

from deuteron.lab.scene import INTERNET
from tests.netns.site import Site, floating, instance, merge, public, router, tenant

pytestmark = pytest.mark.kernel

BOTH = pytest.mark.parametrize("distributed", [False, True], ids=["centralised", "distributed"])


def world(distributed: bool) -> dict[str, Any]:
    return merge(
        public(),
        tenant("web", "10.0.0.0/24"),
        {"subnets": [{"name": "web2-v4", "network_id": "web", "cidr": "10.0.1.0/24"}]},
        tenant("db", "10.0.2.0/24"),
        {
            "routers": [router("r1", "web-v4", "web2-v4", "db-v4", distributed=distributed)],
            "ports": [
                instance("w1", "10.0.0.5"),
                instance("w2", "10.0.1.5"),
                instance("d1", "10.0.2.5", "db"),
                instance("bare", "10.0.1.9"),
            ],
            "floatingips": [
                floating("203.0.113.50", "w1"),
                floating("203.0.113.51", "w2"),
                floating("203.0.113.52", "d1"),
            ],
        },
    )


@BOTH
def test_subnets_reach_each_other_untranslated(site: Site, distributed: bool) -> None:
    site.apply(world(distributed))
    for source, address, target in (
        ("w1", "10.0.1.5", "w2"),
        ("w2", "10.0.2.5", "d1"),
        ("d1", "10.0.0.5", "w1"),
        ("bare", "10.0.0.5", "w1"),
    ):
        seen = site.ask(source, address, target)
        assert seen.reached == target
        assert seen.source.startswith("10.0."), seen


@BOTH
def test_each_subnet_has_its_floating_ips(site: Site, distributed: bool) -> None:
    site.apply(world(distributed))
    for address, target in (("203.0.113.50", "w1"), ("203.0.113.51", "w2"), ("203.0.113.52", "d1")):
        site.reaches(INTERNET, address, target)
        site.leaves_as(target, address)
    site.leaves_as("bare", "203.0.113.10")


@BOTH
def test_floating_ips_meet_across_subnets(site: Site, distributed: bool) -> None:
    site.apply(world(distributed))
    site.reaches("w1", "203.0.113.52", "d1")
    site.reaches("d1", "203.0.113.51", "w2")
    site.reaches("bare", "203.0.113.50", "w1")


@BOTH
def test_a_subnet_that_is_detached_is_out_of_reach(site: Site, distributed: bool) -> None:
    topology = world(distributed)
    site.apply(topology)
    topology["routers"][0]["interfaces"] = ["web-v4", "web2-v4"]
    topology["floatingips"] = topology["floatingips"][:2]
    site.apply(topology)
    site.cut_off("w1", "10.0.2.5", "d1")
    site.reaches("w1", "10.0.1.5", "w2")
    site.reaches(INTERNET, "203.0.113.50", "w1")
