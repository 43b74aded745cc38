"""Parameters that are not written, because the filter has decided: set looser, nothing opens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6, IPv6ExtHdrRouting
from scapy.layers.l2 import Ether

from deuteron.lab import probe
from deuteron.lab.frames import Frame
from deuteron.lab.probe import Sniffer
from tests.netns.site import Site, instance, merge, public, router, tenant
from tests.support.sandbox import Host

pytestmark = pytest.mark.kernel

SYS: Final = Path("/proc/sys")
GATEWAY: Final = "10.0.0.1"
GATEWAY6: Final = "2001:db8:5::1"
LOOSE: Final = {
    "net/ipv4/conf/all/accept_local": "1",
    "net/ipv4/conf/all/route_localnet": "1",
    "net/ipv4/icmp_echo_ignore_broadcasts": "0",
    "net/ipv6/conf/all/accept_source_route": "1",
    "net/ipv6/conf/all/seg6_enabled": "1",
}


def world() -> dict[str, Any]:
    six = {
        "name": "web-v6",
        "network_id": "web",
        "cidr": "2001:db8:5::/64",
        "ip_version": 6,
        "gateway_ip": GATEWAY6,
    }
    return merge(
        public(),
        tenant(),
        {
            "subnets": [six],
            "routers": [router("r1", "web-v4", "web-v6")],
            "ports": [instance("vm1", "10.0.0.5"), instance("vm2", "10.0.0.6")],
        },
    )


def packets() -> Iterator[tuple[str, Any]]:
    yield "its own source", IP(src=GATEWAY, dst=GATEWAY) / ICMP()
    yield "from loopback", IP(src="127.0.0.1", dst=GATEWAY) / ICMP()
    yield "to loopback", IP(src="10.0.0.5", dst="127.0.0.1") / ICMP()
    yield "to loopback, a datagram", IP(src="10.0.0.5", dst="127.0.0.1") / UDP(dport=9)
    yield "to the subnet's broadcast", IP(src="10.0.0.5", dst="10.0.0.255") / ICMP()
    yield "to all", IP(src="10.0.0.5", dst="255.255.255.255") / ICMP()
    yield "to all hosts' group", IP(src="10.0.0.5", dst="224.0.0.1") / ICMP()
    by_us = IPv6ExtHdrRouting(type=2, addresses=["2001:db8:5::6"], segleft=1)
    yield "by a routing header", IPv6(src="2001:db8:5::5", dst=GATEWAY6) / by_us / ICMPv6EchoRequest()


def test_what_the_filter_closes_stays_closed_whatever_the_parameter_says(site: Site, host: Host) -> None:
    site.apply(world())
    netns = next(path.name for path in Path("/run/netns").iterdir() if path.name.startswith("qrouter-"))
    with host.inside(netns):
        for path, value in LOOSE.items():
            (SYS / path).write_text(value)
    assert probe.ping("vm1", GATEWAY).ok, "an honest ping is answered"
    mac = probe.resolve("vm1", "eth0", "10.0.0.5", GATEWAY).mac
    assert mac
    with (
        probe.packet_socket("vm1", "eth0") as wire,
        Sniffer("vm1", "eth0") as here,
        Sniffer("vm2", "eth0") as there,
    ):
        own = wire.getsockname()[4].hex(":")
        for name, packet in packets():
            wire.send(bytes(Ether(src=own, dst=mac) / packet))
            heard = [*here.frames(0.15, limit=50), *there.frames(0.05, limit=50)]
            assert [each for each in heard if is_answer(each, mac)] == [], name


def is_answer(frame: Frame, mac: str) -> bool:
    """Whether the router said it because of a packet: no ARP, ND (133 to 137) or MLD (hop-by-hop)."""
    six = frame.ethertype == 0x86DD and frame.protocol != 0 and not 133 <= frame.sport <= 137
    return frame.source_mac == mac and (frame.ethertype == 0x0800 or six)
