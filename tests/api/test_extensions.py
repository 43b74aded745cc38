"""Every extension that the API names does what its name promises: asked over the API, one test for each."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from deuteron.api.app import app
from deuteron.identity.noauth import Noauth
from deuteron.identity.policy import Policy
from deuteron.resources import EXTENSIONS, RESOURCES
from deuteron.resources.agent import Agent
from deuteron.store.store import Store, Unit
from tests.api.client import HOST, Client

NOW: Final = "2026-11-23 12:00:00"


Works = Callable[[Client], Awaitable[None]]
WORKS: dict[str, Works] = {}


def alias(*names: str) -> Callable[[Works], Works]:
    """What shows that these extensions work."""

    def keep(what: Works) -> Works:
        WORKS.update(dict.fromkeys(names, what))
        return what

    return keep


def ids(found: list[Any]) -> list[str]:
    return [one["id"] for one in found]


@alias("address-scope")
async def scopes(ask: Client) -> None:
    scope = await ask.make("address_scope", name="s", ip_version=4)
    pool = await ask.make("subnetpool", name="p", prefixes=["10.0.0.0/8"], address_scope_id=scope["id"])
    network = await ask.make("network")
    await ask.make("subnet", network_id=network["id"], ip_version=4, subnetpool_id=pool["id"], prefixlen=24)
    shown = await ask.got("GET", f"networks/{network['id']}")
    assert shown["network"]["ipv4_address_scope"] == scope["id"]


@alias("agent")
async def agents(ask: Client) -> None:
    (agent,) = await ask.listed("agents")
    assert (agent["host"], agent["alive"]) == ("host-1", False)
    assert (await ask.put("agent", agent, admin_state_up=False))["admin_state_up"] is False


@alias("agent_sort_key")
async def sorted_agents(ask: Client) -> None:
    assert await ask.listed("agents?sort_key=host&sort_dir=asc")


@alias("availability_zone")
async def zones(ask: Client) -> None:
    assert {(one["name"], one["resource"]) for one in await ask.listed("availability_zones")} == {
        ("nova", "network"),
        ("nova", "router"),
    }


@alias("availability_zone_filter")
async def filtered_zones(ask: Client) -> None:
    (one,) = await ask.listed("availability_zones?resource=router&name=nova&state=available")
    assert one["resource"] == "router"
    assert await ask.listed("availability_zones?state=unavailable") == []


@alias("network_availability_zone")
async def network_zones(ask: Client) -> None:
    made = await ask.make("network", availability_zone_hints=["nova"])
    assert made["availability_zone_hints"] == ["nova"]
    assert made["availability_zones"] == []
    body = {"network": {"availability_zone_hints": ["mars"]}}
    assert "mars" in await ask.refused(404, "POST", "networks", body)


@alias("router_availability_zone")
async def router_zones(ask: Client) -> None:
    made = await ask.make("router", availability_zone_hints=["nova"])
    assert made["availability_zone_hints"] == ["nova"]
    body = {"router": {"availability_zone_hints": ["mars"]}}
    assert "mars" in await ask.refused(404, "POST", "routers", body)


@alias("binding")
async def bindings(ask: Client) -> None:
    network = await ask.make("network")
    port = await ask.make("port", network_id=network["id"], **{"binding:host_id": "host-1"})
    assert (port["binding:vif_type"], port["binding:vnic_type"]) == ("tap", "normal")


@alias("default-subnetpools")
async def default_pool(ask: Client) -> None:
    pool = await ask.make("subnetpool", name="p", prefixes=["10.0.0.0/8"], is_default=True)
    network = await ask.make("network")
    subnet = await ask.make("subnet", network_id=network["id"], ip_version=4, use_default_subnetpool=True)
    assert subnet["subnetpool_id"] == pool["id"]


@alias("dvr")
async def distributed(ask: Client) -> None:
    assert (await ask.make("router", distributed=True))["distributed"] is True


@alias("empty-string-filtering")
async def empty_strings(ask: Client) -> None:
    network = await ask.make("network", name="named")
    free = await ask.make("port", network_id=network["id"])
    used = await ask.make("port", network_id=network["id"], device_id="vm", name="x")
    assert ids(await ask.listed("ports?device_id=")) == [free["id"]]
    assert set(ids(await ask.listed("ports?device_id=&device_id=vm"))) == {free["id"], used["id"]}
    assert ids(await ask.listed("ports?name=&device_owner=")) == [free["id"]]


@alias("expose-port-forwarding-in-fip")
async def forwardings_in_floating(ask: Client) -> None:
    path, _, _ = await ask.forwarding()
    (shown,) = (await ask.got("GET", path.removesuffix("/port_forwardings")))["floatingip"][
        "port_forwardings"
    ]
    assert (shown["protocol"], shown["external_port"], shown["internal_port"]) == ("tcp", 8080, 80)


@alias("floating-ip-port-forwarding-detail")
async def forwardings_in_detail(ask: Client) -> None:
    path, made, port = await ask.forwarding()
    (listed,) = [one for one in await ask.listed("floatingips") if one["id"] == path.split("/")[1]]
    (shown,) = listed["port_forwardings"]
    assert (shown["id"], shown["internal_port_id"]) == (made["id"], port["id"])


@alias("floating-ip-port-forwarding")
async def forwardings(ask: Client) -> None:
    path, made, _ = await ask.forwarding()
    assert ids(await ask.listed(path)) == [made["id"]]
    changed = await ask.got("PUT", f"{path}/{made['id']}", {"port_forwarding": {"external_port": 9090}})
    assert changed["port_forwarding"]["external_port"] == 9090
    await ask.got("DELETE", f"{path}/{made['id']}")
    assert await ask.listed(path) == []


@alias("floating-ip-port-forwarding-description")
async def described_forwarding(ask: Client) -> None:
    _, made, _ = await ask.forwarding(description="web")
    assert made["description"] == "web"


@alias("floating-ip-port-forwarding-port-ranges")
async def forwarded_ranges(ask: Client) -> None:
    given = {"internal_port_range": "80:89", "external_port_range": "8080:8089"}
    _, made, _ = await ask.forwarding(internal_port=None, external_port=None, **given)
    assert {name: made[name] for name in given} == given


@alias("ext-gw-mode")
async def snat_mode(ask: Client) -> None:
    outside = await ask.outside()
    gateway = {"network_id": outside["id"], "enable_snat": False}
    made = await ask.make("router", external_gateway_info=gateway)
    assert made["external_gateway_info"]["enable_snat"] is False


@alias("external-net")
async def external(ask: Client) -> None:
    outside, inside = await ask.outside(), await ask.make("network")
    assert ids(await ask.listed("networks?router:external=True")) == [outside["id"]]
    assert ids(await ask.listed("networks?router:external=False")) == [inside["id"]]


@alias("subnet-external-network")
async def external_subnet(ask: Client) -> None:
    outside, inside = await ask.outside(), await ask.make("network")
    assert (await ask.subnet(inside))["router:external"] is False
    (subnet,) = await ask.listed(f"subnets?network_id={outside['id']}&router:external=True")
    assert subnet["router:external"] is True


@alias("router", "extraroute", "extraroute-atomic")
async def extra_routes(ask: Client) -> None:
    network, router = await ask.make("network"), await ask.make("router")
    subnet = await ask.subnet(network)
    path = f"routers/{router['id']}"
    added = await ask.got("PUT", f"{path}/add_router_interface", {"subnet_id": subnet["id"]})
    assert added["subnet_id"] == subnet["id"]
    one, other = ({"destination": f"192.0.{last}.0/24", "nexthop": f"10.0.0.{last}"} for last in ("2", "3"))
    assert (await ask.put("router", router, routes=[one]))["routes"] == [one]
    more = await ask.got("PUT", f"{path}/add_extraroutes", {"router": {"routes": [other]}})
    assert more["router"]["routes"] == [one, other]
    less = await ask.got("PUT", f"{path}/remove_extraroutes", {"router": {"routes": [one]}})
    assert less["router"]["routes"] == [other]


@alias("filter-validation")
async def checked_filters(ask: Client) -> None:
    for collection in ("networks", "subnets", "ports", "routers", "floatingips", "subnetpools", "agents"):
        sentence = await ask.refused(400, "GET", f"{collection}?colour=red")
        assert sentence == "['colour'] is invalid attribute for filtering"


@alias("sort-key-validation")
async def checked_sort_keys(ask: Client) -> None:
    for collection in ("networks", "subnets", "ports", "routers", "floatingips", "subnetpools", "agents"):
        sentence = await ask.refused(400, "GET", f"{collection}?sort_key=colour&sort_dir=asc")
        assert sentence == "['colour'] is invalid attribute for sort_keys"


@alias("sorting", "pagination")
async def ordered_pages(ask: Client) -> None:
    for name in ("page-b", "page-c", "page-a"):
        await ask.make("network", name=name)
    path = "networks?sort_key=name&sort_dir=desc&limit=2"
    first = await ask.got("GET", path)
    assert [one["name"] for one in first["networks"]] == ["page-c", "page-b"]
    (following,) = [one["href"] for one in first["networks_links"] if one["rel"] == "next"]
    second = await ask.got("GET", following.removeprefix(f"{HOST}/v2.0/"))
    assert [one["name"] for one in second["networks"]] == ["page-a"]


@alias("fip-port-details")
async def port_details(ask: Client) -> None:
    floating, port = await ask.floating()
    changed = await ask.put("floatingip", floating, port_id=port["id"])
    assert changed["port_details"]["name"] == "server"


@alias("net-mtu", "net-mtu-writable")
async def mtus(ask: Client) -> None:
    network = await ask.make("network")
    assert network["mtu"] == 1500
    assert (await ask.put("network", network, mtu=1400))["mtu"] == 1400


@alias("network-ip-availability")
async def availability(ask: Client) -> None:
    network = await ask.make("network")
    await ask.subnet(network, "10.0.0.0/29")
    await ask.make("port", network_id=network["id"])
    shown = await ask.got("GET", f"network-ip-availabilities/{network['id']}")
    counts = shown["network_ip_availability"]
    assert (counts["total_ips"], counts["used_ips"]) == (5, 1)


@alias("port-mac-address-regenerate")
async def new_mac(ask: Client) -> None:
    network = await ask.make("network")
    port = await ask.make("port", network_id=network["id"])
    changed = await ask.put("port", port, mac_address=None)
    assert changed["mac_address"] != port["mac_address"]
    assert changed["mac_address"].startswith("fa:16:3e:")


@alias("project-id")
async def projects(ask: Client) -> None:
    network = await ask.make("network", project_id="somebody")
    assert network["project_id"] == network["tenant_id"] == "somebody"
    assert ids(await ask.listed("networks?project_id=somebody")) == [network["id"]]


@alias("provider")
async def provider(ask: Client) -> None:
    given = {"provider:network_type": "flat", "provider:physical_network": "physnet1"}
    network = await ask.make("network", **given)
    assert {name: network[name] for name in given} == given


@alias("quotas", "quota_details")
async def quotas(ask: Client) -> None:
    set_to = await ask.got("PUT", "quotas/somewhere", {"quota": {"network": 7}})
    assert set_to["quota"]["network"] == 7
    await ask.make("network", project_id="somewhere")
    details = await ask.got("GET", "quotas/somewhere/details")
    assert details["quota"]["network"] == {"limit": 7, "used": 1, "reserved": 0}
    assert details["quota"]["port"]["used"] == 0
    await ask.got("DELETE", "quotas/somewhere")
    assert (await ask.got("GET", "quotas/somewhere"))["quota"]["network"] == 100


async def shares(ask: Client, kind: str, one: dict[str, Any], collection: str) -> None:
    """Another project sees it once an RBAC policy says so."""
    them = {"x_project_id": "e" * 32, "x_roles": "member,reader"}
    path = f"{collection}/{one['id']}"
    assert (await ask.ask("GET", path, **them)).status_code == 404
    given = {"object_type": kind, "object_id": one["id"], "action": "access_as_shared"}
    policy = await ask.make("rbac_policy", target_tenant="e" * 32, **given)
    assert (await ask.ask("GET", path, **them)).status_code == 200
    await ask.got("DELETE", f"rbac-policies/{policy['id']}")
    assert (await ask.ask("GET", path, **them)).status_code == 404


@alias("rbac-policies")
async def shared_network(ask: Client) -> None:
    await shares(ask, "network", await ask.make("network"), "networks")


@alias("rbac-address-scope")
async def shared_scope(ask: Client) -> None:
    one = await ask.make("address_scope", name="s", ip_version=4)
    await shares(ask, "address_scope", one, "address-scopes")


@alias("rbac-subnetpool")
async def shared_pool(ask: Client) -> None:
    one = await ask.make("subnetpool", name="p", prefixes=["10.0.0.0/8"])
    await shares(ask, "subnetpool", one, "subnetpools")


@alias("revision-if-match", "standard-attr-revisions")
async def revisions(ask: Client) -> None:
    network = await ask.make("network")
    changed = await ask.put("network", network, name="x")
    assert changed["revision_number"] == network["revision_number"] + 1
    stale = f"revision_number={network['revision_number']}"
    answer = await ask.ask("DELETE", f"networks/{network['id']}", if_match=stale)
    assert answer.status_code == 412


@alias("standard-attr-description")
async def descriptions(ask: Client) -> None:
    network = await ask.make("network", description="d")
    for kind in ("network", "router"):
        one = await ask.make(kind, description="d")
        assert (await ask.put(kind, one, description="e"))["description"] == "e"
    port = await ask.make("port", network_id=network["id"], description="d")
    assert (await ask.put("port", port, description="e"))["description"] == "e"


@alias("standard-attr-timestamp")
async def times(ask: Client) -> None:
    network = await ask.make("network")
    assert network["created_at"] == network["updated_at"] != ""
    assert await ask.listed(f"networks?changed_since={network['created_at']}")
    assert await ask.listed("networks?changed_since=2100-01-01T00:00:00") == []
    for collection in ("subnets", "ports", "routers", "floatingips", "subnetpools"):
        assert await ask.listed(f"{collection}?changed_since={network['created_at']}") == []
        for wrong in ("yesterday", "0001-01-01T00:00:00%2B10:00", ""):
            sentence = await ask.refused(400, "GET", f"{collection}?changed_since={wrong}")
            assert sentence.endswith("must be in the following format: YYYY-MM-DDTHH:MM:SS[Z].")
    assert await ask.listed("networks?changed_since=2020-01-01T10:00:00%2B02:00")


@alias("standard-attr-tag", "tag-creation")
async def tags(ask: Client) -> None:
    network = await ask.make("network")
    path = f"networks/{network['id']}/tags"
    await ask.got("PUT", path, {"tags": ["red"]})
    await ask.got("POST", path, {"tags": ["blue", "green"]})
    assert (await ask.got("GET", path))["tags"] == ["blue", "green", "red"]
    assert ids(await ask.listed("networks?tags=blue,green")) == [network["id"]]


@alias("tag-ports-during-bulk-creation")
async def tagged_ports(ask: Client) -> None:
    network = await ask.make("network")
    given = [{"network_id": network["id"], "tags": [word, "b"]} for word in ("a", "c")]
    made = (await ask.got("POST", "ports", {"ports": given}))["ports"]
    assert [one["tags"] for one in made] == [["a", "b"], ["b", "c"]]
    assert ids(await ask.listed("ports?tags=c")) == [made[1]["id"]]
    assert (await ask.make("port", network_id=network["id"], tags=["d"]))["tags"] == ["d"]


@alias("subnet-service-types")
async def service_types(ask: Client) -> None:
    network = await ask.make("network")
    await ask.subnet(network, "10.0.0.0/24")
    routed = await ask.subnet(network, "10.1.0.0/24", service_types=["compute:nova"])
    port = await ask.make("port", network_id=network["id"], device_owner="compute:nova")
    assert port["fixed_ips"][0]["subnet_id"] == routed["id"]


@alias("subnet_allocation")
async def allocated(ask: Client) -> None:
    pool = await ask.make("subnetpool", name="p", prefixes=["10.0.0.0/8"], default_prefixlen=26)
    network = await ask.make("network")
    made = await ask.make("subnet", network_id=network["id"], ip_version=4, subnetpool_id=pool["id"])
    assert made["cidr"] == "10.0.0.0/26"


@alias("subnetpool-prefix-ops")
async def pool_prefixes(ask: Client) -> None:
    pool = await ask.make("subnetpool", name="p", prefixes=["10.0.0.0/16"])
    path = f"subnetpools/{pool['id']}"
    more = await ask.got("PUT", f"{path}/add_prefixes", {"prefixes": ["10.9.0.0/16"]})
    assert more == {"prefixes": ["10.0.0.0/16", "10.9.0.0/16"]}
    less = await ask.got("PUT", f"{path}/remove_prefixes", {"prefixes": ["10.0.0.0/16"]})
    assert less == {"prefixes": ["10.9.0.0/16"]}
    assert (await ask.got("GET", path))["subnetpool"]["prefixes"] == ["10.9.0.0/16"]


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store where an agent has reported once; made once, for the steps of its schema take a second."""
    path = tmp_path_factory.mktemp("begun") / "api.db"
    store = Store(f"sqlite:///{path}")
    agent = Agent(
        id="00000000-0000-4000-8000-000000000001",
        agent_type="L3 agent",
        host="host-1",
        heartbeat_timestamp=NOW,
        availability_zone="nova",
    )

    def report(unit: Unit) -> None:
        unit.insert(RESOURCES["agents"], agent)

    asyncio.run(store.write(report))
    store.close()
    return path


@pytest.fixture
def api(begun: Path, tmp_path: Path) -> Iterator[tuple[Any, list[BaseException]]]:
    defects: list[BaseException] = []
    shutil.copy(begun, tmp_path / "api.db")
    store = Store(f"sqlite:///{tmp_path / 'api.db'}")
    try:
        yield app(store, Noauth(["127.0.0.1:9696"]), Policy(), defect=defects.append), defects
    finally:
        store.close()


def test_there_is_a_proof_of_every_extension_that_is_named() -> None:
    assert set(WORKS) == set(EXTENSIONS)


@pytest.mark.parametrize("name", sorted(EXTENSIONS))
def test_an_extension_that_is_named_works(api: tuple[Any, list[BaseException]], name: str) -> None:
    async def run() -> None:
        transport = httpx.ASGITransport(app=api[0])
        async with httpx.AsyncClient(transport=transport, base_url=HOST) as http:
            shown = (await http.get(f"/v2.0/extensions/{name}")).json()["extension"]
            assert shown["alias"] == name
            await WORKS[name](Client(http))

    asyncio.run(run())
    assert api[1] == []
