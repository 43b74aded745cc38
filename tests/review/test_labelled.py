"""How much the rules find of what is labelled, and how often they cry wolf."""

from __future__ import annotations

import pytest

from deuteron.review.rules import RULES
from tests.review.labelled_parts import Part, parts

PARTS = parts()


def told(part: Part) -> str:
    return f"{part.name} ({part.reason}): labelled {sorted(part.rules)}, found {sorted(part.found)}"


def test_the_set_is_large_enough_to_mean_something() -> None:
    assert len(PARTS) >= 120
    assert sum(part.bad for part in PARTS) >= 60
    assert sum(not part.bad for part in PARTS) >= 50


def test_at_most_one_alarm_in_ten_is_false() -> None:
    right = sum(len(part.found & part.wanted) for part in PARTS)
    false = [part for part in PARTS if part.found - part.wanted]
    alarms = sum(len(part.found) for part in PARTS)
    print(f"{alarms} alarms, {right} right: precision {right / alarms:.3f}")
    assert right / alarms >= 0.9, "\n".join(map(told, false))


def test_nine_of_ten_faults_are_found() -> None:
    wanted = sum(len(part.wanted) for part in PARTS)
    right = sum(len(part.found & part.wanted) for part in PARTS)
    missed = [part for part in PARTS if part.wanted - part.found]
    print(f"{wanted} faults, {right} found: recall {right / wanted:.3f}")
    assert right / wanted >= 0.9, "\n".join(map(told, missed))


@pytest.mark.parametrize("rule", [rule.id for rule in RULES])
def test_each_rule_tells_a_bad_function_from_a_good_one(rule: str) -> None:
    bad = [part for part in PARTS if part.bad and rule in part.rules]
    good = [part for part in PARTS if not part.bad and rule in part.rules]
    assert bad, f"nothing bad is labelled {rule}"
    assert any(rule in part.found for part in bad), "\n".join(map(told, bad))
    assert good or rule == "R202", f"nothing good is labelled {rule}"
    assert any(rule not in part.found for part in good), "\n".join(map(told, good))
