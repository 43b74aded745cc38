"""What Keystone says of a token, and what we say when it says nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

from deuteron.identity.caller import Caller
from deuteron.resources.refusal import Unavailable


class KeystoneUnavailable(Unavailable):
    """503: whether a token is good cannot be found out now; keystonemiddleware's sentence."""

    name = "ServiceUnavailable"
    sentence = "The Keystone service is temporarily unavailable."


class _Domain(msgspec.Struct, frozen=True):
    id: str = ""


class _Owner(msgspec.Struct, frozen=True):
    """A user or a project."""

    id: str
    domain: _Domain = _Domain()


class _Role(msgspec.Struct, frozen=True):
    name: str


class Said(msgspec.Struct, frozen=True):
    """The part of a token's body that matters here (Identity API v3, ``GET /v3/auth/tokens``).

    Attributes:
        user: whose it is.
        expires_at: when it ends.
        project: that it is for; ``None`` where it is for a domain, the system or nothing.
        domain: that it is for.
        system: ``{"all": true}`` where it is for the whole cloud.
        roles: of the user there.
    """

    user: _Owner
    expires_at: Annotated[datetime, msgspec.Meta(tz=True)]
    project: _Owner | None = None
    domain: _Domain | None = None
    system: dict[str, bool] | None = None
    roles: tuple[_Role, ...] = ()

    @property
    def ends(self) -> float:
        """Seconds since the epoch."""
        return self.expires_at.timestamp()

    @property
    def role_names(self) -> frozenset[str]:
        """As Keystone writes them."""
        return frozenset(one.name for one in self.roles)

    def caller(self) -> Caller:
        """Who that is."""
        return Caller(
            user_id=self.user.id,
            project_id=self.project.id if self.project else "",
            roles=self.role_names,
            is_admin="admin" in {one.lower() for one in self.role_names},
            system=bool(self.system and self.system.get("all")),
            domain_id=self.domain.id if self.domain else "",
            user_domain_id=self.user.domain.id,
            project_domain_id=self.project.domain.id if self.project else "",
        )


class _Body(msgspec.Struct, frozen=True):
    token: Said


def read(content: bytes) -> Said:
    """The body of an answer.

    Raises:
        msgspec.DecodeError: it is none.
    """
    return msgspec.json.decode(content, type=_Body).token
