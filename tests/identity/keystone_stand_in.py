"""A small HTTP server that answers as Keystone's Identity API v3 does, and does as it is told."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections import Counter
from types import TracebackType
from typing import Any

SERVICE = {"username": "deuteron", "password": "secret-of-the-service", "project": "service"}


_NO = {"error": {"code": 401, "message": "The request you have made requires authentication."}}


def token(of: str = "blue", *roles: str, **more: Any) -> dict[str, Any]:
    """A token's body, as ``GET /v3/auth/tokens`` has it."""
    return {
        "methods": ["password"],
        "user": {"id": "u-alice", "name": "alice", "domain": {"id": "default", "name": "Default"}},
        "project": {"id": of, "name": of, "domain": {"id": "default", "name": "Default"}},
        "roles": [{"id": f"r-{one}", "name": one} for one in roles or ("member", "reader")],
        "expires_at": "2999-01-01T00:00:00.000000Z",
        "issued_at": "2026-01-01T00:00:00.000000Z",
        "audit_ids": ["x"],
        **more,
    }


class StandIn:
    """The server; ``asked`` counts requests by method and subject."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.tokens: dict[str, dict[str, Any]] = {}
        self.ours: set[str] = set()
        self.asked: Counter[str] = Counter()
        self.open = asyncio.Event()
        self.open.set()
        self.instead: bytes | None = None
        self._tls = tls

    async def __aenter__(self) -> StandIn:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.open.set()
        self._server.close()

    @property
    def url(self) -> str:
        port = self._server.sockets[0].getsockname()[1]
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{port}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().split("\r\n")
                headers = {
                    one.partition(":")[0].lower(): one.partition(":")[2].strip() for one in lines[1:] if one
                }
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                writer.write(await self._answer(lines[0].split()[0], headers, body))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, method: str, headers: dict[str, str], body: bytes) -> bytes:
        self.asked[f"{method} {headers.get('x-subject-token', '')}".strip()] += 1
        await self.open.wait()
        if self.instead is not None:
            return self.instead
        if method == "POST":
            return self._issue(json.loads(body))
        if headers.get("x-auth-token") not in self.ours:
            return _said(
                401, {"error": {"code": 401, "message": "The request you have made requires authentication."}}
            )
        found = self.tokens.get(headers.get("x-subject-token", ""))
        if found is None:
            return _said(404, {"error": {"code": 404, "message": "Could not find token."}})
        return _said(200, {"token": found})

    def _issue(self, asked: Any) -> bytes:
        user = asked["auth"]["identity"]["password"]["user"]
        if (user["name"], user["password"]) != (SERVICE["username"], SERVICE["password"]):
            return _said(
                401, {"error": {"code": 401, "message": "The request you have made requires authentication."}}
            )
        ours = f"ours-{self.asked['POST']}"
        self.ours.add(ours)
        return _said(201, {"token": token("service", "service")}, f"X-Subject-Token: {ours}\r\n")


def _said(status: int, body: Any, more: str = "") -> bytes:
    content = json.dumps(body).encode()
    head = f"HTTP/1.1 {status} Whatever\r\nContent-Length: {len(content)}\r\n{more}\r\n"
    return head.encode() + content
