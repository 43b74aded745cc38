"""External networks with several subnets, and a gateway outside its subnet."""

from __future__ import annotations

from typing import Any

import pytest

from deuteron.lab.scene import INTERNET
from tests.netns.site import Site, floating, instance, merge, public, router, tenant

pytestmark = pytest.mark.kernel

BOTH = pytest.mark.parametrize("distributed", [False, True], ids=["centralised", "distributed"])


def world(distributed: bool, **second: Any) -> dict[str, Any]:
    subnet = {"name": "public2", "network_id": "public", "cidr": "192.0.2.0/24", "gateway_ip": "192.0.2.1"}
    return merge(
        public(),
        {"subnets": [{**subnet, **second}]},
        tenant(),
        {
            "routers": [router("r1", "web-v4", distributed=distributed)],
            "ports": [
                instance("vm1", "10.0.0.5"),
                instance("vm2", "10.0.0.6"),
                instance("bare", "10.0.0.7"),
            ],
            "floatingips": [floating("203.0.113.50", "vm1"), floating("192.0.2.50", "vm2")],
        },
    )


@BOTH
def test_floating_ips_of_both_subnets_work(site: Site, distributed: bool) -> None:
    site.apply(world(distributed))
    for address, name in (("203.0.113.50", "vm1"), ("192.0.2.50", "vm2")):
        site.reaches(INTERNET, address, name)
        site.leaves_as(name, address)
    site.leaves_as("bare", "203.0.113.10")


@BOTH
def test_floating_ips_of_both_subnets_reach_each_other(site: Site, distributed: bool) -> None:
    site.apply(world(distributed))
    site.reaches("vm1", "192.0.2.50", "vm2")
    site.reaches("vm2", "203.0.113.50", "vm1")


@BOTH
def test_a_router_whose_gateway_lies_outside_its_subnet(site: Site, distributed: bool) -> None:
    topology = world(distributed)
    topology["subnets"] = [each for each in topology["subnets"] if each["name"] != "public2"]
    topology["subnets"][0]["gateway_ip"] = "198.51.100.254"
    topology["floatingips"] = [floating("203.0.113.50", "vm1")]
    site.apply(topology)
    site.reaches(INTERNET, "203.0.113.50", "vm1")
    site.leaves_as("vm1", "203.0.113.50")
    site.leaves_as("bare", "203.0.113.10")
