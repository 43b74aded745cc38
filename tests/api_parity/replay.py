"""Asking our own API, in process, what a recording asked the peer."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import msgspec

from deuteron.api.app import app
from deuteron.identity.noauth import Noauth
from deuteron.identity.policy import Policy
from deuteron.serve.known import heard, make_known
from deuteron.store.store import Store
from tests.api_parity.compare import ABSENT, Answer, Difference, compare
from tests.api_parity.recording import HEADERS, Recording, Step
from tests.api_parity.symbols import Bindings, UnboundError

BASE = "http://127.0.0.1:9696"


def replay(recording: Recording, place: Path) -> list[Difference]:
    """What we answer otherwise, from an empty store in ``place``.

    Raises:
        BaseException: what the API had not foreseen.
    """
    return asyncio.run(_replay(recording, place))


async def _replay(recording: Recording, place: Path) -> list[Difference]:
    store = Store(f"sqlite:///{place / 'parity.db'}")
    defects: list[BaseException] = []
    served = app(store, Noauth(["127.0.0.1:9696"]), Policy(), defect=defects.append)
    bindings = Bindings(BASE)
    found: list[Difference] = []
    try:
        await store.write(lambda unit: make_known(unit, "peer-host", {"physnet1": "br-ex"}))
        await store.write(lambda unit: heard(unit, "peer-host"))  # the agent lives, as the peer's does
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=served), base_url=BASE) as client:
            for number, step in enumerate(recording.steps):
                found += await _step(client, number, step, bindings)
                for defect in defects:
                    raise defect
    finally:
        store.close()
    return found


async def _step(client: httpx.AsyncClient, number: int, step: Step, bindings: Bindings) -> list[Difference]:
    try:
        answer = await client.request(step.method, **_asked(step, bindings))
    except UnboundError as missing:
        return [Difference(step.name, "request", str(step.status), f"cannot be asked: no {missing}", number)]
    ours = Answer(
        answer.status_code,
        None,
        "",
        {name: answer.headers[name] for name in HEADERS if name in answer.headers},
    )
    if answer.content:
        try:
            ours = msgspec.structs.replace(ours, body=answer.json())
        except ValueError:
            ours = msgspec.structs.replace(ours, text=answer.text)
    return compare(number, step, ours, bindings)


def _asked(step: Step, bindings: Bindings) -> dict[str, Any]:
    content: str | None = None
    if step.body is not None:
        content = bindings.request(msgspec.json.encode(step.body).decode())
    elif step.raw:
        content = bindings.request(step.raw)
    headers = dict(step.headers)
    if "if-match" in headers:
        headers["if-match"] = bindings.matching(headers["if-match"], step.path)
    return {"url": bindings.request(step.path), "content": content, "headers": headers}


__all__ = ["ABSENT", "replay"]
