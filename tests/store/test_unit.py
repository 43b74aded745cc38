"""Units of work: what goes in comes out, whole or not at all, and is recorded."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
import pytest

from deuteron.resources import RESOURCES
from deuteron.resources.rbac_policy import RbacPolicy
from deuteron.resources.refusal import NotFound
from deuteron.resources.values import FixedIp, GatewayInfo, Route
from deuteron.store import changes
from deuteron.store.store import Store, StoreError, Unit
from tests.store.world import (
    FLOATINGIPS,
    NETWORKS,
    PORTS,
    ROUTERS,
    SUBNETS,
    Viewer,
    base,
    floatingip,
    listed,
    network,
    plug,
    port,
    router,
    subnet,
    uid,
    wrote,
)

replace = msgspec.structs.replace


def _insert(unit: Unit, one: Any) -> Any:
    return unit.insert(*one)


def _get(unit: Unit, one: Any) -> Any:
    return unit.get(one[0], one[1].id)


def _plug(unit: Unit, n: int) -> str:
    return plug(unit, n).id


def test_every_resource_comes_back_as_it_went_in(store: Store) -> None:
    base(store, "10.0.0.0/24", dns_nameservers=("192.0.2.1",), tags=("a", "b"))
    details = {"port_filter": True, "bridge": {"name": "br-int"}}
    values = [
        (
            PORTS,
            port(
                1,
                "10.0.0.7",
                "10.0.0.5",
                tags=("x", "y"),
                binding_vif_details=details,
                binding_host_id="node1",
            ),
        ),
        (
            ROUTERS,
            router(
                external_gateway_info=GatewayInfo(uid(1), (FixedIp(uid(2), "10.0.0.9"),), True),
                routes=(Route("192.0.2.0/24", "10.0.0.7"), Route("192.0.2.0/25", "10.0.0.7")),
            ),
        ),
        (FLOATINGIPS, floatingip(description="d")),
    ]

    kept = [wrote(store, partial(_insert, one=one)) for one in values]
    read = [store.look(partial(_get, one=one)) for one in values]

    assert read == kept
    assert [one.created_at for one in read] == ["2026-11-23T12:00:00Z"] * 3
    given = [replace(one, created_at="", updated_at="") for one in read]
    assert given == [value for _, value in values]


def test_a_network_names_its_subnets_and_a_subnet_its_network_s_face(store: Store) -> None:
    base(store)
    wrote(store, lambda unit: unit.update(NETWORKS, network(router_external=True)))
    policy = RbacPolicy(
        id=uid(9), object_type="network", object_id=uid(1), target_tenant="them", action="access_as_shared"
    )
    wrote(store, lambda unit: unit.insert(RESOURCES["rbac_policies"], policy))

    (net,) = listed(store, NETWORKS)
    assert (net.subnets, net.shared) == ((uid(2),), False)
    (theirs,) = listed(store, NETWORKS, visible_to=Viewer("them"))
    assert theirs.shared
    (one,) = listed(store, SUBNETS, visible_to=Viewer("them"))
    assert (one.shared, one.router_external) == (True, True)


def test_a_floating_ip_shows_its_port(store: Store) -> None:
    base(store)

    def work(unit: Unit) -> None:
        unit.insert(PORTS, port(1, "10.0.0.9", name="vm"))
        unit.insert(FLOATINGIPS, floatingip(port_id=uid(3), fixed_ip_address="10.0.0.9"))

    wrote(store, work)
    (one,) = listed(store, FLOATINGIPS)
    assert one.port_details == {
        "name": "vm",
        "network_id": uid(1),
        "mac_address": port(1).mac_address,
        "admin_state_up": True,
        "status": "DOWN",
        "device_id": "",
        "device_owner": "",
    }


def test_an_update_bumps_the_revision_once_in_a_unit(store: Store) -> None:
    base(store)

    def work(unit: Unit) -> int:
        value: Any = unit.get(NETWORKS, uid(1))
        value = unit.update(NETWORKS, replace(value, name="one"))
        value = unit.update(NETWORKS, replace(value, name="two", tags=("t",)))
        unit.touch(NETWORKS, uid(1))
        return int(value.revision_number)

    assert wrote(store, work) == 1
    (net,) = listed(store, NETWORKS)
    assert (net.revision_number, net.name, net.tags) == (1, "two", ("t",))
    wrote(store, lambda unit: unit.touch(NETWORKS, uid(1)))
    assert listed(store, NETWORKS)[0].revision_number == 2


def test_what_is_gone_cannot_be_changed(store: Store) -> None:
    works: tuple[Callable[[Unit], Any], ...] = (
        lambda unit: unit.update(PORTS, port()),
        lambda unit: unit.delete(PORTS, uid(3)),
        lambda unit: unit.list(_marked()),
    )
    for work in works:
        with pytest.raises(NotFound):
            wrote(store, work)


def _marked() -> Any:
    from deuteron.store.query import Query

    return Query(resource=PORTS, marker=uid(3))


def test_a_unit_that_fails_leaves_nothing_and_its_neighbours_everything(store: Store) -> None:
    base(store)

    def bad(unit: Unit) -> None:
        plug(unit, 1)
        raise LookupError("no such thing")

    async def together() -> list[Any]:
        works = [partial(_plug, n=n) for n in (2, 3, 4)]
        return await asyncio.gather(
            store.write(works[0]), store.write(bad), *map(store.write, works[1:]), return_exceptions=True
        )

    answers = asyncio.run(together())

    assert isinstance(answers[1], LookupError)
    ports = listed(store)
    assert [one.id for one in ports] == [uid(3, 2), uid(3, 3), uid(3, 4)]
    assert [one.fixed_ips[0].ip_address for one in ports] == ["10.0.0.1", "10.0.0.2", "10.0.0.3"]


def test_changes_are_recorded_with_their_network_and_router(store: Store) -> None:
    base(store)
    start = store.revision

    def work(unit: Unit) -> None:
        unit.insert(ROUTERS, router())
        plug(unit, 1, device_id=uid(4), device_owner="network:router_interface")
        unit.delete(PORTS, uid(3))

    wrote(store, work)
    found = store.look(lambda unit: list(unit.changes(start) or ()))
    assert [(one.resource, one.kind, one.network_id, one.router_id) for one in found] == [
        ("routers", "create", None, uid(4)),
        ("ports", "create", uid(1), uid(4)),
        ("ports", "delete", uid(1), uid(4)),
    ]
    assert [one.revision for one in found] == [start + 1, start + 2, start + 3]
    assert store.revision == start + 3 == store.look(lambda unit: unit.revision)


def test_who_is_too_far_behind_is_told_to_take_everything(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "KEPT", 3)
    monkeypatch.setattr("deuteron.store.store._TRIM_EVERY", 1)
    base(store)
    for number in range(1, 7):
        wrote(store, partial(_plug, n=number))

    newest = store.revision
    assert store.look(lambda unit: unit.changes(0)) is None
    assert store.look(lambda unit: unit.changes(newest + 1)) is None, "a store that was put back"
    assert len(store.look(lambda unit: list(unit.changes(newest - 2) or ()))) == 2
    assert store.look(lambda unit: unit.changes(newest)) == []


def test_a_poll_waits_for_the_next_revision(store: Store) -> None:
    async def scene() -> tuple[int, int, int]:
        before = store.revision
        late = await store.changed(before, 0.01)
        poll = asyncio.ensure_future(store.changed(before, 30))
        await asyncio.sleep(0)
        await store.write(lambda unit: unit.insert(NETWORKS, network()))
        return before, late, await poll

    started = time.monotonic()
    before, late, then = asyncio.run(scene())
    assert (late, then) == (before, before + 1)
    assert time.monotonic() - started < 10


def test_reading_cannot_write(store: Store) -> None:
    base(store)
    with pytest.raises(StoreError):
        store.look(lambda unit: plug(unit, 1))
    assert listed(store) == []


def test_reading_writes_nothing(store: Store) -> None:
    """CVE-2022-3277: whatever a GET names, nothing is made for it."""
    base(store)
    before = (store.written, store.revision)
    for resource in RESOURCES.values():
        if resource.collection in ("networks", "subnets", "ports", "routers", "floatingips"):
            listed(store, resource, visible_to=Viewer("a-project-nobody-knows"))
            store.look(partial(_get, one=(resource, network(8))))
    store.look(lambda unit: unit.quotas("a-project-nobody-knows"))
    assert (store.written, store.revision) == before


def test_a_reader_sees_one_moment(store: Store) -> None:
    base(store)

    async def scene() -> tuple[int, int]:
        def twice(unit: Unit) -> tuple[int, int]:
            first = len(unit.find(PORTS))
            wrote(store, lambda other: plug(other, 1))
            return first, len(unit.find(PORTS))

        return await store.read(twice)

    assert asyncio.run(scene()) == (0, 0)
    assert len(listed(store)) == 1


def test_a_full_disk_refuses_every_unit_of_the_commit_and_the_next_one_works(store: Store) -> None:
    base(store)
    pages = store._db._raw.execute("PRAGMA page_count").fetchone()[0]
    store._db._raw.execute(f"PRAGMA max_page_count={pages}")

    def much(unit: Unit) -> None:
        for number in range(1, 200):
            plug(unit, number, description="x" * 200)

    with pytest.raises(StoreError):
        wrote(store, much)
    assert listed(store) == []
    store._db._raw.execute("PRAGMA max_page_count=1000000")
    wrote(store, lambda unit: plug(unit, 1))
    assert len(listed(store)) == 1


def test_quotas_are_kept_by_project(store: Store) -> None:
    def work(unit: Unit) -> None:
        unit.set_quota("mine", "port", 5)
        unit.set_quota("mine", "port", 7)
        unit.set_quota("yours", "network", -1)

    wrote(store, work)
    assert store.look(lambda unit: unit.quotas("mine")) == {"port": 7}
    wrote(store, lambda unit: unit.clear_quotas("mine"))
    assert store.look(lambda unit: unit.all_quotas()) == {"yours": {"network": -1}}


def test_what_was_kept_is_there_after_a_restart(store: Store) -> None:
    base(store)
    wrote(store, lambda unit: plug(unit, 1))
    again = Store(f"sqlite:///{store.path}")
    try:
        assert again.revision == store.revision
        assert listed(again) == listed(store)
    finally:
        again.close()


def test_sqlite_is_set_to_wait_for_the_disk(store: Store) -> None:
    db: sqlite3.Connection = store._db._raw
    assert db.execute("PRAGMA synchronous").fetchone() == (2,)
    assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert db.execute("PRAGMA foreign_keys").fetchone() == (1,)


def test_ids_of_children_are_made_for_a_page_of_any_length(store: Store) -> None:
    base(store)
    wrote(store, lambda unit: [plug(unit, n, tags=(f"t{n}",)) for n in range(1, 101)])
    counts = []
    for limit in (1, 10, 100):
        before = store.statements
        assert len(listed(store, limit=limit)) == limit
        counts.append(store.statements - before)
    assert counts == [3, 3, 3]
    assert subnet().cidr == "10.0.0.0/24"
