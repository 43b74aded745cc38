"""Address scopes."""

from __future__ import annotations

from typing import Any

from deuteron.identity.caller import Caller
from deuteron.resources import RESOURCES, refusal
from deuteron.resources.address_scope import AddressScope
from deuteron.service import sharing
from deuteron.service.values import build, change, kept
from deuteron.store.store import Unit


def create(unit: Unit, caller: Caller, given: dict[str, Any]) -> AddressScope:
    """A new scope; shared with everybody if it says so."""
    resource = RESOURCES["address_scopes"]
    scope: AddressScope = build(resource, given)
    unit.insert(resource, scope)
    if scope.shared:
        sharing.share(unit, "address_scope", scope, sharing.SHARED)
    return _again(unit, scope)


def update(unit: Unit, caller: Caller, value: AddressScope, given: dict[str, Any]) -> AddressScope:
    """Its name, or that it is shared from now on.

    Raises:
        AddressScopeUpdateError: what is shared stays so.
    """
    resource = RESOURCES["address_scopes"]
    if value.shared and not given.get("shared", True):
        raise refusal.AddressScopeUpdateError(
            address_scope_id=value.id, reason="Shared address scope can't be unshared"
        )
    if given.get("shared"):
        sharing.share(unit, "address_scope", value, sharing.SHARED)
    unit.update(resource, change(resource, value, given))
    return _again(unit, value)


def delete(unit: Unit, caller: Caller, value: AddressScope) -> None:
    """A scope that no pool is in.

    Raises:
        AddressScopeInUse: one is.
    """
    if unit.find(RESOURCES["subnetpools"], address_scope_id=value.id):
        raise refusal.AddressScopeInUse(address_scope_id=value.id)
    sharing.forget(unit, value.id)
    unit.delete(RESOURCES["address_scopes"], value.id)


def _again(unit: Unit, value: AddressScope) -> AddressScope:
    found: AddressScope = kept(unit, RESOURCES["address_scopes"], value.id)
    return found
