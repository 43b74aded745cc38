"""Lists: filters, eyes, order and pages, held against the same done in Python; their cost."""

from __future__ import annotations

import random
from typing import Any

import pytest

from deuteron.resources import RESOURCES
from deuteron.resources.rbac_policy import RbacPolicy
from deuteron.store import select, whose
from deuteron.store.query import Query
from deuteron.store.store import Store, Unit
from tests.store.world import (
    NETWORKS,
    PORTS,
    SUBNETS,
    Viewer,
    base,
    listed,
    network,
    plug,
    port,
    uid,
    wrote,
)

SEED = 20261123


def _many(store: Store, count: int = 60) -> list[Any]:
    """Ports with repeated names, owners and hosts."""
    base(store)
    dice = random.Random(SEED)

    def work(unit: Unit) -> None:
        for number in range(1, count + 1):
            plug(
                unit,
                number,
                project_id=dice.choice(["mine", "yours", ""]),
                name=dice.choice(["a", "b", "c%_", "ü"]),
                device_id=dice.choice(["", "vm"]),
                admin_state_up=dice.random() < 0.5,
                tags=tuple(sorted(dice.sample(["red", "blue", "x y"], dice.randrange(4)))),
            )

    wrote(store, work)
    return listed(store)


def _ids(values: list[Any]) -> list[str]:
    return [one.id for one in values]


def _id(value: Any) -> str:
    """A name that every run gives: no addresses of functions."""
    return "" if callable(value) else repr(value)[:60].encode("ascii", "replace").decode()


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        ((("name", ("a",)),), lambda one: one.name == "a"),
        ((("name", ("a", "c%_", "nobody")),), lambda one: one.name in ("a", "c%_")),
        ((("name", ("a",)), ("device_id", ("",))), lambda one: one.name == "a" and not one.device_id),
        ((("admin_state_up", ("False",)),), lambda one: not one.admin_state_up),
        ((("admin_state_up", (True,)),), lambda one: one.admin_state_up),
        ((("tenant_id", ("mine",)),), lambda one: one.project_id == "mine"),
        ((("project_id", ("",)),), lambda one: one.project_id == ""),
        ((("tags", ("red,blue",)),), lambda one: {"red", "blue"} <= set(one.tags)),
        ((("tags-any", ("red", "blue")),), lambda one: {"red", "blue"} & set(one.tags)),
        ((("not-tags", ("red,blue",)),), lambda one: not {"red", "blue"} <= set(one.tags)),
        ((("not-tags-any", ("red,blue",)),), lambda one: not {"red", "blue"} & set(one.tags)),
        ((("fixed_ips", ("ip_address=10.0.0.9",)),), lambda one: one.fixed_ips[0].ip_address == "10.0.0.9"),
        ((("fixed_ips", ("ip_address_substr=0.1",)),), lambda one: "0.1" in one.fixed_ips[0].ip_address),
        ((("fixed_ips", (f"subnet_id={uid(2, 7)}",)),), lambda one: False),
        ((("fixed_ips", ("nonsense=1",)),), lambda one: False),
        ((("revision_number", ("0",)),), lambda one: True),
        ((("revision_number", ("x",)),), lambda one: False),
        ((("id", ()),), lambda one: False),
        ((("changed_since", ("2026-11-23T12:00:00",)),), lambda one: True),
        ((("changed_since", ("2026-11-23T12:00:01",)),), lambda one: False),
        ((("binding:host_id", ("' OR 1=1 --",)),), lambda one: False),
    ],
    ids=_id,
)
def test_a_filter_finds_what_it_says(store: Store, filters: Any, wanted: Any) -> None:
    ports = _many(store)
    found = listed(store, filters=filters)
    assert _ids(found) == [one.id for one in ports if wanted(one)]
    assert store.look(lambda unit: unit.count(Query(resource=PORTS, filters=filters))) == len(found)


def test_null_is_a_value_that_can_be_asked_for(store: Store) -> None:
    wrote(store, lambda unit: [unit.insert(NETWORKS, one) for one in _numbered()])
    name = "provider:segmentation_id"
    assert _ids(listed(store, NETWORKS, filters=((name, (None,)),))) == [uid(1, 2)]
    assert _ids(listed(store, NETWORKS, filters=((name, (None, 7)),))) == [uid(1, 1), uid(1, 2)]
    assert store.look(lambda unit: _ids(unit.find(NETWORKS, provider_segmentation_id=None))) == [uid(1, 2)]


def _numbered() -> list[Any]:
    return [
        network(1, provider_network_type="vxlan", provider_segmentation_id=7),
        network(2, provider_network_type="local"),
        network(3, provider_network_type="vxlan", provider_segmentation_id=3),
    ]


