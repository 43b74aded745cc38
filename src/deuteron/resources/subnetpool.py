"""Subnet pools."""

from __future__ import annotations

from types import MappingProxyType
from typing import Annotated, Final

from deuteron.resources import addresses, checks
from deuteron.resources.attribute import Attr
from deuteron.resources.resource import Resource, declare
from deuteron.resources.standard import Tagged


class SubnetPool(Tagged, frozen=True, kw_only=True):
    """Prefixes of one family that subnets are cut of.

    Lengths left out of a POST are 8 and 32 bits for IPv4, 64 and 128 for IPv6; ``default_prefixlen`` is
    then the shortest.  ``default_quota`` counts addresses (IPv4) or /64 networks (IPv6) of one project.
    """

    name: Annotated[str, Attr(post=True, put=True, sort=True, required=True, check=checks.not_empty_name())]
    prefixes: Annotated[
        tuple[str, ...], Attr(post=True, put=True, filter=False, required=True, check=addresses.prefixes)
    ]
    default_quota: Annotated[int | None, Attr(post=True, put=True, sort=True, check=checks.non_negative)] = (
        None
    )
    ip_version: Annotated[int, Attr(sort=True)]
    default_prefixlen: Annotated[int, Attr(post=True, put=True, sort=True, check=checks.non_negative)]
    min_prefixlen: Annotated[int, Attr(post=True, put=True, sort=True, check=checks.non_negative)]
    max_prefixlen: Annotated[int, Attr(post=True, put=True, sort=True, check=checks.non_negative)]
    is_default: Annotated[bool, Attr(post=True, put=True, sort=True, enforce=True, check=checks.boolean)] = (
        False
    )
    shared: Annotated[bool, Attr(post=True, sort=True, enforce=True, check=checks.boolean, derived=True)] = (
        False
    )
    address_scope_id: Annotated[
        str | None,
        Attr(post=True, put=True, sort=True, check=checks.or_none(checks.uuid), extension="address-scope"),
    ] = None


SUBNETPOOL: Final[Resource] = declare(
    SubnetPool,
    name="subnetpool",
    collection="subnetpools",
    quota="subnetpool",
    tags=True,
    actions=MappingProxyType({"add_prefixes": "PUT", "remove_prefixes": "PUT"}),
)
