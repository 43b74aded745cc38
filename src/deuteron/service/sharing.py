"""Who else may use a resource: RBAC policies, made by people or by ``shared`` and ``router:external``."""

from __future__ import annotations

from typing import Any, Final

from deuteron.identity.caller import Caller
from deuteron.resources import RESOURCES
from deuteron.service.values import build
from deuteron.store.query import Query
from deuteron.store.store import Unit

SHARED: Final = "access_as_shared"
EXTERNAL: Final = "access_as_external"
EVERYONE: Final = "*"


def policies(unit: Unit, object_id: str, action: str) -> list[Any]:
    """The policies of one kind about one resource."""
    return list(unit.find(RESOURCES["rbac_policies"], object_id=object_id, action=action))


def targets(unit: Unit, object_id: str, action: str) -> frozenset[str]:
    """The projects that those policies name, ``*`` for all of them."""
    return frozenset(one.target_tenant for one in policies(unit, object_id, action))


def visible(unit: Unit, caller: Caller, network_id: str) -> bool:
    """Whether there is such a network and the caller sees it: it is theirs, or shared with them."""
    network = unit.peek(RESOURCES["networks"], network_id)
    if network is None or caller.sees_all or network.project_id == caller.project_id:
        return network is not None
    query = Query(resource=RESOURCES["networks"], filters=(("id", (network_id,)),), visible_to=caller)
    return unit.count(query) > 0


def share(unit: Unit, kind: str, value: Any, action: str, target: str = EVERYONE) -> None:
    """Let a project use a resource; nothing happens where it may already."""
    if target in targets(unit, value.id, action):
        return
    resource = RESOURCES["rbac_policies"]
    given = {"object_type": kind, "object_id": value.id, "action": action, "target_tenant": target}
    unit.insert(resource, build(resource, given, project_id=value.project_id))


def unshare(unit: Unit, object_id: str, action: str, target: str = "") -> None:
    """Take the right back from a project, or from all of them."""
    for one in policies(unit, object_id, action):
        if target in ("", one.target_tenant):
            unit.delete(RESOURCES["rbac_policies"], one.id)


def forget(unit: Unit, object_id: str) -> None:
    """The resource is going: its policies go with it."""
    for one in unit.find(RESOURCES["rbac_policies"], object_id=object_id):
        unit.delete(RESOURCES["rbac_policies"], one.id)


def losers(unit: Unit, network: Any, without: Any) -> frozenset[str]:
    """Projects with ports or subnets on a network that would not reach it without one of its policies.

    Ports of nobody, those of floating IPs and router gateways, count for none; nor do those of the
    network's services.
    """
    kept = [one.target_tenant for one in policies(unit, network.id, SHARED) if one.id != without.id]
    if EVERYONE in kept:
        return frozenset()
    ports = unit.find(RESOURCES["ports"], network_id=network.id)
    users = {one.project_id for one in ports if not one.device_owner.startswith("network:")}
    users |= {one.project_id for one in unit.find(RESOURCES["subnets"], network_id=network.id)}
    lost = users - {*kept, network.project_id, ""}
    return frozenset(lost if without.target_tenant == EVERYONE else lost & {without.target_tenant})
