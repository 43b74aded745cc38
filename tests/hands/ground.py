"""The host of these tests: four routers, two to lay hands on and two whose traffic must not notice."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import yaml

from deuteron.cli.session import committed_view
from deuteron.compile import compile_host
from deuteron.domain import HostView
from deuteron.inputs import load
from deuteron.lab.inside import NETNS_DIR, inside
from deuteron.lab.payload_world import PayloadWorld
from deuteron.lab.scene import INTERNET
from deuteron.lab.world import LinuxWorld
from deuteron.objects import KernelObject, Netns, Sysctl, Wanted
from tests.hands.picture import Picture, picture
from tests.hands.program import Program
from tests.netns.site import floating, instance, merge, public, tenant
from tests.support.sandbox import Host, why_no_tun

#: Router's name to its floating IP.  Those of the second pair are watched by the prober.
VICTIMS: Final = {"vc": "203.0.113.51", "vd": "203.0.113.52"}
WITNESSES: Final = {"wc": "203.0.113.61", "wd": "203.0.113.62"}
#: A parameter that no namespace of ours sets.
NOT_OURS: Final = "net/ipv4/ip_default_ttl"


class Ground:
    """A host with a world around it, and the program that is to keep it as a file says."""

    def __init__(self, host: Host, directory: Path, topology: Mapping[str, Any]) -> None:
        self.host = host
        self.directory = directory
        self.run = Program(directory / "state")
        self.world = LinuxWorld()
        self.file = self.write(topology)
        self.around = PayloadWorld(self.world, load(self.file).view)
        self.around.prepare()

    def write(self, topology: Mapping[str, Any], name: str = "topology.yaml") -> Path:
        """A topology as a file."""
        path = self.directory / name
        path.write_text(yaml.safe_dump(dict(topology)))
        return path

    def apply(self) -> None:
        """Apply the file; it must be well."""
        self.run.well("apply", self.file)

    def close(self) -> None:
        """Destroy what is ours, then take the world away."""
        ended = self.run("destroy")
        leaks = self.host.leaks()
        self.world.close()
        assert ended.status == 0, ended
        assert leaks == [], leaks

    @cached_property
    def view(self) -> HostView:
        """What the state directory says is wanted."""
        return committed_view(self.run.state)

    @cached_property
    def wanted(self) -> Wanted:
        """As kernel objects."""
        return compile_host(self.view)

    def objects(self, unit: str) -> Iterator[KernelObject]:
        """What the unit of that name (``router/vd``, by id or by the resource's name) holds."""
        for each in self.wanted.units:
            if each.name == unit or each.title == unit.replace("/", " "):
                yield from each.objects

    def picture(self) -> Picture:
        """What ``ip``, ``nft`` and ``bridge`` say, in all namespaces."""
        paths = {name: [NOT_OURS] for unit in self.wanted.units for name in _homes(unit.objects)}
        for unit in self.wanted.units:
            for each in unit.objects:
                if isinstance(each, Sysctl):
                    paths.setdefault(each.netns, []).append(each.path)
        return picture(self.host, paths)

    def hand(self, netns: str, command: str) -> None:
        """Somebody's command in a namespace, with a shell's words but no shell."""
        work = _command(command)
        if netns:
            inside(NETNS_DIR / netns, work)
        else:
            work()


def _homes(objects: Iterable[KernelObject]) -> Iterator[str]:
    return (each.name for each in objects if isinstance(each, Netns))


def _command(command: str) -> Callable[[], None]:
    def run() -> None:
        done = subprocess.run(
            [word.replace("\N{OPEN BOX}", " ") for word in command.split()],
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )
        assert done.returncode == 0, (command, done.stderr)

    return run


def four_routers() -> dict[str, Any]:
    """Victims and witnesses of both kinds: a network, an instance and a floating IP each."""
    topology = merge(public(), {"subnets": [_external6()]})
    for number, (name, address) in enumerate({**VICTIMS, **WITNESSES}.items(), 1):
        topology = merge(topology, _quarter(number, name, address))
    if not why_no_tun():
        for number, name in enumerate(VICTIMS, 1):
            tap = {
                "name": f"tap-{name}",
                "network_id": name,
                "fixed_ips": [{"ip_address": f"10.{number}.0.9"}],
                "binding:profile": {"tap": f"mach-{name}"},
            }
            topology = merge(topology, {"ports": [tap]})
    return topology


def _quarter(number: int, name: str, address: str) -> dict[str, Any]:
    six = {
        "name": f"{name}-v6",
        "network_id": name,
        "cidr": f"2001:db8:{number}::/64",
        "gateway_ip": f"2001:db8:{number}::1",
    }
    fixed = [{"ip_address": f"10.{number}.0.5"}, {"ip_address": f"2001:db8:{number}::5"}]
    router = {
        "name": name,
        "distributed": name.endswith("d"),
        "enable_ndp_proxy": True,
        "external_gateway_info": {
            "network_id": "public",
            "external_fixed_ips": [
                {"subnet_id": "public-v4", "ip_address": f"203.0.113.1{number}"},
                {"subnet_id": "public-v6", "ip_address": f"2001:db8:e::1{number}"},
            ],
        },
        "interfaces": [f"{name}-v4", f"{name}-v6"],
        "routes": [{"destination": f"10.10{number}.0.0/24", "nexthop": f"10.{number}.0.5"}],
    }
    vm = f"vm-{name}"
    return merge(
        tenant(name, f"10.{number}.0.0/24"),
        {
            "subnets": [six],
            "routers": [router],
            "ports": [instance(vm, "", name, fixed_ips=fixed)],
            "floatingips": [floating(address, vm, fixed_ip_address=f"10.{number}.0.5")],
            "ndp_proxies": [
                {"name": name, "router_id": name, "port_id": vm, "ip_address": f"2001:db8:{number}::5"}
            ],
        },
    )


def _external6() -> dict[str, Any]:
    return {
        "name": "public-v6",
        "network_id": "public",
        "cidr": "2001:db8:e::/64",
        "gateway_ip": "2001:db8:e::1",
    }


__all__ = ["INTERNET", "VICTIMS", "WITNESSES", "Ground", "four_routers"]
