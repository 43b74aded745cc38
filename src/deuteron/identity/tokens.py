"""What makes a caller of a request's headers.

``Noauth`` believes everybody (on a loopback address or a unix socket alone), ``StaticTokens`` knows a file
of hashes, ``Keystone`` asks one.  A token is hashed as soon as it is read from the header: no cache, error
or log has it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Final, Protocol

from deuteron.identity.caller import Caller
from deuteron.resources.refusal import Unauthorized

#: Characters that a token may have: more than any of Keystone's formats needs.
LONGEST: Final = 8192

_TOKEN: Final = re.compile(rf"[\x21-\x7e]{{1,{LONGEST}}}")


class Identity(Protocol):
    """Says who asks."""

    async def caller(self, headers: Mapping[str, str]) -> Caller:
        """Who a request comes from.

        Args:
            headers: by their names in lower case; each once, a second one of a name was refused before.

        Raises:
            Unauthorized: 401, nobody who is known.
            KeystoneUnavailable: 503, nobody can say now.
        """
        ...  # pragma: no cover - a protocol

    async def close(self) -> None:
        """Let go of connections."""
        ...  # pragma: no cover - a protocol


def token_of(headers: Mapping[str, str], name: str = "x-auth-token") -> str:
    """The token of a request.

    Raises:
        Unauthorized: there is none, or something that is none.
    """
    token = headers.get(name, "")
    if not _TOKEN.fullmatch(token):
        raise Unauthorized()
    return token


def digest(token: str) -> bytes:
    """SHA-256: stands for a token wherever one is kept; a token is too long to be guessed from it."""
    return hashlib.sha256(token.encode()).digest()


def names(text: str) -> frozenset[str]:
    """Names of roles with commas between them."""
    return frozenset(one.strip() for one in text.split(",") if one.strip())
