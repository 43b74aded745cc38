"""The packaged rules beside those of Neutron 29, which were recorded from it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oslo_policy import _checks, _parser

from deuteron.identity.caller import Caller
from deuteron.identity.policy import Policy, _packaged
from deuteron.identity.policy_rules import parse

NEUTRON: dict[str, str] = json.loads(
    (Path(__file__).parents[1] / "data" / "neutron-29-policy.json").read_text()
)
SERVED = (
    "network|subnet|subnetpool|address_scope|port|router|floatingip|floatingip_port_forwarding|quota|rbac_policy"
    "|availability_zone|agent|network_ip_availability"
)
MEMBERS = (
    *("add_router_interface", "remove_router_interface", "add_extraroutes", "remove_extraroutes"),
    *("add_external_gateways", "update_external_gateways", "remove_external_gateways"),
    *("onboard_network_subnets", "add_prefixes", "remove_prefixes"),
)
#: An extension that is not served brings these attributes.
ELSEWHERE = {"create_router:evpn_vni", "get_router:evpn_vni"}
#: Neutron asks ``default`` for these, which have no rule of their own there.
UNRULED = {
    *("create_network:mtu", "update_network:mtu"),
    *(f"create_rbac_policy:{name}" for name in ("object_type", "object_id", "action")),
}

ROLES = ("admin", "manager", "member", "reader", "service", "advsvc", "Member")


def served() -> set[str]:
    """Neutron's names for the actions that are served."""
    found = {name for name in NEUTRON if re.fullmatch(rf"(create|get|update|delete)_({SERVED})(:.*)?", name)}
    return found | {name for name in NEUTRON if name.partition(":")[0] in MEMBERS}


def test_every_action_that_is_served_has_neutrons_rule() -> None:
    ours = _packaged()
    assert served() - ELSEWHERE <= set(ours)
    theirs = NEUTRON | dict.fromkeys(UNRULED, NEUTRON["default"])
    assert {name: one.check for name, one in ours.items()} == {name: parse(theirs[name]) for name in ours}


def test_no_rule_is_neutrons_and_something_else() -> None:
    assert set(_packaged()) - set(NEUTRON) == UNRULED


class _Owner(_checks.Check):
    def __call__(self, target: Any, creds: Any, enforcer: Any, current_rule: Any = None) -> bool:
        return bool(self.match % target == creds["project_id"])


class _Field(_checks.Check):
    def __call__(self, target: Any, creds: Any, enforcer: Any, current_rule: Any = None) -> bool:
        collection, _, rest = self.match.partition(":")
        name, _, value = rest.partition("=")
        found = target.get(name)
        if found is None and (collection, name) == ("networks", "shared"):
            found = target["network:shared"]
        if value.startswith("~"):
            return found is not None and bool(re.match(value[1:], found))
        return found is True


class _Enforcer:
    rules: dict[str, Any]


@pytest.fixture(scope="module")
def neutron() -> Any:
    """oslo.policy with Neutron's own rules and checks."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(_checks.registered_checks, "project_id", _Owner)
        patched.setitem(_checks.registered_checks, "field", _Field)
        enforcer = _Enforcer()
        enforcer.rules = {name: _parser.parse_rule(text) for name, text in NEUTRON.items()}
        yield enforcer


@settings(max_examples=40, deadline=None)
@given(
    st.sets(st.sampled_from(ROLES), max_size=2),
    st.sampled_from("ab"),
    st.fixed_dictionaries(
        {
            "project_id": st.sampled_from("ab"),
            "network:project_id": st.sampled_from("ab"),
            "ext_parent:project_id": st.sampled_from("ab"),
            "network:shared": st.booleans(),
            "device_owner": st.sampled_from(("", "network:dhcp", "compute:nova", "manila:share")),
        },
        optional={"shared": st.booleans(), "router:external": st.booleans()},
    ),
)
def test_a_caller_may_exactly_what_neutron_lets_them(
    neutron: Any, roles: set[str], project: str, target: dict[str, Any]
) -> None:
    policy = _POLICY
    caller = Caller("u", project, frozenset(roles))
    credentials: Any = caller.credentials()
    for action in sorted(served() - ELSEWHERE):
        expected = bool(_checks._check(neutron.rules[action], target, credentials, neutron, None))
        assert policy.may(caller, action, target) == expected, action


_POLICY = Policy()


@pytest.mark.parametrize("scope", [{"system": True}, {"domain_id": "d"}])
def test_a_token_for_no_project_may_nothing(scope: Any) -> None:
    caller = Caller("u", "", frozenset({"admin"}), **scope)
    assert not any(_POLICY.may(caller, action, {"project_id": ""}) for action in served())
