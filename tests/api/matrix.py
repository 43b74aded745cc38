"""Projects, what each has, and what Neutron's own rules let whom do with it.

The expectation is made of three things and of nothing of ours: the rules that were recorded from Neutron 29,
oslo.policy that evaluates them, and whose each thing of this little world is and with whom it is shared,
which is written down here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx
from oslo_policy import _checks, _parser

from deuteron.identity.caller import Caller
from deuteron.resources.refusal import Unauthorized
from deuteron.store.store import Store, Unit

NEUTRON: Final[dict[str, str]] = json.loads(
    (Path(__file__).parents[1] / "data" / "neutron-29-policy.json").read_text()
)
#: The project that asks, the one that has the rest, one with nothing, and one that is only named.
OURS, THEIRS, OTHERS, FAR = ("a" * 32, "b" * 32, "c" * 32, "d" * 32)


class Who(NamedTuple):
    """One kind of caller."""

    name: str
    project: str
    roles: frozenset[str]

    @property
    def header(self) -> dict[str, str]:
        return {"x-who": f"{self.project}/{','.join(sorted(self.roles))}"}

    @property
    def boundless(self) -> bool:
        """Whether the database shows them everybody's (``model_query_scope_is_project`` of neutron-lib)."""
        return bool({"admin", "service"} & self.roles)


#: As Keystone gives roles, with those that they imply.
ADMIN: Final = Who("admin", OURS, frozenset({"admin", "manager", "member", "reader"}))
CALLERS: Final = (
    ADMIN,
    Who("manager", OURS, frozenset({"manager", "member", "reader"})),
    Who("member", OURS, frozenset({"member", "reader"})),
    Who("reader", OURS, frozenset({"reader"})),
    Who("nobody", OURS, frozenset()),
    Who("service", OURS, frozenset({"service"})),
    Who("another member", OTHERS, frozenset({"member", "reader"})),
    Who("another reader", OTHERS, frozenset({"reader"})),
)


class Door:
    """Believes ``X-Who: PROJECT/ROLE,ROLE``; who does not say is nobody."""

    async def caller(self, headers: Mapping[str, str]) -> Caller:
        said = headers.get("x-who")
        if said is None:
            raise Unauthorized
        project, _, roles = said.partition("/")
        return Caller("u", project, frozenset(roles.split(",")) - {""})


class _Took(Exception):  # noqa: N818 -- carries an answer out of a unit of work that is taken back
    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.answer = answer


class Unchanged:
    """A store in which every write is answered and then taken back, so that each question finds the same."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.read, self.look = store.read, store.look

    async def write(self, work: Callable[[Unit], Any]) -> Any:
        def tried(unit: Unit) -> Any:
            raise _Took(work(unit))

        try:
            await self._store.write(tried)
        except _Took as took:
            return took.answer
        raise AssertionError("a write that neither answered nor failed")


class Thing(NamedTuple):
    """Something of the world: what it is, what an administrator sees of it, and what is around it."""

    collection: str
    shown: dict[str, Any]
    owner: str
    shared_with: frozenset[str] = frozenset()
    external: bool = False
    network: str = ""
    parent: str = ""


World = dict[str, Thing]


def networks_of(world: World, thing: Thing) -> Thing | None:
    return world.get(thing.network) if thing.network else None


class _Owner(_checks.Check):
    """Neutron's ``OwnerCheck``: a key of the target, also of what is around it."""

    def __call__(self, target: Any, creds: Any, enforcer: Any, current_rule: Any = None) -> bool:
        try:
            return bool(self.match % target == creds["project_id"])
        except KeyError:
            return False


class _Field(_checks.Check):
    """Neutron's ``FieldCheck``."""

    def __call__(self, target: Any, creds: Any, enforcer: Any, current_rule: Any = None) -> bool:
        collection, _, rest = self.match.partition(":")
        name, _, value = rest.partition("=")
        found = target.get(name)
        if found is None and (collection, name) == ("networks", "shared"):
            found = target.get("network:shared")
        if value.startswith("~"):
            return found is not None and bool(re.match(value[1:], str(found)))
        return found is True if value == "True" else found == value


