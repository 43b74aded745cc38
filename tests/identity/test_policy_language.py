"""The rules' language beside oslo.policy itself: same rule, same caller, same target, same answer."""

from __future__ import annotations

import logging
import logging.handlers
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oslo_policy import _checks, _parser

from deuteron.identity.policy_checks import holds, resolve
from deuteron.identity.policy_rules import LENGTH, RuleError, parse

NAMES = ("one", "two", "three")
KEYS = ("project_id", "user_id", "name", "shared", "network:project_id")
VALUES = ("a", "b", "A", "true", "True", "None", "")


class OwnerOfNeutron(_checks.Check):
    """Neutron's, for what is in the target."""

    def __call__(self, target: Any, creds: Any, enforcer: Any, current_rule: Any = None) -> bool:
        key = self.match[2:-2]
        return key in target and bool(creds.get("project_id")) and str(target[key]) == creds["project_id"]


class FieldOfNeutron(_checks.Check):
    """Neutron's, for booleans."""

    def __call__(self, target: Any, creds: Any, enforcer: Any, current_rule: Any = None) -> bool:
        _collection, _, rest = self.match.partition(":")
        name, _, value = rest.partition("=")
        return bool(target.get(name) is (value == "True"))


class Enforcer:
    """All that oslo.policy's checks ask of theirs."""

    def __init__(self, rules: dict[str, Any]) -> None:
        self.rules = rules


@pytest.fixture(autouse=True)
def neutrons_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(_checks.registered_checks, "project_id", OwnerOfNeutron)
    monkeypatch.setitem(_checks.registered_checks, "tenant_id", OwnerOfNeutron)
    monkeypatch.setitem(_checks.registered_checks, "field", FieldOfNeutron)
    logging.getLogger("oslo_policy").setLevel(logging.CRITICAL)


places = st.sampled_from(KEYS).map(lambda key: f"%({key})s")
matches = st.one_of(
    st.sampled_from(("a", "b", "A", "None", "True", "x%%y")), places, places.map(lambda one: f"a{one}b{one}")
)
checks = st.one_of(
    st.sampled_from(("@", "!")),
    st.sampled_from(NAMES).map(lambda name: f"rule:{name}"),
    matches.map(lambda match: f"role:{match}"),
    st.sampled_from(KEYS).map(lambda key: f"project_id:%({key})s"),
    st.sampled_from(
        ("field:networks:name=~a", "field:networks:shared=True", "field:nets:shared=False")
    ).filter(lambda one: "~" not in one),
    st.tuples(
        st.sampled_from(
            ("user_id", "is_admin", "roles", "nested.key", "gone.key", "True", "None", "'a'", "7")
        ),
        matches,
    ).map(":".join),
)
rules = st.recursive(
    checks,
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=4).map(" and ".join),
        st.lists(inner, min_size=2, max_size=4).map(" or ".join),
        inner.map(lambda one: f"not {one}"),
        inner.map(lambda one: f"( {one})"),
        inner.map(lambda one: f"NOT ({one} )"),
        st.tuples(inner, inner).map(lambda two: f"({two[0]}) AND\t{two[1]}"),
    ),
    max_leaves=8,
)
targets = st.fixed_dictionaries(
    {},
    optional={
        "shared": st.booleans(),
        **{
            key: st.one_of(st.sampled_from(VALUES), st.integers(0, 9))
            for key in ("project_id", "user_id", "name", "network:project_id")
        },
    },
)
credentials = st.fixed_dictionaries(
    {
        "roles": st.lists(st.sampled_from(("a", "b", "A", "admin", "axbx")), max_size=3),
        "user_id": st.sampled_from(("a", "b", None)),
        "project_id": st.sampled_from(("a", "b", "")),
        "is_admin": st.booleans(),
        "nested": st.fixed_dictionaries({"key": st.sampled_from((["a", "b"], "a", 7))}),
    }
)


def ours(texts: dict[str, Any], rule: Any, target: dict[str, Any], caller: dict[str, Any]) -> bool:
    parsed = {name: parse(text) for name, text in texts.items()}
    return holds(resolve(parse(rule), parsed, caller), target)


def theirs(texts: dict[str, Any], rule: Any, target: dict[str, Any], caller: dict[str, Any]) -> bool:
    enforcer: Any = Enforcer({name: _parser.parse_rule(text) for name, text in texts.items()})
    return bool(_checks._check(_parser.parse_rule(rule), target, caller, enforcer, None))


