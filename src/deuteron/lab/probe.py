"""Probes: small real packets between namespaces, each with a bound in time and number.

A socket belongs for ever to the namespace that it was opened in.  So a probe opens its sockets
inside (see ``inside.py``) and then talks from the calling thread alone: both ends of a
conversation are in one hand, and what each of them saw can be told exactly.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import select
import socket
import struct
import time
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Final

import msgspec

from deuteron.lab import frames
from deuteron.lab.inside import NETNS_DIR, inside

#: Seconds that a probe waits for one answer.  A namespace answers within a millisecond; but an
#: ARP request that meets a bridge port which is just coming up is lost, and asked again a second later.
PATIENCE: Final = 3.0

_IP_MTU: Final = 14
_IP_MTU_DISCOVER: Final = 10
_IP_PMTUDISC_DO: Final = 2
_IPV6_MTU: Final = 24
_IPV6_MTU_DISCOVER: Final = 23
_ECHO_REPLY: Final = {4: 0, 6: 129}

_idents = itertools.count(0x2A00)


class Echo(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an echo: whether it was answered, after how long, in which try (from 1)."""

    ok: bool
    ms: float
    tries: int


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a question and its answer over TCP or UDP.

    Attributes:
        ok: asked, heard and answered, and the answer came from where the question went.
        reached: the namespace that heard it, "" for none.
        source: the asker's address as the other side saw it.
        sport: and its port.
        ms: until the answer.
        error: name of the error number, where the kernel gave one (``ECONNREFUSED``).
    """

    ok: bool
    reached: str = ""
    source: str = ""
    sport: int = 0
    ms: float = 0.0
    error: str = ""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an ARP or ND question: the MAC address that claims the target, "" for none."""

    mac: str
    ms: float


def version(address: str) -> int:
    """4 or 6."""
    return 6 if ":" in address else 4


