"""What is switched off carries nothing, and carries again when it is switched on."""

from __future__ import annotations

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
            "ports": [instance("vm1", "10.0.0.5"), instance("vm2", "10.0.0.6")],
            "floatingips": [floating("203.0.113.50", "vm1")],
        },
    )


@BOTH
def test_a_router_that_is_off(site: Site, distributed: bool) -> None:
    topology = world(distributed)
    site.apply(topology)
    site.reaches(INTERNET, "203.0.113.50", "vm1")
    topology["routers"][0]["admin_state_up"] = False
    site.apply(topology)
    site.cut_off(INTERNET, "203.0.113.50", "vm1")
    site.reaches("vm1", "10.0.0.6", "vm2")
    topology["routers"][0]["admin_state_up"] = True
    site.apply(topology)
    site.reaches(INTERNET, "203.0.113.50", "vm1")


@BOTH
def test_a_port_that_is_off(site: Site, distributed: bool) -> None:
    topology = world(distributed)
    topology["ports"][0]["admin_state_up"] = False
    site.apply(topology)
    assert not probe.ping("vm2", "10.0.0.5", patience=0.3).ok
    topology["ports"][0]["admin_state_up"] = True
    site.apply(topology)
    site.reaches("vm2", "10.0.0.5", "vm1")
    site.reaches(INTERNET, "203.0.113.50", "vm1")


@BOTH
def test_a_network_that_is_off(site: Site, distributed: bool) -> None:
    topology = world(distributed)
    site.apply(topology)
    topology["networks"][1]["admin_state_up"] = False
    site.apply(topology)
    assert not probe.ping("vm2", "10.0.0.5", patience=0.3).ok
    site.cut_off(INTERNET, "203.0.113.50", "vm1")
    topology["networks"][1]["admin_state_up"] = True
    site.apply(topology)
    assert probe.ping("vm2", "10.0.0.5").ok
    site.reaches(INTERNET, "203.0.113.50", "vm1")
