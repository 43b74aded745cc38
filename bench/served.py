"""``deuteron serve`` with a thousand routers: both processes, as a user starts them, on a host of its own.

The world is made by the API alone, in bulk where it has bulk.  What is measured is what a client sees: a
floating IP is asked for, and pings go to its address until one is answered.  Whether a restart wrote
anything is not taken from the log alone: a socket in every namespace hears what the kernel tells of changes.
"""

from __future__ import annotations

import os
import resource
import selectors
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx
import msgspec
from tests.support.reach import python_within_reach

from deuteron.agent.link import Link
from deuteron.kernel.linux.netlink import link
from deuteron.kernel.linux.netlink.socket import NetlinkSocket
from deuteron.kernel.linux.netns import NetnsDirectory
from deuteron.lab import frames
from deuteron.lab.inside import NETNS_DIR, inside
from deuteron.lab.world import LinuxWorld

Body = dict[str, Any]

_PROGRAM: Final = Path(sys.executable).parent / "deuteron"
_BRIDGE: Final = "br-ex"
_OUTSIDE: Final = "198.18.0.0/15"
_HERE: Final = "198.18.0.1/15"
#: Seconds for anything at all: a thousand routers on a machine that has other things to do.
_PATIENCE: Final = 1800.0
#: Rows of one bulk request: a body is at most 1 MiB.
_BULK: Final = 500
#: Seconds between two echoes of one that waits for its first answer, and of one that counts losses.
_EAGER: Final = 0.0005
_STEADY: Final = 0.005
#: What the processes of the service are.
_ROLES: Final = ("agent", "api", "broker")
#: Seconds between two looks at whether all is quiet, at most so many, and MB that are none.
_A_WHILE: Final = 2.0
_LOOKS: Final = 60
_LITTLE: Final = 1.0
#: Multicast groups of rtnetlink (links; addresses, routes and rules of both families) and of nftables.
_ROUTE_GROUPS: Final = (1, 5, 7, 8, 9, 11, 19)
_NFT_GROUPS: Final = (7,)
_NETLINK_ADD_MEMBERSHIP: Final = 1
_SOL_NETLINK: Final = 270


class World(NamedTuple):
    """What the API was asked for.

    Attributes:
        external: id of the external network.
        instances: ids of ports with an instance each, behind routers of their own.
    """

    external: str
    instances: tuple[str, ...]


