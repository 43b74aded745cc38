"""Each line of the filter holds alone, on the real kernel."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any, Final

import pytest

from deuteron.kernel.linux.nft import Nftables
from deuteron.lab import frames, probe
from deuteron.lab.inside import NETNS_DIR, inside
from deuteron.lab.probe import Servers
from deuteron.lab.scene import INTERNET
from tests.netns.flood import Wire
from tests.netns.site import PORT, Site, floating, instance, merge, public, router, tenant

pytestmark = pytest.mark.kernel

FAR: Final = "198.51.100.1"


def world(*, distributed: bool) -> dict[str, Any]:
    return merge(
        public(),
        tenant("blue"),
        {
            "routers": [router("r1", "blue-v4", distributed=distributed)],
            "ports": [instance("b5", "10.0.0.5", "blue"), instance("b6", "10.0.0.6", "blue")],
            "floatingips": [floating("203.0.113.50", "b5")],
        },
    )


@pytest.fixture(params=[False, True], ids=["centralised", "distributed"])
def distributed(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def nft(netns: str, commands: str) -> None:
    """Somebody changes a table of ours by hand."""
    inside(NETNS_DIR / netns, lambda: Nftables().run(commands))


def named(site: Site, prefix: str) -> str:
    return next(name for name in site.ground.namespaces() if name.startswith(prefix))


def sent_on(site: Site, guest: str, sources: list[str]) -> set[str]:
    """Send a datagram to the internet from each source; the addresses that any arrived with."""
    mac = probe.resolve(guest, "eth0", "10.0.0.5" if guest == "b5" else "10.0.0.6", "10.0.0.1").mac
    assert mac
    with Wire(guest) as wire, Wire(INTERNET, "ext0") as outside:
        wire.flood(
            frames.udp_packet((wire.mac, mac), (source, FAR), (4000 + n, 9))
            for n, source in enumerate(sources)
        )
        seen = [frames.parse(frame) for frame in outside.heard()]
    return {frame.source for frame in seen if frame.protocol == 17 and frame.dport == 9}


@pytest.mark.parametrize("guest", ["b5", "b6"])
def test_a_source_passes_only_where_it_lives(site: Site, distributed: bool, guest: str) -> None:
    site.apply(world(distributed=distributed))
    own, leaves_as = {"b5": ("10.0.0.5", "203.0.113.50"), "b6": ("10.0.0.6", "203.0.113.10")}[guest]
    foreign = ["192.0.2.7", "203.0.113.50", "203.0.113.10", "198.51.100.9", "169.254.64.0", "240.0.0.1"]
    assert sent_on(site, guest, foreign) == set()
    assert sent_on(site, guest, [own]) == {leaves_as}


@pytest.mark.parametrize("guest", ["b5", "b6"])
def test_without_translation_nothing_leaves(site: Site, distributed: bool, guest: str) -> None:
    """LP 1920778: a rule of the translation is missing, and tenants' addresses go out as they are."""
    site.apply(world(distributed=distributed))
    for prefix in ("qrouter-", "snat-") if distributed else ("qrouter-",):
        nft(named(site, prefix), "flush chain inet deuteron postrouting\n")
    own = "10.0.0.5" if guest == "b5" else "10.0.0.6"
    assert sent_on(site, guest, [own]) == set()


def test_a_namespace_offers_no_service_and_uses_none(site: Site, distributed: bool) -> None:
    site.apply(world(distributed=distributed))
    netns = named(site, "qrouter-")
    with Servers({netns: "::"}, 22) as servers:
        assert not probe.tcp("b5", "10.0.0.1", 22, servers, patience=0.3).ok
    with Servers({"b5": "::"}, PORT) as servers:
        assert not probe.tcp(netns, "10.0.0.5", PORT, servers, patience=0.3).ok
    assert probe.ping("b5", "10.0.0.1").ok
    assert probe.ping(netns, "10.0.0.5").ok


def test_an_address_on_a_network_s_bridge_answers_nobody(site: Site) -> None:
    """The namespace of a network has no address; were one put there, it would still be mute."""
    site.apply(world(distributed=False))
    netns = named(site, "net-")
    bridge = inside(NETNS_DIR / netns, _bridges)
    site.ground.address(netns, bridge, "10.0.0.99/24")
    assert not probe.ping("b5", "10.0.0.99", patience=0.3).ok
    assert not probe.ping(netns, "10.0.0.5", patience=0.3).ok
    assert probe.ping("b5", "10.0.0.6").ok, "instances talk through it"


def _bridges() -> str:
    return next(name for _, name in socket.if_nameindex() if name.startswith("br-"))


def test_where_br_netfilter_is_switched_frames_still_pass(site: Site) -> None:
    switch = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
    if not switch.exists():
        pytest.skip("the kernel module br_netfilter is not loaded")
    site.apply(world(distributed=False))
    inside(NETNS_DIR / named(site, "net-"), lambda: switch.write_text("1"))
    assert probe.ping("b5", "10.0.0.6").ok
