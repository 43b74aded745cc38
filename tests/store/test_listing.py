"""Lists read as they are shown: the same as by the structs, in one statement, by an index, cheaply."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from deuteron.resources import RESOURCES
from deuteron.resources.resource import render
from deuteron.resources.shown import shower, shown
from deuteron.store import select
from deuteron.store.listing import listing_of
from deuteron.store.query import Query
from deuteron.store.store import Store, Unit
from tests.store.world import NETWORKS, PORTS, Viewer, network, port, subnet, uid, wrote
from tests.support.calls import calls

ADDRESSES = ["10.0.0.9", "10.0.0.3", "10.0.0.7"]


def shown_page(store: Store, **query: Any) -> list[Any]:
    """What a client would see of a page."""
    page = store.look(lambda unit: unit.page(Query(resource=PORTS, **query)))
    found: list[Any] = msgspec.json.decode(msgspec.json.encode(page))
    return found


def written_page(store: Store, **query: Any) -> list[Any]:
    """The same, as it is kept in JSON from one list to the next."""
    written = store.look(lambda unit: unit.written(Query(resource=PORTS, **query)))
    assert written is not None
    found: list[Any] = msgspec.json.decode(written.text)
    ends = (found[0]["id"], found[-1]["id"]) if found else ("", "")
    assert (written.rows, written.first, written.last) == (len(found), *ends)
    return found


def by_structs(store: Store, **query: Any) -> list[Any]:
    values = store.look(lambda unit: unit.list(Query(resource=PORTS, **query)))
    found: list[Any] = msgspec.json.decode(msgspec.json.encode([render(PORTS, one) for one in values]))
    return found


def fill(store: Store, count: int = 30) -> None:
    def work(unit: Unit) -> None:
        unit.insert(NETWORKS, network())
        unit.insert(RESOURCES["subnets"], subnet())
        unit.insert(
            PORTS, port(1, *ADDRESSES, tags=("b", 'a "tag"', "ü"), name="o'\"\\\n☃", admin_state_up=False)
        )
        profile = {"a": [1, {"b": None}], "ü": "\u0000x"}
        unit.insert(PORTS, port(2, binding_profile=profile, binding_vif_details={"port_filter": True}))
        for number in range(3, count + 1):
            unit.insert(PORTS, port(number, name=f"p{number % 7}", project_id="mine" if number % 2 else "b"))

    wrote(store, work)


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"limit": 5},
        {"limit": 5, "marker": uid(3, 9)},
        {"limit": 5, "marker": uid(3, 9), "reverse": True},
        {"sort": (("name", False),), "limit": 20},
        {"sort": (("name", True), ("project_id", False)), "limit": 7, "marker": uid(3, 10)},
        {"sort": (("name", False),), "limit": 7, "marker": uid(3, 10), "reverse": True},
        {"filters": (("network_id", (uid(1),)),), "limit": 9},
        {"filters": (("name", ("p3", "p4")),)},
        {"filters": (("tags", ("b",)),)},
        {"visible_to": Viewer("b"), "limit": 6},
        {"visible_to": Viewer("b"), "limit": 6, "marker": uid(3, 12)},
        {"filters": (("project_id", ("nobody",)),)},
    ],
    ids=str,
)
def test_a_page_shows_what_its_structs_show(store: Store, query: Any) -> None:
    fill(store)
    structs = by_structs(store, **query)
    assert shown_page(store, **query) == structs
    for _ in range(2):  # made, and kept
        assert written_page(store, **query) == structs


def test_what_is_shown_has_the_order_and_the_names_of_the_resource(store: Store) -> None:
    fill(store, 3)
    first = shown_page(store)[0]
    (struct,) = store.look(lambda unit: unit.list(Query(resource=PORTS, filters=(("id", (uid(3),)),))))
    assert list(first) == list(render(PORTS, struct))
    assert first["tenant_id"] == first["project_id"] == "mine"
    assert [one["ip_address"] for one in first["fixed_ips"]] == ADDRESSES, "in their own order"
    assert first["tags"] == ['a "tag"', "b", "ü"]
    assert first["admin_state_up"] is False


def test_some_of_it_is_some_of_it(store: Store) -> None:
    fill(store, 3)
    page = store.look(lambda unit: unit.page(Query(resource=PORTS)))
    for wanted in (frozenset({"id", "tenant_id"}), frozenset({"fixed_ips"}), frozenset[str]()):
        some = msgspec.json.decode(msgspec.json.encode([shower(PORTS, wanted)(one) for one in page]))
        assert [set(one) for one in some] == [set(wanted)] * 3
        assert all(
            one[name] == whole[name]
            for one, whole in zip(some, shown_page(store), strict=True)
            for name in one
        )


def test_what_other_tables_say_is_left_to_the_structs() -> None:
    found = {name for name in ("networks", "subnets", "ports", "routers") if listing_of(RESOURCES[name])}
    assert found == {"ports"}
    assert shown(PORTS) is shown(PORTS)


def test_a_page_is_one_statement_whatever_its_length(store: Store) -> None:
    fill(store, 60)
    for limit in (2, 50):
        before = store.statements
        assert len(shown_page(store, limit=limit)) == limit
        assert store.statements - before == 1
        for statements in (2, 1):  # with the texts that are not kept yet, and without any
            before = store.statements
            assert len(written_page(store, limit=limit, marker=uid(3, 1))) == limit
            assert store.statements - before == 1 + statements, "and one for the marker"


def test_a_port_of_a_page_costs_no_function_of_python(store: Store) -> None:
    fill(store, 120)

    def page(limit: int) -> Callable[[], Any]:
        query = Query(resource=PORTS, limit=limit)
        return lambda: store.look(lambda unit: msgspec.json.encode(unit.page(query)))

    page(10)()
    assert calls(page(110)) - calls(page(10)) <= 100 * 0.1


def steps(store: Store, **query: Any) -> list[list[str]]:
    """How SQLite goes about a page, and about its ids alone."""
    plan, values = select.planned(Query(resource=PORTS, **query))
    listing = listing_of(PORTS)
    assert listing is not None
    values |= {f"m{place}": "x" for place in range(3)}
    statements = (select.shown_statement(plan, listing), select.stamps_statement(plan))
    ask = store._db._raw.execute
    found = [ask("EXPLAIN QUERY PLAN " + one.text, one.arguments(values)) for one in statements]
    return [[str(row[3]) for row in rows] for rows in found]


@pytest.mark.parametrize(
    ("query", "way"),
    [
        ({}, "SCAN ports USING INDEX sqlite_autoindex_ports_1"),
        ({"marker": "x"}, "SEARCH ports USING INDEX sqlite_autoindex_ports_1 (id>?)"),
        ({"sort": (("name", True),)}, "SCAN ports USING COVERING INDEX ix_ports_name_id"),
        ({"sort": (("name", True),), "marker": "x"}, "COVERING INDEX ix_ports_name_id (name>?)"),
        ({"sort": (("name", False),), "marker": "x"}, "COVERING INDEX ix_ports_name_id (name<?)"),
        ({"filters": (("name", ("x",)),)}, "ix_ports_name_id (name=?)"),
        ({"filters": (("tenant_id", ("p",)),)}, "SEARCH ports USING INDEX ix_ports_project_id_id"),
        ({"filters": (("network_id", ("p",)),)}, "SEARCH ports USING INDEX ix_ports_network_id_id"),
        ({"visible_to": Viewer()}, "MULTI-INDEX OR"),
        ({"visible_to": Viewer(), "sort": (("name", True),)}, "MULTI-INDEX OR"),
    ],
    ids=str,
)
def test_a_page_goes_by_an_index(store: Store, query: Any, way: str) -> None:
    for found in steps(store, limit=1000, **query):
        assert any(way in step for step in found), found
        scans = [step for step in found if step.startswith("SCAN ports") and "USING" not in step]
        assert not scans, "no row is looked at but by an index"


def test_children_are_put_together_for_the_page_alone(store: Store) -> None:
    """A page that must be sorted sorts ids; what stands below them is read afterwards."""
    fill(store, 60)
    made: list[int] = []
    store._db._raw.set_progress_handler(lambda: made.append(1), 1)
    lengths = {}
    for limit in (2, 50):
        made.clear()
        plan, values = select.planned(Query(resource=PORTS, visible_to=Viewer(), limit=limit))
        listing = listing_of(PORTS)
        assert listing is not None
        store._db.rows(select.shown_statement(plan, listing), values)
        lengths[limit] = len(made)
    store._db._raw.set_progress_handler(None, 0)
    assert lengths[2] < lengths[50] / 3, lengths
