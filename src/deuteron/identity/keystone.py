"""Tokens of Keystone: one is asked whether they are good, and what it says is remembered for a while.

A token that Keystone revokes is let in for at most :data:`REMEMBERED` seconds more (keystonemiddleware's
``token_cache_time`` is five times that), one that ends not a moment longer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from deuteron.errors import DeuteronError
from deuteron.identity.caller import Caller
from deuteron.identity.keystone_client import Answered, Client
from deuteron.identity.keystone_said import KeystoneUnavailable, Said
from deuteron.identity.remembered import Crowded, Remembered
from deuteron.identity.tokens import digest, token_of
from deuteron.resources.refusal import Unauthorized

#: Seconds that an answer of Keystone's holds.
REMEMBERED: Final = 60.0
#: How many tokens are remembered, good ones and others each; and asked about at once.
MOST: Final = 10_000
AT_ONCE: Final = 256


class Keystone:
    """Asks a Keystone who a token's user is.

    Args:
        client: that asks.
        remembered: seconds that an answer holds.
        most: how many tokens are remembered.
        now: seconds since the epoch; tokens end by that.
        trouble: told when Keystone cannot be asked, once until it can.
    """

    def __init__(
        self,
        client: Client,
        *,
        remembered: float = REMEMBERED,
        most: int = MOST,
        now: Callable[[], float] = time.time,
        trouble: Callable[[DeuteronError], None] | None = None,
    ) -> None:
        self._client = client
        self._now = now
        self._trouble = trouble
        self._quiet = False
        self._known: Remembered[Said | None] = Remembered(
            seconds=remembered, most=most, at_once=AT_ONCE, bad=_is_unknown
        )

    async def caller(self, headers: Mapping[str, str]) -> Caller:
        """Whose the token is; and the roles of the service that asks on the user's behalf, if one does.

        Raises:
            Unauthorized: the token is nobody's, or not any more.
            KeystoneUnavailable: Keystone cannot be asked, or does not know us.
        """
        said = await self._good(token_of(headers))
        service: frozenset[str] = frozenset()
        if "x-service-token" in headers:
            service = (await self._good(token_of(headers, "x-service-token"))).role_names
        return msgspec.structs.replace(said.caller(), service_roles=service)

    async def close(self) -> None:
        """Let go of what is under way, and of the connections."""
        await self._known.close()
        await self._client.close()

    async def _good(self, token: str) -> Said:
        try:
            said = await self._known.get(digest(token), lambda: self._ask(token))
        except Crowded as error:
            raise KeystoneUnavailable() from error
        if said is None or said.ends <= self._now():
            raise Unauthorized()
        return said

    async def _ask(self, token: str) -> Said | None:
        try:
            answered = await self._client.validate(token)
        except Answered as problem:
            if not self._quiet and self._trouble is not None:
                self._quiet = True
                self._trouble(problem.reason)
            # Without its cause: a traceback may hold the request, and that the token.
            raise KeystoneUnavailable() from None
        self._quiet = False
        return answered


def _is_unknown(said: Said | None) -> bool:
    return said is None
