"""One rule over a list says of each what it would say of it alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from deuteron.service.decisions import Decisions

Targets = st.lists(st.dictionaries(st.sampled_from("abcd"), st.integers(0, 2)), max_size=12)


def winding(target: Mapping[str, Any]) -> bool:
    """A rule that looks at one thing or another, as what it has seen so far leads it."""
    if target.get("a") == 1:
        return target.get("b") == 2
    if "c" in target:
        return bool(target["c"] == target.get("d"))
    return False


@settings(max_examples=200, deadline=None)
@given(Targets)
def test_what_is_remembered_is_what_would_be_said(targets: list[dict[str, int]]) -> None:
    decisions = Decisions(winding)
    assert [decisions.of(one) for one in targets] == [winding(one) for one in targets]


def test_a_rule_that_looks_at_nothing_is_asked_once() -> None:
    asked: list[object] = []

    def rule(target: Mapping[str, Any]) -> bool:
        asked.append(target)
        return True

    decisions = Decisions(rule)
    assert all(decisions.of({"a": one}) for one in range(100))
    assert len(asked) == 1
