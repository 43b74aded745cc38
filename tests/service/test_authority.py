"""Which rules a request asks, who counts as an administrator, and what a token for no project gets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from deuteron.errors import InputError
from deuteron.identity.caller import Caller
from deuteron.identity.policy import Policy, Rules
from deuteron.resources import RESOURCES
from deuteron.resources.refusal import Refusal
from deuteron.service.authority import Authority
from deuteron.service.verbs import Service
from deuteron.store.store import Store
from tests.service.conftest import ALICE, OPERATOR, Desk, person

Ruled = Callable[[str], Desk]


@pytest.fixture
def ruled(store: Store, tmp_path: Path) -> Ruled:
    """Alice, where an operator's file holds as well."""
    tmp_path.chmod(0o755)

    def made(rules: str) -> Desk:
        path = tmp_path / "policy.yaml"
        path.write_text(rules)
        path.chmod(0o644)
        return Desk(Service(store, Policy([path])), person(ALICE, "member", "reader"))

    return made


def unscoped(desk: Desk, **scope: Any) -> Desk:
    """The same person with a token for no project."""
    return Desk(desk.service, msgspec.structs.replace(desk.caller, project_id="", **scope))


@pytest.mark.parametrize("scope", [{"system": True}, {"domain_id": "d"}])
def test_a_token_for_no_project_is_told_that_there_is_nothing_to_change(admin: Desk, scope: Any) -> None:
    network, router = admin.network(), admin.create("routers")
    nobody = unscoped(admin, **scope)
    nobody.refused(404, "NetworkNotFound", nobody.update, "networks", network["id"], name="x")
    nobody.refused(404, "NetworkNotFound", nobody.delete, "networks", network["id"])
    action = "add_router_interface"
    nobody.refused(404, "RouterNotFound", nobody.ask, "routers", action, id=router["id"], body={})
    tags = {"id": network["id"], "body": {"tags": ["a"]}}
    nobody.refused(404, "TagResourceNotFound", nobody.ask, "networks", "tags.update_all", **tags)
    assert nobody.index("networks") == []
    assert admin.show("networks", network["id"])["name"] == ""


@pytest.mark.parametrize("scope", [{"system": True}, {"domain_id": "d"}])
def test_what_such_a_token_can_see_by_a_hole_it_still_cannot_change(
    admin: Desk, store: Store, scope: Any
) -> None:
    """`Authority.change` by itself: the refusal of the scope becomes a 404 as that of a rule does."""
    caller = unscoped(admin, **scope).caller
    with pytest.raises(Refusal) as caught:
        store.look(
            lambda unit: Authority(unit, Policy(), caller).change(
                "update_network", RESOURCES["networks"], {"project_id": ""}, {}
            )
        )
    assert (caught.value.status, caught.value.type) == (404, "HTTPNotFound")


def test_a_token_for_no_project_may_not_create(admin: Desk) -> None:
    """Nor is who has it an administrator, who could name another's project."""
    nobody = unscoped(admin, system=True)
    nobody.refused(400, "HTTPBadRequest", nobody.network, project_id=admin.caller.project_id)
    assert admin.index("networks") == []


@pytest.mark.parametrize(
    "missing",
    [
        *("get_port", "update_network:mtu", "create_rbac_policy:object_id", "add_router_interface"),
        *("create_port:fixed_ips:subnet_id", "update_router:external_gateway_info:enable_snat"),
        *("create_network:tags", "delete_floatingip_port_forwarding"),
    ],
)
def test_the_service_does_not_start_where_a_rule_that_it_asks_is_missing(store: Store, missing: str) -> None:
    policy = Policy()
    rules = {name: check for name, check in policy._rules.rules.items() if name != missing}
    policy._rules = Rules(rules)
    with pytest.raises(InputError, match=missing) as caught:
        Service(store, policy)
    assert caught.value.code == "missing-policy-rule"


def test_an_attribute_never_asks_the_default_rule(ruled: Ruled) -> None:
    alice = ruled('"default": "!"\n')
    network = alice.network(mtu=1400)
    assert alice.update("networks", network["id"], mtu=1300)["mtu"] == 1300


def test_a_loose_default_rule_opens_no_attribute(ruled: Ruled, admin: Desk) -> None:
    alice = ruled('"default": "@"\n"update_network": "role:member"\n')
    network = admin.network(shared=True)
    sentence = alice.refused(
        403, "PolicyNotAuthorized", alice.update, "networks", network["id"], name="x", mtu=1300
    )
    assert sentence == "(rule:update_network and rule:update_network:mtu) is disallowed by policy"


def test_an_operator_can_forbid_the_mtu(ruled: Ruled) -> None:
    alice = ruled('"create_network:mtu": "!"\n')
    alice.refused(403, "PolicyNotAuthorized", alice.network, mtu=1400)
    assert alice.network()["mtu"] == 1500


