"""The lab's world and the demo's prober on the fake kernel: where no namespace can be had."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from deuteron.kernel.fake import FakeKernel, Packet, Trace
from deuteron.lab.proofs import ECHO_PORT, Proof
from deuteron.lab.scene import INTERNET, Scene
from deuteron.lab.world import End


class FakeWorld:
    """A :class:`~deuteron.lab.world.World` of a fake kernel."""

    def __init__(self, kernel: FakeKernel) -> None:
        self._kernel = kernel

    def namespace(self, name: str, *, forwarding: bool = False) -> None:
        """See :class:`~deuteron.lab.world.World`."""
        self._kernel.add_foreign_netns(name)
        if forwarding:
            self._kernel.write_sysctl(name, "net/ipv4/ip_forward", "1")
            self._kernel.write_sysctl(name, "net/ipv6/conf/all/forwarding", "1")

    def remove_namespace(self, name: str) -> None:
        """See :class:`~deuteron.lab.world.World`."""
        self._kernel.remove_netns(name)

    def bridge(self, name: str, mtu: int) -> None:
        """See :class:`~deuteron.lab.world.World`."""
        self._kernel.add_foreign_link("", name, kind="bridge", mtu=mtu)

    def cable(self, outer: End, inner: End, mtu: int) -> None:
        """See :class:`~deuteron.lab.world.World`."""
        self._kernel.add_foreign_veth(
            outer.netns, outer.dev, inner.netns, inner.dev, master=outer.master, mtu=mtu
        )
        for end in (outer, inner):
            for each in end.addresses:
                self.address(end.netns, end.dev, each)

    def address(self, netns: str, dev: str, address: str) -> None:
        """See :class:`~deuteron.lab.world.World`."""
        self._kernel.add_foreign_address(netns, dev, address)

    def route(self, netns: str, destination: str, via: str = "", dev: str = "") -> None:
        """See :class:`~deuteron.lab.world.World`."""
        if not dev:
            raise ValueError("the fake kernel wants the link of a route")
        self._kernel.add_foreign_route(netns, destination, dev, via=via)


class TraceProber:
    """Tries things with packets that the fake kernel walks."""

    def __init__(self, kernel: FakeKernel, scene: Scene) -> None:
        self.host = scene.host4
        self._kernel = kernel
        self._ports = iter(range(40000, 60000))

    def arrives(self, source: str, address: str, target: str) -> Proof:
        """See :class:`~deuteron.lab.demo_story.Prober`."""
        return self._tried(source, address, lambda there: there.netns == target)

    def leaves_as(self, source: str, address: str) -> Proof:
        """See :class:`~deuteron.lab.demo_story.Prober`."""
        return self._tried(
            source, self.host, lambda there: there.netns == INTERNET and there.packet.src == address
        )

    def silent(self, source: str, address: str) -> Proof:
        """See :class:`~deuteron.lab.demo_story.Prober`."""
        start = time.perf_counter()
        there = self._kernel.trace(self._packet(source, address))
        return _proof(start, not there.delivered, there)

    @contextmanager
    def keep(self, source: str, address: str) -> Iterator[Callable[[], Proof]]:
        """See :class:`~deuteron.lab.demo_story.Prober`."""
        packet = self._packet(source, address)

        def alive() -> Proof:
            start = time.perf_counter()
            there = self._kernel.trace(packet)
            return _proof(start, there.delivered and self._kernel.reply(there).delivered, there)

        yield alive

    def _packet(self, source: str, address: str) -> Packet:
        return Packet(netns=source, dst=address, proto="tcp", sport=next(self._ports), dport=ECHO_PORT)

    def _tried(self, source: str, address: str, right: Callable[[Trace], bool]) -> Proof:
        """A packet there and its answer back to where it came from."""
        start = time.perf_counter()
        there = self._kernel.trace(self._packet(source, address))
        if not there.delivered or not right(there):
            return _proof(start, False, there)
        back = self._kernel.reply(there)
        return _proof(start, back.delivered and back.netns == source, back)


def _proof(start: float, ok: bool, trace: Trace) -> Proof:
    ms = (time.perf_counter() - start) * 1000
    return Proof(
        what="", ok=ok, ms=ms, detail="" if ok else f"{trace.verdict} in {trace.netns}: {trace.reason}"
    )