@pytest.mark.parametrize(
    "sort", [(), (("name", True),), (("name", False), ("device_id", True)), (("id", False),)]
)
@pytest.mark.parametrize("limit", [1, 7, 60])
def test_pages_forth_and_back_are_the_whole_list_in_order(store: Store, sort: Any, limit: int) -> None:
    _many(store)
    whole = _ids(listed(store, sort=sort))
    assert len(whole) == 60

    forth: list[str] = []
    while page := _ids(listed(store, sort=sort, limit=limit, marker=forth[-1] if forth else "")):
        forth += page
    back: list[str] = []
    while page := _ids(listed(store, sort=sort, limit=limit, marker=back[0] if back else "", reverse=True)):
        back = page + back

    assert forth == whole
    assert back == whole


def test_pages_go_through_what_is_null(store: Store) -> None:
    wrote(store, lambda unit: [unit.insert(NETWORKS, one) for one in _numbered()])
    for up in (True, False):
        sort = (("provider:segmentation_id", up),)
        whole = _ids(listed(store, NETWORKS, sort=sort))
        walked: list[str] = []
        while page := _ids(listed(store, NETWORKS, sort=sort, limit=1, marker=walked[-1] if walked else "")):
            walked += page
        assert walked == whole
        assert whole == [uid(1, n) for n in ((2, 3, 1) if up else (1, 3, 2))]


def test_a_project_sees_its_own_and_what_is_shared(store: Store) -> None:
    base(store)

    def work(unit: Unit) -> None:
        unit.insert(NETWORKS, network(2, project_id="theirs"))
        unit.insert(NETWORKS, network(3, project_id="theirs", router_external=True))
        for number, (where, action, target) in enumerate(
            [(2, "access_as_shared", "mine"), (3, "access_as_external", "*")]
        ):
            policy = RbacPolicy(
                id=uid(9, number),
                object_type="network",
                object_id=uid(1, where),
                action=action,
                target_tenant=target,
            )
            unit.insert(RESOURCES["rbac_policies"], policy)
        unit.insert(PORTS, port(1, project_id="theirs"))
        unit.insert(PORTS, port(2, network_id=uid(1, 2), project_id="theirs"))

    wrote(store, work)
    seen = {
        who: _ids(listed(store, NETWORKS, visible_to=Viewer(who))) for who in ("mine", "theirs", "nobody")
    }
    assert seen == {
        "mine": [uid(1, 1), uid(1, 2), uid(1, 3)],
        "theirs": [uid(1, 2), uid(1, 3)],
        "nobody": [uid(1, 3)],
    }
    assert _ids(listed(store, SUBNETS, visible_to=Viewer("theirs"))) == []
    assert _ids(listed(store, PORTS, visible_to=Viewer("mine"))) == [uid(3, 1)], "a port on my network"
    assert len(listed(store, PORTS, visible_to=Viewer("nobody", sees_all=True))) == 2
    shared = (("shared", (True,)),)
    assert _ids(listed(store, NETWORKS, visible_to=Viewer("mine"), filters=shared)) == [uid(1, 2)]
    assert store.look(lambda unit: unit.get(NETWORKS, uid(1, 1), Viewer("nobody"))) is None


def test_ten_thousand_values_are_one_text_and_the_same_statements(store: Store) -> None:
    """OSSA-2014-038: a filter's length costs its own length and no more."""
    ports = _many(store)
    select.list_statement.cache_clear()
    few = len(listed(store, filters=(("id", (ports[0].id, ports[1].id)),)))
    before = store.statements
    many = len(listed(store, filters=(("id", tuple(uid(3, n) for n in range(10_000))),)))
    assert (few, many, store.statements - before) == (2, 60, 3)
    assert select.list_statement.cache_info().currsize == 1


def _on_two_networks(store: Store) -> None:
    """Ports of two projects, on a network of each."""
    base(store)
    dice = random.Random(SEED)

    def work(unit: Unit) -> None:
        unit.insert(NETWORKS, network(2, project_id="theirs"))
        for number in range(80):
            owner, where = dice.choice(["mine", "theirs", "p"]), uid(1, dice.choice([1, 2]))
            unit.insert(
                PORTS, port(number, project_id=owner, network_id=where, name=dice.choice(["a", "b", "c"]))
            )

    wrote(store, work)


@pytest.mark.parametrize("sort", [(), (("name", True),), (("name", False), ("id", False))])
@pytest.mark.parametrize("reverse", [False, True])
def test_who_sees_many_ports_gets_the_pages_of_who_sees_few(
    store: Store, monkeypatch: pytest.MonkeyPatch, sort: Any, reverse: bool
) -> None:
    """Many are walked along, few are sorted: nobody sees from a page which it was."""
    _on_two_networks(store)
    middle = listed(store)[40].id
    asked = [
        {"visible_to": Viewer(who), "sort": sort, "reverse": reverse, "limit": 7, "marker": marker}
        for who in ("mine", "theirs", "p")
        for marker in ("", middle)
    ]
    sorted_ones = [_ids(listed(store, **one)) for one in asked]
    monkeypatch.setattr("deuteron.store.reading.MANY", 10)
    assert [_ids(listed(store, **one)) for one in asked] == sorted_ones
    assert all(len(one) == 7 for one in sorted_ones[:1])


