"""Whoever has the API's process says what he likes to the agent: it refuses, and the host is as it was."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from deuteron.agent.change import change
from deuteron.agent.link import Link
from deuteron.agent.serve import Follower
from deuteron.domain import Binding, FixedIP, HostView, Network, Port, Router, Subnet
from deuteron.errors import DeuteronError
from deuteron.feed import wire
from deuteron.feed.wire import FeedError
from deuteron.kernel.linux import LinuxKernel
from deuteron.serve import follow
from deuteron.serve.follow import Following
from deuteron.state.directory import State
from tests.cli.command import Deuteron, Site
from tests.support.sandbox import Host

pytestmark = pytest.mark.kernel

_PATIENCE: Final = 60.0
_BRIDGES: Final = {"physnet1": "br-ex"}
#: Another program's router, and a link of the host's own.
_THEIRS: Final = "qrouter-b7c0ffee-0000-4000-8000-000000000001"
_MANAGEMENT: Final = "mgmt0"

Frame = Callable[[int], bytes]


def view() -> HostView:
    """A router, two networks, an instance."""
    port = partial(Port, name="")
    return HostView(
        host="here",
        networks=(
            Network(id="n1", name="private"),
            Network(id="n2", name="public", external=True, bridge="br-ex", physical_network="physnet1"),
        ),
        subnets=(Subnet(id="s1", name="", network_id="n1", cidr="10.0.0.0/24", gateway_ip="10.0.0.1"),),
        ports=(
            port(
                id="p1",
                network_id="n1",
                mac_address="fa:16:3e:00:00:01",
                fixed_ips=(FixedIP(subnet_id="s1", ip_address="10.0.0.5"),),
                binding=Binding(netns="vm1"),
            ),
            port(
                id="p2",
                network_id="n1",
                mac_address="fa:16:3e:00:00:02",
                device_owner="network:router_interface",
                fixed_ips=(FixedIP(subnet_id="s1", ip_address="10.0.0.1"),),
            ),
        ),
        routers=(Router(id="r1", name="r1", interfaces=("p2",)),),
    )


def framed(content: bytes, size: int | None = None) -> bytes:
    return struct.pack(">I", len(content) if size is None else size) + content


def whole(request: int, told: HostView) -> bytes:
    return wire.encode(wire.View(request=request, revision=7, view=told))


def forged(path: str, value: object) -> Frame:
    """A view with one thing in it that our own code would not make."""

    def frame(request: int) -> bytes:
        document: Any = msgspec.to_builtins(wire.View(request=request, revision=8, view=view()))
        *way, last = [int(one) if one.isdecimal() else one for one in path.split(".")]
        place = document
        for step in way:
            place = place[step]
        place[last] = value
        return framed(msgspec.msgpack.encode(document))

    return frame


def part(**fields: object) -> Frame:
    document = {"type": "change", "revision": 8, "since": 7, "part": fields}
    return lambda request: framed(msgspec.msgpack.encode({**document, "request": request}))


def raw(content: bytes) -> Frame:
    return lambda _request: content


_NAME: Final = "view.ports.0.binding.netns"
_TAP: Final = "view.ports.0.binding"
_NEST: Final = b"\x91" * 100_000 + b"\xc0"
_LOOSER: Final = {"what": "sysctl", "name": "net/ipv4/conf/all/arp_ignore", "kinds": ["router"], "value": "0"}
_ELSEWHERE: Final = {**_LOOSER, "name": "../../kernel/core_pattern", "value": "|/tmp/x"}
_THIRD: Final = {"id": "p3", "name": "", "network_id": "n1", "mac_address": "fa:16:3e:00:00:03"}

FORGED: Final[dict[str, Frame]] = {
    # No frames.
    "nothing": raw(b""),
    "a half header": raw(b"\0\0"),
    "half a frame": raw(framed(b"\x81", 1000)),
    "an empty frame": raw(framed(b"")),
    "100 MB announced, one octet sent": raw(framed(b"\xc0", 100_000_000)),
    "4 GB announced": raw(framed(b"\xc0", 0xFFFF_FFFF)),
    "no msgpack": raw(framed(b"GET / HTTP/1.1\r\n\r\n")),
    "deep": raw(framed(_NEST)),
    "an array of four thousand million": raw(framed(b"\xdd\xff\xff\xff\xff")),
    "a text of four thousand million": raw(framed(b"\xdb\xff\xff\xff\xff")),
    "an object of a type": raw(framed(b"\xc7\x08\x01" + b"cos\nsyst")),
    # No answers.
    "another version's message": forged("type", "view2"),
    "a field of another version": forged("newer", 1),
    "the answer of another question": forged("request", 99),
    "the answer before the question": lambda request: wire.encode(wire.Same(request=request + 1, revision=7)),
    "an answer of another kind": lambda request: wire.encode(wire.Done(request=request)),
    "a question": raw(framed(msgspec.msgpack.encode({"type": "hello", "request": 1, "host": "h"}))),
    "a revision below zero": forged("revision", -1),
    "a revision out of bounds": forged("revision", 1 << 62),
    # Names that are paths, options, or others'.
    "a namespace by dots": forged(_NAME, "../../tmp/x"),
    "a namespace with a slash": forged(_NAME, "a/b"),
    "a namespace that is the directory": forged(_NAME, ".."),
    "a namespace with a zero": forged(_NAME, "vm1\0x"),
    "a namespace of our own": forged(_NAME, "qrouter-r1"),
    "another program's router": forged(_NAME, _THEIRS),
    "another program's router as ours": forged("view.routers.0.id", _THEIRS.removeprefix("qrouter-")),
    "a namespace that is not there": forged(_NAME, "vm-nowhere"),
    "a tap with a slash": forged(_TAP, {"tap": "a/b"}),
    "a tap by dots": forged(_TAP, {"tap": ".."}),
    "a tap with a format": forged(_TAP, {"tap": "tap%d:1"}),
    "a tap too long": forged(_TAP, {"tap": "x" * 16}),
    "a network by dots": forged("view.networks.0.id", "../../../tmp/x"),
    "a router by dots": forged("view.routers.0.id", "../../../tmp/x"),
    "a router with an option": forged("view.routers.0.id", "-rf"),
    "a port by dots": forged("view.ports.0.id", "../x"),
    "the host's own link as a bridge": forged("view.networks.0.bridge", _MANAGEMENT),
    "the loopback as a bridge": forged("view.networks.0.bridge", "lo"),
    "another bridge for the provider": forged("view.networks.1.bridge", _MANAGEMENT),
    "a bridge with a slash": forged("view.networks.1.bridge", "../x"),
    # Values.
    "a MAC of many": forged("view.ports.0.mac_address", "ff:ff:ff:ff:ff:ff"),
    "no MAC": forged("view.ports.0.mac_address", "fa:16:3e:00:00:01; reboot"),
    "an address with a zone": forged("view.ports.0.fixed_ips.0.ip_address", "10.0.0.5%lo"),
    "an address outside": forged("view.ports.0.fixed_ips.0.ip_address", "192.0.2.1"),
    "a subnet of everything": forged("view.subnets.0.cidr", "0.0.0.0/0"),
    "a loopback subnet": forged("view.subnets.0.cidr", "127.0.0.0/8"),
    "an MTU of nothing": forged("view.networks.0.mtu", 0),
    "an MTU out of bounds": forged("view.networks.0.mtu", 1 << 40),
    "a number for a name": forged("view.networks.0.name", 1),
    "a reference to nothing": forged("view.subnets.0.network_id", "n9"),
    "a looser policy": forged("view.overrides", [_LOOSER]),
    "a kernel parameter elsewhere": forged("view.overrides", [_ELSEWHERE]),
    "another host": forged("view.host", "there"),
    # Parts.
    "a part with a looser policy": part(overrides=[_LOOSER]),
    "a part with a bridge of the host": part(networks=[{"id": "n3", "name": "", "bridge": _MANAGEMENT}]),
    "a part with a namespace by dots": part(ports=[{**_THIRD, "binding": {"netns": "../../tmp/x"}}]),
    "a part that refers to nothing": part(routers=[{"id": "r9", "name": "", "interfaces": ["p9"]}]),
    "a part that takes the ground away": part(gone=[{"kind": "network", "id": "n1"}]),
    "a part with a namespace twice": part(ports=[{**_THIRD, "binding": {"netns": "vm1"}}]),
}
#: What the host cannot do is no error of the view: the unit is told as failed, the others are served on.
_OF_A_UNIT: Final = {
    "a namespace that is not there": "port/p1",
    "another program's router as ours": f"router/{_THEIRS.removeprefix('qrouter-')} router/r1",
}


class Enemy:
    """The API's end of the socket: a good view first, then what is forged, then the end.

    Args:
        path: of the socket.
        frame: what is forged; ``None``: nothing.
        done: called once the agent asks again after that, or has ended.
    """

    def __init__(self, path: Path, frame: Frame | None, done: Callable[[], object]) -> None:
        self._frame = frame
        self._done = done
        self.failed: dict[str, str] = {}
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        connection, _ = self._socket.accept()
        connection.settimeout(_PATIENCE)
        with connection, suppress(FeedError, ConnectionError):
            self._answers(connection)
        self._done()

    def _answers(self, connection: socket.socket) -> None:
        greeting = wire.receive(wire.API, connection)
        connection.sendall(wire.encode(wire.Welcome(request=greeting.request, revision=7)))
        frames = [partial(whole, told=view())] + ([self._frame] if self._frame else [])
        for frame in frames:
            connection.sendall(frame(self._asked(connection)))
            if len(frame(0)) < 4 or frame(0)[:4] != struct.pack(">I", len(frame(0)) - 4):
                connection.shutdown(socket.SHUT_WR)  # what is announced never comes
        self._asked(connection)

    def _asked(self, connection: socket.socket) -> int:
        """The number of the next question; what it tells is taken note of."""
        while isinstance(message := wire.receive(wire.API, connection), wire.Status):
            self.failed |= {one.unit: one.code for one in message.items if one.state == "failed"}
            connection.sendall(wire.encode(wire.Done(request=message.request)))
        return message.request

    def close(self) -> None:
        self._thread.join(_PATIENCE)
        self._socket.close()


class Heard:
    """What the agent's loop has to say."""

    def __init__(self) -> None:
        self.codes: list[str] = []

    def begun(self, namespaces: int) -> None:
        assert namespaces

    def trouble(self, error: DeuteronError) -> None:
        self.codes.append(error.code)

    def looked(self, *_: object, **__: object) -> None:
        """It has."""

    def looking(self, *_: object) -> None:
        """It is, after a start."""

    def looked_over(self) -> None:
        """It has, at everything."""

    def repaired(self, *_: object, **__: object) -> None:
        raise AssertionError("nobody has changed anything")

    def alive(self) -> None:
        """It is."""