class Service:
    """A running service, and a client of it."""

    def __init__(self, process: subprocess.Popen[bytes], out: Path, state: Path) -> None:
        self.process = process
        self._out = out
        self._state = state
        self.begun = time.perf_counter()
        first = self._until(lambda lines: lines[:1])[0]
        self.client = httpx.Client(base_url=f"{first['listen']}/v2.0", trust_env=False, timeout=_PATIENCE)

    def records(self, event: str) -> list[Body]:
        """What the log has of an event."""
        return [one for one in self._lines()[1:] if one["event"] == event]

    def until_began(self) -> float:
        """Wait until the host has all that the API has; seconds since the start."""
        self._until(lambda lines: [one for one in lines[1:] if one["event"] == "serve-began"])
        return time.perf_counter() - self.begun

    def until_answers(self) -> float:
        """Wait for an answer of the API; seconds since the start."""
        self.client.get("/networks", params={"limit": "1"}).raise_for_status()
        return time.perf_counter() - self.begun

    def _lines(self) -> list[Body]:
        return [msgspec.json.decode(line) for line in self._out.read_bytes().splitlines()]

    def _until(self, found: Any) -> list[Body]:
        deadline = time.perf_counter() + _PATIENCE
        while not (got := found(self._lines())):
            if self.process.poll() is not None or time.perf_counter() > deadline:
                raise RuntimeError(f"deuteron serve has not begun: {self._out.read_text()[-2000:]}")
            time.sleep(0.005)
        answer: list[Body] = got
        return answer

    def make(self, collection: str, singular: str, bodies: Sequence[Body]) -> list[Body]:
        """Make resources, in bulk."""
        made: list[Body] = []
        for at in range(0, len(bodies), _BULK):
            answer = self.client.post(f"/{collection}", json={collection: bodies[at : at + _BULK]})
            if answer.status_code != 201:
                raise RuntimeError(f"no {singular} was made: {answer.text[:300]}")
            made += answer.json()[collection]
        return made

    @property
    def _host(self) -> str:
        """The host's name, as the API shows it."""
        (agent,) = self.client.get("/agents").json()["agents"]
        return str(agent["host"])

    def attach(self, port: str, netns: str) -> None:
        """As ``deuteron port attach`` does."""
        with Link(self._state / "run" / "feed", self._host) as feed:
            feed.attach(port, netns=netns)

    def wait(self) -> None:
        """As ``deuteron wait`` does.

        Raises:
            RuntimeError: not all of it is as wanted.
        """
        with Link(self._state / "run" / "feed", self._host) as feed:
            deadline = time.perf_counter() + _PATIENCE
            while (found := feed.settled()).revision < found.wanted and time.perf_counter() < deadline:
                pass
        if found.revision < found.wanted or found.failed:
            raise RuntimeError(f"the host is not as the API has it: {found.failed[:3]}")

    def memory(self) -> dict[str, float]:
        """Proportional set size of each process of it, MB: shared pages shared out."""
        found: dict[str, float] = {}
        for pid in _family(self.process.pid):
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii")
            pss = next(line for line in rollup.splitlines() if line.startswith("Pss:"))
            found[_role(len(found))] = int(pss.split()[1]) * 1024 / 1e6
        return found

    def settled_memory(self) -> dict[str, float]:
        """:meth:`memory` once it falls no more: the view is written down, and what is free given back."""
        found = self.memory()
        for _ in range(_LOOKS):
            time.sleep(_A_WHILE)
            now = self.memory()
            if sum(now.values()) > sum(found.values()) - _LITTLE:
                return now
            found = now
        return found

    def cpu(self) -> dict[str, float]:
        """Seconds of processor time of each process of it so far."""
        return {_role(at): _cpu(pid) for at, pid in enumerate(_family(self.process.pid))}

    def end(self) -> None:
        """As a user ends it."""
        self.client.close()
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(60):
            raise RuntimeError("deuteron serve has not ended well")


def _role(at: int) -> str:
    """What the process at this place of the family is: they are started in this order."""
    return _ROLES[at] if at < len(_ROLES) else f"process {at}"


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
    return [pid, *(each for child in children for each in _family(int(child)))]


@contextmanager
def service(state: Path) -> Iterator[Service]:
    """The program at work; killed at the end where it was not ended before."""
    out = state.with_suffix(".out")
    with out.open("wb") as stdout:
        process = subprocess.Popen(
            [
                *(str(_PROGRAM), "serve", "--listen", "127.0.0.1:0", "-o", "json"),
                *("--state-dir", str(state), "--bridge-mapping", f"physnet1:{_BRIDGE}"),
            ],
            stdout=stdout,
        )
    try:
        yield Service(process, out, state)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(60)


def fill(one: Service, routers: int, ports: int, instances: int) -> World:
    """A shared external network; routers with a gateway there and a network of so many ports each."""
    physical = {"provider:network_type": "flat", "provider:physical_network": "physnet1"}
    (external,) = one.make(
        "networks", "network", [{"name": "public", "router:external": True, "shared": True, **physical}]
    )
    limits = dict.fromkeys(("network", "subnet", "port", "router", "floatingip"), -1)
    one.client.put(f"/quotas/{external['project_id']}", json={"quota": limits}).raise_for_status()
    one.make("subnets", "subnet", [{"network_id": external["id"], "ip_version": 4, "cidr": _OUTSIDE}])
    inside_of = one.make("networks", "network", [{"name": f"n{at}"} for at in range(routers)])
    subnets = one.make(
        "subnets",
        "subnet",
        [
            {"network_id": net["id"], "ip_version": 4, "cidr": f"10.{at >> 8}.{at & 255}.0/24"}
            for at, net in enumerate(inside_of)
        ],
    )
    gateway = {"network_id": external["id"]}
    made = one.make(
        "routers",
        "router",
        [{"name": f"r{at}", "distributed": True, "external_gateway_info": gateway} for at in range(routers)],
    )
    for router, subnet in zip(made, subnets, strict=True):
        path = f"/routers/{router['id']}/add_router_interface"
        one.client.put(path, json={"subnet_id": subnet["id"]}).raise_for_status()
    own = one.make(
        "ports", "port", [{"network_id": net["id"], "name": "p"} for net in inside_of for _ in range(ports)]
    )
    return World(external["id"], tuple(port["id"] for port in own[:: max(1, ports)][:instances]))


