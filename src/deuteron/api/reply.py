"""An answer as it goes out: status, headers, bytes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

Headers = tuple[tuple[bytes, bytes], ...]

_JSON: Final = (b"content-type", b"application/json")
_encode: Final = msgspec.json.Encoder().encode


class Reply(msgspec.Struct, frozen=True):
    """One answer.

    Attributes:
        status: of HTTP.
        headers: without the length and the request's id.
        body: empty for none.
    """

    status: int
    headers: Headers = ()
    body: bytes = b""


def json_reply(status: int, content: Any, headers: Iterable[tuple[bytes, bytes]] = ()) -> Reply:
    """An answer with JSON; without content it has no body and no type."""
    if content is None:
        return Reply(status, tuple(headers))
    return Reply(status, (_JSON, *headers), _encode(content))