class Neutron:
    """Neutron's rules, evaluated by oslo.policy; one that has no rule is ``default``'s matter there."""

    def __init__(self) -> None:
        before = dict(_checks.registered_checks)
        _checks.registered_checks.update({"project_id": _Owner, "field": _Field})
        try:
            self.rules = {name: _parser.parse_rule(text) for name, text in NEUTRON.items()}
        finally:
            _checks.registered_checks.clear()
            _checks.registered_checks.update(before)

    def may(self, who: Who, action: str, target: Mapping[str, Any]) -> bool:
        rule = self.rules.get(action, self.rules["default"])
        credentials: Any = Caller("u", who.project, who.roles).credentials()
        return bool(_checks._check(rule, dict(target), credentials, self, None))  # type: ignore[arg-type]  # duck


class Expected:
    """What Neutron answers, in this world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.neutron = Neutron()

    def target(self, who: Who, thing: Thing, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """What rules are asked about: the thing, what is given of it, and what is around it."""
        network = networks_of(self.world, thing) or thing
        shared = bool({who.project, "*"} & network.shared_with)
        found: dict[str, Any] = {**thing.shown, "project_id": thing.owner, "tenant_id": thing.owner}
        if thing.collection in ("networks", "subnets", "subnetpools", "address_scopes"):
            found |= {"shared": shared}
        if thing.collection in ("networks", "subnets"):
            found |= {"router:external": network.external}
        if thing.network:
            found |= {"network:project_id": network.owner, "network:shared": shared}
        if thing.parent:
            found |= {"ext_parent:project_id": self.world[thing.parent].owner}
        return {**found, **(given or {})}

    def within(self, who: Who, thing: Thing) -> bool:
        """Whether the database gives it to this caller at all."""
        if who.boundless or thing.collection == "agents" or thing.owner == who.project:
            return True
        network = networks_of(self.world, thing) or thing
        if thing.collection == "ports":  # whose the network is sees what is on it
            return network.owner == who.project
        if thing.parent:
            return self.within(who, self.world[thing.parent])
        return bool({who.project, "*"} & network.shared_with) or network.external

    def sees(self, who: Who, thing: Thing) -> bool:
        if thing.parent and not self.sees(who, self.world[thing.parent]):
            return False
        return self.within(who, thing) and self.neutron.may(
            who, f"get_{singular(thing)}", self.target(who, thing)
        )

    def status(self, who: Who, thing: Thing, *actions: str, given: Mapping[str, Any] | None = None) -> int:
        """200 for a yes, else what Neutron says: 404 of what they cannot see, 403 of what they may not."""
        if not self.sees(who, thing):
            return 404
        target = self.target(who, thing, given)
        return 200 if all(self.neutron.may(who, one, target) for one in actions) else 403


def singular(thing: Thing) -> str:
    if thing.parent:
        return "floatingip_port_forwarding"
    return {"rbac_policies": "rbac_policy"}.get(thing.collection, thing.collection.removesuffix("s"))


class Maker:
    """Asks as somebody, and fails where the answer is no success."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http
        self.world: World = {}

    async def ask(self, who: Who, method: str, path: str, body: Any = None) -> httpx.Response:
        return await self.http.request(method, f"/v2.0/{path}", json=body, headers=who.header)

    async def make(self, name: str, path: str, owner: str, /, **given: Any) -> dict[str, Any]:
        """One more thing of the world; ``_network``, ``_parent``, ``_shared`` and ``_external`` are of it."""
        about = {key.removeprefix("_"): given.pop(key) for key in list(given) if key.startswith("_")}
        collection = path.rpartition("/")[2].replace("-", "_")
        wrapped = {"rbac_policies": "rbac_policy"}.get(collection, collection.removesuffix("s"))
        if wrapped != "port_forwarding":
            given["project_id"] = owner
        answer = await self.ask(ADMIN, "POST", path, {wrapped: given})
        assert answer.status_code == 201, (name, answer.text)
        shown: dict[str, Any] = answer.json()[wrapped]
        self.world[name] = Thing(
            collection,
            shown,
            owner,
            frozenset(about.get("shared", ())),
            about.get("external", False),
            about.get("network", ""),
            about.get("parent", ""),
        )
        return shown

    async def put(self, path: str, body: Any) -> None:
        answer = await self.ask(ADMIN, "PUT", path, body)
        assert answer.status_code == 200, answer.text


