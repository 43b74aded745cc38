"""HTTP on one connection: uvicorn's protocol, with bounds on time, bytes and connections.

uvicorn waits for the end of a head or of a body for ever, and keeps a head of any length.  Here each
connection has a state and the moment when it began; one sweep a second ends those that are late, so that a
request pays a few assignments for it and no timer.

::

    NEW    nothing was sent yet
    HEAD   the first byte of a request to the end of its headers                         408
    BODY   from there to the end of its body                                                 408
    WORK   the service has it
    IDLE   between two requests; uvicorn's keep-alive timer ends it
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from enum import Enum
from typing import Any, Final
from uuid import uuid4

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from deuteron.api import errors
from deuteron.api.limits import Limits
from deuteron.resources.refusal import HTTPBadRequest, Refusal

#: Bytes around those of a body that a client may send with it (sizes and ends of chunks, trailers), for each.
_AROUND: Final = 8


class State(Enum):
    """What a connection is waiting for."""

    NEW = "new"
    HEAD = "head"
    BODY = "body"
    WORK = "work"
    IDLE = "idle"


class _Refused(Exception):  # noqa: N818 -- carries the answer out of the parser
    def __init__(self, refusal: Refusal) -> None:
        super().__init__()
        self.refusal = refusal


class BoundedProtocol(HttpToolsProtocol):
    """One connection.

    Attributes:
        state: what it waits for.
        since: when it began to, in the loop's seconds.
        unsent_since: since when the client has not taken an answer, ``None`` while it has.
    """

    limits: Limits = Limits()

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.state = State.NEW
        self.since = self.loop.time()
        self.unsent_since: float | None = None
        self._received = 0
        self._headers_size = 0
        self._begun = False
        self._refusal: Refusal | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn
        """A client is there; where there are too many, the one that has been silent longest goes."""
        super().connection_made(transport)
        if len(self.connections) > self.limits.connections:
            drop_most_silent(one for one in self.connections if isinstance(one, BoundedProtocol))

    def data_received(self, data: bytes) -> None:
        """Bytes of a request; too many of them end the connection."""
        if self.state in (State.NEW, State.IDLE):
            self._wait(State.HEAD)
        self._received += len(data)
        super().data_received(data)
        most = self.limits.head if self.state is State.HEAD else self._most_of_body()
        if self._received > most and self.state is not State.WORK and not self.transport.is_closing():
            self.refuse(errors.HTTPRequestHeaderFieldsTooLarge(limit=f"{self.limits.head} bytes"))

    def _most_of_body(self) -> int:
        answered = self._begun and self.cycle.response_complete
        return self.limits.drained if answered else self.limits.head + self.limits.body * _AROUND

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._wait(State.HEAD)
        self._headers_size = 0

    def on_url(self, url: bytes) -> None:
        """A part of the target."""
        super().on_url(url)
        if len(self.url) > self.limits.target:
            self._give_up(errors.HTTPRequestURITooLong(limit=self.limits.target))

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; after the body they are nobody's business, and dropped."""
        if self.state is not State.HEAD:
            return
        self._headers_size += len(name) + len(value)
        if self._headers_size > self.limits.head or len(self.headers) >= self.limits.headers:
            most = f"{self.limits.headers} headers, {self.limits.head} bytes"
            self._give_up(errors.HTTPRequestHeaderFieldsTooLarge(limit=most))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is there."""
        self._wait(State.BODY)
        super().on_headers_complete()
        self._begun = True

    def on_message_complete(self) -> None:
        """The body is there."""
        super().on_message_complete()
        self._wait(State.IDLE if self.cycle.response_complete else State.WORK)

    def on_response_complete(self) -> None:
        """The answer is written, which is not to say taken."""
        super().on_response_complete()
        if self.state is State.WORK and not self.pipeline:
            self._wait(State.IDLE)

    def send_400_response(self, msg: str) -> None:
        """The parser refuses: what it met is no HTTP, or too much."""
        self.refuse(self._refusal or HTTPBadRequest(message=msg.rstrip(".")))

    def refuse(self, refusal: Refusal) -> None:
        """Answer what the application has not and shall not, and close."""
        if self._is_answered_elsewhere():
            self.transport.close()
            return
        reply = errors.reply(refusal)
        lines = [f"content-length: {len(reply.body)}", f"x-openstack-request-id: req-{uuid4()}"]
        head = "\r\n".join([*lines, "content-type: application/json", "connection: close", "", ""])
        self.transport.write(STATUS_LINE[reply.status] + head.encode() + reply.body)
        self.transport.close()

    def _is_answered_elsewhere(self) -> bool:
        """Whether the next bytes that go out belong to an earlier request, or this one has its answer."""
        if not self._begun or self.transport.is_closing():
            return not self._begun and self.state is State.NEW
        begun = self.cycle.response_started
        return bool(self.pipeline) or (
            begun and (self.state is State.BODY or not self.cycle.response_complete)
        )

    def late(self, now: float) -> bool:
        """Whether it has kept us waiting for too long."""
        if self.state in (State.NEW, State.HEAD):
            return now - self.since > self.limits.head_seconds
        return self.state is State.BODY and now - self.since > self.limits.body_seconds

    def unsent(self, now: float) -> int:
        """Bytes of answers that the client has not taken."""
        size = self.transport.get_write_buffer_size()
        if not size:
            self.unsent_since = None
        elif self.unsent_since is None:
            self.unsent_since = now
        return size

    def _wait(self, state: State) -> None:
        self.state = state
        self.since = self.loop.time()
        self._received = 0

    def _give_up(self, refusal: Refusal) -> None:
        self._refusal = refusal
        raise _Refused(refusal)


def sweep(connections: Iterable[Any], limits: Limits, now: float) -> None:
    """End the connections that are late, or hold too much that nobody takes."""
    unsent: list[tuple[int, BoundedProtocol]] = []
    for one in [one for one in connections if isinstance(one, BoundedProtocol)]:
        if one.late(now):
            one.refuse(errors.HTTPRequestTimeout())
        size = one.unsent(now)
        if one.unsent_since is not None and now - one.unsent_since > limits.send_seconds:
            one.transport.abort()
        elif size:
            unsent.append((size, one))
    total = sum(size for size, _ in unsent)
    for size, one in sorted(unsent, key=lambda pair: -pair[0]):
        if total <= limits.unsent:
            return
        one.transport.abort()
        total -= size


def drop_most_silent(connections: Iterable[BoundedProtocol]) -> None:
    """Make room: close whoever has been silent longest; who waits for an answer of ours is not silent."""
    silent = [one for one in connections if one.state is not State.WORK and not one.transport.is_closing()]
    if silent:
        min(silent, key=lambda one: one.since).transport.close()


def protocol(limits: Limits) -> type[BoundedProtocol]:
    """The protocol with these bounds."""
    return type("BoundedProtocol", (BoundedProtocol,), {"limits": limits})
