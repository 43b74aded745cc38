"""Everybody is believed: for trying things out on one host."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import Final

from deuteron.errors import InputError
from deuteron.identity.caller import Caller
from deuteron.identity.tokens import names

#: Whose everything is, where a request does not say; Neutron's word, of ``auth_strategy = noauth``.
PROJECT: Final = "fake_project_id"


class Noauth:
    """Takes a request's word: ``X-Project-Id``, ``X-User-Id`` and ``X-Roles``.

    A request that names no project is an administrator's, as Neutron's ``noauth`` has it.

    Args:
        listen: all that the API listens on: ``ADDRESS:PORT``, ``[ADDRESS]:PORT`` or ``unix:PATH``.

    Raises:
        InputError: ``noauth-exposed``, others than this host's users could reach it.
    """

    def __init__(self, listen: Iterable[str]) -> None:
        for one in listen:
            if not _stays(one):
                raise InputError(
                    "noauth-exposed",
                    f"{one}: without authentication the API listens on a loopback address or a unix socket"
                    " alone; take 127.0.0.1, or a token file, or Keystone",
                )

    async def caller(self, headers: Mapping[str, str]) -> Caller:
        """Whoever the request says."""
        project, user = headers.get("x-project-id", ""), headers.get("x-user-id", "")
        roles = names(headers.get("x-roles", ""))
        if not project:
            project, roles = PROJECT, roles | {"admin", "member", "reader"}
        return Caller(user, project, roles, is_admin="admin" in roles)

    async def close(self) -> None:
        """Nothing is open."""


def _stays(listener: str) -> bool:
    """Whether a listener is out of the reach of other hosts; a name may come to mean another address."""
    if listener.startswith("unix:"):
        return True
    host = listener.rpartition(":")[0]
    bracketed = host.startswith("[") and host.endswith("]")
    try:
        address = ip_address(host[1:-1] if bracketed else host)
    except ValueError:
        return False
    return address.is_loopback and (address.version == 6) == bracketed