def test_a_member_cannot_choose_snat_or_the_gateways_address(admin: Desk, alice: Desk) -> None:
    outside = admin.network(**{"router:external": True})
    subnet = admin.subnet(outside, "203.0.113.0/24")
    for more in (
        {"enable_snat": True},
        {"external_fixed_ips": [{"subnet_id": subnet["id"]}]},
    ):
        gateway = {"network_id": outside["id"], **more}
        (key,) = more
        sentence = alice.refused(
            403, "PolicyNotAuthorized", alice.create, "routers", external_gateway_info=gateway
        )
        rule = "rule:create_router:external_gateway_info"
        inner = f"{rule}:network_id and {rule}:{key}"
        assert sentence == f"(rule:create_router and ({rule} and ({inner}))) is disallowed by policy"
    router = alice.create("routers", external_gateway_info={"network_id": outside["id"]})
    gateway = {"network_id": outside["id"], "enable_snat": False}
    alice.refused(
        403, "PolicyNotAuthorized", alice.update, "routers", router["id"], external_gateway_info=gateway
    )
    admin.update("routers", router["id"], external_gateway_info=gateway)


def test_who_shares_a_network_chooses_the_subnet_and_not_the_address(admin: Desk, alice: Desk) -> None:
    network = admin.network(shared=True)
    subnet = admin.subnet(network)
    port = alice.port(network, fixed_ips=[{"subnet_id": subnet["id"]}])
    sentence = alice.refused(
        403, "PolicyNotAuthorized", alice.port, network, fixed_ips=[{"ip_address": "10.0.0.9"}]
    )
    assert "rule:create_port:fixed_ips:ip_address" in sentence
    both = [{"subnet_id": subnet["id"], "ip_address": "10.0.0.9"}]
    alice.refused(403, "PolicyNotAuthorized", alice.update, "ports", port["id"], fixed_ips=both)


def test_the_policy_says_who_is_an_administrator(ruled: Ruled, admin: Desk, bob: Desk) -> None:
    service = ruled('"context_is_admin": "role:boss"\n').service
    theirs = bob.network(name="b")
    boss = Desk(service, Caller("u", ALICE, frozenset({"boss"})))
    assert [one["id"] for one in boss.index("networks")] == [theirs["id"]]
    assert boss.network(project_id=bob.caller.project_id)["project_id"] == bob.caller.project_id
    former = Desk(service, admin.caller)
    assert former.caller.is_admin
    assert former.index("networks") == []
    former.refused(404, "NetworkNotFound", former.delete, "networks", theirs["id"])


def test_a_loose_rule_does_not_lead_onto_a_network_that_is_not_seen(ruled: Ruled, bob: Desk) -> None:
    alice, theirs = ruled('"create_port": "@"\n"create_subnet": "@"\n'), bob.network()
    alice.refused(404, "NetworkNotFound", alice.port, theirs)
    alice.refused(404, "NetworkNotFound", alice.subnet, theirs)


def test_a_list_decides_by_the_network_of_each_port(ruled: Ruled, admin: Desk) -> None:
    alice = ruled('"get_port": "project_id:%(network:project_id)s"\n')
    own, shared = alice.network(), admin.network(shared=True)
    ports = [alice.port(network) for network in (shared, own, shared, own)]
    assert {one["id"] for one in alice.index("ports")} == {ports[1]["id"], ports[3]["id"]}


def test_a_list_decides_by_whom_each_ports_network_is_shared_with(ruled: Ruled, admin: Desk) -> None:
    alice = ruled('"get_port": "rule:shared"\n')
    own, shared = alice.network(), admin.network(shared=True)
    ports = [alice.port(network) for network in (own, shared, own, shared)]
    assert {one["id"] for one in alice.index("ports")} == {ports[1]["id"], ports[3]["id"]}


def test_a_rule_that_asks_whose_a_port_is_holds_for_every_port_of_a_list(store: Store, ruled: Ruled) -> None:
    """Lists of who sees all alike are kept as text; this administrator does not."""
    alice = ruled(
        '"get_port": "project_id:%(project_id)s or role:auditor"\n'
        '"get_port:mac_address": "project_id:%(project_id)s"\n'
    )
    service = alice.service
    admin = Desk(service, person(OPERATOR, "admin", "manager", "member", "reader"))
    auditor = Desk(service, person(OPERATOR, "admin", "auditor"))
    alice.port(alice.network())
    own = admin.port(admin.network())
    assert [one["id"] for one in admin.index("ports")] == [own["id"]]
    assert {one["id"] for one in auditor.index("ports") if "mac_address" in one} == {own["id"]}
    assert len(auditor.index("ports")) == 2
