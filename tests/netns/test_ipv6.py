"""IPv6 behind routers: routed, never translated."""

from __future__ import annotations

from typing import Any

import pytest

from deuteron.lab import probe
from deuteron.lab.probe import Servers
from deuteron.lab.scene import INTERNET
from tests.netns.site import PORT, Site, floating, merge, public, router, tenant

pytestmark = pytest.mark.kernel

BOTH = pytest.mark.parametrize("distributed", [False, True], ids=["centralised", "distributed"])


def world(distributed: bool, *, ndp_proxy: bool = False) -> dict[str, Any]:
    external6 = {
        "name": "public-v6",
        "network_id": "public",
        "cidr": "2001:db8:e::/64",
        "gateway_ip": "2001:db8:e::1",
    }
    web6 = {
        "name": "web-v6",
        "network_id": "web",
        "cidr": "2001:db8:a::/64",
        "gateway_ip": "2001:db8:a::1",
    }
    fixed = [
        {"subnet_id": "public-v4", "ip_address": "203.0.113.10"},
        {"subnet_id": "public-v6", "ip_address": "2001:db8:e::10"},
    ]
    topology = merge(
        public(),
        tenant(),
        {
            "subnets": [external6, web6],
            "routers": [
                router(
                    "r1",
                    "web-v4",
                    "web-v6",
                    distributed=distributed,
                    gateway={"external_fixed_ips": fixed},
                    enable_ndp_proxy=ndp_proxy,
                )
            ],
            "ports": [dual("vm1", 5), dual("vm2", 6)],
            "floatingips": [floating("203.0.113.50", "vm1", fixed_ip_address="10.0.0.5")],
        },
    )
    if ndp_proxy:
        topology["ndp_proxies"] = [
            {"name": "p1", "router_id": "r1", "port_id": "vm1", "ip_address": "2001:db8:a::5"}
        ]
    return topology


def dual(name: str, number: int) -> dict[str, Any]:
    return {
        "name": name,
        "network_id": "web",
        "fixed_ips": [{"ip_address": f"10.0.0.{number}"}, {"ip_address": f"2001:db8:a::{number}"}],
        "binding:profile": {"netns": name},
    }


@BOTH
def test_the_internet_and_an_instance_reach_each_other_untranslated(site: Site, distributed: bool) -> None:
    site.apply(world(distributed))
    assert probe.ping("vm2", site.scene.host6).ok
    assert probe.ping(INTERNET, "2001:db8:a::6").ok
    assert probe.ping("vm1", "2001:db8:a::6").ok
    with Servers({"vm2": "::"}, PORT) as servers:
        seen = probe.tcp(INTERNET, "2001:db8:a::6", PORT, servers)
    assert (seen.ok, seen.reached) == (True, "vm2")


@BOTH
def test_ipv4_beside_it_is_as_ever(site: Site, distributed: bool) -> None:
    site.apply(world(distributed))
    site.reaches(INTERNET, "203.0.113.50", "vm1")
    site.leaves_as("vm1", "203.0.113.50")
    site.leaves_as("vm2", "203.0.113.10")


@BOTH
def test_a_proxied_address_is_answered_for_on_the_external_network(site: Site, distributed: bool) -> None:
    site.apply(world(distributed, ndp_proxy=True))
    answer = probe.resolve(INTERNET, "ext0", "2001:db8:e::1", "2001:db8:a::5")
    assert answer.mac
    assert probe.resolve(INTERNET, "ext0", "2001:db8:e::1", "2001:db8:a::6", patience=0.3).mac == ""


@BOTH
def test_only_proxied_addresses_are_let_in(site: Site, distributed: bool) -> None:
    site.apply(world(distributed, ndp_proxy=True))
    on_link = [("2001:db8:a::5/128", True), ("2001:db8:a::6/128", False)]
    for prefix, _ in on_link:
        site.ground.route(INTERNET, prefix, dev="ext0")
    assert probe.ping(INTERNET, "2001:db8:a::5").ok
    assert not probe.ping(INTERNET, "2001:db8:a::6", patience=0.3).ok
    assert probe.ping("vm1", site.scene.host6).ok


@BOTH
def test_an_unproxied_address_is_not_let_in_although_the_internet_routes_it_here(
    site: Site, distributed: bool
) -> None:
    site.apply(world(distributed, ndp_proxy=True))
    site.cut_off(INTERNET, "2001:db8:a::6", "vm2")
