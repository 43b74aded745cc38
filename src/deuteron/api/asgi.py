"""The API as an ASGI application: from a request to the service and back.

::

    limits -> request id -> identity -> place -> query, body -> Service.answer -> links -> JSON

No framework stands between: a path is two dictionary look-ups, and what every request needs is done once.
Refusals become Neutron's bodies; what nobody foresaw becomes a 500 that tells nothing and goes to ``defect``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import msgspec

from deuteron.api import errors, versions
from deuteron.api.dispatch import Routes, Target
from deuteron.api.errors import HTTPMethodNotAllowed
from deuteron.api.limits import Limits, check_bulk, check_host, check_target, has_body, headers_of
from deuteron.api.query import Asked, Page, asked, fields_of, links, pairs_of
from deuteron.api.reply import Reply, json_reply
from deuteron.api.request import Gone, Receive, Request, Scope, Send, base_of, body_of, revision_of
from deuteron.identity.caller import Caller
from deuteron.resources.refusal import (
    HTTPBadRequest,
    HTTPForbidden,
    HTTPNotFound,
    Refusal,
    ServiceUnavailable,
)
from deuteron.resources.resource import Resource
from deuteron.service.call import Answer, Call
from deuteron.service.ids import new_id
from deuteron.store.store import StoreError

_BODIED: Final = frozenset({"POST", "PUT"})
_LENGTHS: Final = tuple(str(length).encode() for length in range(4096))


class Identity(Protocol):
    """Who confirms who asks."""

    async def caller(self, headers: Mapping[str, str]) -> Caller:
        """Who sent these headers.

        Raises:
            Refusal: 401, or 503 where it cannot be known now.
        """
        ...


class Service(Protocol):
    """What answers a call."""

    async def answer(self, call: Call) -> Answer:
        """The answer.

        Raises:
            Refusal: with the status, type and message of the error's body.
        """
        ...


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How the API is served.

    Attributes:
        limits: the bounds of a request.
        hosts: the names that this server goes by, ``None`` for any; without authentication a set, so that
            a web page cannot reach it under a name of its own (DNS rebinding).
        www_authenticate: the challenge of a 401, ``Keystone uri="https://..."``.
    """

    limits: Limits = Limits()
    hosts: frozenset[str] | None = None
    www_authenticate: str = ""


class Note:
    """What is to be said of a request when it is answered.

    Attributes:
        request_id: its id.
        collection: what it was about, "" where that was not found out.
        action: what was to be done with it, likewise.
        project: whose the request was, "" for nobody known.
    """

    __slots__ = ("action", "collection", "project", "request_id")

    def __init__(self, request_id: str) -> None:
        self.request_id = request_id
        self.collection = self.action = self.project = ""


#: Is told of each answer: method, status, seconds, and the note; never raises.
Seen = Callable[[str, int, float, Note], None]


