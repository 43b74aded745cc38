"""RBAC policies: who else may use a network, a subnet pool or an address scope."""

from __future__ import annotations

from typing import Any, Final

from deuteron.identity.caller import Caller
from deuteron.resources import RESOURCES, refusal
from deuteron.resources.rbac_policy import RbacPolicy
from deuteron.service import sharing
from deuteron.service.values import build
from deuteron.service.values import change as changed
from deuteron.store.store import Unit

_ACTIONS: Final = {
    "network": (sharing.SHARED, sharing.EXTERNAL),
    "subnetpool": (sharing.SHARED,),
    "address_scope": (sharing.SHARED,),
}
_GATEWAY: Final = "network:router_gateway"


def create(unit: Unit, caller: Caller, given: dict[str, Any]) -> RbacPolicy:
    """Share what the caller owns.

    Raises:
        InvalidInput: it is not the caller's, or cannot be shared like this.
        DuplicateRbacPolicy: it is shared like this already.
        NotFound: there is no such object that the caller may see.
    """
    kind, action = given["object_type"], given["action"]
    if action not in _ACTIONS[kind]:
        raise refusal.InvalidActionForType(action=action, object_type=kind, valid_actions=_ACTIONS[kind])
    shared = unit.get(_resource(kind), given["object_id"], caller)
    if shared is None:
        raise refusal.not_found(kind, given["object_id"])
    _refuse_foreign(caller, kind, shared)
    if given["target_tenant"] in sharing.targets(unit, shared.id, action):
        raise refusal.DuplicateRbacPolicy
    policy: RbacPolicy = build(RESOURCES["rbac_policies"], given)
    unit.insert(RESOURCES["rbac_policies"], policy)
    if action == sharing.EXTERNAL and not shared.router_external:
        _set_external(unit, shared, external=True)
    return policy


def update(unit: Unit, caller: Caller, value: RbacPolicy, given: dict[str, Any]) -> RbacPolicy:
    """Share with another project instead.

    Raises:
        RbacPolicyInUse: the one that loses it still uses it.
        DuplicateRbacPolicy: it is shared like this already.
    """
    target = given.get("target_tenant", value.target_tenant)
    if target == value.target_tenant:
        return value
    shared = unit.get(_resource(value.object_type), value.object_id)
    if shared is not None:
        _refuse_foreign(caller, value.object_type, shared)
        if target in sharing.targets(unit, shared.id, value.action):
            raise refusal.DuplicateRbacPolicy
        _refuse_used(unit, value, shared, target)
    policy: RbacPolicy = changed(RESOURCES["rbac_policies"], value, given)
    unit.update(RESOURCES["rbac_policies"], policy)
    return policy


def delete(unit: Unit, caller: Caller, value: RbacPolicy) -> None:
    """Share no more.

    Raises:
        RbacPolicyInUse: the one that loses it still uses it.
    """
    shared = unit.get(_resource(value.object_type), value.object_id)
    if shared is not None:
        _refuse_used(unit, value, shared)
    unit.delete(RESOURCES["rbac_policies"], value.id)
    if value.action == sharing.EXTERNAL and shared is not None:
        _make_internal(unit, value, shared)


def _resource(kind: str) -> Any:
    return next(one for one in RESOURCES.values() if one.name == kind)


def _refuse_foreign(caller: Caller, kind: str, shared: Any) -> None:
    if not caller.is_admin and shared.project_id != caller.project_id:
        raise refusal.InvalidInput(
            error_message=f"Only admins can manipulate policies on {kind}s they do not own"
        )


def _refuse_used(unit: Unit, value: RbacPolicy, shared: Any, target: str = "") -> None:
    if value.object_type != "network" or value.action != sharing.SHARED:
        return
    if target == sharing.EVERYONE:
        return
    if sharing.losers(unit, shared, value) - {target}:
        reason = refusal.InvalidSharedSetting(network=shared.id).message
        raise refusal.RbacPolicyInUse(object_id=value.object_id, details=reason)


def _make_internal(unit: Unit, value: RbacPolicy, network: Any) -> None:
    """A network that is external for nobody is not external."""
    if sharing.targets(unit, network.id, sharing.EXTERNAL):
        return
    if unit.find(RESOURCES["ports"], network_id=network.id, device_owner=_GATEWAY):
        reason = refusal.ExternalNetworkInUse(net_id=network.id).message
        raise refusal.RbacPolicyInUse(object_id=value.object_id, details=reason)
    _set_external(unit, network, external=False)


def _set_external(unit: Unit, network: Any, *, external: bool) -> None:
    unit.update(RESOURCES["networks"], changed(RESOURCES["networks"], network, {}, router_external=external))
