"""One request as ASGI hands it over, and its body, read within bounds."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

import msgspec

from deuteron.api.errors import HTTPRequestEntityTooLarge
from deuteron.api.limits import Limits, check_body
from deuteron.resources.refusal import BadRequest, HTTPBadRequest

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_decode: Final = msgspec.json.Decoder().decode
_ETAG: Final = re.compile(r'(?:W/)?"([^"]*)"')
_REVISION: Final = "revision_number="
_DIGITS: Final = 18


class Gone(Exception):  # noqa: N818 -- no error: nobody is there to answer
    """The client has closed the connection."""


class Request(msgspec.Struct, frozen=True):
    """One request, its headers checked.

    Attributes:
        method: upper case.
        raw_path: percent-encoded.
        query: as it was sent.
        headers: by lower-case name.
        base: scheme and host as the client wrote them, for links.
        receive: ASGI's, for the body.
    """

    method: str
    raw_path: bytes
    query: bytes
    headers: dict[str, str]
    base: str
    receive: Receive


def base_of(scope: Scope, headers: dict[str, str]) -> str:
    """Scheme and host for links; a proxy in front may have another scheme, and says so."""
    forwarded = headers.get("x-forwarded-proto", "")
    scheme = forwarded if forwarded in ("http", "https") else scope.get("scheme", "http")
    return f"{scheme}://{headers.get('host') or 'localhost'}"


async def body_of(request: Request, limits: Limits) -> object:
    """The body as JSON has it; ``None`` where there is none.

    Raises:
        HTTPRequestEntityTooLarge: it is, or says that it is.
        HTTPBadRequest: it is no JSON, not UTF-8, or nested too deeply.
        Gone: nobody waits for an answer, or what is to come is late (``protocol.py`` has answered).
    """
    check_body(request.headers, limits)
    raw = await _read(request.receive, limits.body)
    return _json(raw) if raw else None


async def _read(receive: Receive, most: int) -> bytes:
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise Gone
        part = message.get("body", b"")
        size, more = size + len(part), message.get("more_body", False)
        if size > most:
            raise HTTPRequestEntityTooLarge(limit=most)
        parts.append(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _json(raw: bytes) -> object:
    try:
        return _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise HTTPBadRequest(message="Body contains invalid data") from None


def revision_of(headers: dict[str, str]) -> int | None:
    """The revision of ``If-Match: revision_number=N``; ``None`` where it asks for none.

    Raises:
        BadRequest: it asks for two, or for no number.
    """
    given = headers.get("if-match")
    if given is None:
        return None
    tags = [tag for tag in _ETAG.findall(given) or [given.strip()] if tag.startswith(_REVISION)]
    if not tags:
        return None
    if len(tags) > 1:
        raise BadRequest(resource="if-match", msg="Multiple revision_number etags are not supported")
    number = tags[0].removeprefix(_REVISION)
    if not (number.isascii() and number.isdecimal() and len(number) <= _DIGITS):
        raise BadRequest(
            resource="if-match", msg="Revision number etag must be in the format of revision_number=<int>"
        )
    return int(number)
