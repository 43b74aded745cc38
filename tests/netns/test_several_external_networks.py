"""Routers on different external networks of one host."""

from __future__ import annotations

from typing import Any

import pytest

from deuteron.lab.scene import INTERNET
from tests.netns.site import Site, floating, instance, merge, public, router, tenant

pytestmark = pytest.mark.kernel

BOTH = pytest.mark.parametrize("distributed", [False, True], ids=["centralised", "distributed"])


def world(distributed: bool) -> dict[str, Any]:
    second = {
        "bridge_mappings": {"physnet2": "br-ex2"},
        "networks": [
            {
                "name": "other",
                "router:external": True,
                "provider:network_type": "flat",
                "provider:physical_network": "physnet2",
            }
        ],
        "subnets": [
            {
                "name": "other-v4",
                "network_id": "other",
                "cidr": "192.0.2.0/24",
                "gateway_ip": "192.0.2.1",
            }
        ],
    }
    gateway = {
        "network_id": "other",
        "external_fixed_ips": [{"subnet_id": "other-v4", "ip_address": "192.0.2.10"}],
    }
    return merge(
        public(),
        second,
        tenant("blue"),
        tenant("green"),
        {
            "routers": [
                router("r1", "blue-v4", distributed=distributed),
                router("r2", "green-v4", distributed=distributed, gateway=gateway),
            ],
            "ports": [
                instance("b5", "10.0.0.5", "blue"),
                instance("g5", "10.0.0.5", "green"),
                instance("g6", "10.0.0.6", "green"),
            ],
            "floatingips": [
                floating("203.0.113.50", "b5"),
                {"floating_network_id": "other", "floating_ip_address": "192.0.2.50", "port_id": "g5"},
            ],
        },
    )


@BOTH
def test_each_external_network_leads_to_its_own_router(site: Site, distributed: bool) -> None:
    site.apply(world(distributed))
    site.reaches(INTERNET, "203.0.113.50", "b5")
    site.reaches(INTERNET, "192.0.2.50", "g5")
    site.leaves_as("b5", "203.0.113.50")
    site.leaves_as("g5", "192.0.2.50")
    site.leaves_as("g6", "192.0.2.10")


@BOTH
def test_floating_ips_of_different_external_networks_reach_each_other(site: Site, distributed: bool) -> None:
    site.apply(world(distributed))
    site.reaches("b5", "192.0.2.50", "g5")
    site.reaches("g6", "203.0.113.50", "b5")
