"""A provider network that tenants' ports are on directly."""

from __future__ import annotations

from typing import Any

import pytest

from deuteron.lab import probe
from deuteron.lab.scene import INTERNET
from deuteron.lab.world import End
from tests.netns.site import Site, floating, instance, merge, public, router

pytestmark = pytest.mark.kernel


def world() -> dict[str, Any]:
    return merge(
        public(),
        {
            "bridge_mappings": {"physnet2": "br-data"},
            "networks": [
                {
                    "name": "data",
                    "provider:network_type": "flat",
                    "provider:physical_network": "physnet2",
                    "mtu": 1450,
                }
            ],
            "subnets": [
                {
                    "name": "data-v4",
                    "network_id": "data",
                    "cidr": "172.16.0.0/24",
                    "gateway_ip": "172.16.0.1",
                }
            ],
            "ports": [instance("vm1", "172.16.0.5", "data"), instance("vm2", "172.16.0.6", "data")],
        },
    )


def machine(site: Site) -> None:
    """A machine of the provider's on the bridge."""
    site.ground.namespace("machine")
    site.ground.cable(
        End(netns="", dev="tap-machine", master="br-data"),
        End(netns="machine", dev="eth0", addresses=("172.16.0.200/24",)),
        1450,
    )


def test_instances_and_the_provider_s_machines_are_on_one_wire(site: Site) -> None:
    site.apply(world())
    machine(site)
    site.reaches("vm1", "172.16.0.6", "vm2")
    assert probe.ping("machine", "172.16.0.5").ok
    assert probe.ping("vm2", "172.16.0.200").ok
    assert probe.ping("vm2", "172.16.0.200", size=1450 - 28).ok


def test_a_router_may_have_an_interface_on_it(site: Site) -> None:
    topology = merge(world(), {"routers": [router("r1", "data-v4")]})
    topology["floatingips"] = [floating("203.0.113.50", "vm1")]
    site.apply(topology)
    site.reaches(INTERNET, "203.0.113.50", "vm1")
    site.leaves_as("vm1", "203.0.113.50")
    site.leaves_as("vm2", "203.0.113.10")


def test_the_bridge_and_what_others_plugged_there_stay(site: Site) -> None:
    site.apply(world())
    machine(site)
    before = set(site.ground.links())
    site.destroy()
    assert {"br-data", "tap-machine"} <= set(site.ground.links()) < before


def test_a_port_that_is_taken_away_is_gone(site: Site) -> None:
    topology = world()
    site.apply(topology)
    topology["ports"] = topology["ports"][:1]
    site.apply(topology)
    assert "eth0" not in site.ground.links("vm2")
    assert not probe.ping("vm1", "172.16.0.6", patience=0.3).ok
