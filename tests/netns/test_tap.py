"""Tap devices, as a virtual machine's hypervisor opens them."""

from __future__ import annotations

import fcntl
import os
import select
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from deuteron.lab import frames, probe
from deuteron.lab.inside import NETNS_DIR, inside
from deuteron.lab.scene import INTERNET
from tests.netns.site import Site, floating, instance, merge, public, router, tenant

pytestmark = [pytest.mark.kernel, pytest.mark.tun]

_TUNSETIFF = 0x400454CA
_IFF_TAP, _IFF_NO_PI = 0x0002, 0x1000

MAC = "fa:16:3e:00:00:77"


def world() -> dict[str, Any]:
    machine = {
        "name": "vm",
        "network_id": "web",
        "mac_address": MAC,
        "fixed_ips": [{"ip_address": "10.0.0.77"}],
        "binding:profile": {"tap": "vmtap0"},
    }
    return merge(
        public(),
        tenant(),
        {
            "routers": [router("r1", "web-v4")],
            "ports": [machine, instance("vm1", "10.0.0.5")],
            "floatingips": [floating("203.0.113.50", "vm1"), floating("203.0.113.77", "vm")],
        },
    )


@contextmanager
def hypervisor(site: Site, tap: str) -> Iterator[int]:
    """The machine's side of a tap: frames are read and written here."""
    netns = next(name for name in site.ground.namespaces() if name.startswith("net-"))

    def attach() -> int:
        fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        fcntl.ioctl(fd, _TUNSETIFF, struct.pack("16sH22x", tap.encode(), _IFF_TAP | _IFF_NO_PI))
        return fd

    fd = inside(NETNS_DIR / netns, attach)
    try:
        yield fd
    finally:
        os.close(fd)


def frames_from(fd: int, seconds: float = 1.0) -> Iterator[frames.Frame]:
    while select.select([fd], [], [], seconds)[0]:
        yield frames.parse(os.read(fd, 65535))


def test_a_frame_to_the_machine_is_read_from_its_tap(site: Site) -> None:
    site.apply(world())
    with hypervisor(site, "vmtap0") as fd:
        assert not probe.ping("vm1", "10.0.0.77", patience=0.1).ok
        asked = next(each for each in frames_from(fd) if each.ethertype == frames.ETH_ARP)
    assert (asked.source, asked.destination) == ("10.0.0.5", "10.0.0.77")


def test_a_frame_of_the_machine_s_reaches_an_instance(site: Site) -> None:
    site.apply(world())
    with hypervisor(site, "vmtap0") as fd, probe.Sniffer("vm1", "eth0") as sniffer:
        os.write(fd, frames.arp_request(MAC, "10.0.0.77", "10.0.0.5"))
        seen = [each for each in sniffer.frames(0.5, limit=20) if each.source_mac == MAC]
        answer = next(each for each in frames_from(fd) if each.protocol == 2)
    assert seen
    assert answer.source == "10.0.0.5"


def test_a_floating_ip_of_the_machine_s_is_looked_for_on_its_tap(site: Site) -> None:
    site.apply(world())
    with hypervisor(site, "vmtap0") as fd:
        assert not probe.ping(INTERNET, "203.0.113.77", patience=0.1).ok
        asked = next(each for each in frames_from(fd) if each.destination == "10.0.0.77")
    assert asked.source == "10.0.0.1"


def test_the_tap_goes_with_its_port(site: Site) -> None:
    topology = world()
    site.apply(topology)
    netns = next(name for name in site.ground.namespaces() if name.startswith("net-"))
    assert "vmtap0" in site.ground.links(netns)
    topology["ports"] = topology["ports"][1:]
    topology["floatingips"] = topology["floatingips"][:1]
    site.apply(topology)
    assert "vmtap0" not in site.ground.links(netns)