class Ground:
    """A host, and an agent on it that follows whoever is at the other end."""

    def __init__(self, host: Host, kernel: LinuxKernel, folder: Path) -> None:
        self.host = host
        self._kernel = kernel
        self._folder = folder
        self.site = Site(host, Deuteron(folder / "state"), folder)
        for bridge in ("br-ex", _MANAGEMENT):
            host.make_bridge(bridge)
        for netns in ("vm1", _THEIRS):
            host.make_netns(netns)

    def meets(self, frame: Frame | None) -> str:
        """How the agent takes it: the code of the refusal, or the units that have failed; "" for none."""
        path = self._folder / "feed"
        path.unlink(missing_ok=True)
        heard = Heard()
        started: list[Following] = []
        enemy = Enemy(path, frame, lambda: started[0].stop())
        try:
            with State(self._folder / "state") as state, Link(path, "here", _BRIDGES) as link:
                changed = partial(change, (self._kernel,), state)
                follower = Follower(self._kernel, state, changed, _BRIDGES.values())
                started.append(
                    Following(link, follower, self._kernel, state, heard, interval=60, ended=lambda: False)
                )
                started[0].run()
        except FeedError as error:
            return error.code
        finally:
            enemy.close()
        return heard.codes[0] if heard.codes else " ".join(enemy.failed)

    def files(self) -> list[str]:
        """Everything that has a name where something could have been made."""
        places = (Path("/run"), self._folder)
        return sorted(str(path) for place in places for path in place.rglob("*") if "state" not in path.parts)


@pytest.fixture
def ground(host: Host, linux_kernel: LinuxKernel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ground:
    # It would wait for a process to end that is this one.
    monkeypatch.setattr(follow, "_LAST_MOMENT", 0.05)
    return Ground(host, linux_kernel, tmp_path)


def test_whatever_the_api_says_the_agent_refuses_it_and_the_host_is_as_it_was(ground: Ground) -> None:
    assert ground.meets(None) == ""
    made, files = ground.site.picture(), ground.files()
    assert {"qrouter-r1", "net-n1"} <= made.keys()
    assert any("eth0" in line for line in made["vm1"])
    taken = {}
    for name, frame in FORGED.items():
        code = ground.meets(frame)
        assert ground.site.picture() == made, (name, code)
        assert ground.files() == files, (name, code)
        taken[name] = code
    assert "" not in taken.values(), taken
    assert {name: taken[name] for name in _OF_A_UNIT} == _OF_A_UNIT
