"""HTTP/1.1 from several clients at once, cheap enough not to be what is measured.

One thread, one ``epoll``, one kept connection a client.  What a client does is a generator that yields
requests and is sent the answers, so that a client asks again as soon as it was answered and never before.
"""

from __future__ import annotations

import json
import select
import socket
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import msgspec

_BUFFER: Final = 1 << 20
#: Seconds until a server that says nothing is given up.
_PATIENCE: Final = 120.0
_END: Final = b"\r\n\r\n"


class Request(NamedTuple):
    """A request below ``/v2.0``; the statuses that are no failure."""

    method: str
    path: str
    body: object = None
    good: tuple[int, ...] = (200, 201, 204)


class Answered(NamedTuple):
    """What a request got, in so many seconds."""

    status: int
    body: bytes
    seconds: float

    def json(self) -> Any:
        """The body."""
        return msgspec.json.decode(self.body)


Client = Generator[Request, Answered, None]


class Base(NamedTuple):
    """A Networking API.

    Attributes:
        url: without ``/v2.0``, on this host.
        headers: of each request: ``X-Auth-Token``.
        project: whose quotas are lifted.
    """

    url: str
    headers: Mapping[str, str]
    project: str

    def bytes_of(self, request: Request) -> bytes:
        """The request as it goes out."""
        body = b"" if request.body is None else json.dumps(request.body).encode()
        headers = {"Host": urlsplit(self.url).netloc, **self.headers}
        if body:
            headers |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
        lines = [f"{request.method} {urlsplit(self.url).path.rstrip('/')}/v2.0{request.path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join(lines).encode() + _END + body

    def connect(self) -> socket.socket:
        """A connection to it."""
        parts = urlsplit(self.url)
        made = socket.create_connection((parts.hostname or "", parts.port or 80), timeout=_PATIENCE)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made


class Load(NamedTuple):
    """What several clients got.

    Attributes:
        wall: seconds from the first request to the last answer.
        own: seconds of processor time that asking cost this process.
        seconds: of each request, in the order of the answers.
    """

    wall: float
    own: float
    seconds: list[float]


class AnswerError(RuntimeError):
    """An answer that is a failure, or none."""


class _Connection:
    """A client and its connection."""

    def __init__(self, base: Base, client: Client) -> None:
        self._base = base
        self._client = client
        self._buffer = bytearray()
        self._since = 0.0
        self._asked: Request | None = None
        self.socket: socket.socket | None = None

    def begin(self) -> bool:
        """Ask for the first time; whether there is anything to ask."""
        return self._ask(next(self._client, None))

    def readable(self) -> tuple[Answered | None, bool]:
        """Take what is there: the answer, if it is whole, and whether more will be asked."""
        if self.socket is None:
            raise AnswerError("there is no connection")
        got = self.socket.recv(_BUFFER)
        self._buffer += got
        whole = _whole(self._buffer, closed=not got)
        if whole is None:
            if not got:
                raise AnswerError(f"{self._asked}: the connection was closed")
            return None, True
        answer = Answered(*whole, time.perf_counter() - self._since)
        if not got or b"\nconnection: close" in bytes(self._buffer[:512]).lower():
            self.close()
        self._buffer.clear()
        return answer, self._told(answer)

    def close(self) -> None:
        if self.socket is not None:
            self.socket.close()
            self.socket = None

    def _told(self, answer: Answered) -> bool:
        if self._asked is not None and answer.status not in self._asked.good:
            raise AnswerError(f"{self._asked}: {answer.status} {answer.body[:300]!r}")
        try:
            return self._ask(self._client.send(answer))
        except StopIteration:
            return False

    def _ask(self, request: Request | None) -> bool:
        if request is None:
            return False
        if self.socket is None:
            self.socket = self._base.connect()
        self._asked = request
        out = self._base.bytes_of(request)
        self._since = time.perf_counter()
        self.socket.sendall(out)
        return True


def _whole(buffer: bytearray, *, closed: bool) -> tuple[int, bytes] | None:
    """Status and body of an answer, once it is there to its end; of a chunked one the chunks joined."""
    end = buffer.find(_END)
    if end < 0:
        return None
    head = bytes(buffer[:end]).lower()
    status, body = int(head[9:12]), end + len(_END)
    at = head.find(b"\ncontent-length:")
    if at >= 0:
        length = int(head[at + 16 :].split(b"\r", 1)[0])
        return (status, bytes(buffer[body : body + length])) if len(buffer) >= body + length else None
    if b"\ntransfer-encoding: chunked" in head:
        return (status, _joined(buffer[body:])) if buffer.endswith(b"0\r\n\r\n") else None
    return (status, bytes(buffer[body:])) if closed or status in (204, 304) else None


def _joined(chunks: bytearray) -> bytes:
    parts: list[bytes] = []
    while chunks:
        size, _, rest = chunks.partition(b"\r\n")
        length = int(size.split(b";")[0], 16)
        if not length:
            break
        parts.append(bytes(rest[:length]))
        chunks = rest[length + 2 :]
    return b"".join(parts)


def run(base: Base, clients: Iterable[Client]) -> Load:
    """Let the clients ask, all at once, until each has ended.

    Raises:
        AnswerError: an answer was a failure, or none came.
    """
    connections = [_Connection(base, client) for client in clients]
    begun, own = time.perf_counter(), time.process_time()
    with select.epoll() as poll:
        try:
            seconds = list(_answers(poll, connections))
        finally:
            for one in connections:
                one.close()
    return Load(time.perf_counter() - begun, time.process_time() - own, seconds)


def _answers(poll: select.epoll, connections: Iterable[_Connection]) -> Iterator[float]:
    """The seconds of each answer, as they come."""
    waiting: dict[int, _Connection] = {}

    def watch(one: _Connection) -> None:
        if one.socket is not None:
            waiting[one.socket.fileno()] = one
            poll.register(one.socket.fileno(), select.EPOLLIN)

    for one in [one for one in connections if one.begin()]:
        watch(one)
    while waiting:
        for number in _ready(poll):
            one = waiting[number]
            before = one.socket
            answer, more = one.readable()
            if answer is not None:
                yield answer.seconds
            if more and one.socket is before:
                continue
            del waiting[number]
            if one.socket is before:
                poll.unregister(number)  # a closed one has gone by itself
            if more:
                watch(one)


def _ready(poll: select.epoll) -> list[int]:
    found = [number for number, _ in poll.poll(_PATIENCE)]
    if not found:
        raise AnswerError(f"no answer for {_PATIENCE:.0f} s")
    return found


def ask(base: Base, request: Request) -> Any:
    """One request; its answer's JSON, ``None`` without."""
    got: list[Answered] = []

    def client() -> Client:
        got.append((yield request))

    run(base, [client()])
    return got[0].json() if got[0].body else None
