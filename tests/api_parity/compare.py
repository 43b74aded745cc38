"""What two answers say differently, attribute by attribute."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from tests.api_parity.recording import Step
from tests.api_parity.symbols import Bindings

ABSENT: Final = "(absent)"
#: Lists without an order: the peer's database gives them in any.
UNORDERED: Final = frozenset(
    {
        "tags",
        "subnets",
        "fixed_ips",
        "external_fixed_ips",
        "allocation_pools",
        "dns_nameservers",
        "host_routes",
        "routes",
        "prefixes",
        "port_forwardings",
        "subnet_ip_availability",
        "service_types",
        "extensions",
        "availability_zones",
        "resources",
        "ports",
    }
)
#: Attributes that tell one of a list from the others, where its id does not.
_NAMES: Final = ("alias", "agent_type")


class Difference(msgspec.Struct, frozen=True):
    """One thing that the peer says and we say otherwise.

    Attributes:
        request: ``POST /v2.0/ports``.
        at: ``ports[].security_groups``, ``headers.allow``; ``answer`` where one side refuses, or another way;
            ``request`` where it could not be sent.
        neutron: what the peer says there, as JSON.
        deuteron: what we say.
        step: the number of the request in its recording.
    """

    request: str
    at: str
    neutron: str
    deuteron: str
    step: int = 0


class Answer(msgspec.Struct, frozen=True):
    """What we said."""

    status: int
    body: Any
    text: str
    headers: dict[str, str]


def compare(number: int, step: Step, ours: Answer, bindings: Bindings) -> list[Difference]:
    """The differences of one answer; the symbols that it is the first to say are bound."""

    def found() -> Iterator[tuple[str, Any, Any]]:
        for name, value in step.shown.items():
            if name not in ours.headers:
                yield f"headers.{name}", value, ABSENT
            elif not bindings.equal(value.lower(), ours.headers[name].lower()):
                yield f"headers.{name}", value, ours.headers[name]
        if not bindings.equal(step.text, ours.text):
            yield "text", step.text, ours.text
        if step.status < 300 and ours.status == step.status:
            yield from values(step.answer, ours.body, "", bindings, ordered="sort_key=" in step.path)

    one = _in_order(outcome(step.status, step.answer), bindings)
    other = _in_order(outcome(ours.status, ours.body), bindings)
    if not bindings.equal(one, other):
        return [Difference(step.name, "answer", one, other, step=number)]
    return [Difference(step.name, at, said(one), said(other), step=number) for at, one, other in found()]


def outcome(status: int, body: Any) -> str:
    """What came of a request, as one text: ``404 NetworkNotFound: Network ... could not be found.``"""
    error = body.get("NeutronError", body if status >= 400 else None) if isinstance(body, dict) else None
    if not isinstance(error, dict) or "message" not in error:
        return str(status)
    bare = "" if "NeutronError" in body else " (without envelope)"
    return f"{status} {error.get('type')}: {error['message']}{error.get('detail')}{bare}"


def _in_order(text: str, bindings: Bindings) -> str:
    """A sentence that lists ids, which have no order, with ours in that of the alphabet."""

    def put(found: re.Match[str]) -> str:
        return ",".join(sorted(bindings.values.get(one, one) for one in found[0].split(",")))

    return re.sub(r"(?<=id for these ports is: )[^.]*", put, text)


def said(value: Any) -> str:
    """A value as it is shown."""
    return value if value == ABSENT else msgspec.json.encode(value).decode()


def values(
    recorded: Any, ours: Any, at: str, bindings: Bindings, *, ordered: bool
) -> Iterator[tuple[str, Any, Any]]:
    """Where two values of JSON differ, and what is there."""
    if isinstance(recorded, dict) and isinstance(ours, dict):
        yield from _objects(recorded, ours, at, bindings, ordered=ordered)
    elif isinstance(recorded, list) and isinstance(ours, list):
        yield from _lists(recorded, ours, at, bindings, ordered=ordered)
    elif isinstance(recorded, str) and isinstance(ours, str):
        if not bindings.equal(recorded, ours):
            yield at, recorded, ours
    elif recorded != ours or isinstance(recorded, bool) != isinstance(ours, bool):
        yield at, recorded, ours


def _objects(
    recorded: dict[str, Any], ours: dict[str, Any], at: str, bindings: Bindings, *, ordered: bool
) -> Iterator[tuple[str, Any, Any]]:
    bindings.revised(recorded, ours)
    # Ids first: they tell which is which for all that follows.
    for name in sorted({*recorded, *ours}, key=lambda one: (one != "id", one)):
        place = f"{at}.{name}" if at else name
        if name not in ours:
            yield place, recorded[name], ABSENT
        elif name not in recorded:
            yield place, ABSENT, ours[name]
        else:
            yield from values(recorded[name], ours[name], place, bindings, ordered=ordered)


def _lists(
    recorded: list[Any], ours: list[Any], at: str, bindings: Bindings, *, ordered: bool
) -> Iterator[tuple[str, Any, Any]]:
    place = f"{at}[]"
    key = at.rpartition(".")[2]
    left = list(ours)
    for one in recorded:
        if not left:
            yield place, one, ABSENT
            continue
        free = not ordered if "." not in at and "[" not in at else key in UNORDERED
        other = _nearest(one, left, place, bindings) if free else left[0]
        if other is None:
            yield place, one, ABSENT
            continue
        left.remove(other)
        yield from values(one, other, place, bindings, ordered=ordered)
    for other in left:
        yield place, ABSENT, other


def _nearest(one: Any, left: list[Any], at: str, bindings: Bindings) -> Any:
    """Whichever of ours is meant: that of the same id or alias, or with the fewest differences."""
    if isinstance(one, dict):
        keys = {"id": bindings.values.get(one.get("id", "")), **{key: one.get(key) for key in _NAMES}}
        for key, wanted in keys.items():
            for other in left:
                if wanted is not None and isinstance(other, dict) and other.get(key) == wanted:
                    return other
        if any(keys[key] for key in _NAMES):
            return None
    taken = set(bindings.values.values())
    others = [other for other in left if not (isinstance(other, dict) and other.get("id") in taken)]
    if not others:
        return None
    return min(others, key=lambda other: _distance(one, other, at, bindings))


def _distance(one: Any, other: Any, at: str, bindings: Bindings) -> int:
    return sum(1 for _ in values(one, other, at, bindings.copy(), ordered=False))
