"""A whole world around one host, made from nothing but the host's view.

::

    with LinuxWorld() as ground:
        around = PayloadWorld(ground, view)
        around.prepare()            # bridges, the internet, empty namespaces
        ... apply the view ...
        around.populate()           # plug the guests that no port binds
        for proof in around.prove(): ...
        around.vacate()             # take these guests away
        ... destroy ...
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from deuteron.domain import HostView
from deuteron.lab.proofs import Proof, prove
from deuteron.lab.scene import INTERNET, Guest, Scene, Uplink, scene
from deuteron.lab.world import End, World

_DEFAULT: Final = {4: "0.0.0.0/0", 6: "::/0"}


class PayloadWorld:
    """What stands around the host of ``view``."""

    def __init__(self, ground: World, view: HostView) -> None:
        self.ground = ground
        self.view = view
        self.scene: Scene = scene(view)

    def prepare(self) -> None:
        """Make what must be there before the view is applied."""
        bridges = {each.bridge: each.mtu for each in self.view.networks if each.bridge}
        for bridge, mtu in sorted(bridges.items()):
            self.ground.bridge(bridge, mtu)
        self.ground.namespace(INTERNET, forwarding=True)
        onlink = {each.split("/")[0] for uplink in self.scene.uplinks for each in uplink.addresses}
        for address in sorted({self.scene.host4, self.scene.host6} - onlink):
            self.ground.address(INTERNET, "lo", f"{address}/{128 if ':' in address else 32}")
        for uplink in self.scene.uplinks:
            connect_internet(self.ground, uplink)
        for guest in self.scene.guests:
            if guest.plugged:
                self.ground.namespace(guest.netns)

    def populate(self) -> None:
        """Plug the guests in, as a compute service would, and tell the internet its ways back."""
        for guest in self.scene.guests:
            if not guest.plugged:
                # Even one with addresses behind it forwards nothing: an IPv6 router would answer for
                # the subnet's first address itself (RFC 4291, 2.6.1), and that is often the gateway's.
                self.ground.namespace(guest.netns)
                plug(self.ground, guest)
        for prefix, via in self.scene.returns:
            self.ground.route(INTERNET, prefix, via)

    def vacate(self) -> None:
        """Unplug what :meth:`populate` plugged."""
        for guest in self.scene.guests:
            if not guest.plugged:
                self.ground.remove_namespace(guest.netns)

    def prove(self) -> Iterator[Proof]:
        """All that should hold now."""
        return prove(self.view, self.scene)


def connect_internet(ground: World, uplink: Uplink) -> None:
    """Give the internet a leg on a provider bridge."""
    ground.cable(
        End(netns="", dev=f"tap-{uplink.dev}", master=uplink.bridge),
        End(netns=INTERNET, dev=uplink.dev, addresses=uplink.addresses),
        uplink.mtu,
    )
    for prefix in uplink.onlink:
        ground.route(INTERNET, prefix, dev=uplink.dev)


def plug(ground: World, guest: Guest) -> None:
    """Put a guest on its network with its addresses and default routes."""
    ground.cable(
        End(netns=guest.bridge_netns, dev=f"tap-{guest.netns}"[:15], master=guest.bridge),
        End(netns=guest.netns, dev="eth0", mac=guest.mac, addresses=guest.addresses),
        guest.mtu,
    )
    for gateway in guest.gateways:
        ground.route(guest.netns, _DEFAULT[6 if ":" in gateway else 4], gateway, dev="eth0")
    for address in guest.behind:
        ground.address(guest.netns, "lo", f"{address}/{128 if ':' in address else 32}")
