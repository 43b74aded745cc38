"""Every route, by every role, about what is one's own, shared, and another's: as Neutron's rules say.

The routes are those of the document, the attributes those that the declarations enforce; what is expected is
oslo.policy's own evaluation of the rules that Neutron 29 comes with (``matrix.py``).  Each question finds the
same world: whatever it writes is taken back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

import httpx

from deuteron.api.dispatch import Place
from deuteron.resources import RESOURCES
from tests.api.matrix import CALLERS, OTHERS, OURS, Expected, Thing, Who, World, singular
from tests.api.questions import CREATES, NOT_THINGS, PLACES, Cell, Questions, created, creates, items, path_of

# ---- what a route does to one thing that is there

#: The body of an update; {} is none.
UPDATES: Final[Mapping[str, dict[str, Any]]] = {
    **{
        name: {"name": "new"}
        for name in ("networks", "subnets", "subnetpools", "address_scopes", "ports", "routers")
    },
    "floatingips": {"description": "new"},
    "port_forwardings": {"external_port": 99},
    "rbac_policies": {"target_tenant": OTHERS},
    "agents": {"admin_state_up": False},
}


def member_body(action: str, thing: Thing, world: World) -> dict[str, Any]:
    ours = thing.owner == OURS
    match action:
        case "add_router_interface":
            return {"subnet_id": world["sub_own_2" if ours else "sub_foreign_2"].shown["id"]}
        case "remove_router_interface":
            return {"subnet_id": world["sub_own" if ours else "sub_foreign"].shown["id"]}
        case "add_extraroutes" | "remove_extraroutes":
            hop = "10.1.0.77" if ours else "10.4.0.77"
            return {"router": {"routes": [{"destination": "192.0.2.0/24", "nexthop": hop}]}}
        case "add_prefixes":
            return {"prefixes": ["10.67.0.0/16"]}
        case "remove_prefixes":
            return {"prefixes": ["10.64.0.0/16"]}
    raise AssertionError(f"no body is known for {action}: add one")


_ITEM: Final = {"show": "get", "update": "update", "delete": "delete"}
_TAGS: Final = {"index": "get", "show": "get", "create": "create", "update_all": "update", "update": "update"}


def of_items(expected: Expected) -> Iterator[Cell]:
    """Each route with an id in it, about each thing of its kind."""
    world = expected.world
    for place in PLACES.values():
        if "{id}" not in place.path or place.resource.collection in NOT_THINGS:
            continue
        for thing in items(world, place.resource.collection):
            for method, action in place.methods.items():
                yield from _of_item(expected, place, thing, method, action)


def _of_item(expected: Expected, place: Place, thing: Thing, method: str, action: str) -> Iterator[Cell]:
    world, one = expected.world, place.resource
    body: Any = None
    given: dict[str, Any] = {}
    if action == "update":
        given = UPDATES[one.collection]
        body = {one.name: given}
    elif action in ("tags.create", "tags.update_all"):
        body = {"tags": ["red"]}
    elif action not in _ITEM and "." not in action:
        body = member_body(action, thing, world)
    for who in CALLERS:
        rules = _rules(thing, action, given)
        wanted = expected.status(who, thing, *rules, given=given)
        if action in ("tags.show", "tags.delete") and wanted == 200:
            wanted = 404  # the tag is not there, which they are told who may know
        yield Cell(who, method, path_of(place, thing, world), body, wanted)
    yield Cell(None, method, path_of(place, thing, world), body, 401)


def _rules(thing: Thing, action: str, given: Mapping[str, Any]) -> list[str]:
    name = singular(thing)
    if action.startswith("tags."):
        verb = _TAGS.get(action.removeprefix("tags."), "delete")
        return [f"{verb}_{name}:tags"]
    if action not in _ITEM:
        return [action]
    verb = _ITEM[action]
    known = RESOURCES[thing.collection].attributes
    return [f"{verb}_{name}", *(f"{verb}_{name}:{one}" for one in given if known[one].enforce)]


def test_every_route_about_what_is_there(questions: Questions) -> None:
    assert questions.put(of_items(questions.expected)) > 2000


def of_nested_elsewhere(expected: Expected) -> Iterator[Cell]:
    """Each route to a nested thing, below each parent that is not its own: nobody finds it (OSSN-0102)."""
    world = expected.world
    for place in PLACES.values():
        one = place.resource
        if "{id}" not in place.path or not one.parent:
            continue
        above = [name for name, thing in world.items() if singular(thing) == one.parent]
        for thing in items(world, one.collection):
            for name in above:
                if name == thing.parent:
                    continue
                path = path_of(place, thing._replace(parent=name), world)
                for method, action in place.methods.items():
                    body = {one.name: UPDATES[one.collection]} if action == "update" else None
                    for who in CALLERS:
                        yield Cell(who, method, path, body, 404)


def test_nothing_nested_is_there_below_another_parent(questions: Questions) -> None:
    assert questions.put(of_nested_elsewhere(questions.expected)) > 50


def test_no_route_is_left_out() -> None:
    """A new resource, or a new verb, is in the matrix or this fails."""
    assert {place.resource.collection for place in PLACES.values()} == set(UPDATES) | NOT_THINGS
    made = {place.resource.collection for place in PLACES.values() if place.methods.get("POST") == "create"}
    assert made == CREATES


# ---- lists


def test_a_list_has_what_its_caller_may_see_and_nothing_else(questions: Questions) -> None:
    asked = []
    for place in PLACES.values():
        if place.methods.get("GET") == "index" and place.resource.collection not in NOT_THINGS:
            parents = ["fip_own", "fip_foreign"] if place.resource.parent else [""]
            asked += [
                partial(_listed, questions.expected, place, who, one) for who in CALLERS for one in parents
            ]
    assert questions.each(asked) > 80


async def _listed(expected: Expected, place: Place, who: Who, parent: str, client: httpx.AsyncClient) -> str:
    above = expected.world.get(parent)
    path = place.path.format(parent_id=above.shown["id"] if above else "")
    answer = await client.get(path, headers=who.header)
    if above and not expected.sees(who, above):
        return "" if answer.status_code == 404 else f"{who.name} {path}: {answer.status_code}"
    things = [one for one in items(expected.world, place.resource.collection) if one.parent == parent]
    wanted = {one.shown["id"] for one in things if expected.sees(who, one)}
    found = {one["id"] for one in answer.json()[place.resource.collection]}
    found &= {one.shown["id"] for one in things}  # ports of routers are others' matter
    differ = sorted(name for name, one in expected.world.items() if one.shown["id"] in found ^ wanted)
    return f"{who.name} {path}: {differ}" if differ else ""


# ---- what is made, and below whom


def of_creates(expected: Expected) -> Iterator[Cell]:
    for collection, above, path, given in creates(expected.world):
        for who in CALLERS:
            wanted = created(expected, who, collection, above, given)
            yield Cell(who, "POST", f"/v2.0/{path}", {RESOURCES[collection].name: given}, wanted)
        yield Cell(None, "POST", f"/v2.0/{path}", {RESOURCES[collection].name: given}, 401)


def test_every_create_by_everybody(questions: Questions) -> None:
    assert questions.put(of_creates(questions.expected)) > 100
