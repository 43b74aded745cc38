"""OSSN-0069: the host must not be talked to by link-local IPv6 from a tenant's or provider's wire.

While ports are created an instance on the same wire pings all nodes again and again, and then every
link-local address that a link of ours could have made up.  The instances answer; the host does not,
and none of its links says a word by itself (router solicitations, listener reports, duplicate detection).
"""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import Ether

from deuteron.objects import Netns
from tests.netns.site import Site, instance, merge, public, tenant
from tests.packets.probe import Ears, Heard
from tests.packets.reference import link_local
from tests.support.sandbox import Host

pytestmark = pytest.mark.kernel

#: Seconds within which a link that has come up says what it says by itself: a router solicitation
#: or a listener report comes after up to one second (RFC 4861, 10; RFC 3810, 9).
SPEAKS_UP = 1.5
SPY = ("spy", "eth0")


class Spy:
    """Pings all nodes from an instance, and keeps what comes back, in a thread of its own."""

    def __init__(self, mac: str) -> None:
        self.mac = mac
        self.heard: list[Heard] = []
        self._over = threading.Event()
        self._ears = Ears([SPY])
        self._thread = threading.Thread(target=self._run, name="spy")

    def __enter__(self) -> Spy:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        time.sleep(SPEAKS_UP)  # it goes on asking
        self._over.set()
        self._thread.join(30)
        self._ears.close()

    def ping(self, address: str, mac: str) -> bytes:
        """A ping from the instance's link-local address."""
        ip = IPv6(src=link_local(self.mac), dst=address)
        return bytes(Ether(src=self.mac, dst=mac) / ip / ICMPv6EchoRequest(id=69))

    def sweep(self, macs: set[str]) -> None:
        """Ping the address that each link would have made of its MAC address."""
        self._ears.send(SPY, [self.ping(link_local(mac), mac) for mac in sorted(macs)])

    def _run(self) -> None:
        all_nodes = self.ping("ff02::1", "33:33:00:00:00:01")
        for _ in range(20_000):
            if self._over.is_set():
                break
            self._ears.send(SPY, [all_nodes])
            self.heard += self._ears.hear(0.01)
        self.heard += self._ears.hear(0.05)


@pytest.mark.parametrize(("wire", "ports"), [("web", 200), ("public", 40)], ids=["tenant", "provider"])
def test_the_host_says_nothing_while_ports_are_created(
    host: Host,
    site: Site,
    wire: str,
    ports: int,
) -> None:
    base = merge(public(), tenant(cidr="10.0.0.0/16"), {"ports": [_port("spy", wire, 0)]})
    names = [f"vm{number}" for number in range(ports)]
    for name in names:
        host.make_netns(name)
    site.apply(base)
    mac = host.links("spy")["eth0"].mac
    with Spy(mac) as spy:
        site.apply(merge(base, {"ports": [_port(name, wire, n) for n, name in enumerate(names, 1)]}))
        ours = _own_macs(host, site)
        spy.sweep(ours)
    assert len(ours) > ports
    sources = {each.source_mac for each in spy.heard}
    assert len(sources - ours) > ports // 2, "the instances themselves are not heard"
    assert sorted(sources & ours) == []


def _port(name: str, wire: str, number: int) -> dict[str, Any]:
    address = f"10.0.{1 + number // 200}.{1 + number % 200}" if wire == "web" else f"203.0.113.{100 + number}"
    return instance(name, address, wire)


def _own_macs(host: Host, site: Site) -> set[str]:
    """Of the outer ends and bridges that are ours."""
    made = (thing for unit in site.wanted.units for thing in unit.objects)
    namespaces = (thing.name for thing in made if isinstance(thing, Netns))
    places = {"", *(name for name in namespaces if name.startswith("net-"))}
    links = [link for place in places for link in host.links(place).values()]
    return {link.mac for link in links if link.alias.startswith("deuteron")}
