"""A floating IP, both ways and both kinds of router."""

from __future__ import annotations

from statistics import median
from typing import Any

import pytest

from deuteron.lab import probe
from deuteron.lab.scene import INTERNET
from tests.netns.site import Site, floating, instance, merge, public, router, tenant

pytestmark = pytest.mark.kernel

BOTH = pytest.mark.parametrize("distributed", [False, True], ids=["centralised", "distributed"])


def world(distributed: bool) -> dict[str, Any]:
    return merge(
        public(),
        tenant(),
        {
            "routers": [router("r1", "web-v4", distributed=distributed)],
            "ports": [instance("vm1", "10.0.0.5"), instance("vm2", "10.0.0.6"), instance("bare", "10.0.0.7")],
            "floatingips": [floating("203.0.113.50", "vm1"), floating("203.0.113.51", "vm2")],
        },
    )


@BOTH
def test_the_internet_reaches_each_floating_ip_s_instance(site: Site, distributed: bool) -> None:
    site.apply(world(distributed))
    site.reaches(INTERNET, "203.0.113.50", "vm1")
    site.reaches(INTERNET, "203.0.113.51", "vm2")
    assert probe.ping(INTERNET, "203.0.113.50").ok


@BOTH
def test_an_instance_leaves_with_its_floating_ip(site: Site, distributed: bool) -> None:
    site.apply(world(distributed))
    site.leaves_as("vm1", "203.0.113.50")
    site.leaves_as("vm2", "203.0.113.51")


@BOTH
def test_an_instance_without_floating_ip_leaves_with_the_router_s_address(
    site: Site, distributed: bool
) -> None:
    site.apply(world(distributed))
    site.leaves_as("bare", "203.0.113.10")
    assert probe.ping("bare", site.scene.host4).ok


@BOTH
def test_the_internet_does_not_reach_a_fixed_address(site: Site, distributed: bool) -> None:
    site.apply(world(distributed))
    site.ground.route(INTERNET, "10.0.0.0/24", "203.0.113.10")
    site.cut_off(INTERNET, "10.0.0.7", "bare")
    site.cut_off(INTERNET, "10.0.0.5", "vm1")


@BOTH
def test_hairpin_to_its_own_and_to_its_neighbour_s_floating_ip(site: Site, distributed: bool) -> None:
    site.apply(world(distributed))
    site.reaches("vm1", "203.0.113.50", "vm1")
    site.reaches("vm1", "203.0.113.51", "vm2")
    site.reaches("bare", "203.0.113.50", "vm1")


@BOTH
def test_arp_for_a_floating_ip_is_answered_at_once(site: Site, distributed: bool) -> None:
    site.apply(world(distributed))
    answers = [probe.resolve(INTERNET, "ext0", "203.0.113.1", "203.0.113.50") for _ in range(7)]
    assert all(each.mac for each in answers)
    assert median(each.ms for each in answers) < 50


@BOTH
def test_a_new_floating_ip_is_announced(site: Site, distributed: bool) -> None:
    before = world(distributed)
    after = merge(before, {"floatingips": [floating("203.0.113.52", "bare")]})
    site.apply(before)
    with probe.Sniffer(INTERNET, "ext0") as sniffer:
        site.apply(after)
        seen = [each.source for each in sniffer.frames(1.0, limit=40) if each.gratuitous]
    assert "203.0.113.52" in seen


@BOTH
def test_a_new_router_s_gateway_and_floating_ips_are_announced(site: Site, distributed: bool) -> None:
    whole = world(distributed)
    site.apply({**whole, "routers": [], "floatingips": []})
    with probe.Sniffer(INTERNET, "ext0") as sniffer:
        site.apply(whole)
        seen = {each.source for each in sniffer.frames(1.0, limit=40) if each.gratuitous}
    assert seen >= {"203.0.113.10", "203.0.113.50", "203.0.113.51"}


@BOTH
def test_an_address_that_nobody_has_is_not_answered_for(site: Site, distributed: bool) -> None:
    site.apply(world(distributed))
    assert probe.resolve(INTERNET, "ext0", "203.0.113.1", "203.0.113.77", patience=0.3).mac == ""