class Api:
    """The application; call it as ASGI does.

    Args:
        service: what answers.
        identity: who asks.
        routes: what can be asked for.
        settings: how.
        defect: is told what nobody foresaw; never raises.
        document: the OpenAPI document, encoded; empty for none.
        seen: see :data:`Seen`.
    """

    def __init__(
        self,
        service: Service,
        identity: Identity,
        *,
        routes: Routes,
        defect: Callable[[BaseException], None],
        settings: Settings = Settings(),  # noqa: B008 -- frozen
        document: bytes = b"",
        seen: Seen | None = None,
    ) -> None:
        self._service = service
        self._identity = identity
        self._routes = routes
        self._defect = defect
        self._settings = settings
        self._document = document
        self._seen = seen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; nothing else is spoken here, neither a websocket nor ASGI's lifespan."""
        if scope["type"] != "http":
            return
        begun, note = perf_counter(), Note(f"req-{new_id()}")
        try:
            reply = await self._answered(scope, receive, note)
        except Gone:
            return
        except Exception as error:  # the outermost loop of a request
            self._defect(error)
            reply = errors.internal()
        await _send(send, reply, note.request_id)
        if self._seen is not None:
            self._seen(scope["method"], reply.status, perf_counter() - begun, note)

    async def _answered(self, scope: Scope, receive: Receive, note: Note) -> Reply:
        try:
            return await self._reply(self._request(scope, receive), note)
        except Refusal as refusal:
            return errors.reply(refusal, self._settings.www_authenticate)
        except StoreError as error:  # the disk is full, or gone: not now, perhaps later
            self._defect(error)
            return errors.reply(ServiceUnavailable())

    def _request(self, scope: Scope, receive: Receive) -> Request:
        raw_path, query, limits = scope["raw_path"], scope["query_string"], self._settings.limits
        check_target(raw_path, query, limits)
        headers = headers_of(scope["headers"], limits)
        check_host(headers, self._settings.hosts)
        _check_origin(headers)
        return Request(scope["method"], raw_path, query, headers, base_of(scope, headers), receive)

    async def _reply(self, request: Request, note: Note) -> Reply:
        path = request.raw_path
        if not path.startswith(b"/v2.0") or path[5:6] not in (b"/", b""):
            return self._outside(request)
        caller = await self._identity.caller(request.headers)
        caller = msgspec.structs.replace(caller, request_id=note.request_id)
        note.project = caller.project_id
        if path == b"/v2.0/":
            return _only_get(request, lambda: json_reply(200, versions.resources(request.base)))
        target = self._routes.find(path)
        if request.method == "OPTIONS":
            return Reply(204, ((b"allow", ", ".join(sorted(target.place.methods)).encode()),))
        return await self._called(request, target, caller, note)

    def _outside(self, request: Request) -> Reply:
        match request.raw_path:
            case b"/" | b"":
                return _only_get(request, lambda: json_reply(200, versions.versions(request.base)))
            case b"/openapi.json" if self._document:
                headers = ((b"content-type", b"application/json"),)
                return _only_get(request, lambda: Reply(200, headers, self._document))
            case b"/healthcheck":
                return _only_get(request, lambda: Reply(200, ((b"content-type", b"text/plain"),), b"OK"))
            case _:
                raise HTTPNotFound

    async def _called(self, request: Request, target: Target, caller: Caller, note: Note) -> Reply:
        action = target.action(request.method)
        resource, limits = target.place.resource, self._settings.limits
        note.collection, note.action = resource.collection, action
        page = asked(request.query, resource, caller, limits) if action == "index" else None
        body = await _body(request, action, resource, limits)
        call = Call(
            caller=caller,
            resource=resource,
            action=action,
            id=target.id,
            parent=target.parent,
            sub=target.sub,
            body=body,
            query=page.query if page else None,
            fields=page.fields if page else fields_of(pairs_of(request.query, limits), resource),
            if_match=revision_of(request.headers),
        )
        answer = await self._service.answer(call)
        return json_reply(answer.status, _linked(answer, page, request) if page else answer.body)


async def _body(request: Request, action: str, resource: Resource, limits: Limits) -> object:
    if request.method not in _BODIED:
        if request.method == "DELETE" and has_body(request.headers):
            raise HTTPBadRequest(message="Request body is not supported in DELETE.")
        return None
    body = await body_of(request, limits)
    if body is not None and not isinstance(body, dict):
        raise HTTPBadRequest(message="Body contains invalid data")
    if not body and action in ("create", "update"):
        raise HTTPBadRequest(message=f"Unable to find '{resource.name}' in request body")
    check_bulk(body, resource.collection, limits)
    return body


def _linked(answer: Answer, page: Asked, request: Request) -> dict[str, Any]:
    body = answer.body or {}
    shown = Page(answer.count, answer.first, answer.last)
    found = links(page, f"{request.base}{request.raw_path.decode('ascii')}", shown)
    return {**body, f"{page.query.resource.collection}_links": found} if found else body


def _only_get(request: Request, reply: Callable[[], Reply]) -> Reply:
    if request.method != "GET":
        raise HTTPMethodNotAllowed(("GET",))
    return reply()


def _check_origin(headers: Mapping[str, str]) -> None:
    """Refuse what a web page of somewhere else has a browser on this host send.

    Raises:
        HTTPForbidden: it is.
    """
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != headers.get("host"):
        raise HTTPForbidden(message="Requests from pages of another origin are not served")


async def _send(send: Send, reply: Reply, request_id: str) -> None:
    size = len(reply.body)
    length = _LENGTHS[size] if size < len(_LENGTHS) else str(size).encode()
    headers = [*reply.headers, (b"x-openstack-request-id", request_id.encode())]
    if reply.status != 204:
        headers.append((b"content-length", length))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})
