"""The questions of the policy matrix, and the API over one world that answers them all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

import httpx
import pytest

from deuteron.api.asgi import Api
from deuteron.api.dispatch import Place, Routes
from deuteron.identity.policy import Policy
from deuteron.resources import RESOURCES
from deuteron.serve.known import make_known
from deuteron.service.verbs import VERBS, Service
from deuteron.store.store import Store
from tests.api.matrix import OTHERS, Door, Expected, Thing, Unchanged, Who, World, build, singular

ROUTES: Final = Routes(RESOURCES, VERBS)
PLACES: Final = {place.path: place for place in ROUTES.places()}
#: What is not a thing of the world: ``test_policy_attributes.py`` asks about them.
NOT_THINGS: Final = frozenset({"quotas", "extensions", "availability_zones", "network_ip_availabilities"})
#: Done, or not done for a reason that has nothing to do with who asks: it is in use.
DONE: Final = (200, 201, 204, 409)


class Cell(NamedTuple):
    """One question, and the answer that Neutron would give: 200 stands for any yes."""

    who: Who | None
    method: str
    path: str
    body: Any
    expected: int

    def __str__(self) -> str:
        return f"{self.who.name if self.who else 'unknown'}: {self.method} {self.path} {self.body}"


class Questions:
    """The API over one world that every question finds the same."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.defects: list[BaseException] = []
        self._api = self._of(Unchanged(store))
        self.expected = Expected(asyncio.run(self._begun(store)))

    def _of(self, store: Any) -> Api:
        return Api(Service(store, Policy()), Door(), routes=ROUTES, defect=self.defects.append)

    async def _begun(self, store: Store) -> World:
        await store.write(lambda unit: make_known(unit, "host-1", {"physnet1": "br-ex"}))
        async with _client(self._of(store)) as client:
            return await build(client)

    def put(self, cells: Iterable[Cell]) -> int:
        """Ask them all; every answer is as expected.  Gives how many they were."""
        every = list(cells)
        assert self.each([partial(_wrong, one) for one in every]) == len(every)
        return len(every)

    def each(self, asked: Sequence[Callable[[httpx.AsyncClient], Awaitable[str]]]) -> int:
        """Each says what is wrong, "" for nothing."""

        async def all_of() -> list[str]:
            async with _client(self._api) as client:
                return [await one(client) for one in asked]

        wrong = [one for one in asyncio.run(all_of()) if one]
        for one in self.defects:
            raise one
        if wrong:
            pytest.fail(f"{len(wrong)} of {len(asked)}:\n" + "\n".join(wrong[:40]), pytrace=False)
        return len(asked)


def _client(api: Api) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=api), base_url="http://127.0.0.1:9696")


async def _wrong(one: Cell, client: httpx.AsyncClient) -> str:
    headers = one.who.header if one.who else {}
    answer = await client.request(one.method, one.path, json=one.body, headers=headers)
    good = answer.status_code in DONE if one.expected == 200 else answer.status_code == one.expected
    return "" if good else f"{one}\n    {answer.status_code}, not {one.expected}: {answer.text[:200]}"


def items(world: World, collection: str) -> list[Thing]:
    return [thing for thing in world.values() if thing.collection == collection]


def path_of(place: Place, thing: Thing, world: World, tag: str = "red") -> str:
    parent = world[thing.parent].shown["id"] if thing.parent else ""
    return place.path.format(id=thing.shown["id"], parent_id=parent, tag=tag)


def creates(world: World) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """Collection, the network or floating IP above, its path, and a body."""
    yield "networks", "", "networks", {}
    yield "routers", "", "routers", {}
    yield "address_scopes", "", "address-scopes", {"name": "s", "ip_version": 4}
    yield "subnetpools", "", "subnetpools", {"name": "p", "prefixes": ["10.80.0.0/16"]}
    outside = world["net_ext"].shown["id"]
    yield "floatingips", "", "floatingips", {"floating_network_id": outside}
    for name in ("net_own", "net_shared", "net_foreign"):
        network = world[name].shown["id"]
        yield "ports", name, "ports", {"network_id": network}
        yield "subnets", name, "subnets", {"network_id": network, "ip_version": 4, "cidr": "10.90.0.0/24"}
        shares = {
            "object_type": "network",
            "object_id": network,
            "target_tenant": OTHERS,
            "action": "access_as_shared",
        }
        yield "rbac_policies", name, "rbac-policies", shares
    for name, port in (("fip_own", "port_own"), ("fip_foreign", "port_foreign")):
        inside = world[port].shown
        path = f"floatingips/{world[name].shown['id']}/port_forwardings"
        ends = {"internal_port": 9, "external_port": 9, "protocol": "tcp"}
        address = {
            "internal_port_id": inside["id"],
            "internal_ip_address": inside["fixed_ips"][0]["ip_address"],
        }
        yield "port_forwardings", name, path, {**ends, **address}


CREATES: Final = frozenset(
    {
        "networks",
        "routers",
        "address_scopes",
        "subnetpools",
        "floatingips",
        "ports",
        "subnets",
        "rbac_policies",
    }
    | {"port_forwardings"}
)


def created(expected: Expected, who: Who, collection: str, above: str, given: Mapping[str, Any]) -> int:
    """As Neutron decides it: by the rules alone, which know whose the network is."""
    about = expected.world.get(above)
    kind = RESOURCES[collection]
    network = (
        above
        if about is not None and about.collection == "networks" and collection != "rbac_policies"
        else ""
    )
    parent = above if kind.parent else ""
    thing = Thing(collection, dict(given), who.project, network=network, parent=parent)
    if parent and about is not None:
        if not expected.sees(who, about):
            return 404  # Neutron says 403, and with it that there is such a floating IP
        thing = thing._replace(owner=about.owner)
    target = expected.target(who, thing)
    name = singular(thing)
    told = [one for one in given if kind.attributes[one].enforce]
    rules = [f"create_{name}", *(f"create_{name}:{one}" for one in told)]
    if not all(expected.neutron.may(who, one, target) for one in rules):
        # Of a port Neutron looks at the network as the caller: what the database hides is not there.
        hidden = collection == "ports" and about is not None and not expected.within(who, about)
        return 404 if hidden else 403
    if about is not None and collection == "rbac_policies" and "admin" not in who.roles:
        if not expected.sees(who, about):
            return 404
        return 200 if about.owner == who.project else 400  # Neutron's word for it
    return 200
