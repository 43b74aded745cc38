"""Networks as a client sees them."""

from __future__ import annotations

import pytest

from deuteron.resources import RESOURCES
from tests.service.conftest import ALICE, BOB, Desk


def test_a_network_is_active_at_once_with_neutrons_defaults(alice: Desk) -> None:
    made = alice.network(name="blue")
    assert made["name"] == "blue"
    assert made["status"] == "ACTIVE"
    assert made["mtu"] == 1500
    assert made["admin_state_up"] is True
    assert made["shared"] is False
    assert made["router:external"] is False
    assert made["subnets"] == ()
    assert made["project_id"] == made["tenant_id"] == ALICE
    assert made["created_at"] == made["updated_at"] != ""


def test_what_carries_a_network_is_the_operators_to_see(alice: Desk, admin: Desk) -> None:
    made = alice.network()
    assert not [name for name in made if name.startswith("provider:")]
    seen = admin.show("networks", made["id"])
    assert seen["provider:network_type"] == "local"


def test_a_network_of_another_project_is_not_found(alice: Desk, bob: Desk) -> None:
    made = alice.network()
    sentence = bob.refused(404, "NetworkNotFound", bob.show, "networks", made["id"])
    assert sentence == f"Network {made['id']} could not be found."
    bob.refused(404, "NetworkNotFound", bob.update, "networks", made["id"], name="mine")
    bob.refused(404, "NetworkNotFound", bob.delete, "networks", made["id"])
    assert bob.index("networks") == []


def test_a_shared_network_is_seen_and_used_by_everybody_and_changed_by_nobody_else(
    admin: Desk, bob: Desk
) -> None:
    made = admin.network(shared=True)
    assert bob.show("networks", made["id"])["shared"] is True
    assert bob.port(made)["project_id"] == BOB
    sentence = bob.refused(403, "PolicyNotAuthorized", bob.update, "networks", made["id"], name="mine")
    assert "update_network" in sentence


def test_only_the_operator_shares_with_everybody(alice: Desk) -> None:
    sentence = alice.refused(403, "PolicyNotAuthorized", alice.network, shared=True)
    assert sentence == "(rule:create_network and rule:create_network:shared) is disallowed by policy"


def test_ossa_2014_031_giving_the_present_value_of_an_operators_attribute_is_refused(alice: Desk) -> None:
    made = alice.network()
    alice.refused(403, "PolicyNotAuthorized", alice.update, "networks", made["id"], shared=False)


def test_a_network_with_ports_is_not_deleted(alice: Desk) -> None:
    made = alice.network()
    port = alice.port(made)
    sentence = alice.refused(409, "NetworkInUse", alice.delete, "networks", made["id"])
    assert port["id"] in sentence
    alice.delete("ports", port["id"])
    alice.subnet(made)
    alice.delete("networks", made["id"])
    assert alice.index("networks") == alice.index("subnets") == []


def test_sharing_is_not_taken_from_those_who_use_it(admin: Desk, bob: Desk) -> None:
    made = admin.network(shared=True)
    port = bob.port(made)
    admin.refused(409, "InvalidSharedSetting", admin.update, "networks", made["id"], shared=False)
    bob.delete("ports", port["id"])
    assert admin.update("networks", made["id"], shared=False)["shared"] is False
    bob.refused(404, "NetworkNotFound", bob.show, "networks", made["id"])


@pytest.mark.parametrize("mtu", [1501, 9000])
def test_an_mtu_that_the_wire_does_not_carry_is_refused(admin: Desk, mtu: int) -> None:
    sentence = admin.refused(400, "InvalidInput", admin.network, mtu=mtu)
    assert sentence == "Invalid input for operation: Requested MTU is too big, maximum is 1500."


def test_a_subnet_needs_its_familys_least_mtu(admin: Desk) -> None:
    made = admin.network(mtu=1000)
    admin.refused(409, "NetworkMTUSubnetConflict", admin.subnet, made, "2001:db8::/64")
    admin.subnet(made)
    admin.refused(409, "NetworkMTUSubnetConflict", admin.update, "networks", made["id"], mtu=60)


