"""Asking a real server, and keeping what it answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import httpx

from tests.api_parity.recording import HEADERS, Recording, Step
from tests.api_parity.symbols import Symbols

#: Headers of a request that are part of what is asked.
_ASKED: Final = frozenset({"if-match", "x-project-id", "x-user-id", "x-roles", "content-type", "accept"})
#: Who asks, where nobody says: an administrator.
ADMIN: Final = {"X-Project-Id": "fake_project_id", "X-User-Id": "fake-user", "X-Roles": "admin,member,reader"}
_HOP: Final = frozenset({"connection", "transfer-encoding", "content-length", "keep-alive", "server", "date"})


class Recorder:
    """Asks the peer one thing after the other, and keeps it all.

    Args:
        base: the peer's URL, without ``/v2.0``.
    """

    def __init__(self, base: str) -> None:
        self._http = httpx.Client(base_url=base, timeout=120)
        self._symbols = Symbols(base)
        self.steps: list[Step] = []

    def close(self) -> None:
        self._http.close()

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        raw: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """Ask, and keep it."""
        content = raw if raw is not None else json.dumps(body) if body is not None else None
        sent = dict(headers or {})
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        answer = self._http.request(method, path, content=content, headers=sent)
        kept = {name.lower(): value for name, value in sent.items() if name.lower() in _ASKED}
        self.steps.append(self._step(method, path, body, raw or "", kept, answer))
        return answer

    def _step(
        self, method: str, path: str, body: Any, raw: str, sent: dict[str, str], answer: httpx.Response
    ) -> Step:
        # What is asked is said in the symbols that are known so far, and is no choice of the server's.
        asked = [self._symbols.request(one) for one in (path, body, raw)]
        self._symbols.asked([path, body, raw])
        said, text = _parsed(answer)
        shown = {name: answer.headers[name] for name in HEADERS if name in answer.headers}
        return Step(
            method=method,
            path=asked[0],
            body=asked[1],
            raw=asked[2],
            headers=sent,
            status=answer.status_code,
            answer=self._symbols.of(said),
            text=self._symbols.text(text),
            shown={name: self._symbols.text(value) for name, value in shown.items()},
        )

    def recording(self, client: str, peer: str) -> Recording:
        return Recording(client=client, peer=peer, steps=tuple(self.steps))


def _parsed(answer: httpx.Response) -> tuple[Any, str]:
    if not answer.content:
        return None, ""
    try:
        return answer.json(), ""
    except ValueError:
        return None, answer.text


@contextmanager
def proxy(recorder: Recorder, base: str) -> Iterator[str]:
    """A server on loopback that hands everything on to the peer by way of a recorder; its URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass(self) -> None:
            length = int(self.headers.get("content-length", "0"))
            content = self.rfile.read(length).decode() if length else ""
            headers = {name: value for name, value in self.headers.items() if name.lower() in _ASKED}
            headers |= ADMIN
            body = json.loads(content) if content else None
            answer = recorder.ask(self.command, self.path, body, headers=headers)
            # The client goes on by way of the proxy, which links of the peer's would lead around.
            own = answer.content.replace(base.encode(), f"http://{self.headers['host']}".encode())
            self.send_response(answer.status_code)
            for name, value in answer.headers.items():
                if name.lower() not in _HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(own)))
            self.end_headers()
            self.wfile.write(own)

        do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = _pass  # noqa: N815  # http.server's names

        def log_message(self, *_: Any) -> None:
            """Nothing is logged."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
