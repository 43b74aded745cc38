"""How deep and how large a rule is once all that it refers to stands in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from deuteron.identity.policy_checks import All, Any_, Check, Not, Rule
from deuteron.identity.policy_rules import DEPTH, RuleError

#: How many checks a rule may have, those of the rules that it refers to counted each time.
SIZE: Final = 10_000

_ON_THE_WAY: Final = (-1, -1)


def weigh(
    name: str, rules: Mapping[str, Check], weighed: dict[str, tuple[int, int]], above: int = 0
) -> tuple[int, int]:
    """The depth and the size of a rule.

    Args:
        name: of the rule.
        rules: all.
        weighed: what is known already; added to.
        above: how many rules refer to it, each to the next.

    Raises:
        RuleError: it refers to itself or to a rule that is not there, or is too deep or too large.
    """
    known = weighed.get(name)
    if known == _ON_THE_WAY:
        raise RuleError(f"'rule:{name}' leads back to itself")
    if known is not None:
        return known
    if name not in rules:
        raise RuleError(f"there is no rule {name!r}")
    if above > DEPTH:
        raise RuleError(f"more than {DEPTH} rules refer each to the next")
    weighed[name] = _ON_THE_WAY
    try:
        weight = _weight(rules[name], rules, weighed, above + 1)
    finally:
        del weighed[name]
    if weight[0] > DEPTH or weight[1] > SIZE:
        raise RuleError(f"with all that it refers to it is deeper than {DEPTH}, or has over {SIZE} checks")
    weighed[name] = weight
    return weight


def _weight(
    check: Check, rules: Mapping[str, Check], weighed: dict[str, tuple[int, int]], above: int
) -> tuple[int, int]:
    match check:
        case Rule(name):
            depth, size = weigh(name, rules, weighed, above)
            return depth + 1, size
        case Not(inner):
            depth, size = _weight(inner, rules, weighed, above)
            return depth + 1, size
        case All(checks) | Any_(checks):
            each = [_weight(one, rules, weighed, above) for one in checks]
            return max(depth for depth, _ in each) + 1, sum(size for _, size in each)
    return 1, 1
