"""What ends with a floating IP."""

from __future__ import annotations

from typing import Any

import pytest

from deuteron.lab import probe
from deuteron.lab.probe import Servers
from deuteron.lab.scene import INTERNET
from tests.netns.site import PORT, Site, floating, instance, merge, public, router, tenant

pytestmark = pytest.mark.kernel

BOTH = pytest.mark.parametrize("distributed", [False, True], ids=["centralised", "distributed"])


def world(distributed: bool, *floatingips: dict[str, Any]) -> dict[str, Any]:
    return merge(
        public(),
        tenant(),
        {
            "routers": [router("r1", "web-v4", distributed=distributed)],
            "ports": [instance("vm1", "10.0.0.5"), instance("vm2", "10.0.0.6")],
            "floatingips": list(floatingips),
        },
    )


@BOTH
def test_running_connections_are_cut_by_the_change_and_others_run_on(site: Site, distributed: bool) -> None:
    staying = floating("203.0.113.51", "vm2")
    site.apply(world(distributed, floating("203.0.113.50", "vm1"), staying))
    with Servers({"vm1": "", "vm2": "", INTERNET: ""}, PORT) as servers:
        _, inward = probe.connect(INTERNET, "203.0.113.50", PORT, servers)
        _, outward = probe.connect("vm1", site.scene.host4, PORT, servers)
        _, other = probe.connect(INTERNET, "203.0.113.51", PORT, servers)
    assert inward
    assert outward
    assert other
    with inward, outward, other:
        site.apply(world(distributed, floating("203.0.113.50", None), staying))
        assert not inward.alive(0.3)
        assert not outward.alive(0.3)
        assert not probe.ping(INTERNET, "203.0.113.50", patience=0.2).ok
        assert other.alive()
    site.cut_off(INTERNET, "203.0.113.50", "vm1")
    site.leaves_as("vm1", "203.0.113.10")


@BOTH
def test_a_moved_floating_ip_answers_at_its_new_place(site: Site, distributed: bool) -> None:
    site.apply(world(distributed, floating("203.0.113.50", "vm1")))
    site.reaches(INTERNET, "203.0.113.50", "vm1")
    site.apply(world(distributed, floating("203.0.113.50", "vm2")))
    site.reaches(INTERNET, "203.0.113.50", "vm2")
    site.leaves_as("vm2", "203.0.113.50")
    site.leaves_as("vm1", "203.0.113.10")


@BOTH
def test_a_moved_floating_ip_takes_no_connection_of_its_old_instance_along(
    site: Site, distributed: bool
) -> None:
    site.apply(world(distributed, floating("203.0.113.50", "vm1")))
    with Servers({"vm1": "", "vm2": ""}, PORT) as servers:
        _, connection = probe.connect(INTERNET, "203.0.113.50", PORT, servers)
    assert connection is not None
    with connection:
        site.apply(world(distributed, floating("203.0.113.50", "vm2")))
        assert not connection.alive(0.5)
        site.apply(world(distributed, floating("203.0.113.50", "vm1")))
        assert not connection.alive(0.5)


@BOTH
def test_an_instance_that_gets_another_floating_ip_leaves_with_that(site: Site, distributed: bool) -> None:
    site.apply(world(distributed, floating("203.0.113.50", "vm1")))
    site.apply(world(distributed, floating("203.0.113.60", "vm1")))
    site.leaves_as("vm1", "203.0.113.60")
    site.reaches(INTERNET, "203.0.113.60", "vm1")
    site.cut_off(INTERNET, "203.0.113.50", "vm1")
