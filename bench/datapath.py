"""What a packet pays: new TCP connections per second and round trips through a floating IP."""

from __future__ import annotations

import os
import signal
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

from bench import views
from bench.arena import Arena
from deuteron.lab.inside import NETNS_DIR, inside
from deuteron.lab.world import End

_INTERNET = "internet"
_PORT = 7
_ECHO = struct.Struct("!BBHHH")


def build(host: Arena, floating_ips: int) -> None:
    """A host with an instance on it, and the internet on its provider bridge."""

    def work() -> None:
        host.world.namespace(views.INSTANCE)
        host.world.namespace(_INTERNET)
        host.world.cable(
            End(netns="", dev="tap-internet", master=views.BRIDGE),
            End(netns=_INTERNET, dev="eth0", addresses=(views.INTERNET_ADDRESS,)),
            1500,
        )

    host.call(work)
    host.apply(views.many_floating_ips(floating_ips, bound=True))


@contextmanager
def server(host: Arena) -> Iterator[None]:
    """A process in the instance that accepts connections and closes them."""

    def listen() -> socket.socket:
        made = socket.create_server(("0.0.0.0", _PORT), backlog=4096)
        made.settimeout(None)
        return made

    listener = host.call(lambda: inside(NETNS_DIR / views.INSTANCE, listen))
    child = os.fork()
    if child == 0:
        while True:
            listener.accept()[0].close()
    try:
        yield
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        listener.close()


def connections(host: Arena, seconds: float) -> float:
    """New connections a second, one after the other, from the internet to the first floating IP."""
    target = (views.floating_address(0), _PORT)
    reset = struct.pack("ii", 1, 0)

    def work() -> float:
        count, begun = 0, time.perf_counter()
        while (now := time.perf_counter()) < begun + seconds:
            with socket.socket() as client:
                client.settimeout(5)
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
                client.connect(target)
            count += 1
        return count / (now - begun)

    return host.call(lambda: inside(NETNS_DIR / _INTERNET, work))


def round_trip(host: Arena, count: int) -> float:
    """Median round trip of a ping to the first floating IP, microseconds."""
    target = (views.floating_address(0), 0)

    def work() -> float:
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as wire:
            wire.settimeout(5)
            wire.connect(target)
            return median(_ping(wire, sequence) for sequence in range(count)) * 1e6

    return host.call(lambda: inside(NETNS_DIR / _INTERNET, work))


def _ping(wire: socket.socket, sequence: int) -> float:
    request = _ECHO.pack(8, 0, 0, 7, sequence)
    request = _ECHO.pack(8, 0, _checksum(request), 7, sequence)
    begun = time.perf_counter()
    wire.send(request)
    while wire.recv(200)[20:21] != b"\0":
        pass
    return time.perf_counter() - begun


def _checksum(data: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def measure(counts: tuple[int, ...], rounds: int, seconds: float) -> dict[str, dict[str, float]]:
    """By number of floating IPs, alternating: connections a second, round trip in microseconds."""
    hosts = {count: Arena() for count in counts}
    rates: dict[int, list[float]] = {count: [] for count in counts}
    pings: dict[int, list[float]] = {count: [] for count in counts}
    try:
        for count, host in hosts.items():
            build(host, count)
        for _ in range(rounds):
            for count, host in hosts.items():
                with server(host):
                    rates[count].append(connections(host, seconds))
                pings[count].append(round_trip(host, 300))
    finally:
        for host in hosts.values():
            host.close()
    return {
        str(count): {"connections_per_second": median(rates[count]), "rtt_us": median(pings[count])}
        for count in counts
    }
