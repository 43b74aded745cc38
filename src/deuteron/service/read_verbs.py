"""Verbs of what no table keeps as it is shown: quotas, zones, agents, address counts, extensions, tags."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from deuteron.identity.policy import Policy
from deuteron.resources import EXTENSIONS, RESOURCES, refusal
from deuteron.resources.resource import decode_put
from deuteron.service import agent, availability_zone, quota, tag
from deuteron.service import network_ip_availability as counts
from deuteron.service.authority import Authority
from deuteron.service.call import Answer, Call
from deuteron.service.memory import narrowed
from deuteron.service.seen import seen
from deuteron.service.values import to_dict
from deuteron.service.view import View
from deuteron.store.query import Query
from deuteron.store.store import Unit

Run = Callable[[Unit, Policy, Call], Answer]


def _listed(unit: Unit, policy: Policy, call: Call, values: Any, key: str) -> Answer:
    found = narrowed(values, call.query, key)
    shown = View(Authority(unit, policy, call.caller), call.resource).many(found, call.fields)
    first, last = (getattr(found[0], key), getattr(found[-1], key)) if found else ("", "")
    return Answer(200, {call.resource.collection: shown}, count=len(found), first=first, last=last)


def zones_index(unit: Unit, policy: Policy, call: Call) -> Answer:
    """Every availability zone."""
    return _listed(unit, policy, call, availability_zone.zones(unit), "name")


def agents_index(unit: Unit, policy: Policy, call: Call) -> Answer:
    """Every agent, and whether it was heard of lately."""
    return _listed(unit, policy, call, agent.looked_at(unit, unit.find(RESOURCES["agents"])), "id")


def agents_show(unit: Unit, policy: Policy, call: Call) -> Answer:
    """One agent."""
    authority = Authority(unit, policy, call.caller)
    found = agent.looked_at(unit, [seen(unit, authority, call)])
    return Answer(200, {call.resource.name: View(authority, call.resource).one(found[0], call.fields)})


def counts_index(unit: Unit, policy: Policy, call: Call) -> Answer:
    """The addresses of every network that the caller may see."""
    networks = unit.list(Query(resource=RESOURCES["networks"], visible_to=call.caller))
    filters = () if call.query is None else call.query.filters
    versions = {version for name, several in filters if name == "ip_version" for version in several}
    if call.query is not None:
        rest = tuple(one for one in filters if one[0] != "ip_version")
        call = msgspec.structs.replace(call, query=msgspec.structs.replace(call.query, filters=rest))
    return _listed(unit, policy, call, counts.availability(unit, networks, versions), "network_id")


def counts_show(unit: Unit, policy: Policy, call: Call) -> Answer:
    """The addresses of one network."""
    network = unit.get(RESOURCES["networks"], call.id, call.caller)
    if network is None:
        raise refusal.NetworkNotFound(net_id=call.id)
    value = counts.availability(unit, [network])[0]
    authority = Authority(unit, policy, call.caller)
    if not authority.may("get_network_ip_availability", to_dict(call.resource, value)):
        raise refusal.NetworkNotFound(net_id=call.id)
    return Answer(200, {call.resource.name: View(authority, call.resource).one(value, call.fields)})


def extensions_index(unit: Unit, policy: Policy, call: Call) -> Answer:
    """What works here."""
    found = narrowed(EXTENSIONS.values(), call.query, "alias")
    return Answer(200, {"extensions": [msgspec.structs.asdict(one) for one in found]}, count=len(found))


def extensions_show(unit: Unit, policy: Policy, call: Call) -> Answer:
    """One of them."""
    if call.id not in EXTENSIONS:
        raise refusal.HTTPNotFound
    return Answer(200, {"extension": msgspec.structs.asdict(EXTENSIONS[call.id])})


# ---- quotas: the id in the path is a project


def _quota_of(policy: Policy, call: Call, verb: str) -> None:
    """A project looks at its own limits; the rest is as the policy says of the caller's own project."""
    if verb == "get" and call.id and call.id == call.caller.project_id:
        return
    policy.enforce(call.caller, f"{verb}_quota", {"project_id": call.caller.project_id})


def _fields(call: Call, values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: one for name, one in values.items() if call.fields is None or name in call.fields}


def quotas_index(unit: Unit, policy: Policy, call: Call) -> Answer:
    """The projects that have limits of their own."""
    _quota_of(policy, call, "get")
    projects = sorted(unit.all_quotas())
    rows = [{**quota.limits(unit, one), "project_id": one, "tenant_id": one} for one in projects]
    return Answer(200, {"quotas": [_fields(call, one) for one in rows]}, count=len(rows))


def quotas_show(unit: Unit, policy: Policy, call: Call) -> Answer:
    """A project's limits; of ``project`` or ``tenant``, whose limits the caller's token is for."""
    if call.id in ("project", "tenant"):
        if not call.caller.project_id:
            raise refusal.QuotaMissingTenant
        return Answer(200, {call.id: {f"{call.id}_id": call.caller.project_id}})
    _quota_of(policy, call, "get")
    return Answer(200, {"quota": _fields(call, quota.limits(unit, call.id))})


