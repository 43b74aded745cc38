"""Small networks: a packet that is too large is answered by an error that names the size."""

from __future__ import annotations

from typing import Any

import pytest

from deuteron.lab import probe
from deuteron.lab.scene import INTERNET
from tests.netns.site import Site, floating, instance, merge, public, router, tenant

pytestmark = pytest.mark.kernel

BOTH = pytest.mark.parametrize("distributed", [False, True], ids=["centralised", "distributed"])


def world(distributed: bool, tenant_mtu: int = 1500, public_mtu: int = 1500) -> dict[str, Any]:
    topology = merge(
        public(),
        tenant(),
        {
            "routers": [router("r1", "web-v4", distributed=distributed)],
            "ports": [instance("vm1", "10.0.0.5"), instance("bare", "10.0.0.7")],
            "floatingips": [floating("203.0.113.50", "vm1")],
        },
    )
    topology["networks"][0]["mtu"] = public_mtu
    topology["networks"][1]["mtu"] = tenant_mtu
    return topology


@BOTH
def test_the_internet_learns_the_tenant_network_s_mtu(site: Site, distributed: bool) -> None:
    site.apply(world(distributed, tenant_mtu=1400))
    assert probe.path_mtu(INTERNET, "203.0.113.50", 1500) == 1400


@BOTH
@pytest.mark.parametrize("name", ["vm1", "bare"])
def test_an_instance_learns_the_external_network_s_mtu(site: Site, distributed: bool, name: str) -> None:
    site.apply(world(distributed, public_mtu=1300))
    assert probe.path_mtu(name, site.scene.host4, 1500) == 1300


@BOTH
def test_packets_of_full_size_pass(site: Site, distributed: bool) -> None:
    site.apply(world(distributed, tenant_mtu=1400))
    assert probe.ping("vm1", site.scene.host4, size=1400 - 28).ok
    assert probe.ping("bare", site.scene.host4, size=1400 - 28).ok
    assert probe.ping(INTERNET, "203.0.113.50", size=1400 - 28).ok


@BOTH
def test_large_networks_carry_large_packets(site: Site, distributed: bool) -> None:
    site.apply(world(distributed, tenant_mtu=8900, public_mtu=9000))
    assert probe.ping("vm1", site.scene.host4, size=8900 - 28).ok
    assert probe.ping("bare", site.scene.host4, size=8900 - 28).ok


@BOTH
def test_a_changed_mtu_takes_effect(site: Site, distributed: bool) -> None:
    site.apply(world(distributed, tenant_mtu=1500))
    site.apply(world(distributed, tenant_mtu=1350))
    assert probe.path_mtu(INTERNET, "203.0.113.50", 1500) == 1350
    site.reaches(INTERNET, "203.0.113.50", "vm1")