@pytest.mark.parametrize("sort", [(), (("name", True),)])
def test_a_page_of_many_visible_ports_is_not_sorted(store: Store, sort: Any) -> None:
    plan, values = select.planned(Query(resource=PORTS, visible_to=Viewer(), sort=sort, limit=9))
    assert whose.may_walk(plan)
    statement = select.list_statement(plan._replace(walks=True))
    text = "EXPLAIN QUERY PLAN " + statement.text
    steps = [str(row[3]) for row in store._db._raw.execute(text, statement.arguments(values))]
    assert not any("TEMP B-TREE" in one or "MULTI-INDEX" in one for one in steps), steps


@pytest.mark.parametrize("limit", [0, 7])
@pytest.mark.parametrize("more", [(), (("name", ("a",)),), (("project_id", ("mine", "p")),)], ids=str)
def test_of_one_network_everybody_gets_what_of_all_ports_would_be_left(
    store: Store, limit: int, more: Any
) -> None:
    """Of their own networks all that is there, of another's their own ports, by whichever way."""
    _on_two_networks(store)
    for who in ("mine", "theirs", "p", "nobody"):
        for where in (1, 2, 3):
            one = (("network_id", (uid(1, where),)),)
            everything = listed(store, filters=more, visible_to=Viewer(who))
            left = [found.id for found in everything if found.network_id == uid(1, where)]
            for filters in (one + more, more + one):
                asked = {"filters": filters, "visible_to": Viewer(who), "limit": limit}
                assert _ids(listed(store, **asked)) == left[: limit or None], (who, where)
                page = store.look(lambda unit, asked=asked: unit.page(Query(resource=PORTS, **asked)))  # type: ignore[misc]  # bound
                assert [found.id for found in page] == left[: limit or None], (who, where)


def test_of_a_crowded_network_of_others_a_project_is_read_its_own_ports_alone(store: Store) -> None:
    """A hundred thousand ports of others are no reason to wait, nor a way to keep the API at work."""

    def work(unit: Unit, first: int, count: int, owner: str) -> None:
        for number in range(first, first + count):
            unit.insert(PORTS, port(number, project_id=owner))

    base(store)
    wrote(store, lambda unit: work(unit, 1, 10, "p"))
    asked = Query(resource=PORTS, filters=(("network_id", (uid(1),)),), visible_to=Viewer("p"), limit=1000)
    steps: list[int] = []
    made: list[int] = []
    for more in (10, 1000):
        wrote(store, lambda unit, more=more: work(unit, 1000 * more, more, "others"))  # type: ignore[misc]  # bound
        assert (
            len(store.look(lambda unit: unit.page(asked))) == 10
        )  # the reader is there, and has its statements

        def counted(unit: Unit) -> int:
            made.clear()
            unit._db._raw.set_progress_handler(lambda: made.append(1), 1)
            found = len(unit.page(asked))
            unit._db._raw.set_progress_handler(None, 1)
            return found

        assert store.look(counted) == 10
        steps.append(len(made))
    assert steps[1] < 1.5 * steps[0], steps


def test_what_asks_in_many_ways_fills_no_memory() -> None:
    assert select.list_statement.cache_info().maxsize == 1024


def _steps(store: Store, resource: Any = PORTS, **query: Any) -> list[str]:
    """How SQLite goes about a list."""
    plan, values = select.planned(Query(resource=resource, **query))
    statement = select.list_statement(plan)
    db = store._db._raw
    rows = db.execute("EXPLAIN QUERY PLAN " + statement.text, statement.arguments(values)).fetchall()
    return [str(row[3]) for row in rows]


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ({"limit": 1000}, "SCAN ports USING INDEX sqlite_autoindex_ports_1"),
        ({"filters": (("project_id", ("p",)),)}, "ix_ports_project_id_id"),
        ({"filters": (("tenant_id", ("p",)),)}, "ix_ports_project_id_id"),
        ({"filters": (("network_id", ("p",)),)}, "ix_ports_network_id_id"),
        ({"filters": (("device_id", ("p", "q")),)}, "ix_ports_device_id"),
        ({"filters": (("mac_address", ("p",)),)}, "ix_ports_mac_address"),
        ({"filters": (("fixed_ips", ("ip_address=10.0.0.1",)),)}, "ix_fixed_ips_ip_address"),
        ({"visible_to": Viewer()}, "MULTI-INDEX OR"),
    ],
    ids=_id,
)
def test_a_usual_list_goes_by_an_index(store: Store, query: Any, index: str) -> None:
    steps = _steps(store, **query)
    assert any(index in step for step in steps), steps
    if index.endswith(("_id_id", "ports_1")):
        assert not any("TEMP B-TREE" in step for step in steps), "the index has the order, too"
