"""What tenants can make a host do and remember is bounded, on the real kernel."""

from __future__ import annotations

import socket
from typing import Any, Final

import pytest
import yaml

from deuteron.compile.policy import packaged
from deuteron.domain.policy import Override
from deuteron.inputs import load
from deuteron.lab import frames, probe
from deuteron.lab.scene import INTERNET
from tests.netns.flood import Wire, connections
from tests.netns.site import PORT, Site, floating, instance, merge, public, router, tenant

pytestmark = pytest.mark.kernel

GATEWAY: Final = "10.0.0.1"
FAR: Final = "198.51.100.1"
#: Frames are sent in far less than a second; more may pass in the time that it takes.
SLACK: Final = 1.5


def world(*, distributed: bool = False) -> dict[str, Any]:
    return merge(
        public(),
        tenant("blue"),
        tenant("large", "10.1.0.0/16"),
        {
            "routers": [router("r1", "blue-v4", "large-v4", distributed=distributed)],
            "ports": [instance("b5", "10.0.0.5", "blue"), instance("l5", "10.1.0.5", "large")],
            "floatingips": [floating("203.0.113.50", "b5")],
        },
    )


def world6() -> dict[str, Any]:
    return merge(
        world(),
        {
            "networks": [{"name": "six"}],
            "subnets": [
                {
                    "name": "six-v6",
                    "network_id": "six",
                    "ip_version": 6,
                    "cidr": "2001:db8:6::/64",
                    "gateway_ip": "2001:db8:6::1",
                }
            ],
            "ports": [instance("s5", "2001:db8:6::5", "six")],
        },
    )


def limited(site: Site, topology: dict[str, Any], **limits: int) -> None:
    """Apply a topology with other limits than the package's."""
    overrides = tuple(
        Override(what="limit", name=name, kinds=("router", "fip"), value=str(value), reason="a test")
        for name, value in sorted(limits.items())
    )
    file = site.directory / "limits.yaml"
    file.write_text(yaml.safe_dump(topology))
    loaded = load(file, allocations=site.allocations, overrides=overrides)
    site.allocations = loaded.allocations
    site.apply_view(loaded.view)


def namespace(site: Site, prefix: str) -> str:
    return next(name for name in site.ground.namespaces() if name.startswith(prefix))


def gateway_mac(netns: str, own: str, gateway: str = GATEWAY) -> str:
    mac = probe.resolve(netns, "eth0", own, gateway).mac
    assert mac, f"{gateway} does not answer"
    return mac


def test_new_connections_of_an_instance_are_remembered_at_a_bounded_rate(site: Site) -> None:
    site.apply(world())
    rate = packaged().limit("router", "new_connections")
    mac = gateway_mac("b5", "10.0.0.5")
    netns = namespace(site, "qrouter-")
    with Wire("b5") as wire:
        sent = [frames.udp_packet((wire.mac, mac), ("10.0.0.5", FAR), (1024 + n, 9)) for n in range(4 * rate)]
        took = wire.flood(sent)
    remembered = connections(netns)
    assert remembered <= rate + SLACK * rate * max(took, 0.1), (remembered, took)
    assert remembered >= rate / 2, "ordinary use passes"


def test_connections_that_run_are_not_held_up_by_a_flood_of_new_ones(site: Site) -> None:
    site.apply(world())
    mac = gateway_mac("b5", "10.0.0.5")
    with probe.Servers({INTERNET: "::"}, PORT) as servers, Wire("b5") as wire:
        _, running = probe.connect("b5", FAR, PORT, servers)
        assert running is not None
        with running:
            wire.flood(
                frames.udp_packet((wire.mac, mac), ("10.0.0.5", FAR), (1024 + n, 9)) for n in range(8000)
            )
            assert running.alive()


