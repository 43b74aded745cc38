"""The reference host on the fake kernel, and which of its flows are open."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, Literal

import msgspec
import yaml

from deuteron.apply.engine import apply_plan, prepare
from deuteron.compile import compile_host
from deuteron.inputs import load
from deuteron.kernel.fake import FakeKernel, Packet
from deuteron.lab.fake_world import FakeWorld
from deuteron.lab.payload_world import PayloadWorld
from deuteron.objects import Wanted
from tests.packets.reference import FAR4, FAR6, INTERNET, Tenant, topology


class Flow(msgspec.Struct, frozen=True, order=True, kw_only=True):
    """A first packet: who sends it, as whom ("" for itself), to whom."""

    netns: str
    src: str
    dst: str
    proto: Literal["icmp", "tcp"]


#: The parameters that decide about packets on the fake kernel; the others it only keeps.
DECIDES: Final = (
    "forwarding",
    "ip_forward",
    "rp_filter",
    "arp_ignore",
    "proxy_arp",
    "proxy_ndp",
    "disable_ipv6",
)

#: A flow that got there: where it ended, and whether it still had a tenant's own address outside.
Open = tuple[Flow, str, bool]


class FakeHost:
    """One host with its tenants, on the fake kernel."""

    def __init__(self, directory: Path, tenants: tuple[Tenant, ...]) -> None:
        self.kernel = FakeKernel()
        self.tenants = tenants
        file = directory / "topology.yaml"
        file.write_text(yaml.safe_dump(topology(tenants)))
        view = load(file).view
        around = PayloadWorld(FakeWorld(self.kernel), view)
        around.prepare()
        self.wanted: Wanted = compile_host(view)
        result = apply_plan(self.kernel, prepare(self.kernel, self.wanted, Wanted(units=())))
        assert result.ok, [each.error for each in result.failed]
        # The IPv6 of a distributed router is on the wire, as NDP proxies have it.
        wire = {f"{each.six}::/64" for each in tenants if each.distributed}
        for prefix, via in around.scene.returns:
            self.kernel.add_foreign_route(INTERNET, prefix, "ext0", via="" if prefix in wire else via)
        self.flows = tuple(self._flows())
        self._ports = itertools.count(1024)

    def open(self, flows: Iterable[Flow]) -> dict[Open, tuple[str, ...]]:
        """Those of ``flows`` that get there, with the namespaces on their way."""
        found = {}
        for flow in flows:
            passed = self.way(flow)
            if passed is not None:
                found[passed[0]] = passed[1]
        return found

    def way(self, flow: Flow) -> tuple[Open, tuple[str, ...]] | None:
        """How a flow got there, ``None`` if it did not; every try is a connection of its own."""
        port = 1024 + next(self._ports) % 60000
        packet = Packet(
            netns=flow.netns, src=flow.src, dst=flow.dst, proto=flow.proto, sport=port, dport=7007
        )
        seen = self.kernel.trace(packet)
        for namespace in self.kernel.state.alive():
            namespace.flows.clear()
        if not seen.delivered:
            return None
        bare = seen.netns == INTERNET and seen.packet.src.startswith("10.")
        return (flow, seen.netns, bare), seen.namespaces

    def touched(self, flow: Flow) -> tuple[str, ...]:
        """The namespaces that a flow comes through, wherever it ends."""
        packet = Packet(netns=flow.netns, src=flow.src, dst=flow.dst, proto=flow.proto, dport=7007)
        seen = self.kernel.trace(packet)
        for namespace in self.kernel.state.alive():
            namespace.flows.clear()
        return seen.namespaces

    def _flows(self) -> Iterator[Flow]:
        protocols: tuple[Literal["icmp", "tcp"], ...] = ("icmp", "tcp")
        senders = ["red1", *(f"{each.name}2" for each in self.tenants)]
        everywhere = (*self._everywhere(),)
        for netns, dst, proto in itertools.product((*senders, INTERNET), everywhere, protocols):
            if proto == "icmp" and dst in (FAR4, FAR6):
                continue
            yield Flow(netns=netns, src="", dst=dst, proto=proto)
        for netns, src in itertools.product((*senders, INTERNET), self._false_sources()):
            for dst in (FAR4, FAR6, *(d for t in self.tenants for d in (t.floating, t.v6(5)))):
                if (":" in src) == (":" in dst):
                    yield Flow(netns=netns, src=src, dst=dst, proto="tcp")

    def _everywhere(self) -> Iterator[str]:
        yield from (FAR4, FAR6)
        for each in self.tenants:
            yield from (each.v4(1), each.v4(5), each.v4(6), each.v6(1), each.v6(5), each.v6(6))
            yield from (each.floating, each.gateway, each.gateway6)

    def _false_sources(self) -> Iterator[str]:
        yield from ("192.0.2.200", "2001:db8:99::1")
        for each in self.tenants:
            yield from (each.v4(6), each.v6(6), each.floating)
