"""A service that keeps networks in a dictionary, for what is HTTP's matter alone; and how it is asked."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from deuteron.api.asgi import Api, Settings
from deuteron.api.dispatch import Routes
from deuteron.api.limits import Limits
from deuteron.api.server import Server, listener
from deuteron.identity.caller import Caller
from deuteron.resources import RESOURCES
from deuteron.resources.refusal import NetworkNotFound, Unauthorized
from deuteron.service.call import Answer, Call

VERBS = [
    *[("networks", one) for one in ("index", "show", "create", "update", "delete")],
    *[("networks", f"tags.{one}") for one in ("index", "show", "create", "update_all", "update", "delete")],
    ("networks", "tags.delete_all"),
    *[("routers", one) for one in ("index", "show", "add_router_interface")],
    *[("ports", one) for one in ("index",)],
]


class Shelf:
    """Answers calls, and keeps the last one."""

    def __init__(self) -> None:
        self.networks: dict[str, dict[str, Any]] = {}
        self.call: Call | None = None
        self.fails: BaseException | None = None
        self.wait: Callable[[], Any] | None = None

    async def answer(self, call: Call) -> Answer:
        self.call = call
        if self.fails is not None:
            raise self.fails
        if self.wait is not None:
            await self.wait()
        if call.action == "index":
            return self._index(call)
        if call.action == "create":
            return Answer(201, {"network": {"id": "n", "name": "x"}})
        if call.action == "delete":
            return Answer(204)
        if call.action in ("show", "update"):
            if call.id not in self.networks:
                raise NetworkNotFound(net_id=call.id)
            return Answer(200, {"network": self.networks[call.id]})
        return Answer(200, {})

    def _index(self, call: Call) -> Answer:
        assert call.query is not None
        ids = list(self.networks)
        start = ids.index(call.query.marker) + 1 if call.query.marker else 0
        page = ids[start : start + call.query.limit]
        ends = (page[0], page[-1]) if page else ("", "")
        rows = [self.networks[one] for one in page]
        return Answer(200, {call.resource.collection: rows}, len(rows), *ends)


class Door:
    """Lets in who has a token that is not ``wrong``."""

    async def caller(self, headers: Mapping[str, str]) -> Caller:
        if headers.get("x-auth-token") == "wrong":
            raise Unauthorized
        return Caller("u", "p", frozenset({"member"}))


def api(
    shelf: Shelf | None = None,
    defects: list[BaseException] | None = None,
    document: bytes = b"",
    **settings: Any,
) -> Api:
    kept = defects if defects is not None else []
    return Api(
        shelf or Shelf(),
        Door(),
        routes=Routes(RESOURCES, VERBS),
        defect=kept.append,
        settings=Settings(**settings),
        document=document,
    )


def ask(application: Any, method: str, path: str, **more: Any) -> httpx.Response:
    """One request in process."""

    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(app=application)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:9696") as client:
            return await client.request(method, path, **more)

    return asyncio.run(asked())


@contextmanager
def served(
    application: Any, limits: Limits, listen: str = "127.0.0.1:0", servers: list[Server] | None = None
) -> Iterator[Any]:
    """The application on a real socket, in a thread; gives the address to connect to."""
    made = listener(listen)
    address = made.getsockname()
    ready = threading.Event()
    server = Server(application, limits, ready.set)
    if servers is not None:
        servers.append(server)
    thread = threading.Thread(target=lambda: asyncio.run(server.run_on(made)), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield address
    finally:
        server.stop()
        thread.join(15)
        assert not thread.is_alive()


@contextmanager
def connected(address: Any, seconds: float = 15) -> Iterator[socket.socket]:
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as made:
        made.settimeout(seconds)
        made.connect(address)
        yield made


def read_all(made: socket.socket) -> bytes:
    """Until the other side closes."""
    parts = []
    try:
        while part := made.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def read_answer(made: socket.socket) -> bytes:
    """One answer of a connection that stays, by its ``content-length``."""
    got = b""
    while (end := got.find(b"\r\n\r\n")) < 0 or len(got) < end + 4 + _length(got[:end]):
        part = made.recv(65536)
        if not part:
            break
        got += part
    return got


def _length(head: bytes) -> int:
    lines = (line.partition(b":") for line in head.lower().split(b"\r\n"))
    return next((int(value) for name, _, value in lines if name == b"content-length"), 0)
