"""What does not belong is not let through."""

from __future__ import annotations

from typing import Any

import pytest

from deuteron.lab import frames, probe
from deuteron.lab.probe import Servers
from deuteron.lab.scene import INTERNET
from tests.netns.site import PORT, Site, floating, instance, merge, public, router, tenant

pytestmark = pytest.mark.kernel


def world() -> dict[str, Any]:
    return merge(
        public(),
        tenant("blue"),
        tenant("green", "10.0.1.0/24"),
        {
            "routers": [
                router("r1", "blue-v4", distributed=True),
                router("r2", "green-v4", address="203.0.113.20", distributed=True),
            ],
            "ports": [instance("b5", "10.0.0.5", "blue"), instance("g5", "10.0.1.5", "green")],
            "floatingips": [floating("203.0.113.50", "b5"), floating("203.0.113.60", "g5")],
        },
    )


def test_an_instance_cannot_send_as_another_s_floating_ip(site: Site) -> None:
    site.apply(world())
    site.ground.address("b5", "lo", "203.0.113.60/32")
    with Servers({INTERNET: site.scene.host4}, PORT, udp=True) as servers:
        seen = probe.udp("b5", site.scene.host4, PORT, servers, source="203.0.113.60", patience=0.3)
    assert not seen.ok
    assert seen.source != "203.0.113.60"


def test_a_network_node_s_namespaces_answer_no_connections(site: Site) -> None:
    site.apply(world())
    for address in ("203.0.113.10", "203.0.113.20"):
        assert probe.ping(INTERNET, address).ok
        seen = site.ask(INTERNET, address, "b5", port=22, at=22, patience=0.3)
        assert not seen.ok


def test_a_host_outside_does_not_route_by_the_legs(site: Site) -> None:
    site.apply(world())
    fg = probe.resolve(INTERNET, "ext0", "203.0.113.1", "203.0.113.50").mac
    assert fg
    with probe.packet_socket(INTERNET, "ext0") as wire, probe.Sniffer("b5", "eth0") as sniffer:
        own = frames.mac_text(wire.getsockname()[4])
        wire.send(frames.udp_packet((own, fg), ("198.51.100.1", "10.0.0.5"), (9, 9)))
        seen = [each for each in sniffer.frames(0.3, limit=50) if each.destination == "10.0.0.5"]
    assert [each for each in seen if each.protocol == 17] == []
