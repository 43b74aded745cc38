"""How many of each a project may have: the defaults, an administrator's limits, and what is used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

from deuteron.resources import RESOURCES, refusal
from deuteron.resources.quota import UNLIMITED, Quota
from deuteron.resources.resource import Resource
from deuteron.service.values import to_dict
from deuteron.store.store import Unit

#: The limits of who has none of their own, by the quota's name.
DEFAULTS: Final[Mapping[str, int]] = {
    name: value for name, value in to_dict(RESOURCES["quotas"], Quota()).items() if name != "project_id"
}
_COUNTED: Final[Mapping[str, Resource]] = {one.quota: one for one in RESOURCES.values() if one.quota}


class AdminRequired(refusal.Forbidden):
    """Another project's use is an administrator's to see."""

    sentence = "User does not have admin privileges: {reason}."


def limits(unit: Unit, project_id: str) -> dict[str, int]:
    """A project's limits, by the quota's name; -1 for none."""
    return {
        **DEFAULTS,
        **{name: limit for name, limit in unit.quotas(project_id).items() if name in DEFAULTS},
    }


def used(unit: Unit, project_id: str, name: str) -> int:
    """How many of one kind a project has."""
    return unit.count_of(_COUNTED[name], project_id=project_id) if name in _COUNTED else 0


def charge(unit: Unit, resource: Resource, given: Iterable[Mapping[str, Any]]) -> None:
    """Refuse what would exceed a project's limit, all of a bulk request together.

    Raises:
        OverQuota: it would.
    """
    name = resource.quota
    if name not in DEFAULTS:
        return
    for project_id, count in Counter(one.get("project_id", "") for one in given).items():
        limit = unit.quotas(project_id).get(name, DEFAULTS[name])
        if limit != UNLIMITED and unit.has(resource, project_id, limit - count + 1):
            raise refusal.OverQuota(overs=[name])


def details(unit: Unit, project_id: str) -> dict[str, dict[str, int]]:
    """Limit and use of each, by the quota's name; nothing is reserved between requests here."""
    return {
        name: {"limit": limit, "used": used(unit, project_id, name), "reserved": 0}
        for name, limit in limits(unit, project_id).items()
    }


def change(unit: Unit, project_id: str, given: Mapping[str, int], *, force: bool) -> None:
    """Set limits.

    Raises:
        HTTPBadRequest: the project has more than that already, and it is not forced.
    """
    for name, limit in given.items():
        has = used(unit, project_id, name)
        if not force and limit != UNLIMITED and has > limit:
            raise refusal.HTTPBadRequest(
                message=f"Quota limit {limit} for {name} must be greater than or equal to already used {has}"
            )
    for name, limit in given.items():
        unit.set_quota(project_id, name, limit)
