"""Whatever one tenant gets the API to take, the host of all the others is kept.

Random requests with hostile values go through the whole API.  After each that it takes, the host is brought
to the new view on a fake kernel: the view compiles, every unit is applied, a look finds all as it should be,
and what belongs to another tenant is what it was (OSSA-2014-014, OSSA-2014-019, OSSA-2015-001).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deuteron.agent.change import change
from deuteron.agent.serve import Follower
from deuteron.api.asgi import Api
from deuteron.api.dispatch import Routes
from deuteron.apply.engine import verify
from deuteron.compile import compile_host
from deuteron.domain import HostView
from deuteron.feed.view import host_view
from deuteron.identity.policy import Policy
from deuteron.kernel.fake import FakeKernel
from deuteron.objects import Unit
from deuteron.resources import RESOURCES
from deuteron.service.verbs import VERBS, Service
from deuteron.state.directory import State
from deuteron.store.store import Store
from tests.api.matrix import ADMIN, Door, Who
from tests.service.router_world import _empty

EXAMPLES: Final = int(os.environ.get("DEUTERON_EXAMPLES", "8"))
HOST: Final = "here"
BRIDGES: Final = {"physnet1": "br-ex"}
VICTIM: Final = Who("victim", "b" * 32, frozenset({"member", "reader"}))
HOSTILE: Final = Who("hostile", "e" * 32, frozenset({"member", "reader"}))
_ROUTES: Final = Routes(RESOURCES, VERBS)

CIDRS: Final = (
    *("0.0.0.0/0", "0.0.0.0/8", "10.9.0.0/30", "10.9.0.0/31", "10.9.0.0/32", "10.0.0.0/24", "10.0.0.0/8"),
    *(
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "169.254.169.254/32",
        "192.0.2.0/24",
        "203.0.113.0/24",
    ),
    *("224.0.0.0/24", "240.0.0.0/8", "255.255.255.0/24", "255.255.255.255/32", "::/0", "::1/128", "::/96"),
    *("::ffff:10.0.0.0/120", "::ffff:0:0/96", "2001:db8:9::/64", "2001:db8:9::/127", "2001:db8:9::1/128"),
    *("2000::/3", "fc00::/7", "fe80::/64", "fe80::/10", "ff02::/64", "64:ff9b::/96"),
)
ADDRESSES: Final = (
    *("10.9.0.1", "10.9.0.2", "10.0.0.1", "192.0.2.0", "192.0.2.1", "192.0.2.255", "203.0.113.1", "0.0.0.0"),
    *("255.255.255.255", "127.0.0.1", "169.254.169.254", "224.0.0.1", "::", "::1", "fe80::1", "ff02::1"),
    *("2001:db8:9::1", "2001:db8:9::", "::ffff:10.0.0.1", "203.0.113.77"),
)
NAMES: Final = (
    *(
        "",
        "a b",
        "a;b",
        "$(reboot)",
        "`x`",
        "-rf",
        "../../etc",
        "a'\"b",
        "lo",
        "br-ex",
        "x" * 255,
        "\u00e4\u4e2d",
    ),
    *('"; flush ruleset; "', "%s%n", "{{7*7}}", "#"),
)
MACS: Final = (
    "02:00:00:00:00:01",
    "fe:ff:ff:ff:ff:ff",
    "00:00:00:00:00:01",
    "FA-16-3E-00-00-01",
    "fa163e000002",
)
OWNERS: Final = ("", "compute:nova", "network:dhcp", "network:router_gateway")
KINDS: Final = ("port", "router", "floatingip", "subnet")
MTUS: Final = (0, 1, 67, 68, 575, 576, 1279, 1280, 1450, 1500, 9000, 65535, 65536, 2**31 - 1)
_numbers: Final = st.integers(0, 7)


class Cell:
    """One cloud, the host that serves it, and a client."""

    def __init__(self, place: Path) -> None:
        (place / "store").write_bytes(_empty())
        (place / "store").chmod(0o600)
        self.store = Store(f"sqlite:///{place / 'store'}")
        self.defects: list[BaseException] = []
        self._runner = asyncio.Runner()
        api = Api(Service(self.store, Policy()), Door(), routes=_ROUTES, defect=self.defects.append)
        self._client = httpx.AsyncClient(transport=httpx.ASGITransport(app=api), base_url="http://x/v2.0/")
        self.kernel = FakeKernel()
        self.kernel.add_host_bridge("br-ex")
        for name in ("vm1", "vm2"):
            self.kernel.add_instance_netns(name)
        self.state = State(place / "state")
        self.agent = Follower(
            self.kernel, self.state, partial(change, (self.kernel,), self.state), BRIDGES.values()
        )
        self.made: dict[str, list[str]] = {}

    def ask(self, who: Who, method: str, path: str, body: Any = None) -> httpx.Response:
        async def asked() -> httpx.Response:
            return await self._client.request(method, path, json=body, headers=who.header)

        answer = self._runner.run(asked())
        for one in self.defects:
            raise one
        assert answer.status_code < 500
        return answer

    def make(self, who: Who, kind: str, **given: Any) -> dict[str, Any]:
        answer = self.ask(who, "POST", f"{kind}s", {kind: given})
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()[kind]
        return made

    def bind(self, port: str, netns: str) -> None:
        """As the operator of the host does: the tenant has no say in it."""
        service = Who("service", ADMIN.project, frozenset({"admin", "service", "member", "reader"}))
        body = {"binding:host_id": HOST, "binding:profile": {"netns": netns}}
        assert self.ask(service, "PUT", f"ports/{port}", {"port": body}).status_code == 200

    def view(self) -> HostView:
        async def seen() -> HostView:
            return await self.store.write(lambda unit: host_view(unit, HOST, BRIDGES))

        return self._runner.run(seen())

    def follow(self, theirs: frozenset[str]) -> dict[str, Unit]:
        """Bring the host to what the API has now, all of it: what the API takes the host takes.

        Returns:
            The units of what these own.
        """
        view = self.view()
        report = self.agent.take(self.store.revision, view)
        wanted = compile_host(view)
        failed = {one.unit for one in report.result.units if one.error} if report.result else set()
        wrong = failed | {one.unit for one in verify(self.kernel, wanted).plan.units}
        wrong |= {one.unit for one in wanted.refused}
        assert not any(one.partition("/")[2] in theirs for one in wrong), "another tenant is stopped"
        assert not wrong, "the API has taken what the host does not"
        units = {one.name: one for one in wanted.units if one.name.partition("/")[2] in theirs}
        assert units
        return units

    def close(self) -> None:
        self._runner.run(self._client.aclose())
        self.state.close()
        self.store.close()
        self._runner.close()


@contextmanager
def cells() -> Iterator[Cell]:
    with TemporaryDirectory() as place:
        made = Cell(Path(place))
        try:
            yield made
        finally:
            made.close()


def victims(cell: Cell) -> frozenset[str]:
    """A tenant who is served: an instance behind a router, with a floating IP; the ids of it all."""
    outside = cell.make(
        ADMIN,
        "network",
        **{
            "router:external": True,
            "provider:network_type": "flat",
            "provider:physical_network": "physnet1",
        },
    )
    cell.make(ADMIN, "subnet", network_id=outside["id"], ip_version=4, cidr="203.0.113.0/24")
    network = cell.make(VICTIM, "network")
    subnet = cell.make(VICTIM, "subnet", network_id=network["id"], ip_version=4, cidr="10.0.0.0/24")
    router = cell.make(VICTIM, "router", external_gateway_info={"network_id": outside["id"]})
    path = f"routers/{router['id']}/add_router_interface"
    assert cell.ask(VICTIM, "PUT", path, {"subnet_id": subnet["id"]}).status_code == 200
    port = cell.make(VICTIM, "port", network_id=network["id"])
    cell.make(VICTIM, "floatingip", floating_network_id=outside["id"], port_id=port["id"])
    cell.bind(port["id"], "vm1")
    cell.made = {"outside": [outside["id"]]}
    unbounded = dict.fromkeys(("network", "subnet", "port", "router", "floatingip"), -1)
    assert cell.ask(ADMIN, "PUT", f"quotas/{HOSTILE.project}", {"quota": unbounded}).status_code == 200
    return frozenset({network["id"], router["id"], port["id"]})


def pick(cell: Cell, kind: str, number: int) -> str:
    """One of what the hostile tenant has made, or nothing that there is."""
    made = cell.made.get(kind, [])
    return made[number % len(made)] if made else "11111111-1111-4111-8111-111111111111"


cidrs, addresses, names = st.sampled_from(CIDRS), st.sampled_from(ADDRESSES), st.sampled_from(NAMES)
mtus, flags = st.sampled_from(MTUS), st.booleans()
routes = st.lists(st.fixed_dictionaries({"destination": cidrs, "nexthop": addresses}), max_size=4)
steps = st.one_of(
    st.tuples(
        st.just("network"),
        st.fixed_dictionaries({"name": names}, optional={"mtu": mtus, "admin_state_up": flags}),
    ),
    st.tuples(
        st.just("subnet"),
        st.fixed_dictionaries(
            {"network": _numbers, "cidr": cidrs, "name": names},
            optional={
                "gateway_ip": st.one_of(st.none(), addresses),
                "enable_dhcp": st.booleans(),
                "host_routes": routes,
                "dns_nameservers": st.lists(addresses, max_size=3),
            },
        ),
    ),
    st.tuples(
        st.just("port"),
        st.fixed_dictionaries(
            {"network": _numbers, "name": names},
            optional={
                "mac_address": st.sampled_from(MACS),
                "fixed_ips": st.lists(st.fixed_dictionaries({"ip_address": addresses}), max_size=3),
                "device_owner": st.sampled_from(
                    ("", "compute:nova", "network:dhcp", "network:router_gateway")
                ),
                "device_id": names,
                "admin_state_up": st.booleans(),
            },
        ),
    ),
    st.tuples(
        st.just("router"),
        st.fixed_dictionaries(
            {"name": names, "outside": st.booleans()}, optional={"admin_state_up": st.booleans()}
        ),
    ),
    st.tuples(st.just("join"), st.fixed_dictionaries({"router": _numbers, "subnet": _numbers})),
    st.tuples(st.just("join"), st.fixed_dictionaries({"router": _numbers, "port": _numbers})),
    st.tuples(st.just("routes"), st.fixed_dictionaries({"router": _numbers, "routes": routes})),
    st.tuples(st.just("floatingip"), st.fixed_dictionaries({"port": _numbers})),
    st.tuples(st.just("mtu"), st.fixed_dictionaries({"network": _numbers, "mtu": mtus})),
    st.tuples(st.just("bind"), st.fixed_dictionaries({"port": _numbers})),
    st.tuples(
        st.just("delete"),
        st.fixed_dictionaries({"kind": st.sampled_from(KINDS), "which": _numbers}),
    ),
)


def do(cell: Cell, step: tuple[str, dict[str, Any]]) -> bool:
    """Ask for it; whether the API has taken it."""
    what, given = step[0], dict(step[1])
    if "network" in given:
        given["network_id"] = pick(cell, "network", given.pop("network"))
    if what == "mtu":
        path, body = f"networks/{given['network_id']}", {"network": {"mtu": given["mtu"]}}
        return cell.ask(HOSTILE, "PUT", path, body).status_code == 200
    if what == "join":
        path = f"routers/{pick(cell, 'router', given.pop('router'))}/add_router_interface"
        ids = {f"{kind}_id": pick(cell, kind, which) for kind, which in given.items()}
        return cell.ask(HOSTILE, "PUT", path, ids).status_code == 200
    if what == "routes":
        path = f"routers/{pick(cell, 'router', given['router'])}"
        body = {"router": {"routes": given["routes"]}}
        return cell.ask(HOSTILE, "PUT", path, body).status_code == 200
    if what == "delete":
        path = f"{given['kind']}s/{pick(cell, given['kind'], given['which'])}"
        return cell.ask(HOSTILE, "DELETE", path).status_code == 204
    if what == "bind":
        port = pick(cell, "port", given["port"])
        if cell.ask(HOSTILE, "GET", f"ports/{port}").status_code == 200:
            cell.bind(port, "vm2")
        return True
    return _made(cell, what, given)


def _made(cell: Cell, what: str, given: dict[str, Any]) -> bool:
    outside = {"network_id": cell.made["outside"][0]}
    if what == "router" and given.pop("outside"):
        given["external_gateway_info"] = outside
    elif what == "router":
        pass
    elif what == "floatingip":
        given = {"floating_network_id": outside["network_id"], "port_id": pick(cell, "port", given["port"])}
    elif what == "subnet":
        given["ip_version"] = 6 if ":" in given["cidr"] else 4
    answer = cell.ask(HOSTILE, "POST", f"{what}s", {what: given})
    if answer.status_code == 201:
        cell.made.setdefault(what, []).append(answer.json()[what]["id"])
    return answer.status_code == 201


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
@given(st.lists(steps, min_size=4, max_size=25))
def test_ossa_2014_014_nothing_that_a_tenant_can_say_stops_another(
    several: list[tuple[str, dict[str, Any]]],
) -> None:
    with cells() as cell:
        theirs = victims(cell)
        before = cell.follow(theirs)
        for number in range(2):  # so that most of what is drawn finds something
            cell.made.setdefault("network", []).append(cell.make(HOSTILE, "network", name=str(number))["id"])
        for step in several:
            if do(cell, step):
                assert cell.follow(theirs) == before


def test_ossa_2014_014_and_2014_019_each_cidr_on_a_router_by_itself() -> None:
    """OSSA-2014-019: a poisonous subnet on one router, and the others converge all the same."""
    with cells() as cell:
        theirs = victims(cell)
        before = cell.follow(theirs)
        taken = 0
        for cidr in CIDRS:
            cell.made["network"] = [cell.make(HOSTILE, "network")["id"]]
            cell.made["router"] = [cell.make(HOSTILE, "router")["id"]]
            for gateway in ({}, {"gateway_ip": None}):
                given = {"network": 0, "cidr": cidr, "name": "", "enable_dhcp": False, **gateway}
                cell.made["subnet"] = []
                if do(cell, ("subnet", given)):
                    do(cell, ("port", {"network": 0, "name": ""}))
                    taken += do(cell, ("join", {"router": 0, "subnet": 0}))
                    assert cell.follow(theirs) == before, cidr
        assert taken > 10


def test_each_address_as_next_hop_of_each_route() -> None:
    """Routes that the API takes are routes that the kernel takes."""
    with cells() as cell:
        theirs = victims(cell)
        before = cell.follow(theirs)
        cell.made |= {
            "network": [cell.make(HOSTILE, "network")["id"]],
            "router": [cell.make(HOSTILE, "router")["id"]],
        }
        for cidr in ("192.0.2.0/24", "10.9.0.0/30", "2001:db8:9::/64"):
            assert do(cell, ("subnet", {"network": 0, "cidr": cidr, "name": ""}))
            assert do(cell, ("join", {"router": 0, "subnet": len(cell.made["subnet"]) - 1}))
        several = [{"destination": cidr, "nexthop": hop} for cidr in CIDRS for hop in ADDRESSES]
        taken = 0
        for one in several:
            if do(cell, ("routes", {"router": 0, "routes": [one]})):
                taken += 1
                assert cell.follow(theirs) == before, one
        assert taken > 20
