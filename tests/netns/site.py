"""A test's own host with a topology applied to the real kernel, and the world around it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from deuteron.apply.engine import apply_plan, prepare, verify
from deuteron.compile import compile_host
from deuteron.domain import HostView
from deuteron.inputs import Allocations, load
from deuteron.kernel.protocol import Kernel
from deuteron.lab import probe, proofs
from deuteron.lab.payload_world import PayloadWorld
from deuteron.lab.probe import Servers
from deuteron.lab.scene import INTERNET, Scene
from deuteron.lab.world import LinuxWorld
from deuteron.objects import Wanted
from deuteron.reconcile import render

PORT = 7007


class Site:
    """Applies topologies and payloads; every apply is followed by one that must find nothing to do."""

    def __init__(self, kernel: Kernel, directory: Path) -> None:
        self.kernel = kernel
        self.directory = directory
        self.ground = LinuxWorld()
        self.allocations = Allocations()
        self.around: PayloadWorld | None = None
        self.populated = False
        self.wanted = Wanted(units=())

    @property
    def scene(self) -> Scene:
        assert self.around is not None
        return self.around.scene

    def apply(self, topology: dict[str, Any]) -> int:
        """Apply a topology; how many steps it took."""
        file = self.directory / "topology.yaml"
        file.write_text(yaml.safe_dump(topology))
        return self.apply_file(file)

    def apply_file(self, file: Path, host: str | None = None) -> int:
        loaded = load(file, host=host, allocations=self.allocations)
        self.allocations = loaded.allocations
        return self.apply_view(loaded.view)

    def apply_view(self, view: HostView) -> int:
        if self.around is None:
            self.around = PayloadWorld(self.ground, view)
            self.around.prepare()
        steps = self.converge(compile_host(view))
        if not self.populated:
            self.around.populate()
            self.populated = True
        return steps

    def converge(self, wanted: Wanted) -> int:
        """Make the kernel as wanted; how many steps it took."""
        result = apply_plan(self.kernel, prepare(self.kernel, wanted, self.wanted))
        assert result.ok, "\n".join(each.error for each in result.failed)
        self.wanted = wanted
        assert self.remaining() == [], "the same again is not nothing to do"
        return sum(each.steps for each in result.units)

    def remaining(self) -> list[str]:
        """What an apply of the same would still do."""
        return [
            render.line(step) for unit in verify(self.kernel, self.wanted).plan.units for step in unit.steps
        ]

    def vacate(self) -> None:
        if self.around is not None and self.populated:
            self.around.vacate()
            self.populated = False

    def destroy(self) -> None:
        """Take away the guests, then everything of ours."""
        self.vacate()
        self.converge(Wanted(units=()))

    # What packets see.

    def reaches(self, source: str, address: str, target: str, port: int = PORT, at: int = PORT) -> None:
        """A connection from ``source`` to ``address`` ends in ``target``."""
        seen = self.ask(source, address, target, port, at)
        assert seen.ok, (source, address, seen)
        assert seen.reached == target, seen

    def cut_off(self, source: str, address: str, target: str) -> None:
        """A connection from ``source`` to ``address`` is not had."""
        seen = self.ask(source, address, target, patience=0.3)
        assert not seen.ok, seen

    def ask(
        self,
        source: str,
        address: str,
        target: str,
        port: int = PORT,
        at: int = PORT,
        patience: float = probe.PATIENCE,
    ) -> probe.Exchange:
        everywhere = {each.netns: "::" for each in self.scene.guests}
        everywhere[target] = "::"
        with Servers(everywhere, at) as servers:
            return probe.tcp(source, address, port, servers, patience=patience)

    def leaves_as(self, source: str, address: str) -> None:
        """What ``source`` sends to the internet arrives from ``address`` and is answered."""
        with Servers({INTERNET: self.scene.host4}, PORT, udp=True) as servers:
            proof = proofs.leaves_as(source, self.scene.host4, address, servers)
        assert proof.ok, proof

    def stays_inside(self, source: str) -> None:
        """Nothing that ``source`` sends gets out to the internet."""
        with Servers({INTERNET: self.scene.host4}, PORT, udp=True) as servers:
            seen = probe.udp(source, self.scene.host4, PORT, servers, patience=0.3)
        assert not seen.reached, seen


def public() -> dict[str, Any]:
    """One external network, 203.0.113.0/24 on ``br-ex``."""
    return {
        "bridge_mappings": {"physnet1": "br-ex"},
        "networks": [
            {
                "name": "public",
                "router:external": True,
                "provider:network_type": "flat",
                "provider:physical_network": "physnet1",
            }
        ],
        "subnets": [
            {
                "name": "public-v4",
                "network_id": "public",
                "cidr": "203.0.113.0/24",
                "gateway_ip": "203.0.113.1",
                "enable_dhcp": False,
            }
        ],
    }


def tenant(name: str = "web", cidr: str = "10.0.0.0/24") -> dict[str, list[dict[str, Any]]]:
    """A tenant network with one subnet, ``<name>-v4``."""
    return {
        "networks": [{"name": name}],
        "subnets": [{"name": f"{name}-v4", "network_id": name, "cidr": cidr}],
    }


def router(name: str = "r1", *interfaces: str, address: str = "203.0.113.10", **more: Any) -> dict[str, Any]:
    """A router with a gateway at ``address``."""
    gateway = {
        "network_id": "public",
        "external_fixed_ips": [{"subnet_id": "public-v4", "ip_address": address}],
    }
    gateway.update(more.pop("gateway", {}))
    return {"name": name, "external_gateway_info": gateway, "interfaces": list(interfaces), **more}


def instance(name: str, address: str, network: str = "web", **more: Any) -> dict[str, Any]:
    """A port with one address, plugged in the namespace ``name``."""
    return {
        "name": name,
        "network_id": network,
        "fixed_ips": [{"ip_address": address}],
        "binding:profile": {"netns": name},
        **more,
    }


def floating(address: str, port: str | None, **more: Any) -> dict[str, Any]:
    """A floating IP of ``public``, associated or not."""
    entry = {"floating_network_id": "public", "floating_ip_address": address, **more}
    return {**entry, "port_id": port} if port else entry


def merge(*parts: dict[str, Any]) -> dict[str, Any]:
    """One topology of several, their lists one after the other."""
    whole: dict[str, Any] = {}
    for part in parts:
        for key, value in part.items():
            if isinstance(value, dict):
                whole[key] = {**whole.get(key, {}), **value}
            else:
                whole[key] = [*whole.get(key, []), *value]
    return whole


__all__ = ["PORT", "Site", "floating", "instance", "merge", "public", "router", "tenant"]