def quotas_default(unit: Unit, policy: Policy, call: Call) -> Answer:
    """The limits of who has none of their own."""
    _quota_of(policy, call, "get")
    return Answer(200, {"quota": _fields(call, quota.DEFAULTS)})


def quotas_details(unit: Unit, policy: Policy, call: Call) -> Answer:
    """A project's limits and what it uses of them."""
    if call.id != call.caller.project_id and not call.caller.is_admin:
        raise quota.AdminRequired(reason="Only admin is authorized to access quotas for another project")
    return Answer(200, {"quota": _fields(call, quota.details(unit, call.id))})


def quotas_update(unit: Unit, policy: Policy, call: Call) -> Answer:
    """Set a project's limits; ``force`` sets them below what it has."""
    _quota_of(policy, call, "update")
    body, force = _without_flags(call)
    quota.change(unit, call.id, decode_put(call.resource, body), force=force)
    return Answer(200, {"quota": quota.limits(unit, call.id)})


def _without_flags(call: Call) -> tuple[object, bool]:
    """The body without ``force`` and ``check_limit``, which are words to the server and no limits."""
    inner = call.body.get("quota") if isinstance(call.body, dict) else None
    if not isinstance(inner, dict):
        return call.body, False
    rest = {name: one for name, one in inner.items() if name not in ("force", "check_limit", "tenant_id")}
    return {"quota": rest}, inner.get("force") is True


def quotas_delete(unit: Unit, policy: Policy, call: Call) -> Answer:
    """A project has the defaults again."""
    _quota_of(policy, call, "delete")
    if not unit.quotas(call.id):
        raise refusal.TenantQuotaNotFound(tenant_id=call.id)
    unit.clear_quotas(call.id)
    return Answer(204)


# ---- tags


def _tagged(verb: str, unit: Unit, policy: Policy, call: Call) -> Any:
    """The resource whose tags are meant, if the caller may do this to them."""
    authority = Authority(unit, policy, call.caller)
    try:
        value = seen(unit, authority, call)
    except refusal.NotFound:
        raise refusal.TagResourceNotFound(resource=call.resource.collection, resource_id=call.id) from None
    authority.change(f"{verb}_{call.resource.name}:tags", call.resource, to_dict(call.resource, value), {})
    return value


def tags_index(unit: Unit, policy: Policy, call: Call) -> Answer:
    """All tags of a resource."""
    return Answer(200, tag.listed(_tagged("get", unit, policy, call)))


def tags_show(unit: Unit, policy: Policy, call: Call) -> Answer:
    """Whether it has one: 204, or 404."""
    tag.has(_tagged("get", unit, policy, call), call.sub)
    return Answer(204)


def tags_create(unit: Unit, policy: Policy, call: Call) -> Answer:
    """More tags."""
    return Answer(200, tag.add(unit, call.resource, _tagged("create", unit, policy, call), call.body))


def tags_update_all(unit: Unit, policy: Policy, call: Call) -> Answer:
    """Other tags in the place of those that it has."""
    return Answer(200, tag.replace(unit, call.resource, _tagged("update", unit, policy, call), call.body))


def tags_update(unit: Unit, policy: Policy, call: Call) -> Answer:
    """One more."""
    tag.put(unit, call.resource, _tagged("update", unit, policy, call), call.sub)
    return Answer(201)


def tags_delete(unit: Unit, policy: Policy, call: Call) -> Answer:
    """One less."""
    tag.drop(unit, call.resource, _tagged("delete", unit, policy, call), call.sub)
    return Answer(204)


def tags_delete_all(unit: Unit, policy: Policy, call: Call) -> Answer:
    """None any more."""
    tag.clear(unit, call.resource, _tagged("delete", unit, policy, call))
    return Answer(204)


#: By action: the verb, and whether it writes.
TAGS: Final[Mapping[str, tuple[Run, bool]]] = {
    "tags.index": (tags_index, False),
    "tags.show": (tags_show, False),
    "tags.create": (tags_create, True),
    "tags.update_all": (tags_update_all, True),
    "tags.update": (tags_update, True),
    "tags.delete": (tags_delete, True),
    "tags.delete_all": (tags_delete_all, True),
}

#: By collection and action, as above.
OTHERS: Final[Mapping[tuple[str, str], tuple[Run, bool]]] = {
    ("availability_zones", "index"): (zones_index, False),
    ("agents", "index"): (agents_index, False),
    ("agents", "show"): (agents_show, False),
    ("network_ip_availabilities", "index"): (counts_index, False),
    ("network_ip_availabilities", "show"): (counts_show, False),
    ("extensions", "index"): (extensions_index, False),
    ("extensions", "show"): (extensions_show, False),
    ("quotas", "index"): (quotas_index, False),
    ("quotas", "show"): (quotas_show, False),
    ("quotas", "default"): (quotas_default, False),
    ("quotas", "details"): (quotas_details, False),
    ("quotas", "update"): (quotas_update, True),
    ("quotas", "delete"): (quotas_delete, True),
}