async def build(http: httpx.AsyncClient) -> World:
    """Networks, and what stands on them, of two projects; some of it shared."""
    maker = Maker(http)
    make = maker.make
    await make("net_ext", "networks", THEIRS, _external=True, **{"router:external": True})
    for name, owner, shared in (
        ("net_own", OURS, ()),
        ("net_shared", THEIRS, (OURS,)),
        ("net_foreign", THEIRS, ()),
    ):
        await make(name, "networks", owner, _shared=shared)
    world = maker.world
    for number, (name, owner, network) in enumerate(
        (
            ("sub_ext", THEIRS, "net_ext"),
            ("sub_own", OURS, "net_own"),
            ("sub_own_2", OURS, "net_own"),
            ("sub_shared", THEIRS, "net_shared"),
            ("sub_foreign", THEIRS, "net_foreign"),
            ("sub_foreign_2", THEIRS, "net_foreign"),
        )
    ):
        await make(
            name,
            "subnets",
            owner,
            network_id=world[network].shown["id"],
            ip_version=4,
            cidr=f"10.{number}.0.0/24",
            _network=network,
        )
    await _shares(maker)
    await _ports(maker)
    await _routers(maker)
    await _floating(maker)
    await _pools(maker)
    agents = (await maker.ask(ADMIN, "GET", "agents")).json()["agents"]
    world["agent"] = Thing("agents", agents[0], "")
    for name in ("router_own", "router_foreign"):  # as it is now, with its gateway and interfaces
        now = (await maker.ask(ADMIN, "GET", f"routers/{world[name].shown['id']}")).json()["router"]
        world[name] = world[name]._replace(shown=now)
    return world


async def _shares(maker: Maker) -> None:
    for name, owner, network, target in (
        ("rbac_to_us", THEIRS, "net_shared", OURS),
        ("rbac_own", OURS, "net_own", FAR),
        ("rbac_foreign", THEIRS, "net_foreign", FAR),
    ):
        await maker.make(
            name,
            "rbac-policies",
            owner,
            object_type="network",
            object_id=maker.world[network].shown["id"],
            target_tenant=target,
            action="access_as_shared",
        )


async def _ports(maker: Maker) -> None:
    for name, owner, network, subnet in (
        ("port_own", OURS, "net_own", "sub_own"),
        ("port_guest", OURS, "net_shared", "sub_shared"),
        ("port_host", THEIRS, "net_shared", "sub_shared"),
        ("port_visitor", THEIRS, "net_own", "sub_own"),
        ("port_foreign", THEIRS, "net_foreign", "sub_foreign"),
    ):
        await maker.make(
            name,
            "ports",
            owner,
            network_id=maker.world[network].shown["id"],
            fixed_ips=[{"subnet_id": maker.world[subnet].shown["id"]}],
            _network=network,
        )


async def _routers(maker: Maker) -> None:
    gateway = {"network_id": maker.world["net_ext"].shown["id"]}
    for name, owner, subnet in (("router_own", OURS, "sub_own"), ("router_foreign", THEIRS, "sub_foreign")):
        router = await maker.make(name, "routers", owner, external_gateway_info=gateway)
        body = {"subnet_id": maker.world[subnet].shown["id"]}
        await maker.put(f"routers/{router['id']}/add_router_interface", body)


async def _floating(maker: Maker) -> None:
    outside = maker.world["net_ext"].shown["id"]
    await maker.make("fip_plain", "floatingips", OURS, floating_network_id=outside)
    for name, owner, port in (("own", OURS, "port_own"), ("foreign", THEIRS, "port_foreign")):
        one = await maker.make(f"fip_{name}", "floatingips", owner, floating_network_id=outside)
        inside = maker.world[port].shown
        for number in (1, 2):
            await maker.make(
                f"pf_{name}_{number}",
                f"floatingips/{one['id']}/port_forwardings",
                owner,
                internal_port_id=inside["id"],
                internal_ip_address=inside["fixed_ips"][0]["ip_address"],
                internal_port=number,
                external_port=number,
                protocol="tcp",
                _parent=f"fip_{name}",
            )


async def _pools(maker: Maker) -> None:
    for name, owner, shared in (("own", OURS, ()), ("shared", THEIRS, (OURS,)), ("foreign", THEIRS, ())):
        scope = await maker.make(
            f"scope_{name}", "address-scopes", owner, name="s", ip_version=4, _shared=shared
        )
        pool = await maker.make(
            f"pool_{name}",
            "subnetpools",
            owner,
            name="p",
            prefixes=["10.64.0.0/16", "10.65.0.0/16"],
            _shared=shared,
        )
        for kind, one in (("address_scope", scope), ("subnetpool", pool)):
            if shared:
                await maker.make(
                    f"rbac_{kind}",
                    "rbac-policies",
                    THEIRS,
                    object_type=kind,
                    object_id=one["id"],
                    target_tenant=OURS,
                    action="access_as_shared",
                )
