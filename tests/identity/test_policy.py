"""What policy files do, as an operator and a caller see it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deuteron.errors import DeuteronError, HostError, InputError
from deuteron.identity.caller import Caller
from deuteron.identity.policy import Policy, Target
from deuteron.resources.refusal import Refusal

ADMIN = Caller("root", "ops", frozenset({"admin"}))
ALICE = Caller("alice", "blue", frozenset({"member", "reader"}))
MINE = {"project_id": "blue"}
THEIRS = {"project_id": "red"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    tmp_path.chmod(0o755)
    path = tmp_path / "policy.yaml"
    _write(path, "")
    return path


def _write(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o644)


def test_an_unknown_action_is_denied_to_an_administrator_too(file: Path) -> None:
    policy = Policy()
    assert policy.may(ADMIN, "create_network", THEIRS)
    assert not policy.may(ADMIN, "create_networks", THEIRS)
    _write(file, '"default": "@"')
    assert not Policy([file]).may(ADMIN, "create_networks", THEIRS)


def test_a_route_whose_action_has_no_rule_does_not_start() -> None:
    policy = Policy()
    policy.require(["create_network", "get_port"])
    with pytest.raises(InputError, match=r"'create_networks'.*nor 1 more") as refused:
        policy.require(["create_network", "create_networks", "get_ports"])
    assert refused.value.code == "missing-policy-rule"


def test_an_operators_rule_stands_in_the_place_of_the_packaged_one(file: Path) -> None:
    _write(file, '# a sample\n"create_network": "rule:admin_only"\n"admin_only": "role:boss"\n')
    policy = Policy([file])
    assert not policy.may(ALICE, "create_network", MINE)
    assert policy.may(Caller("b", "x", frozenset({"boss"})), "create_network", MINE)
    assert policy.may(ALICE, "create_router", MINE)


def test_json_and_the_older_list_form_and_bare_signs_are_read(file: Path) -> None:
    _write(file, '{"create_network": [["role:member", "role:reader"], ["role:boss"]], "create_router": "!"}')
    policy = Policy([file])
    assert policy.may(ALICE, "create_network", THEIRS)
    assert not policy.may(ADMIN, "create_network", THEIRS)
    assert not policy.may(ADMIN, "create_router", THEIRS)


def test_a_later_file_is_stronger(file: Path) -> None:
    second = file.with_name("second.yaml")
    _write(file, "create_network: '@'")
    _write(second, "create_network: '!'")
    assert not Policy([file, second]).may(ADMIN, "create_network", MINE)
    assert Policy([second, file]).may(ADMIN, "create_network", MINE)


@pytest.mark.parametrize("text", ["", '# nothing but remarks\n#"create_network": "@"\n', "{}", "~"])
def test_a_file_that_says_nothing_changes_nothing(file: Path, text: str) -> None:
    _write(file, text)
    assert Policy([file]).may(ALICE, "create_network", MINE)


@pytest.mark.parametrize(
    ("text", "place", "why"),
    [
        ("\ncreate_network: role:admin or", ":2", "ends where a check should stand"),
        ("create_network: not nobody", ":1", "is no check"),
        ("create_network: rule:gone", ":1", "no rule 'gone'"),
        ("a: rule:b\nb: rule:a\ncreate_network: rule:a", ":3", "leads back to itself"),
        ("create_network:", ":1", "says nothing"),
        ("create_network: {a: b}", ":1", "a text, or a list"),
        ("- create_network", "", "rules by name"),
        ("create_network: '@'\ncreate_network: '!'", ":2", "stands here twice"),
        ("create_network: [", "", "not YAML"),
    ],
)
def test_a_file_that_is_not_acceptable_is_refused_with_its_place(
    file: Path, text: str, place: str, why: str
) -> None:
    _write(file, text)
    with pytest.raises(InputError) as refused:
        Policy([file])
    assert f"{file}{place}" in refused.value.message
    assert why in refused.value.message


def test_rules_of_what_is_not_served_may_refer_to_rules_that_are_not_known_and_let_nobody_in(
    file: Path,
) -> None:
    _write(file, "create_trunk: not rule:of_trunks\n")
    assert not Policy([file]).may(ADMIN, "create_trunk", MINE)


def test_rules_that_would_take_for_ever_are_refused(file: Path) -> None:
    doubling = "".join(f"r{n}: rule:r{n + 1} and rule:r{n + 1}\n" for n in range(60))
    _write(file, doubling + "r60: '@'\ncreate_network: rule:r0\n")
    with pytest.raises(InputError, match=r"deeper than|over 10000"):
        Policy([file])
    chain = "".join(f"r{n}: rule:r{n + 1}\n" for n in range(5000))
    _write(file, chain + "r5000: '@'\ncreate_network: rule:r0\n")
    with pytest.raises(InputError, match="refer each to the next"):
        Policy([file])


@pytest.mark.parametrize("mode", [0o666, 0o664])
def test_a_file_that_others_may_write_is_refused(file: Path, mode: int) -> None:
    file.chmod(mode)
    with pytest.raises(HostError, match="chmod") as refused:
        Policy([file])
    assert refused.value.code == "unsafe-file"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give a file away")
def test_a_file_of_another_owner_is_refused(file: Path) -> None:
    os.chown(file, 12345, 12345)
    with pytest.raises(HostError) as refused:
        Policy([file])
    assert refused.value.code == "unsafe-file"


def test_a_file_that_is_not_there_is_refused(file: Path) -> None:
    with pytest.raises(HostError) as refused:
        Policy([file.with_name("gone.yaml")])
    assert refused.value.code == "unreadable-file"


def test_a_changed_file_holds_at_once(file: Path) -> None:
    policy = Policy([file], interval=0)
    assert policy.may(ALICE, "create_network", MINE)
    _write(file, "create_network: '!'")
    assert not policy.may(ALICE, "create_network", MINE)
    _write(file, "create_network: '@'")  # of the same size, within the same moment
    assert policy.may(ALICE, "create_network", MINE)


@pytest.mark.parametrize("spoil", ["text", "mode", "gone", "rule"])
def test_what_held_before_holds_where_a_change_is_not_acceptable_and_it_is_told_once(
    file: Path, spoil: str
) -> None:
    told: list[DeuteronError] = []
    _write(file, "create_network: '!'")
    policy = Policy([file], interval=0, trouble=told.append)
    match spoil:
        case "text":
            _write(file, "create_network: [")
        case "mode":
            _write(file, "create_network: '@'")
            file.chmod(0o666)
        case "gone":
            file.unlink()
        case "rule":
            _write(file, "create_network: rule:gone")
    for _ in range(3):
        assert not policy.may(ALICE, "create_network", MINE)
    assert len(told) == 1
    file.unlink(missing_ok=True)
    _write(file, "create_network: '@'")
    assert policy.may(ALICE, "create_network", MINE)


def _refusal(policy: Policy, caller: Caller, action: str, given: dict[str, object]) -> Refusal:
    with pytest.raises(Refusal) as refused:
        policy.enforce(caller, action, MINE, given)
    return refused.value


def test_a_refusal_names_the_rules_as_neutron_does() -> None:
    policy = Policy()
    policy.enforce(ALICE, "create_network", MINE)
    refused = _refusal(policy, ALICE, "create_network", {"shared": True})
    assert (refused.status, refused.type) == (403, "PolicyNotAuthorized")
    assert refused.message == "(rule:create_network and rule:create_network:shared) is disallowed by policy"
    reader = Caller("r", "blue", frozenset({"reader"}))
    assert (
        _refusal(policy, reader, "create_network", {}).message
        == "rule:create_network is disallowed by policy"
    )


def test_an_attribute_asks_by_its_presence_whatever_its_value() -> None:
    policy = Policy()
    for value in (True, False, None):
        _refusal(policy, ALICE, "update_network", {"shared": value})


def test_what_is_within_an_attribute_asks_too() -> None:
    policy = Policy()
    policy.enforce(ALICE, "create_router", MINE, {"external_gateway_info": {"network_id": "n"}})
    refused = _refusal(
        policy, ALICE, "create_router", {"external_gateway_info": {"network_id": "n", "enable_snat": False}}
    )
    assert refused.message == (
        "(rule:create_router and (rule:create_router:external_gateway_info and"
        " (rule:create_router:external_gateway_info:network_id and"
        " rule:create_router:external_gateway_info:enable_snat))) is disallowed by policy"
    )
    target = {**MINE, "network:project_id": "red", "network:shared": True}
    policy.enforce(ALICE, "create_port", target, {"fixed_ips": [{"subnet_id": "s"}]})
    with pytest.raises(Refusal):
        policy.enforce(
            ALICE, "create_port", target, {"fixed_ips": [{"subnet_id": "s"}, {"ip_address": "10.0.0.9"}]}
        )


def test_an_attribute_without_a_rule_that_was_to_be_asked_is_denied() -> None:
    _refusal(Policy(), ADMIN, "create_network", {"surprise": 1})


def test_a_token_of_the_whole_cloud_is_refused_with_its_scope() -> None:
    system = Caller("s", "", frozenset({"admin"}), system=True)
    refused = _refusal(Policy(), system, "create_network", {})
    assert (refused.status, refused.type) == (403, "InvalidScope")
    assert refused.message == (
        "rule:create_network requires a scope of ['project'], request was made with system scope."
    )


def test_a_caller_sees_the_attributes_that_no_rule_hides() -> None:
    policy, names = Policy(), ("id", "name", "provider:network_type", "router:external")
    seen = policy.visible_attributes(ALICE, "get_network", names, MINE)
    assert seen == {"id", "name", "router:external"}
    assert policy.visible_attributes(ADMIN, "get_network", names, MINE) == set(names)


def test_who_is_an_administrator_is_the_rules_to_say(file: Path) -> None:
    assert Policy().known(ADMIN).is_admin
    assert not Policy().known(ALICE).is_admin
    _write(file, "context_is_admin: role:boss")
    assert not Policy([file]).known(ADMIN).is_admin


def test_what_is_around_a_target_is_got_once_and_only_when_a_rule_asks() -> None:
    asked: list[str] = []

    def around(key: str) -> object:
        asked.append(key)
        return "blue" if key == "network:project_id" else None

    policy = Policy()
    target = Target(THEIRS, around)
    assert policy.may(ADMIN, "get_port", target)
    assert asked == []
    assert policy.may(ALICE, "get_port", target)
    assert policy.may(ALICE, "get_port", target)
    assert asked == ["network:project_id"]
    assert not policy.may(ALICE, "get_floatingip_port_forwarding", target)
    assert asked == ["network:project_id", "ext_parent:project_id"]
