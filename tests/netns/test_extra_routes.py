"""Static routes of a router."""

from __future__ import annotations

from typing import Any

import pytest

from deuteron.lab import probe
from deuteron.lab.probe import Servers
from deuteron.lab.world import End
from tests.netns.site import PORT, Site, floating, instance, merge, public, router, tenant

pytestmark = pytest.mark.kernel

BOTH = pytest.mark.parametrize("distributed", [False, True], ids=["centralised", "distributed"])


def world(distributed: bool, *routes: dict[str, str], floatingips: bool = False) -> dict[str, Any]:
    return merge(
        public(),
        tenant(),
        {
            "routers": [router("r1", "web-v4", distributed=distributed, routes=list(routes))],
            "ports": [instance("vm1", "10.0.0.5"), instance("bare", "10.0.0.7")],
            "floatingips": [floating("203.0.113.50", "vm1")] if floatingips else [],
        },
    )


INNER = {"destination": "192.168.77.0/24", "nexthop": "10.0.0.99"}
OUTER = {"destination": "198.18.5.0/24", "nexthop": "203.0.113.99"}


@BOTH
@pytest.mark.parametrize("source", ["bare", "vm1"])
def test_a_route_by_an_instance_is_taken(site: Site, distributed: bool, source: str) -> None:
    site.apply(world(distributed, INNER, floatingips=True))
    assert probe.ping(source, "192.168.77.1").ok


@BOTH
def test_a_route_that_is_taken_out_is_no_longer_taken(site: Site, distributed: bool) -> None:
    site.apply(world(distributed, INNER))
    assert probe.ping("bare", "192.168.77.1").ok
    site.apply(world(distributed))
    assert not probe.ping("bare", "192.168.77.1", patience=0.3).ok


@BOTH
def test_a_route_by_a_host_outside_leaves_with_the_router_s_address(site: Site, distributed: bool) -> None:
    site.apply(world(distributed, OUTER))
    site.ground.namespace("outside", forwarding=True)
    site.ground.cable(
        End(netns="", dev="tap-outside", master="br-ex"),
        End(netns="outside", dev="eth0", addresses=("203.0.113.99/24",)),
        1500,
    )
    site.ground.address("outside", "lo", "198.18.5.1/32")
    with Servers({"outside": ""}, PORT) as servers:
        seen = probe.tcp("bare", "198.18.5.1", PORT, servers)
    assert (seen.ok, seen.source) == (True, "203.0.113.10")


@BOTH
def test_two_routes_to_one_destination_share_it(site: Site, distributed: bool) -> None:
    other = {"destination": "192.168.77.0/24", "nexthop": "10.0.0.98"}
    site.apply(world(distributed, INNER, other))
    assert probe.ping("bare", "192.168.77.1").ok