def test_a_physical_network_carries_one_flat_network(admin: Desk) -> None:
    flat = {"provider:network_type": "flat", "provider:physical_network": "physnet1"}
    made = admin.network(**flat, **{"router:external": True})
    assert made["router:external"] is True
    assert made["provider:physical_network"] == "physnet1"
    admin.refused(409, "FlatNetworkInUse", admin.network, **flat)
    admin.refused(400, "InvalidInput", admin.network, **{"provider:network_type": "vxlan"})


def test_an_external_network_is_seen_by_all_and_takes_no_ports_of_theirs(admin: Desk, bob: Desk) -> None:
    made = admin.network(**{"router:external": True})
    assert bob.show("networks", made["id"])["router:external"] is True
    bob.refused(403, "PolicyNotAuthorized", bob.port, made)


def test_if_match_lets_one_of_two_writers_win(alice: Desk) -> None:
    made = alice.network()
    first = made["revision_number"]
    body = {"network": {"name": "a"}}
    alice.ask("networks", "update", id=made["id"], body=body, if_match=first)
    sentence = alice.refused(
        412, "RevisionNumberConstraintFailed", alice.delete, "networks", made["id"], if_match=first
    )
    assert sentence == f"Constrained to {first}, but current revision is {first + 1}"


def test_a_bulk_create_is_all_or_nothing(alice: Desk) -> None:
    bulk = {"networks": [{"name": "a"}, {"name": "b"}]}
    made = alice.ask("networks", "create", body=bulk)
    assert made.status == 201
    assert [one["name"] for one in (made.body or {})["networks"]] == ["a", "b"]
    network = alice.network(name="c")
    alice.subnet(network, "10.0.0.0/24")
    subnet = {"network_id": network["id"], "ip_version": 4}
    both = {"subnets": [{**subnet, "cidr": "10.1.0.0/24"}, {**subnet, "cidr": "10.0.0.0/25"}]}
    alice.refused(400, "InvalidInput", alice.ask, "subnets", "create", body=both)
    assert len(alice.index("subnets")) == 1


def test_a_project_has_its_quota_and_no_more(alice: Desk, admin: Desk) -> None:
    admin.ask("quotas", "update", id=ALICE, body={"quota": {"network": 2}})
    body: dict[str, list[dict[str, str]]] = {"networks": [{}, {}, {}]}
    sentence = alice.refused(409, "OverQuota", alice.ask, "networks", "create", body=body)
    assert sentence == "Quota exceeded for resources: ['network']."
    alice.network()
    alice.network()
    alice.refused(409, "OverQuota", alice.network)
    details = (alice.ask("quotas", "details", id=ALICE).body or {})["quota"]
    assert details["network"] == {"limit": 2, "used": 2, "reserved": 0}


def test_another_project_is_named_by_the_operator_alone(alice: Desk, admin: Desk) -> None:
    assert admin.network(tenant_id=BOB)["project_id"] == BOB
    alice.refused(400, "HTTPBadRequest", alice.network, project_id=BOB)


def test_fields_narrow_what_is_shown(alice: Desk) -> None:
    made = alice.network(name="x")
    shown = alice.show("networks", made["id"], fields=frozenset({"id", "name", "provider:network_type"}))
    assert shown == {"id": made["id"], "name": "x"}


def test_every_taggable_resource_has_its_tags_within_its_owners_project(alice: Desk, bob: Desk) -> None:
    made = alice.network()
    alice.ask("networks", "tags.update_all", id=made["id"], body={"tags": ["red", "blue"]})
    assert alice.show("networks", made["id"])["tags"] == ("blue", "red")
    assert alice.ask("networks", "tags.show", id=made["id"], sub="red").status == 204
    alice.ask("networks", "tags.delete", id=made["id"], sub="red")
    alice.refused(404, "TagNotFound", alice.ask, "networks", "tags.show", id=made["id"], sub="red")
    bob.refused(404, "TagResourceNotFound", bob.ask, "networks", "tags.index", id=made["id"])


def test_ossa_2024_005_tags_are_their_resources_owners_to_change(admin: Desk, bob: Desk) -> None:
    made = admin.network(shared=True)
    for action, sub in (("tags.update", "x"), ("tags.delete_all", "")):
        bob.refused(403, "PolicyNotAuthorized", bob.ask, "networks", action, id=made["id"], sub=sub)
    assert RESOURCES["networks"].tags