@settings(max_examples=300, deadline=None)
@given(rules, checks.filter(lambda one: "rule:" not in one), targets, credentials)
def test_a_rule_decides_as_oslo_policy_does(
    rule: str, one: str, target: dict[str, Any], caller: dict[str, Any]
) -> None:
    texts = {"one": one, "two": "rule:one or role:b", "three": "not rule:two"}
    assert ours(texts, rule, target, caller) == theirs(texts, rule, target, caller)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.one_of(checks, st.lists(checks, max_size=3)), max_size=3),
    targets,
    credentials,
)
def test_the_older_list_form_decides_as_oslo_policy_does(
    rule: list[Any], target: dict[str, Any], caller: dict[str, Any]
) -> None:
    texts = {"one": "@", "two": "role:b", "three": "!"}
    assert ours(texts, rule, target, caller) == theirs(texts, rule, target, caller)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ("and", "or", "not", "(", ")", "((", "@", "!", "role:a", "role:b)", "(@", "word", "'q'", "x:")
        ),
        max_size=8,
    ).map(" ".join),
    credentials,
)
def test_what_oslo_policy_does_not_understand_is_refused_and_all_else_decided_alike(
    rule: str, caller: dict[str, Any]
) -> None:
    try:
        parse(rule)
    except RuleError:
        understood = False
    else:
        understood = True
    assert understood == _understood(rule)
    if understood:
        assert ours({}, rule, {}, caller) == theirs({}, rule, {}, caller)


def _understood(rule: str) -> bool:
    """oslo.policy says so only to its log."""
    handler = logging.handlers.BufferingHandler(100)
    _parser.LOG.addHandler(handler)
    _parser.LOG.setLevel("ERROR")
    try:
        _parser.parse_rule(rule)
    finally:
        _parser.LOG.removeHandler(handler)
        _parser.LOG.setLevel("CRITICAL")
    return not handler.buffer


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("not word", "is no check"),
        ("role:admin or", "ends where a check should stand"),
        ("(role:admin", "not closed"),
        ("role:admin)", "stands where"),
        ("http://policy.example/%(name)s", "asks another server"),
        ("project_id:abc", "has to compare with one attribute"),
        ("field:networks", "not of the form"),
        ("field:port:device_owner=~(", "no regular expression"),
        ("role:%(name", "'%' stands before"),
        ("user_id:%(name)d", "'%' stands before"),
        ("1x:a", "neither a literal nor"),
        ("not " * 80 + "@", "nested deeper"),
        ("(" * 80 + "@" + ")" * 80, "nested deeper"),
        ("@ or " * LENGTH + "@", "at most"),
        (7, "a text, or a list"),
        ([["@", 7]], "holds texts"),
    ],
)
def test_a_rule_that_is_none_is_refused_with_the_reason(rule: object, why: str) -> None:
    with pytest.raises(RuleError, match=why):
        parse(rule)


def test_nobodys_project_owns_nothing() -> None:
    nobody: dict[str, Any] = {"project_id": None, "roles": []}
    rule = parse("project_id:%(project_id)s")
    assert not holds(resolve(rule, {}, nobody), {"project_id": ""})
    assert not holds(resolve(rule, {}, nobody), {"project_id": None})
    assert not holds(resolve(rule, {}, {"project_id": ""}), {"project_id": ""})


def test_neutrons_older_names_of_a_targets_keys_are_understood() -> None:
    caller = {"project_id": "p", "roles": []}
    for rule in ("tenant_id:%(tenant_id)s", "project_id:%(tenant_id)s"):
        assert holds(resolve(parse(rule), {}, caller), {"project_id": "p"})
    for rule in ("tenant_id:%(network:tenant_id)s", "tenant_id:%(network_tenant_id)s"):
        assert holds(resolve(parse(rule), {}, caller), {"network:project_id": "p"})


@pytest.mark.parametrize(
    ("value", "rule", "expected"),
    [
        ("network:dhcp", "field:port:device_owner=~^network:", True),
        ("compute:nova", "field:port:device_owner=~^network:", False),
        (None, "field:port:device_owner=~^network:", False),
        (7, "field:port:device_owner=~7", False),
        ("x", "field:port:device_owner=x", True),
        (1500, "field:port:device_owner=1500", True),
        (True, "field:port:device_owner=yes", True),
    ],
)
def test_a_field_is_compared_as_its_type_asks(value: object, rule: str, expected: bool) -> None:
    assert holds(resolve(parse(rule), {}, {}), {"device_owner": value}) is expected


def test_a_port_is_shared_where_its_network_is() -> None:
    rule = resolve(parse("field:networks:shared=True"), {}, {})
    assert holds(rule, {"network:shared": True})
    assert not holds(rule, {"network:shared": False})
    assert not holds(rule, {"shared": False, "network:shared": True})
