"""The demo's story on the running kernel: real namespaces, real packets."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from deuteron.lab import probe, proofs
from deuteron.lab.probe import Servers
from deuteron.lab.proofs import ECHO_PORT, SILENCE, Proof
from deuteron.lab.scene import INTERNET, Scene


class PacketProber:
    """Tries things with packets between the namespaces of a scene."""

    def __init__(self, scene: Scene) -> None:
        self.host = scene.host4
        self._guests = {each.netns: "" for each in scene.guests if each.plugged}

    def arrives(self, source: str, address: str, target: str) -> Proof:
        """See :class:`~deuteron.lab.demo_story.Prober`."""
        with Servers(self._guests, ECHO_PORT) as servers:
            return proofs.inbound(address, target, servers, source)

    def leaves_as(self, source: str, address: str) -> Proof:
        """See :class:`~deuteron.lab.demo_story.Prober`."""
        with Servers({INTERNET: self.host}, ECHO_PORT, udp=True) as servers:
            return proofs.leaves_as(source, self.host, address, servers)

    def silent(self, source: str, address: str) -> Proof:
        """See :class:`~deuteron.lab.demo_story.Prober`."""
        return proofs.silent(source, address)

    @contextmanager
    def keep(self, source: str, address: str) -> Iterator[Callable[[], Proof]]:
        """See :class:`~deuteron.lab.demo_story.Prober`."""
        with Servers(self._guests, ECHO_PORT) as servers:
            seen, connection = probe.connect(source, address, ECHO_PORT, servers)
        if connection is None:
            yield lambda: Proof(what="a connection", ok=False, detail=seen.error)
            return

        def alive() -> Proof:
            start = time.perf_counter()
            ok = connection.alive(SILENCE)
            ms = (time.perf_counter() - start) * 1000
            return Proof(what="a connection", ok=ok, ms=ms, detail="" if ok else "no answer")

        with connection:
            yield alive
