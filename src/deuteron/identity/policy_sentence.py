"""Which rules the attributes of a body ask for, and how Neutron writes them down when it refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from deuteron.resources.refusal import Forbidden


class InvalidScope(Forbidden):
    """The token is for a domain or for the whole cloud; oslo.policy's exception and sentence."""

    sentence = "{action} requires a scope of ['project'], request was made with {scope} scope."


def subordinate(rule: str, value: object, has: Callable[[str], bool]) -> tuple[str, ...]:
    """Keys in an attribute that ask for a rule each: of a list's entries; of a mapping, where there are such.

    Neutron asks for those of a mapping that its API definition types (``external_gateway_info``), and not
    for those of one that is free (``binding:profile``).

    Args:
        rule: of the attribute, ``create_port:fixed_ips``.
        value: as given.
        has: whether there is a rule.
    """
    if isinstance(value, list | tuple):
        return tuple(dict.fromkeys(str(key) for one in value if isinstance(one, Mapping) for key in one))
    if isinstance(value, Mapping):
        return tuple(str(key) for key in value if has(f"{rule}:{key}"))
    return ()


def sentence(action: str, given: Mapping[str, object], has: Callable[[str], bool]) -> str:
    """All rules that were asked, as oslo.policy writes a conjunction: ``(rule:a and rule:a:b)``."""
    joined = f"rule:{action}"
    for name, value in given.items():
        rule = f"{action}:{name}"
        each = " and ".join(f"rule:{rule}:{key}" for key in _keys(rule, value, has))
        joined = f"({joined} and {f'(rule:{rule} and ({each}))' if each else f'rule:{rule}'})"
    return joined


def _keys(rule: str, value: object, has: Callable[[str], bool]) -> Iterator[str]:
    """Neutron writes a key once for each entry of a list."""
    if isinstance(value, list | tuple):
        yield from (str(key) for one in value if isinstance(one, Mapping) for key in one)
    else:
        yield from subordinate(rule, value, has)
