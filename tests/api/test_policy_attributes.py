"""Attributes with a right of their own, other projects' things, and what is no thing of a project.

As ``test_policy_matrix.py``, whose world and expectation these use.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import httpx

from deuteron.api.dispatch import Place
from deuteron.resources import RESOURCES
from tests.api.matrix import CALLERS, NEUTRON, OURS, THEIRS, Expected, Thing, World, singular
from tests.api.questions import NOT_THINGS, PLACES, Cell, Questions, created, creates, items, path_of

# ---- attributes that need a right of their own, whatever their value (OSSA-2014-031, CVE-2026-50266)


def values(world: World, collection: str) -> Mapping[str, Any]:
    """A value for each attribute that the declaration enforces, another than it has."""
    network = world["net_ext"].shown["id"]
    known: dict[str, dict[str, Any]] = {
        "networks": {
            "shared": True,
            "router:external": True,
            "mtu": 1400,
            "provider:network_type": "vlan",
            "provider:physical_network": "physnet1",
            "provider:segmentation_id": 77,
        },
        "subnetpools": {"is_default": True, "shared": True},
        "address_scopes": {"shared": True},
        "ports": {
            "mac_address": "02:00:00:00:00:07",
            "fixed_ips": [],
            "device_id": "one",
            "device_owner": "network:one",
            "binding:vnic_type": "direct",
            "binding:host_id": "host-1",
            "binding:profile": {"a": "b"},
        },
        "routers": {
            "external_gateway_info": {"network_id": network, "enable_snat": True},
            "distributed": True,
            "ha": False,
        },
        "floatingips": {"floating_ip_address": "10.0.0.99"},
        "rbac_policies": {"target_tenant": "*"},
    }
    return known.get(collection, {})


def of_attributes(expected: Expected) -> Iterator[Cell]:
    """A PUT of each, with another value and with the one that it has: both are the same question."""
    for place in PLACES.values():
        if place.methods.get("PUT") != "update" or place.resource.collection in NOT_THINGS:
            continue
        kind, several = place.resource, values(expected.world, place.resource.collection)
        for thing in items(expected.world, kind.collection):
            for name, value in several.items():
                if kind.attributes[name].put:
                    had = thing.shown.get(name, kind.attributes[name].default)
                    yield from _of_attribute(expected, place, thing, {name: value})
                    if had is not None:
                        yield from _of_attribute(expected, place, thing, {name: had})


def _of_attribute(expected: Expected, place: Place, thing: Thing, given: dict[str, Any]) -> Iterator[Cell]:
    ((name, value),) = given.items()
    action = f"update_{singular(thing)}"
    inner = value if isinstance(value, list) else [value]
    keys = {key for one in inner if isinstance(one, dict) for key in one}
    below = [f"{action}:{name}:{key}" for key in sorted(keys) if f"{action}:{name}:{key}" in NEUTRON]
    for who in CALLERS:
        wanted = expected.status(who, thing, action, f"{action}:{name}", *below, given=given)
        body = {place.resource.name: given}
        yield Cell(who, "PUT", path_of(place, thing, expected.world), body, wanted)


def test_every_enforced_attribute_by_everybody(questions: Questions) -> None:
    """No administrator's field is anybody's to put back to its default, or to what it is."""
    may = questions.put(one for one in of_attributes(questions.expected) if one.expected != 200)
    assert may > 300


def test_every_enforced_attribute_has_a_value_here(questions: Questions) -> None:
    for collection, kind in RESOURCES.items():
        enforced = {one.name for one in kind.attributes.values() if one.enforce and (one.post or one.put)}
        asked = set(values(questions.expected.world, collection))
        assert enforced - asked <= {"object_type", "object_id", "action"}, collection


def test_an_enforced_attribute_of_a_create_by_everybody(questions: Questions) -> None:
    def cells() -> Iterator[Cell]:
        world = questions.expected.world
        for collection, above, path, given in creates(world):
            for name, value in values(world, collection).items():
                if value == RESOURCES[collection].attributes[name].default:
                    continue  # said or not, a default asks for nothing on a POST
                both = {**given, name: value}
                if name.startswith("provider:"):
                    both |= {"provider:network_type": "vlan", "provider:physical_network": "physnet1"}
                for who in CALLERS:
                    wanted = created(questions.expected, who, collection, above, both)
                    if wanted != 200:
                        yield Cell(who, "POST", f"/v2.0/{path}", {RESOURCES[collection].name: both}, wanted)

    assert questions.put(cells()) > 50


# ---- another's thing, named in a body or in front of one's own


def foreign(world: World) -> Iterator[tuple[str, str, Any]]:
    """What a member says that reaches into another project: method, path, body."""

    def one(name: str) -> str:
        return str(world[name].shown["id"])

    outside, address = one("net_ext"), world["port_foreign"].shown["fixed_ips"][0]["ip_address"]
    own = f"routers/{one('router_own')}"
    for verb in ("add", "remove"):
        yield "PUT", f"{own}/{verb}_router_interface", {"subnet_id": one("sub_foreign_2")}
        yield "PUT", f"{own}/{verb}_router_interface", {"port_id": one("port_foreign")}
    yield "PUT", own, {"router": {"external_gateway_info": {"network_id": one("net_foreign")}}}
    yield "POST", "routers", {"router": {"external_gateway_info": {"network_id": one("net_foreign")}}}
    yield (
        "POST",
        "floatingips",
        {"floatingip": {"floating_network_id": outside, "port_id": one("port_foreign")}},
    )
    yield "POST", "floatingips", {"floatingip": {"floating_network_id": one("net_foreign")}}
    yield "PUT", f"floatingips/{one('fip_plain')}", {"floatingip": {"port_id": one("port_foreign")}}
    yield (
        "POST",
        "ports",
        {"port": {"network_id": one("net_own"), "fixed_ips": [{"subnet_id": one("sub_foreign")}]}},
    )
    yield "PUT", f"ports/{one('port_own')}", {"port": {"fixed_ips": [{"subnet_id": one("sub_foreign")}]}}
    posed = {"device_owner": "network:router_interface", "device_id": one("router_foreign")}
    yield "POST", "ports", {"port": {"network_id": one("net_own"), **posed}}
    yield "PUT", f"ports/{one('port_own')}", {"port": posed}
    subnet = {"network_id": one("net_own"), "ip_version": 4, "prefixlen": 24}
    yield "POST", "subnets", {"subnet": {**subnet, "subnetpool_id": one("pool_foreign")}}
    pool = {"name": "p", "prefixes": ["10.70.0.0/16"], "address_scope_id": one("scope_foreign")}
    yield "POST", "subnetpools", {"subnetpool": pool}
    yield "PUT", f"subnetpools/{one('pool_own')}", {"subnetpool": {"address_scope_id": one("scope_foreign")}}
    for kind, name in (
        ("network", "net_foreign"),
        ("subnetpool", "pool_foreign"),
        ("address_scope", "scope_foreign"),
    ):
        share = {
            "object_type": kind,
            "object_id": one(name),
            "target_tenant": OURS,
            "action": "access_as_shared",
        }
        yield "POST", "rbac-policies", {"rbac_policy": share}
    ends = {"internal_port": 9, "external_port": 9, "protocol": "tcp"}
    theirs = {"internal_port_id": one("port_foreign"), "internal_ip_address": address}
    ours, others = (f"floatingips/{one(name)}/port_forwardings" for name in ("fip_own", "fip_foreign"))
    yield "POST", ours, {"port_forwarding": {**ends, **theirs}}
    yield "PUT", f"{ours}/{one('pf_own_1')}", {"port_forwarding": theirs}
    for method, body in (("GET", None), ("PUT", {"port_forwarding": {"external_port": 9}}), ("DELETE", None)):
        for parent in (ours, others):  # OSSN-0102: the child is another's, or its parent is not the one named
            yield method, f"{parent}/{one('pf_foreign_1')}", body
        yield method, f"{others}/{one('pf_own_1')}", body
    yield "GET", others, None
    yield "POST", others, {"port_forwarding": {**ends, **theirs}}


def test_another_projects_thing_is_not_reached_through_ones_own(questions: Questions) -> None:
    """OSSA-2014-008, OSSN-0102, LP 2152113: 4xx for each, and never what a 409 or a 2xx would give away."""

    async def refused(method: str, path: str, body: Any, client: httpx.AsyncClient) -> str:
        answer = await client.request(method, f"/v2.0/{path}", json=body, headers=CALLERS[2].header)
        told = f"{method} {path} {body}: {answer.status_code} {answer.text[:200]}"
        posed = answer.status_code == 409 and "DeviceIDNotOwnedByTenant" in answer.text
        return "" if posed or answer.status_code in (400, 403, 404) else told

    every = list(foreign(questions.expected.world))
    assert questions.each([partial(refused, *one) for one in every]) > 30


# ---- what is no thing of a project


def of_the_rest(expected: Expected) -> Iterator[Cell]:
    """Quotas, zones, address counts, extensions."""
    neutron, network = expected.neutron, expected.world["net_own"].shown["id"]
    for who in CALLERS:
        own = {"project_id": who.project, "tenant_id": who.project}
        for method, verb in (("GET", "get"), ("PUT", "update"), ("DELETE", "delete")):
            body = {"quota": {"network": 5}} if method == "PUT" else None
            wanted = 200 if neutron.may(who, f"{verb}_quota", own) else 403
            for project in (OURS, THEIRS):
                if not (verb == "get" and project == who.project):
                    there = 404 if method == "DELETE" and wanted == 200 else wanted  # it has the defaults
                    yield Cell(who, method, f"/v2.0/quotas/{project}", body, there)
        yield Cell(who, "GET", f"/v2.0/quotas/{who.project}", None, 200)
        yield Cell(who, "GET", "/v2.0/extensions", None, 200)
        yield Cell(who, "GET", "/v2.0/extensions/router", None, 200)
        yield Cell(who, "GET", "/v2.0/availability-zones", None, 200)
        counts = neutron.may(who, "get_network_ip_availability", own)
        yield Cell(who, "GET", f"/v2.0/network-ip-availabilities/{network}", None, 200 if counts else 404)
    for place in PLACES.values():
        if place.resource.collection in NOT_THINGS:
            for method in place.methods:
                yield Cell(None, method, place.path.format(id="x"), {} if method == "PUT" else None, 401)


def test_quotas_zones_counts_and_extensions(questions: Questions) -> None:
    assert questions.put(of_the_rest(questions.expected)) > 80
