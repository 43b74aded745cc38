"""The file: its schema by the steps and by the tables is one, its mode, its constraints."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from deuteron.errors import HostError
from deuteron.resources import RESOURCES
from deuteron.store import schema
from deuteron.store.driver import ConstraintError
from deuteron.store.migrations import run
from deuteron.store.shape import column_name, shape_of
from deuteron.store.store import Store, Unit
from deuteron.store.tables import METADATA
from tests.store.world import (
    FLOATINGIPS,
    NETWORKS,
    PORTS,
    ROUTERS,
    base,
    floatingip,
    network,
    port,
    router,
    uid,
    wrote,
)


def _words(path: Path) -> dict[str, list[str]]:
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(
            "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"
        ).fetchall()
    engine.dispose()
    return {name: _clauses(str(sql)) for name, sql in rows if name != "alembic_version"}


def _clauses(sql: str) -> list[str]:
    """What a table or index is made of; the order of its constraints means nothing."""
    head, _, body = " ".join(sql.split()).partition("(")
    inside, _, tail = body.rpartition(")")
    return [head, tail, *sorted(part.strip() for part in re.split(r", (?![^(]*\))", inside))]


def test_the_steps_make_what_the_tables_say(tmp_path: Path) -> None:
    run.upgrade(tmp_path / "stepped.db")
    engine = create_engine(f"sqlite:///{tmp_path / 'made.db'}")
    METADATA.create_all(engine)
    engine.dispose()

    stepped, made = _words(tmp_path / "stepped.db"), _words(tmp_path / "made.db")

    assert stepped == made


def test_alembic_sees_no_difference_either(tmp_path: Path) -> None:
    run.upgrade(tmp_path / "stepped.db")
    engine = create_engine(f"sqlite:///{tmp_path / 'stepped.db'}")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    engine.dispose()


def test_the_newest_step_is_the_one_that_is_checked_for() -> None:
    assert run.known()[0] == schema.HEAD


def test_only_the_owner_reads_the_file(store: Store) -> None:
    base(store)
    for path in (store.path, *store.path.parent.glob(store.path.name + "-*")):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_a_store_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    Store(f"sqlite:///{tmp_path / 'a.db'}").close()
    engine = create_engine(f"sqlite:///{tmp_path / 'a.db'}")
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    engine.dispose()

    with pytest.raises(HostError, match="newer") as refused:
        Store(f"sqlite:///{tmp_path / 'a.db'}")
    assert refused.value.code == "store-newer"


def test_a_directory_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(HostError) as refused:
        Store(f"sqlite:///{tmp_path / 'none' / 'a.db'}")
    assert refused.value.code == "store-failed"


def test_a_link_in_the_file_s_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.db").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(HostError):
        Store(f"sqlite:///{tmp_path / 'a.db'}")
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    "collection",
    [
        "networks",
        "subnets",
        "subnetpools",
        "address_scopes",
        "ports",
        "routers",
        "floatingips",
        "port_forwardings",
        "rbac_policies",
        "agents",
    ],
)
def test_every_attribute_is_kept_or_derived(collection: str) -> None:
    shape = shape_of(RESOURCES[collection])
    children = {child.attribute for child in shape.children}
    lost = {
        one.name
        for one in RESOURCES[collection].attributes.values()
        if one.field and not one.derived
        if column_name(one.name) not in shape.columns and one.name not in children
    }
    assert lost == set()


def _twice(store: Store, constraint: str, *values: object) -> None:
    """The last of these is refused by a constraint, and nothing of the unit stays."""
    resources = {"Network": NETWORKS, "Port": PORTS, "Router": ROUTERS, "FloatingIp": FLOATINGIPS}

    def work(unit: Unit) -> None:
        for value in values:
            unit.insert(resources[type(value).__name__], value)

    before = store.revision
    with pytest.raises(ConstraintError) as refused:
        wrote(store, work)
    assert refused.value.constraint == constraint
    assert store.revision == before


def test_a_mac_is_one_port_s_on_a_network(store: Store) -> None:
    base(store)
    _twice(store, "uq_ports_network_id_mac_address", port(1), port(2, mac_address=port(1).mac_address))


def test_an_address_is_one_port_s_in_a_subnet(store: Store) -> None:
    base(store)
    _twice(store, "uq_fixed_ips_subnet_id_address", port(1, "10.0.0.9"), port(2, "10.0.0.9"))


def test_a_floating_address_is_one_s_on_a_network(store: Store) -> None:
    base(store)
    _twice(store, "uq_floatingips_floating_network_id_floating_ip_address", floatingip(1), floatingip(2))


def test_a_port_s_address_has_one_floating_ip_of_a_network(store: Store) -> None:
    base(store)
    _twice(
        store,
        "uq_floatingips_floating_network_id_port_id_fixed_ip_address",
        port(1, "10.0.0.9"),
        floatingip(1, port_id=uid(3, 1), fixed_ip_address="10.0.0.9"),
        floatingip(2, "203.0.113.10", port_id=uid(3, 1), fixed_ip_address="10.0.0.9"),
    )


def test_a_segment_is_one_network_s(store: Store) -> None:
    vxlan = {"provider_network_type": "vxlan", "provider_segmentation_id": 7}
    _twice(store, "uq_networks_segment", network(1, **vxlan), network(2, **vxlan))
    flat = {"provider_network_type": "flat", "provider_physical_network": "physnet1"}
    _twice(store, "uq_networks_segment", network(1, **flat), network(2, **flat))


def test_a_router_has_one_gateway_port(store: Store) -> None:
    base(store)
    role = {"device_id": uid(4), "device_owner": "network:router_gateway"}
    _twice(store, "uq_ports_gateway", router(), port(1, **role), port(2, **role))


def test_no_port_is_of_a_router_that_is_not_there(store: Store) -> None:
    """OSSA-2014-008: a router's port belongs to a router, by a key and not by a free text."""
    base(store)
    _twice(store, "foreign key", port(1, device_id=uid(4), device_owner="network:router_interface"))


def test_a_network_with_ports_stays(store: Store) -> None:
    base(store)
    wrote(store, lambda unit: unit.insert(PORTS, port()))
    with pytest.raises(ConstraintError) as refused:
        wrote(store, lambda unit: unit.delete(NETWORKS, uid(1)))
    assert refused.value.constraint == "foreign key"