@pytest.mark.parametrize("scanned", ["inside", "outside"])
def test_a_scan_of_a_subnet_makes_a_router_ask_for_few_neighbours(site: Site, scanned: str) -> None:
    """Whom nobody answers for is asked for thrice (``mcast_solicit``), a second apart."""
    site.apply(world(distributed=True))
    inside = scanned == "inside"
    rate = packaged().limit("router" if inside else "fip", "new_neighbours")
    targets = [
        f"10.1.{n >> 8}.{n & 255}" if inside else f"203.0.113.{n & 127 | 128}" for n in range(256, 768)
    ]
    mac = gateway_mac("b5", "10.0.0.5")
    hears = ("l5", "eth0") if inside else (INTERNET, "ext0")
    with Wire("b5") as wire, Wire(*hears) as other:
        sent = [
            frames.udp_packet((wire.mac, mac), ("10.0.0.5", to), (1024 + n, 9))
            for n, to in enumerate(targets)
        ]
        took = wire.flood(sent)
        asked = {_asked(frame) for frame in other.heard()} & set(targets)
    assert rate / 2 <= len(asked) <= rate + SLACK * rate * max(took, 0.1), (len(asked), took)


def _asked(frame: bytes) -> str:
    """Whom an ARP request asks for, "" for any other frame."""
    asks = frame[12:14] == b"\x08\x06" and frame[20:22] == b"\x00\x01"
    return socket.inet_ntoa(frame[38:42]) if asks else ""


@pytest.mark.parametrize("limit", ["sources", "neighbours"])
def test_a_full_set_lets_nothing_new_pass(site: Site, limit: str) -> None:
    limited(site, world(), **{limit: 2})
    mac = gateway_mac("b5", "10.0.0.5")
    netns = namespace(site, "qrouter-")
    with Wire("b5") as wire:
        ends = [
            (f"10.0.0.{10 + n}", FAR) if limit == "sources" else ("10.0.0.5", f"10.1.7.{n}")
            for n in range(20)
        ]
        wire.flood(frames.udp_packet((wire.mac, mac), each, (7, 9)) for each in ends)
    assert connections(netns) == 2


@pytest.mark.parametrize("address", [GATEWAY, "203.0.113.10"])
def test_a_flood_of_pings_is_answered_at_a_bounded_rate(site: Site, address: str) -> None:
    site.apply(world())
    rate = packaged().limit("router", "pings")
    mac = gateway_mac("b5", "10.0.0.5")
    with Wire("b5") as wire:
        took = wire.flood(_ping((wire.mac, mac), ("10.0.0.5", address), n) for n in range(10 * rate))
        answers = [frame for frame in wire.heard() if frame[23:24] == b"\x01" and frame[34:35] == b"\x00"]
    assert rate / 2 <= len(answers) <= rate + SLACK * rate * max(took, 0.1), (len(answers), took)


def _ping(macs: tuple[str, str], ends: tuple[str, str], ident: int) -> bytes:
    """An ICMP echo request, made of a UDP frame's head."""
    body = frames.echo_request(4, ident, 1, 0)
    frame = frames.udp_packet(macs, ends, (0, 0), b"")
    head = bytearray(frame[14:34])
    head[9], head[10:12] = 1, b"\0\0"
    head[10:12] = frames.checksum(bytes(head)).to_bytes(2, "big")
    return frame[:14] + bytes(head) + body


def test_a_flood_of_solicitations_is_answered_at_a_bounded_rate(site: Site) -> None:
    topology = world6()
    topology["routers"][0]["interfaces"].append("six-v6")
    site.apply(topology)
    rate = packaged().limit("router", "solicitations")
    with Wire("s5") as wire:
        took = wire.flood(
            frames.neighbour_solicitation(wire.mac, "2001:db8:6::5", "2001:db8:6::1") for _ in range(6 * rate)
        )
        answers = [frame for frame in wire.heard() if frames.parse(frame).neighbour_advertisement]
    assert rate / 2 <= len(answers) <= rate + SLACK * rate * max(took, 0.1), (len(answers), took)
