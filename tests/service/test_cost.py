"""What a request costs in statements, and that what is spared is not missed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from deuteron.identity.policy import Policy
from deuteron.resources import RESOURCES
from deuteron.resources.values import FixedIp
from deuteron.store.store import Store, Unit
from tests.service.conftest import Desk, addresses

NETWORKS, PORTS = RESOURCES["networks"], RESOURCES["ports"]


def counted(store: Store, what: Callable[[], Any]) -> int:
    before = store.statements
    what()
    return store.statements - before


def peeked(unit: Unit, network: dict[str, Any]) -> Any:
    return unit.peek(NETWORKS, network["id"])


def whole(unit: Unit, network: dict[str, Any]) -> Any:
    return unit.get(NETWORKS, network["id"])


def wrote(store: Store, work: Callable[[Unit], Any]) -> Any:
    return asyncio.run(store.write(work))


@pytest.mark.parametrize("who", ["alice", "admin"])
def test_a_port_and_a_subnet_cost_few_statements(
    store: Store, who: str, request: pytest.FixtureRequest
) -> None:
    desk: Desk = request.getfixturevalue(who)
    assert counted(store, desk.network) <= 4
    network = desk.network()
    assert counted(store, lambda: desk.subnet(network)) <= 9
    assert counted(store, lambda: desk.subnet(network, "10.0.1.0/24")) <= 9
    assert counted(store, lambda: desk.port(network)) <= 11
    assert counted(store, lambda: desk.create("routers")) <= 5
    port = desk.port(network)
    assert counted(store, lambda: desk.show("ports", port["id"])) <= 4


def test_a_floating_ip_costs_few_statements(store: Store, admin: Desk) -> None:
    network = admin.network(**{"router:external": True})
    admin.subnet(network, "198.18.0.0/24")
    made: list[dict[str, Any]] = []
    made.append(admin.create("floatingips", floating_network_id=network["id"]))
    assert (
        counted(store, lambda: made.append(admin.create("floatingips", floating_network_id=network["id"])))
        <= 13
    )
    assert counted(store, lambda: admin.ask("floatingips", "delete", id=made[1]["id"])) <= 18


def test_a_list_costs_the_same_statements_whatever_its_length(store: Store, admin: Desk, alice: Desk) -> None:
    outside = admin.network(**{"router:external": True})
    admin.subnet(outside, "198.18.0.0/24")
    costs = []
    for count in (2, 7):
        for number in range(count):
            network = alice.network()
            alice.subnet(network, f"10.{count}.{number}.0/24")
            alice.port(network)
            alice.create("routers")
            alice.create("floatingips", floating_network_id=outside["id"])
        costs.append({name: _listing(store, alice, admin, name) for name in LISTED})
    assert costs[0] == costs[1]
    assert max(max(one) for one in costs[0].values()) <= 8


LISTED = ("networks", "subnets", "ports", "routers", "floatingips")


def _listing(store: Store, alice: Desk, admin: Desk, name: str) -> tuple[int, int]:
    return counted(store, lambda: alice.index(name)), counted(store, lambda: admin.index(name))


def test_what_is_only_looked_at_writes_nothing(store: Store, admin: Desk, alice: Desk) -> None:
    """CVE-2022-3277: a GET for a project that nobody has heard of left rows."""
    network = alice.network()
    alice.subnet(network)
    port = alice.port(network)
    before, revision = store.written, store.revision
    for desk in (alice, admin):
        for collection in ("networks", "subnets", "ports", "routers", "floatingips", "subnetpools"):
            desk.index(collection)
            desk.index(collection, project_id="nobody")
        desk.show("ports", port["id"])
    admin.ask("quotas", "show", id="nobody")
    assert (store.written, store.revision) == (before, revision)


def test_a_limit_is_not_counted_past(store: Store, admin: Desk, alice: Desk) -> None:
    """What a project has is looked at up to its limit: in steps of SQLite's machine."""
    project = alice.caller.project_id
    admin.ask("quotas", "update", id=project, body={"quota": {"port": 10}})
    network = alice.network()
    alice.ask("ports", "create", body={"ports": [{"network_id": network["id"]}] * 10})
    alice.refused(409, "OverQuota", alice.port, network)
    admin.ask("quotas", "update", id=project, body={"quota": {"port": 500}})
    alice.ask("ports", "create", body={"ports": [{"network_id": network["id"]}] * 400})
    done: list[int] = []
    limit = {"port": 20}
    admin.ask("quotas", "update", id=project, body={"quota": limit | {"force": True}})
    store._db._raw.set_progress_handler(lambda: done.append(1), 1)
    alice.refused(409, "OverQuota", alice.port, network)
    assert len(done) < 400


def test_a_port_on_a_shared_network_costs_few_statements(store: Store, admin: Desk, alice: Desk) -> None:
    network = admin.network(shared=True)
    admin.subnet(network)
    assert counted(store, lambda: alice.port(network)) <= 12


def test_a_bulk_of_ports_costs_no_more_than_its_ports(store: Store, alice: Desk) -> None:
    network = alice.network()
    alice.subnet(network)
    body = {"ports": [{"network_id": network["id"]} for _ in range(20)]}
    assert counted(store, lambda: alice.ask("ports", "create", body=body)) <= 20 * 7
    found = [address for port in alice.index("ports") for address in addresses(port)]
    assert sorted(found) == sorted(f"10.0.0.{last}" for last in range(2, 22))


