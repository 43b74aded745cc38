"""RBAC policies, quotas, agents, zones, extensions."""

from __future__ import annotations

from typing import Any

import pytest

from deuteron.identity.policy import Policy
from deuteron.resources import RESOURCES
from deuteron.service.verbs import VERBS, actions
from deuteron.store.store import Store
from tests.service.conftest import ALICE, BOB, Desk, person


def share(desk: Desk, key: str, target: str = BOB, **more: str) -> dict[str, Any]:
    given = {
        "object_type": "network",
        "object_id": key,
        "action": "access_as_shared",
        "target_tenant": target,
    }
    return desk.create("rbac_policies", **{**given, **more})


def test_a_network_is_shared_with_one_project(alice: Desk, bob: Desk) -> None:
    network = alice.network()
    policy = share(alice, network["id"])
    assert policy["target_tenant"] == BOB
    assert bob.show("networks", network["id"])["shared"] is True
    assert alice.show("networks", network["id"])["shared"] is False
    alice.delete("rbac_policies", policy["id"])
    bob.refused(404, "NetworkNotFound", bob.show, "networks", network["id"])


def test_what_another_project_uses_is_not_taken_from_it(alice: Desk, bob: Desk) -> None:
    network = alice.network()
    policy = share(alice, network["id"])
    port = bob.port(network)
    sentence = alice.refused(409, "RbacPolicyInUse", alice.delete, "rbac_policies", policy["id"])
    assert network["id"] in sentence
    bob.delete("ports", port["id"])
    alice.delete("rbac_policies", policy["id"])


def test_nobody_shares_what_is_anothers(alice: Desk, bob: Desk, admin: Desk) -> None:
    network = alice.network()
    bob.refused(404, "NetworkNotFound", share, bob, network["id"])
    admin.update("networks", network["id"], shared=True)
    bob.refused(400, "InvalidInput", share, bob, network["id"], "c" * 32)


def test_the_same_policy_is_made_once_and_everybody_is_the_operators_to_name(
    alice: Desk, admin: Desk
) -> None:
    network = alice.network()
    share(alice, network["id"])
    alice.refused(409, "DuplicateRbacPolicy", share, alice, network["id"])
    alice.refused(403, "PolicyNotAuthorized", share, alice, network["id"], "*")
    share(admin, network["id"], "*")


def test_a_network_is_made_external_for_one_project(admin: Desk, bob: Desk) -> None:
    network = admin.network()
    policy = share(admin, network["id"], action="access_as_external")
    assert bob.show("networks", network["id"])["router:external"] is True
    admin.delete("rbac_policies", policy["id"])
    assert admin.show("networks", network["id"])["router:external"] is False


def test_quotas_are_shown_to_their_project_and_set_by_the_operator(alice: Desk, admin: Desk) -> None:
    shown = (alice.ask("quotas", "show", id=ALICE).body or {})["quota"]
    assert (shown["network"], shown["port"]) == (100, 500)
    alice.refused(403, "PolicyNotAuthorized", alice.ask, "quotas", "show", id=BOB)
    alice.refused(
        403, "PolicyNotAuthorized", alice.ask, "quotas", "update", id=ALICE, body={"quota": {"port": -1}}
    )
    alice.refused(403, "AdminRequired", alice.ask, "quotas", "details", id=BOB)
    alice.network()
    low = {"quota": {"network": 0}}
    admin.refused(400, "HTTPBadRequest", admin.ask, "quotas", "update", id=ALICE, body=low)
    admin.ask("quotas", "update", id=ALICE, body={"quota": {"network": 0, "force": True}})
    assert (admin.ask("quotas", "index").body or {})["quotas"][0]["project_id"] == ALICE
    admin.ask("quotas", "delete", id=ALICE)
    admin.refused(404, "TenantQuotaNotFound", admin.ask, "quotas", "delete", id=ALICE)


def test_extensions_name_what_works(alice: Desk) -> None:
    named = [one["alias"] for one in alice.index("extensions")]
    assert "router" in named
    assert "security-group" not in named
    alice.refused(404, "HTTPNotFound", alice.show, "extensions", "security-group")


def test_agents_and_counts_are_the_operators_to_see(alice: Desk, admin: Desk) -> None:
    assert admin.index("agents") == alice.index("agents") == []
    network = alice.network()
    alice.refused(404, "NetworkNotFound", alice.show, "network_ip_availabilities", network["id"])


def test_a_hint_must_name_a_zone(alice: Desk) -> None:
    sentence = alice.refused(404, "AvailabilityZoneNotFound", alice.network, availability_zone_hints=["z"])
    assert sentence == "AvailabilityZone z could not be found."


def test_a_reader_changes_nothing(alice: Desk) -> None:
    network = alice.network()
    reader = Desk(alice.service, person(ALICE, "reader"))
    assert reader.show("networks", network["id"])["id"] == network["id"]
    reader.refused(403, "PolicyNotAuthorized", reader.network)
    reader.refused(403, "PolicyNotAuthorized", reader.delete, "networks", network["id"])


def test_ossa_2026_016_every_verb_has_a_rule(alice: Desk, policy: Policy) -> None:
    assert ("networks", "create") in VERBS
    for action in actions():
        assert policy.has(action), action


def test_get_never_writes(alice: Desk, admin: Desk, store: Store) -> None:
    network = alice.network()
    written = store.written
    for (collection, action), verb in VERBS.items():
        if action == "index" and not RESOURCES[collection].parent:
            admin.ask(collection, action)
            assert not verb.writes
    alice.show("networks", network["id"])
    assert store.written == written


@pytest.mark.parametrize("count", [2, 30])
def test_a_list_takes_the_same_statements_however_long(
    alice: Desk, bob: Desk, store: Store, count: int
) -> None:
    for desk in (alice, bob):
        desk.ask("networks", "create", body={"networks": [{"name": str(one)} for one in range(count)]})
    network = alice.network()
    alice.ask("ports", "create", body={"ports": [{"network_id": network["id"]}] * count})
    before = store.statements
    assert len(alice.index("ports")) == count
    assert len(alice.index("networks")) == count + 1
    assert store.statements - before <= 16
