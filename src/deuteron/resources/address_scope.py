"""Address scopes."""

from __future__ import annotations

from typing import Annotated, Final

from deuteron.resources import checks
from deuteron.resources.attribute import Attr
from deuteron.resources.resource import Resource, declare
from deuteron.resources.standard import Kept


class AddressScope(Kept, frozen=True, kw_only=True):
    """Pools of one family within which no address is used twice: what is routed without NAT."""

    name: Annotated[str, Attr(post=True, put=True, sort=True, check=checks.name())] = ""
    shared: Annotated[
        bool, Attr(post=True, put=True, sort=True, enforce=True, check=checks.boolean, derived=True)
    ] = False
    ip_version: Annotated[
        int, Attr(post=True, sort=True, required=True, check=checks.ip_version, openapi={"enum": [4, 6]})
    ]


ADDRESS_SCOPE: Final[Resource] = declare(
    AddressScope, name="address_scope", collection="address_scopes", extension="address-scope"
)
