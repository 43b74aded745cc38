"""SNAT, and a router that has it switched off."""

from __future__ import annotations

from typing import Any

import pytest

from deuteron.lab import probe
from deuteron.lab.probe import Servers
from deuteron.lab.scene import INTERNET
from tests.netns.site import PORT, Site, floating, instance, merge, public, router, tenant

pytestmark = pytest.mark.kernel

BOTH = pytest.mark.parametrize("distributed", [False, True], ids=["centralised", "distributed"])


def world(distributed: bool, enable_snat: bool) -> dict[str, Any]:
    gateway = {"enable_snat": enable_snat}
    return merge(
        public(),
        tenant(),
        {
            "routers": [router("r1", "web-v4", distributed=distributed, gateway=gateway)],
            "ports": [instance("vm1", "10.0.0.5"), instance("bare", "10.0.0.7")],
            "floatingips": [floating("203.0.113.50", "vm1")],
        },
    )


@BOTH
def test_without_snat_an_instance_leaves_as_it_is_and_is_reached_as_it_is(
    site: Site, distributed: bool
) -> None:
    site.apply(world(distributed, enable_snat=False))
    site.leaves_as("bare", "10.0.0.7")
    site.reaches(INTERNET, "10.0.0.7", "bare")


@BOTH
def test_without_snat_a_floating_ip_works_all_the_same(site: Site, distributed: bool) -> None:
    site.apply(world(distributed, enable_snat=False))
    site.leaves_as("vm1", "203.0.113.50")
    site.reaches(INTERNET, "203.0.113.50", "vm1")


@BOTH
def test_switching_snat_off_and_on_again(site: Site, distributed: bool) -> None:
    site.apply(world(distributed, enable_snat=False))
    site.apply(world(distributed, enable_snat=True))
    site.leaves_as("bare", "203.0.113.10")
    site.cut_off(INTERNET, "10.0.0.7", "bare")
    site.apply(world(distributed, enable_snat=False))
    site.leaves_as("bare", "10.0.0.7")


@BOTH
def test_many_connections_from_one_port_do_not_clash(site: Site, distributed: bool) -> None:
    topology = world(distributed, enable_snat=True)
    topology["ports"].append(instance("other", "10.0.0.8"))
    site.apply(topology)
    with Servers({INTERNET: site.scene.host4}, PORT, udp=True) as servers:
        seen = [probe.udp(name, site.scene.host4, PORT, servers) for name in ("bare", "other") * 10]
    assert all(each.ok and each.source == "203.0.113.10" for each in seen)
