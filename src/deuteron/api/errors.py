"""What an error looks like to a client: Neutron's bodies, and the refusals that only HTTP knows.

Every error but one has the body ``{"NeutronError": {"type", "message", "detail"}}``; a 401 has that of
Keystone's middleware, ``{"error": {"code", "title", "message"}}``, as in front of Neutron.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import msgspec

from deuteron.api.reply import Reply, json_reply
from deuteron.resources.refusal import HTTPInternalServerError, Refusal, Unauthorized

_UNAUTHORIZED = 401


class OfHttp(Refusal):
    """A refusal that only HTTP knows: no service raises it, and its statuses are no other's."""


class HTTPMethodNotAllowed(OfHttp):
    """405: the path is there, but not for this method.

    Args:
        allow: the methods that it has, for the header ``Allow`` (RFC 9110, 15.5.6).
    """

    status: ClassVar[int] = 405
    sentence: ClassVar[str] = (
        "The server could not comply with the request since it is either malformed or otherwise incorrect."
    )

    def __init__(self, allow: Sequence[str] = ()) -> None:
        super().__init__()
        self.allow = tuple(allow)


class HTTPRequestTimeout(OfHttp):
    """408: the rest of the request did not come in time."""

    status: ClassVar[int] = 408
    sentence: ClassVar[str] = "The server has waited too long for the request to be sent by the client."


class HTTPRequestEntityTooLarge(OfHttp):
    """413: more bytes than any request of this API needs."""

    status: ClassVar[int] = 413
    sentence: ClassVar[str] = "The body of your request was too large for this server: at most {limit} bytes."


class HTTPRequestURITooLong(OfHttp):
    """414: a path and query longer than any client needs."""

    status: ClassVar[int] = 414
    sentence: ClassVar[str] = "The request URI was too long for this server: at most {limit} bytes."


class HTTPUnsupportedMediaType(OfHttp):
    """415: a body that is not JSON.

    Also what keeps a web page from writing through a browser on this host: without this type a browser
    sends no request to another origin unasked.
    """

    status: ClassVar[int] = 415
    sentence: ClassVar[str] = "The request media type is not supported by this server: send application/json."


class HTTPMisdirectedRequest(OfHttp):
    """421: the ``Host`` header names somebody else (a rebound DNS name, RFC 9110, 15.5.20)."""

    status: ClassVar[int] = 421
    sentence: ClassVar[str] = "The Host header does not name this server."


class HTTPRequestHeaderFieldsTooLarge(OfHttp):
    """431: more, or longer, headers than any client needs."""

    status: ClassVar[int] = 431
    sentence: ClassVar[str] = "The headers of your request were too large for this server: at most {limit}."


class _Fault(msgspec.Struct, frozen=True):
    type: str
    message: str
    detail: str


class _Body(msgspec.Struct, frozen=True):
    NeutronError: _Fault


class _Keystone(msgspec.Struct, frozen=True):
    code: int
    title: str
    message: str


class _KeystoneBody(msgspec.Struct, frozen=True):
    error: _Keystone


def reply(refusal: Refusal, www_authenticate: str = "") -> Reply:
    """The answer that a refusal becomes.

    Args:
        refusal: why the request is not done.
        www_authenticate: the challenge of a 401, ``Keystone uri="https://..."``; empty for none.
    """
    if isinstance(refusal, Unauthorized):
        return _challenge(refusal, www_authenticate)
    fault = _Body(_Fault(refusal.type, refusal.message, refusal.detail))
    allow = getattr(refusal, "allow", ())
    headers = ((b"allow", ", ".join(allow).encode()),) if allow else ()
    return json_reply(refusal.status, fault, headers)


def internal() -> Reply:
    """The answer to a defect of ours: nothing of it is told (OSSA-2017-001), the log has it."""
    return reply(HTTPInternalServerError())


def _challenge(refusal: Refusal, www_authenticate: str) -> Reply:
    body = _KeystoneBody(_Keystone(_UNAUTHORIZED, "Unauthorized", refusal.message))
    headers = ((b"www-authenticate", www_authenticate.encode("latin-1")),) if www_authenticate else ()
    return json_reply(_UNAUTHORIZED, body, headers)
