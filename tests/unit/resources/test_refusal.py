"""Refusals: Neutron's names, statuses and sentences; nothing of users in their code."""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from deuteron.codes import codes
from deuteron.resources import refusal
from deuteron.resources.refusal import Refusal, RouterInUse, not_found
from tests.unit.resources.neutron import module

SOURCE: Final = Path(refusal.__file__).parents[1]
CLASSES: Final[dict[str, type[Refusal]]] = {
    name: one
    for name in refusal.__all__
    for one in [getattr(refusal, name)]
    if isinstance(one, type) and issubclass(one, Refusal)
}
WHERE: Final = ("", ".l3", ".address_scope", ".agent", ".availability_zone", ".external_net", ".extraroute")
STATUS: Final = {
    "NotFound": 404,
    "Conflict": 409,
    "InUse": 409,
    "BadRequest": 400,
    "ServiceUnavailable": 503,
    "NotAuthorized": 403,
}
#: Where the other status is better: Neutron answers 500.
OTHER_STATUS: Final = {"SubnetAllocationError": "what the pool cannot give is no failure of the server"}
#: The base of all bad requests is raised with facts of its own.
GENERIC: Final = {"BadRequest", "Conflict", "NotFound"}
WITH_DEFAULT: Final = {"reason", "object_type"}


def theirs(name: str) -> Any:
    found = [getattr(module(f"exceptions{where}"), name, None) for where in WHERE]
    return next((one for one in found if one is not None), None)


SHARED: Final = sorted(name for name in CLASSES if name not in GENERIC and theirs(name) is not None)


def facts(sentence: str) -> set[str]:
    return {field for _, field, _, _ in string.Formatter().parse(sentence) if field}


@pytest.mark.parametrize("name", SHARED)
def test_a_refusal_says_what_neutrons_exception_says(name: str) -> None:
    given = {fact: f"<{fact}>" for fact in facts(CLASSES[name].sentence)}
    assert CLASSES[name](**given).message == theirs(name)(**given).msg


@pytest.mark.parametrize("name", SHARED)
def test_a_refusal_has_the_status_that_neutron_answers(name: str) -> None:
    above = [STATUS[one.__name__] for one in theirs(name).__mro__ if one.__name__ in STATUS]
    assert (above[:1] or [500]) == [CLASSES[name].status] or name in OTHER_STATUS


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_a_refusal_is_logged_by_a_code_that_names_nobody(name: str) -> None:
    one = CLASSES[name](**dict.fromkeys(facts(CLASSES[name].sentence), "secret"))
    assert one.code == f"refused-{one.status}"
    assert one.code in codes()
    assert one.type == name


def test_a_default_reason_gives_way_to_one_that_is_given() -> None:
    assert RouterInUse(router_id="r").message == "Router r still has ports"
    assert RouterInUse(router_id="r", reason="is busy").message == "Router r is busy"


def test_a_sentence_keeps_what_was_given_as_it_is_and_shows_a_terminal_an_escape() -> None:
    one = refusal.HTTPBadRequest(message="a\x1b[31m\nb")
    assert one.message == "a\x1b[31m\nb"
    assert "\x1b" not in str(one)
    assert "\n" not in str(one)


def test_braces_in_what_was_given_are_only_text() -> None:
    assert refusal.InvalidInput(error_message="{0.__class__}").message.endswith("{0.__class__}.")


def test_not_found_names_each_resource_as_neutron_does() -> None:
    assert not_found("network", "x").type == "NetworkNotFound"
    assert not_found("router", "x").message == "Router x could not be found"
    assert not_found("nothing", "x").type == "HTTPNotFound"


def test_every_place_that_refuses_gives_the_facts_of_the_sentence() -> None:
    texts = {path: path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.py")}
    trees = {path.name: ast.parse(text) for path, text in texts.items() if "resources" in text}
    wrong = [
        f"{name}:{call.lineno} {one.__name__}"
        for name, tree in trees.items()
        for call, one in refusals_of(tree)
        if not fits(call, one)
    ]
    assert wrong == []


def refusals_of(tree: ast.Module) -> Iterator[tuple[ast.Call, type[Refusal]]]:
    """The calls of what is imported of `refusal`, by its name or as ``refusal.Name``."""
    imported = {
        one.asname or one.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == refusal.__name__
        for one in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            name = called.removeprefix("refusal.")
            if name in CLASSES and (name in imported or called != name):
                yield node, CLASSES[name]


def fits(call: ast.Call, one: type[Refusal]) -> bool:
    given = {keyword.arg for keyword in call.keywords}
    return None in given or facts(one.sentence) - given <= WITH_DEFAULT
