"""Single ports of a floating IP."""

from __future__ import annotations

from typing import Any

import pytest

from deuteron.lab import probe
from deuteron.lab.probe import Servers
from deuteron.lab.scene import INTERNET
from tests.netns.site import Site, floating, instance, merge, public, router, tenant

pytestmark = pytest.mark.kernel

BOTH = pytest.mark.parametrize("distributed", [False, True], ids=["centralised", "distributed"])


def world(distributed: bool, *rules: dict[str, Any]) -> dict[str, Any]:
    return merge(
        public(),
        tenant(),
        {
            "routers": [router("r1", "web-v4", distributed=distributed)],
            "ports": [instance("vm1", "10.0.0.5"), instance("vm2", "10.0.0.6")],
            "floatingips": [floating("203.0.113.50", None, port_forwardings=list(rules))],
        },
    )


def rule(protocol: str, external: int, internal: int, name: str, address: str) -> dict[str, Any]:
    return {
        "protocol": protocol,
        "external_port": external,
        "internal_port": internal,
        "internal_ip_address": address,
        "internal_port_id": name,
    }


WEB = rule("tcp", 8080, 80, "vm1", "10.0.0.5")
SSH = rule("tcp", 2222, 22, "vm2", "10.0.0.6")
DNS = rule("udp", 53, 5353, "vm2", "10.0.0.6")


@BOTH
def test_each_port_leads_to_its_instance(site: Site, distributed: bool) -> None:
    site.apply(world(distributed, WEB, SSH))
    site.reaches(INTERNET, "203.0.113.50", "vm1", port=8080, at=80)
    site.reaches(INTERNET, "203.0.113.50", "vm2", port=2222, at=22)


@BOTH
def test_udp_is_forwarded_and_answered(site: Site, distributed: bool) -> None:
    site.apply(world(distributed, DNS))
    with Servers({"vm2": ""}, 5353, udp=True) as servers:
        seen = probe.udp(INTERNET, "203.0.113.50", 53, servers)
    assert seen.ok


@BOTH
def test_ports_that_are_not_forwarded_lead_nowhere(site: Site, distributed: bool) -> None:
    site.apply(world(distributed, WEB))
    assert not site.ask(INTERNET, "203.0.113.50", "vm1", port=81, at=81, patience=0.3).ok
    with Servers({"vm1": ""}, 80, udp=True) as servers:
        assert not probe.udp(INTERNET, "203.0.113.50", 8080, servers, patience=0.3).ok


@BOTH
def test_an_instance_behind_it_reaches_it_too(site: Site, distributed: bool) -> None:
    site.apply(world(distributed, WEB, SSH))
    site.reaches("vm2", "203.0.113.50", "vm1", port=8080, at=80)
    site.reaches("vm1", "203.0.113.50", "vm1", port=8080, at=80)


@BOTH
def test_its_instances_leave_with_the_router_s_address(site: Site, distributed: bool) -> None:
    site.apply(world(distributed, WEB))
    site.leaves_as("vm1", "203.0.113.10")


@BOTH
def test_a_rule_that_is_taken_away_cuts_its_connections(site: Site, distributed: bool) -> None:
    site.apply(world(distributed, WEB, SSH))
    with Servers({"vm1": ""}, 80) as servers:
        _, connection = probe.connect(INTERNET, "203.0.113.50", 8080, servers)
    assert connection is not None
    with connection:
        site.apply(world(distributed, SSH))
        assert not connection.alive(0.3)
    assert not site.ask(INTERNET, "203.0.113.50", "vm1", port=8080, at=80, patience=0.3).ok
    site.reaches(INTERNET, "203.0.113.50", "vm2", port=2222, at=22)