def family(address: str) -> socket.AddressFamily:
    """The socket family of an address; the wildcard "" is IPv4."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def open_socket(
    netns: str, kind: socket.AddressFamily, type_: socket.SocketKind, protocol: int = 0
) -> socket.socket:
    """A non-blocking socket that belongs to the namespace ``netns`` ("" for the caller's own)."""

    def make() -> socket.socket:
        made = socket.socket(kind, type_, protocol)
        made.setblocking(False)
        return made

    return inside(NETNS_DIR / netns, make) if netns else make()


def ping(
    netns: str,
    destination: str,
    *,
    source: str = "",
    patience: float = PATIENCE,
    tries: int = 1,
    size: int = 16,
) -> Echo:
    """An ICMP or ICMPv6 echo from inside ``netns``; answered by ``destination`` itself or not at all."""
    number = version(destination)
    protocol = socket.IPPROTO_ICMP if number == 4 else socket.IPPROTO_ICMPV6
    with open_socket(netns, family(destination), socket.SOCK_RAW, protocol) as wire:
        if source:
            wire.bind((source, 0))
        ident = next(_idents) & 0xFFFF
        start = time.perf_counter()
        for turn in range(1, tries + 1):
            start = time.perf_counter()
            try:
                wire.sendto(frames.echo_request(number, ident, turn, size), (destination, 0))
            except OSError:  # no way out: as unanswered as any other
                continue
            if _echoed(wire, destination, ident, start + patience):
                return Echo(ok=True, ms=_since(start), tries=turn)
        return Echo(ok=False, ms=_since(start), tries=tries)


def _echoed(wire: socket.socket, destination: str, ident: int, deadline: float) -> bool:
    number = version(destination)
    while _readable([wire], deadline):
        raw, peer = wire.recvfrom(65535)
        message = raw[(raw[0] & 15) * 4 :] if number == 4 else raw
        kind, heard = message[0], int.from_bytes(message[4:6], "big")
        if (kind, heard) == (_ECHO_REPLY[number], ident) and peer[0] == destination:
            return True
    return False


class Servers:
    """Echo servers for one port, each in its namespace and on its address.

    Args:
        at: namespace to the address that its server listens on; "" in the address's place
            means all IPv4 addresses, ``::`` all IPv6 ones.
        udp: datagrams instead of connections.
    """

    def __init__(self, at: Mapping[str, str], port: int, *, udp: bool = False) -> None:
        self.port = port
        self.udp = udp
        self._sockets: dict[socket.socket, str] = {}
        try:
            for netns, address in at.items():
                self._sockets[_listen(netns, address, port, udp=udp)] = netns
        except OSError:
            self.close()
            raise

    def __enter__(self) -> Servers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening."""
        for each in self._sockets:
            each.close()
        self._sockets.clear()

    def heard(self, client: socket.socket, deadline: float) -> tuple[socket.socket, str] | None:
        """The first server that hears something before ``deadline``, with its namespace.

        ``None`` when none does, and at once when ``client`` was refused.
        """
        ready = _readable([*self._sockets], deadline, client)
        return (ready[0], self._sockets[ready[0]]) if ready else None


def _listen(netns: str, address: str, port: int, *, udp: bool) -> socket.socket:
    made = open_socket(netns, family(address), socket.SOCK_DGRAM if udp else socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((address, port))
        if not udp:
            made.listen(8)
    except OSError:
        made.close()
        raise
    return made


def udp(
    netns: str, destination: str, port: int, servers: Servers, *, source: str = "", patience: float = PATIENCE
) -> Exchange:
    """A datagram from ``netns`` to ``destination``, and its answer from the server that heard it."""
    start = time.perf_counter()
    with open_socket(netns, family(destination), socket.SOCK_DGRAM) as client:
        try:
            if source:
                client.bind((source, 0))
            client.connect((destination, port))
            client.send(b"deuteron")
            found = servers.heard(client, start + patience)
            if found is None:
                return Exchange(ok=False, ms=_since(start), error=_pending_error(client))
            server, reached = found
            _, peer = server.recvfrom(2048)
            server.sendto(b"answer", peer)
            ok = bool(_readable([client], start + patience)) and client.recv(2048) == b"answer"
        except OSError as error:
            return Exchange(ok=False, ms=_since(start), error=_error_name(error.errno))
    return Exchange(ok=ok, reached=reached, source=_plain(peer[0]), sport=peer[1], ms=_since(start))


def tcp(
    netns: str, destination: str, port: int, servers: Servers, *, source: str = "", patience: float = PATIENCE
) -> Exchange:
    """A TCP connection from ``netns`` to ``destination`` with a word each way, then closed."""
    exchange, connection = connect(netns, destination, port, servers, source=source, patience=patience)
    if connection is not None:
        connection.close()
    return exchange


class Connection:
    """A TCP connection with both its ends in hand; :meth:`alive` says whether words still pass."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self._client = client
        self._server = server

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def alive(self, patience: float = PATIENCE) -> bool:
        """Whether a word passes each way within ``patience`` seconds.

        Once cut, a connection may come alive again by retransmission: what was cut stays so
        only as long as nobody makes the way anew.
        """
        deadline = time.perf_counter() + patience
        try:
            return _passes(self._client, self._server, b"ping", deadline) and _passes(
                self._server, self._client, b"pong", deadline
            )
        except OSError:  # reset: as dead as one without an answer
            return False

    def close(self) -> None:
        """End both sides at once, by a reset: nothing lingers in TIME_WAIT."""
        for each in (self._client, self._server):
            each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            each.close()


def connect(
    netns: str, destination: str, port: int, servers: Servers, *, source: str = "", patience: float = PATIENCE
) -> tuple[Exchange, Connection | None]:
    """A TCP connection that is kept, with what came of opening it."""
    start = time.perf_counter()
    client = open_socket(netns, family(destination), socket.SOCK_STREAM)
    try:
        if source:
            client.bind((source, 0))
        code = client.connect_ex((destination, port))
        found = servers.heard(client, start + patience) if code == errno.EINPROGRESS else None
        if found is None:
            name = _pending_error(client) if code == errno.EINPROGRESS else _error_name(code)
            client.close()
            return Exchange(ok=False, ms=_since(start), error=name), None
        listener, reached = found
        server, peer = listener.accept()
        server.setblocking(False)
    except OSError as error:
        client.close()
        return Exchange(ok=False, ms=_since(start), error=_error_name(error.errno)), None
    connection = Connection(client, server)
    ok = connection.alive(patience)
    exchange = Exchange(ok=ok, reached=reached, source=_plain(peer[0]), sport=peer[1], ms=_since(start))
    if ok:
        return exchange, connection
    connection.close()
    return exchange, None


def path_mtu(netns: str, destination: str, size: int, *, patience: float = PATIENCE) -> int:
    """The MTU of the path that ``netns`` has learned after a datagram of ``size`` octets, in octets.

    It is sent with "don't fragment"; a hop that cannot pass it on says so by ICMP
    (RFC 1191, RFC 8201), and the kernel keeps the number.
    """
    four = version(destination) == 4
    level, option, discover = (
        (socket.IPPROTO_IP, _IP_MTU, _IP_MTU_DISCOVER)
        if four
        else (socket.IPPROTO_IPV6, _IPV6_MTU, _IPV6_MTU_DISCOVER)
    )
    header = 28 if four else 48
    with open_socket(netns, family(destination), socket.SOCK_DGRAM) as client:
        client.setsockopt(level, discover, _IP_PMTUDISC_DO)
        client.connect((destination, 9))
        before = client.getsockopt(level, option)
        with contextlib.suppress(OSError):  # EMSGSIZE: the first link is too small already
            client.send(bytes(size - header))
        deadline = time.perf_counter() + patience
        while client.getsockopt(level, option) == before and time.perf_counter() < deadline:
            time.sleep(0.005)
        return client.getsockopt(level, option)


class Sniffer:
    """Sees every frame that a link of a namespace receives or sends, from now on."""

    def __init__(self, netns: str, dev: str) -> None:
        self._wire = packet_socket(netns, dev)

    def __enter__(self) -> Sniffer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._wire.close()

    def frames(self, patience: float = 0.0, limit: int = 1000) -> Iterator[frames.Frame]:
        """Frames as they come, until ``patience`` seconds are over or ``limit`` is reached."""
        deadline = time.perf_counter() + patience
        for _ in range(limit):
            if not _readable([self._wire], deadline):
                return
            yield frames.parse(self._wire.recv(65535))


def packet_socket(netns: str, dev: str) -> socket.socket:
    """A raw Ethernet socket on ``dev`` for all protocols (packet(7))."""
    wire = open_socket(netns, socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    try:
        wire.bind((dev, 3))
    except OSError:
        wire.close()
        raise
    return wire


def resolve(netns: str, dev: str, source: str, target: str, *, patience: float = PATIENCE) -> Answer:
    """Ask on ``dev`` who has ``target``, by ARP or neighbour solicitation, as ``source``."""
    with packet_socket(netns, dev) as wire:
        mac = frames.mac_text(wire.getsockname()[4])
        ask = frames.arp_request if version(target) == 4 else frames.neighbour_solicitation
        start = time.perf_counter()
        wire.send(ask(mac, source, target))
        while _readable([wire], start + patience):
            seen = frames.parse(wire.recv(2048))
            if seen.destination_mac != mac:  # an announcement to all is no answer
                continue
            is_arp = seen.ethertype == frames.ETH_ARP and seen.protocol == 2 and seen.source == target
            if is_arp or (seen.neighbour_advertisement and seen.target == target):
                return Answer(mac=seen.source_mac, ms=_since(start))
        return Answer(mac="", ms=_since(start))


def _passes(sender: socket.socket, receiver: socket.socket, word: bytes, deadline: float) -> bool:
    sender.send(word)
    heard = b""
    while len(heard) < len(word) and _readable([receiver], deadline):
        piece = receiver.recv(len(word) - len(heard))
        if not piece:
            return False
        heard += piece
    return heard == word


def _readable(
    sockets: list[socket.socket], deadline: float, failing: socket.socket | None = None
) -> list[socket.socket]:
    """Those of ``sockets`` that have something to read; none as soon as ``failing`` has an error."""
    poll = select.poll()  # not select(2), whose numbers end at 1024
    for each in sockets:
        poll.register(each, select.POLLIN)
    if failing is not None:
        poll.register(failing, 0)  # errors are always reported
    left = max(0.0, deadline - time.perf_counter())
    ready = {fd for fd, _ in poll.poll(left * 1000)}
    return [each for each in sockets if each.fileno() in ready]


def _pending_error(client: socket.socket) -> str:
    return _error_name(client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))


def _error_name(number: int | None) -> str:
    return errno.errorcode.get(number, str(number)) if number else ""


def _plain(address: str) -> str:
    """An IPv4 address that a socket for both families shows as mapped, as itself."""
    return address.removeprefix("::ffff:")


def _since(start: float) -> float:
    return (time.perf_counter() - start) * 1000
