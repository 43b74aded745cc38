"""Texts that are kept from one list to the next are never those of before a change."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest

from deuteron.resources import RESOURCES
from deuteron.resources.resource import render
from deuteron.resources.values import FixedIp
from deuteron.store import rendered
from deuteron.store.query import Query
from deuteron.store.rendered import Rendered, Stamp, Text
from deuteron.store.store import Store, Unit
from tests.store.world import NETWORKS, PORTS, network, port, subnet, uid, wrote

SOME = frozenset({"id", "name", "tags"})
COUNT = 12


def written(unit: Unit, wanted: frozenset[str] | None = None) -> list[Any]:
    page = unit.written(Query(resource=PORTS), wanted)
    assert page is not None
    found: list[Any] = msgspec.json.decode(page.text)
    return found


def by_structs(unit: Unit, wanted: frozenset[str] | None = None) -> list[Any]:
    values = [render(PORTS, one, wanted) for one in unit.list(Query(resource=PORTS))]
    found: list[Any] = msgspec.json.decode(msgspec.json.encode(values))
    return found


def both(wanted: frozenset[str] | None) -> Callable[[Unit], list[Any]]:
    """What a list shows otherwise than its structs, at one moment."""

    def work(unit: Unit) -> list[Any]:
        shown, known = written(unit, wanted), by_structs(unit, wanted)
        assert len(shown) == len(known)
        return [pair for pair in zip(shown, known, strict=True) if pair[0] != pair[1]]

    return work


def fill(store: Store, count: int = COUNT) -> None:
    def work(unit: Unit) -> None:
        unit.insert(NETWORKS, network())
        unit.insert(RESOURCES["subnets"], subnet())
        for number in range(1, count + 1):
            unit.insert(PORTS, port(number, f"10.0.0.{number + 100}"))

    wrote(store, work)


def change(unit: Unit, chance: random.Random) -> None:
    """One thing of what may happen to a port."""
    place = chance.randrange(COUNT)
    found = unit.find(PORTS, id=uid(3, place + 1))
    if not found:  # an id is given once
        unit.insert(PORTS, port(chance.randrange(1000, 1 << 30), name="another"))
        return
    (one,) = found
    match chance.randrange(6):
        case 0:
            unit.update(PORTS, msgspec.structs.replace(one, name=f"n{chance.random()}"))
        case 1:
            unit.update(PORTS, msgspec.structs.replace(one, tags=(f"t{chance.random()}",)))
        case 2:
            address = f"10.0.0.{chance.choice([place + 101, place + 131])}"
            unit.update(PORTS, msgspec.structs.replace(one, fixed_ips=(FixedIp(uid(2), address),)))
        case 3:
            unit.update(PORTS, msgspec.structs.replace(one, status=chance.choice(["ACTIVE", "DOWN"])))
        case 4:
            unit.touch(PORTS, one.id)
        case _:
            unit.delete(PORTS, one.id)


@pytest.mark.parametrize("seed", range(4))
def test_a_list_is_what_the_structs_say_after_every_change(store: Store, seed: int) -> None:
    fill(store)
    chance = random.Random(seed)
    for _ in range(60):
        for _ in range(chance.randrange(1, 4)):
            wrote(store, lambda unit: change(unit, chance))
        for wanted in (None, SOME):
            assert store.look(both(wanted)) == []


def test_who_began_before_a_change_sees_what_was(store: Store) -> None:
    fill(store)

    def reader(unit: Unit) -> None:
        before = by_structs(unit)
        with ThreadPoolExecutor(1) as other:
            one = unit.find(PORTS, id=uid(3, 1))[0]
            wrote(store, lambda unit: unit.update(PORTS, msgspec.structs.replace(one, name="new")))
            assert other.submit(store.look, written).result()[0]["name"] == "new"
        assert written(unit) == before
        assert other_name(store) == "new"

    def other_name(store: Store) -> str:
        with ThreadPoolExecutor(1) as other:
            name: str = other.submit(store.look, written).result()[0]["name"]
        return name

    store.look(reader)


def test_only_what_changed_is_rendered_again() -> None:
    kept, asked = Rendered(), list[list[str]]()

    def render_(ids: list[str]) -> Iterable[Text]:
        asked.append(ids)
        return [(one, numbers[one], f'"{one}{numbers[one]}"'.encode()) for one in ids]

    numbers = {"a": 0, "b": 0, "c": 0}

    def page() -> bytes:
        return kept.page("ports", list(numbers.items()), render_)

    assert page() == b'["a0","b0","c0"]'
    assert page() == b'["a0","b0","c0"]'
    numbers["b"] = 1
    assert page() == b'["a0","b1","c0"]'
    del numbers["a"]
    assert page() == b'["b1","c0"]'
    assert asked == [["a", "b", "c"], ["b"]]


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendered, "LONGEST", 50)
    kept = Rendered(most=1000)

    def render_(ids: list[str]) -> list[Text]:
        return [(one, 0, b"x" * 10) for one in ids]

    def stamps(first: int, count: int) -> list[Stamp]:
        return [(str(number), 0) for number in range(first, first + count)]

    for first in range(0, 1000, 40):
        kept.page("ports", stamps(first, 40), render_)
        kept.page("some of ports", stamps(first, 20), render_)
        assert sum(len(text) for texts in kept._texts.values() for _, text in texts.values()) <= 1000
    before = kept._texts.copy()
    kept.page("all", stamps(0, 51), render_)
    assert kept._texts == before, "a page longer than that is not kept"