def test_a_list_asks_the_policy_as_often_as_it_can_differ(
    store: Store, alice: Desk, bob: Desk, admin: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ports of two projects on one network: a question for each project, whatever the number of ports."""
    network = alice.network(name="x")
    admin.create(
        "rbac_policies",
        object_type="network",
        object_id=network["id"],
        action="access_as_shared",
        target_tenant=bob.caller.project_id,
    )
    for desk in (alice, bob):
        desk.ask("ports", "create", body={"ports": [{"network_id": network["id"]}] * 30})
    asked: list[str] = []
    plain = Policy.may

    def may(policy: Policy, caller: Any, action: str, target: Any) -> bool:
        asked.append(action)
        return plain(policy, caller, action, target)

    monkeypatch.setattr(Policy, "may", may)
    assert len(bob.index("ports")) == 30
    assert len(alice.index("ports")) == 60
    assert asked.count("get_port") <= 6
    assert {one["project_id"] for one in alice.index("ports")} == {
        alice.caller.project_id,
        bob.caller.project_id,
    }


def test_what_was_peeked_at_is_looked_up_again_once_it_is_written(store: Store, alice: Desk) -> None:
    network = alice.network(name="before")

    def work(unit: Unit) -> list[Any]:
        seen = [peeked(unit, network).name]
        unit.update(NETWORKS, msgspec.structs.replace(whole(unit, network), name="after"))
        seen.append(peeked(unit, network).name)
        unit.delete(NETWORKS, network["id"])
        return [*seen, peeked(unit, network)]

    assert wrote(store, work) == ["before", "after", None]


def test_a_peek_does_not_stand_for_the_whole_when_it_is_written(store: Store, alice: Desk) -> None:
    network = alice.network()
    alice.ask("networks", "tags.update_all", id=network["id"], body={"tags": ["red"]})

    def work(unit: Unit) -> None:
        peeked(unit, network)
        found = whole(unit, network)
        peeked(unit, network)
        unit.update(NETWORKS, msgspec.structs.replace(found, name="x", tags=()))

    wrote(store, work)
    assert tuple(alice.show("networks", network["id"])["tags"]) == ()


def test_an_address_that_a_unit_took_and_gave_back_is_free(store: Store, alice: Desk) -> None:
    network = alice.network()
    subnet = alice.subnet(network, "10.0.0.0/29")

    def work(unit: Unit) -> list[str | None]:
        first = unit.allocate(subnet["id"])
        assert first is not None
        unit.release(subnet["id"], first)
        return [first, unit.allocate(subnet["id"])]

    first, second = wrote(store, work)
    assert first == second == "10.0.0.2"


def test_an_address_given_back_and_kept_after_all_is_not_given_again(store: Store, alice: Desk) -> None:
    network = alice.network()
    subnet = alice.subnet(network, "10.0.0.0/29")
    port = alice.port(network)

    def work(unit: Unit) -> str | None:
        found: Any = unit.get(PORTS, port["id"])
        address = unit.allocate(subnet["id"])
        assert address is not None
        unit.release(subnet["id"], address)
        more = (*found.fixed_ips, FixedIp(subnet["id"], address))
        unit.update(PORTS, msgspec.structs.replace(found, fixed_ips=more))
        return unit.allocate(subnet["id"])

    assert wrote(store, work) == "10.0.0.4"


def test_an_address_outside_the_pools_is_not_given_again_when_the_pools_grow(
    store: Store, admin: Desk
) -> None:
    network = admin.network()
    subnet = admin.subnet(network, "10.0.0.0/29", allocation_pools=[{"start": "10.0.0.5", "end": "10.0.0.5"}])
    outside = [{"subnet_id": subnet["id"], "ip_address": "10.0.0.2"}]
    assert addresses(admin.port(network, fixed_ips=outside)) == ["10.0.0.2"]
    pools = [{"start": "10.0.0.2", "end": "10.0.0.3"}]
    admin.update("subnets", subnet["id"], allocation_pools=pools)
    assert addresses(admin.port(network)) == ["10.0.0.3"]
    admin.refused(409, "IpAddressGenerationFailure", admin.port, network)


def test_a_list_that_was_asked_for_before_is_one_statement(store: Store, admin: Desk, alice: Desk) -> None:
    network = alice.network()
    alice.subnet(network)
    ports = [alice.port(network) for _ in range(5)]
    shown = admin.index("ports")
    assert counted(store, lambda: admin.index("ports")) == 1
    assert admin.index("ports") == shown
    alice.update("ports", ports[0]["id"], name="other")
    assert [one["name"] for one in admin.index("ports") if one["id"] == ports[0]["id"]] == ["other"]
    assert counted(store, lambda: admin.index("ports")) == 1
    admin.update("ports", ports[1]["id"], **{"binding:host_id": "here"})
    assert all("binding:host_id" not in one for one in alice.index("ports")), "the administrator's alone"
    assert {one["binding:host_id"] for one in admin.index("ports")} == {"", "here"}
