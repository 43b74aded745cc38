"""How much one request may ask for, before anything of it is looked at.

Each bound is far above what clients send and far below what would be felt by the others.  The protocol
(``protocol.py``) holds those of time, connections and raw bytes; the rest is held where it is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from deuteron.api.errors import (
    HTTPMisdirectedRequest,
    HTTPRequestEntityTooLarge,
    HTTPRequestHeaderFieldsTooLarge,
    HTTPRequestURITooLong,
    HTTPUnsupportedMediaType,
)
from deuteron.resources.refusal import HTTPBadRequest

#: Headers that may come in several lines.  A second line of any other is a trick on whoever reads the other
#: of the two (LP 1865036).
REPEATED: Final = frozenset(
    {
        *("accept", "accept-charset", "accept-encoding", "accept-language", "cache-control", "connection"),
        *("cookie", "forwarded", "pragma", "te", "trailer", "upgrade", "via", "warning", "x-forwarded-for"),
    }
)
_HOST: Final = re.compile(r"(?:\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::[0-9]{1,5})?")
_JSON_TYPE: Final = re.compile(r'application/json\s*(?:;\s*charset\s*=\s*"?utf-?8"?\s*)?', re.IGNORECASE)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The bounds of the API.

    Attributes:
        body: bytes of a body.
        target: bytes of path and query.
        head: bytes of the request line and all headers.
        headers: how many headers.
        parameters: how many filters, fields and other parameters of a query, repeated ones counted each.
        bulk: how many resources one POST may make.
        page: how many resources one answer may list; a longer list is cut with a link to the next page.
        connections: how many at once; the one that has been silent longest makes room.
        head_seconds: from a connection, or a request's first byte, to the end of its headers.
        body_seconds: from there to the end of its body.
        idle_seconds: between two requests of one connection.
        send_seconds: for a client to take an answer.
        unsent: bytes of answers, over all connections, that wait for clients to take them.
        drained: bytes of a refused body that are read and dropped, so that its sender sees the answer.
    """

    body: int = 1 << 20
    target: int = 16 << 10
    head: int = 48 << 10
    headers: int = 64
    parameters: int = 512
    bulk: int = 1000
    page: int = 10_000
    connections: int = 512
    head_seconds: float = 10.0
    body_seconds: float = 20.0
    idle_seconds: float = 75.0
    send_seconds: float = 60.0
    unsent: int = 64 << 20
    drained: int = 256 << 20


def headers_of(raw: Iterable[tuple[bytes, bytes]], limits: Limits) -> dict[str, str]:
    """The headers by lower-case name; of those that may be repeated the last one stays.

    Raises:
        HTTPRequestHeaderFieldsTooLarge: too many, or too long in all.
        HTTPBadRequest: one is there twice.
    """
    found: dict[str, str] = {}
    count = length = 0
    for name, value in raw:
        count += 1
        length += len(name) + len(value)
        key = name.decode("latin-1")
        if key in found and key not in REPEATED:
            raise HTTPBadRequest(message=f"The header {key} is there more than once")
        found[key] = value.decode("latin-1")
    if count > limits.headers or length > limits.head:
        raise HTTPRequestHeaderFieldsTooLarge(limit=f"{limits.headers} headers, {limits.head} bytes")
    return found


def check_target(path: bytes, query: bytes, limits: Limits) -> None:
    """Refuse a target that is too long.

    Raises:
        HTTPRequestURITooLong: it is.
    """
    if len(path) + len(query) > limits.target:
        raise HTTPRequestURITooLong(limit=limits.target)


def check_host(headers: Mapping[str, str], hosts: frozenset[str] | None) -> None:
    """Refuse a ``Host`` that is none, or another's: answers carry links made of it.

    Args:
        headers: of the request.
        hosts: the names that this server goes by, ``None`` for any.

    Raises:
        HTTPBadRequest: it is no host.
        HTTPMisdirectedRequest: it is not ours.
    """
    host = headers.get("host", "")
    if not host and hosts is None:
        return
    if not _HOST.fullmatch(host):
        raise HTTPBadRequest(message="The Host header is not a host name or address")
    if hosts is not None and _name(host) not in hosts:
        raise HTTPMisdirectedRequest


def _name(host: str) -> str:
    if host.startswith("["):
        return host[1 : host.index("]")]
    return host.partition(":")[0].lower()


def has_body(headers: Mapping[str, str]) -> bool:
    """Whether a request says that it has a body."""
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


def check_body(headers: Mapping[str, str], limits: Limits) -> None:
    """Refuse a body by what its headers say of it, before a byte is read.

    Raises:
        HTTPRequestEntityTooLarge: it says that it is too long.
        HTTPUnsupportedMediaType: it is not JSON, or is compressed.
    """
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length[:20]) > limits.body:
        raise HTTPRequestEntityTooLarge(limit=limits.body)
    if not has_body(headers):
        return
    kind = headers.get("content-type")
    if (kind is not None and not _JSON_TYPE.fullmatch(kind)) or headers.get(
        "content-encoding", "identity"
    ) != "identity":
        raise HTTPUnsupportedMediaType


def check_bulk(body: object, collection: str, limits: Limits) -> None:
    """Refuse a POST that makes too many at once: they are one transaction, and the others wait for it.

    Raises:
        HTTPRequestEntityTooLarge: too many.
    """
    many: Any = body.get(collection) if isinstance(body, dict) else None
    if isinstance(many, list) and len(many) > limits.bulk:
        raise HTTPBadRequest(message=f"At most {limits.bulk} {collection} can be created by one request")