def attach(one: Service, host: LinuxWorld, world: World) -> None:
    """An instance in a namespace of its own for each of the world's ports."""
    for at, port in enumerate(world.instances):
        host.namespace(f"vm{at}")
        one.attach(port, f"vm{at}")


class Pinger:
    """Echoes to one address, without waiting for one before the next."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._wire = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        self._wire.setblocking(False)
        self._ident = (id(self) >> 4) & 0xFFFF
        self.sent = 0
        self.heard: set[int] = set()

    def ask(self) -> None:
        """Send one."""
        self.sent += 1
        try:
            self._wire.sendto(frames.echo_request(4, self._ident, self.sent, 16), (self._address, 0))
        except OSError:
            return  # no way there yet

    def listen(self, seconds: float) -> None:
        """Take what comes within so many seconds, or at once where something is there."""
        with selectors.DefaultSelector() as ready:
            ready.register(self._wire, selectors.EVENT_READ)
            if ready.select(seconds):
                self._take(self._wire.recv(2048))

    def _take(self, raw: bytes) -> None:
        message = raw[(raw[0] & 15) * 4 :]
        if message[0] == 0 and int.from_bytes(message[4:6], "big") == self._ident:
            self.heard.add(int.from_bytes(message[6:8], "big"))

    def close(self) -> None:
        """Let the socket go."""
        self._wire.close()


def first_answer(address: str, seconds: float = _PATIENCE) -> float:
    """Ping until there is an answer; the moment of it."""
    pinger = Pinger(address)
    deadline = time.perf_counter() + seconds
    try:
        while time.perf_counter() < deadline:
            pinger.ask()
            pinger.listen(_EAGER)
            if pinger.heard:
                return time.perf_counter()
    finally:
        pinger.close()
    raise RuntimeError("a floating IP never answered")


def floating_ips(one: Service, world: World, samples: int) -> dict[str, Any]:
    """From the request for a floating IP to its first answered ping, one at a time."""
    answered: list[float] = []
    pinged: list[float] = []
    made: list[Body] = []
    before = one.cpu()
    for at in range(samples):
        port = world.instances[at % len(world.instances)]
        if at >= len(world.instances):  # a port has one: the oldest makes room
            _drop(one, made[at - len(world.instances)])
        body = {"floatingip": {"floating_network_id": world.external, "port_id": port}}
        begun = time.perf_counter()
        answer = one.client.post("/floatingips", json=body)
        answered.append(time.perf_counter() - begun)
        if answer.status_code != 201:
            raise RuntimeError(f"no floating IP was made: {answer.text[:300]}")
        made.append(answer.json()["floatingip"])
        pinged.append(first_answer(made[-1]["floating_ip_address"]) - begun)
        one.wait()
    if samples == 1:
        _drop(one, made.pop())
    return {
        "samples": samples,
        "post_ms": statistics.median(answered) * 1e3,
        "median_ms": statistics.median(pinged) * 1e3,
        "worst_ms": max(pinged) * 1e3,
        "all_ms": [one * 1e3 for one in pinged],
        "cpu_ms_each": {pid: (now - before[pid]) / samples * 1e3 for pid, now in one.cpu().items()},
        "addresses": [one["floating_ip_address"] for one in made[-len(world.instances) :]],
    }


def _drop(one: Service, floating: Body) -> None:
    one.client.delete(f"/floatingips/{floating['id']}").raise_for_status()
    one.wait()
    time.sleep(0.01)


class Listening:
    """A socket in every namespace for what the kernel tells of changes: the witness of a restart."""

    def __init__(self) -> None:
        self._sockets: list[socket.socket] = []
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
        self._sockets += _hearing()
        for name in NetnsDirectory(NETNS_DIR).list():
            self._sockets += inside(NETNS_DIR / name, _hearing)

    def quiet(self) -> int:
        """Wait until nothing is heard; how much was.

        Of a link that was just made the kernel tells for seconds after: it looks for duplicates of its
        link-local address (RFC 4862, 5.4), and the address and its route change with the end of that.

        Raises:
            RuntimeError: it does not become quiet.
        """
        heard = 0
        for _ in range(_LOOKS):
            time.sleep(_A_WHILE)
            now = self.heard()
            heard += now
            if not now:
                return heard
        raise RuntimeError("the kernel tells of changes all the time, though nobody makes any")

    def heard(self) -> int:
        """How many datagrams have come."""
        count = 0
        for one in self._sockets:
            while True:
                try:
                    one.recv(1 << 16)
                except BlockingIOError:
                    break
                count += 1
        return count

    def close(self) -> None:
        """Let them go."""
        for one in self._sockets:
            one.close()


def _hearing() -> list[socket.socket]:
    made = []
    for protocol, groups in ((socket.NETLINK_ROUTE, _ROUTE_GROUPS), (12, _NFT_GROUPS)):
        one = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, protocol)
        one.bind((0, 0))
        for group in groups:
            one.setsockopt(_SOL_NETLINK, _NETLINK_ADD_MEMBERSHIP, group)
        made.append(one)
    return made


def restart(state: Path, address: str) -> dict[str, Any]:
    """Start it again on the same host, with pings all the while."""
    listening = Listening()
    stop: list[bool] = []
    try:
        listening.quiet()
        pings = _pinging(address, stop)
        with service(state) as again:
            answers = again.until_answers()
            follows = again.until_began()
            again.wait()
            looked = time.perf_counter() - again.begun
            changes = again.records("change-finished")
            heard = listening.heard()
            stop.append(True)
            lost, sent = pings.result()
            memory = again.settled_memory()
            again.end()
    finally:
        stop.append(True)
        listening.close()
    return {
        "answers_s": answers,
        "follows_s": follows,
        "looked_s": looked,
        "first_look_s": looked - answers,
        "steps": sum(one["steps"] for one in changes),
        "kernel_messages": heard,
        "pings": sent,
        "pings_lost": lost,
        "memory_mb": memory,
        "total_mb": sum(memory.values()),
    }


def _pinging(address: str, stop: list[bool]) -> Any:
    from concurrent.futures import ThreadPoolExecutor

    def run() -> tuple[int, int]:
        pinger = Pinger(address)
        while not stop:
            pinger.ask()
            until = time.perf_counter() + _STEADY
            while (left := until - time.perf_counter()) > 0:
                pinger.listen(left)
        end = time.perf_counter() + 1.0
        while len(pinger.heard) < pinger.sent and time.perf_counter() < end:
            pinger.listen(0.1)
        pinger.close()
        return pinger.sent - len(pinger.heard), pinger.sent

    pool = ThreadPoolExecutor(1)
    try:
        return pool.submit(run)
    finally:
        pool.shutdown(wait=False)


def measure(routers: int, ports: int, instances: int, samples: int) -> dict[str, Any]:
    """Fill, measure, restart."""
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(dir="/var/tmp")))
        place.chmod(0o755)
        stack.enter_context(python_within_reach())
        with NetlinkSocket() as wire:
            wire.batch([link.set_link("lo", up=True)])
        host = LinuxWorld()
        host.bridge(_BRIDGE, 1500)
        host.address("", _BRIDGE, _HERE)
        state = place / "state"
        with service(state) as one:
            one.until_began()
            begun = time.perf_counter()
            world = fill(one, routers, ports, instances)
            filled = time.perf_counter() - begun
            attach(one, host, world)
            one.wait()
            applied = time.perf_counter() - begun
            begun = time.perf_counter()
            floating_ips(one, world, 1)  # the first of a host: every router gets its leg
            first = time.perf_counter() - begun
            found = floating_ips(one, world, samples)
            memory = one.settled_memory()
            one.end()
        again = restart(state, found["addresses"][-1])
    return {
        "routers": routers,
        "ports": routers * ports,
        "filled_s": filled,
        "applied_s": applied,
        "first_floating_ip_s": first,
        "floating_ip": found,
        "memory_mb": memory,
        "total_mb": sum(memory.values()),
        "restart": again,
    }
