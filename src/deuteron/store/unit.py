"""One unit of work: what a request reads and changes, whole or not at all.

A unit runs in a thread, within one transaction; what it reads is one moment's state.  Units that
write run one after the other, so what a unit has looked at stays true until it ends; constraints hold
all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, insert, select

from deuteron.domain.ipam import Range, address_of, text
from deuteron.resources.refusal import not_found
from deuteron.resources.resource import Resource
from deuteron.store import changes as record
from deuteron.store import ipam, quotas
from deuteron.store.blocks import Blocks
from deuteron.store.changes import Change, Kind
from deuteron.store.children import Child
from deuteron.store.driver import Connection, ConstraintError, Statement
from deuteron.store.reading import Reading
from deuteron.store.rendered import Rendered
from deuteron.store.router_ports import attach
from deuteron.store.shape import Shape, shape_of
from deuteron.store.tables import SUBNETS

_VERSION = Statement(select(SUBNETS.c.ip_version).where(SUBNETS.c.id == bindparam("id")))


class Unit(Reading):
    """One unit of work.

    Attributes:
        now: the time of everything that it writes, as the API shows it.
    """

    def __init__(self, db: Connection, now: float, rendered: Rendered, revision: int | None = None) -> None:
        super().__init__(db, rendered, keeps=revision is not None)
        self._revision = revision
        self._changes: list[Change] = []
        self._bumped: set[tuple[str, str]] = set()
        self._taken: set[tuple[str, str]] = set()
        self.now = _moment(int(now))

    @property
    def revision(self) -> int:
        """The store's revision: the last one that this unit has written, or sees."""
        if self._revision is None:
            self._revision = record.last(self._db)
        return self._revision

    # -- writing

    def insert(self, resource: Resource, value: Any) -> Any:
        """Keep a new resource.

        Returns:
            It as it is kept: with the times, where it had none.

        Raises:
            ConstraintError: something that must be unique is not, or what it refers to is not there.
        """
        shape = shape_of(resource)
        if "updated_at" in shape.columns and not value.created_at:
            value = msgspec.structs.replace(value, created_at=self.now, updated_at=self.now)
        self._db.run(shape.insert, shape.row(value))
        for child in shape.children:
            self._write(shape, child, value, None)
        if resource.collection == "ports":
            attach(self._db, value)
        self._note(resource, value, "create")
        self._bumped.add((resource.collection, value.id))
        return value

    def update(self, resource: Resource, value: Any) -> Any:
        """Keep a resource as it is now; its revision is one more (once in a unit), its time of change is now.

        Returns:
            It as it is kept.

        Raises:
            NotFound: it is gone.
            ConstraintError: see ``insert``.
        """
        shape = shape_of(resource)
        before = self._known(resource, value.id)
        bump = 0 if (resource.collection, value.id) in self._bumped else 1
        if "updated_at" in shape.columns:
            number = before.revision_number + bump
            value = msgspec.structs.replace(
                value, updated_at=self.now, revision_number=number, created_at=before.created_at
            )
        if not self._db.run(shape.update, {**shape.row(value), "bump": bump}):
            raise not_found(resource.name, value.id)
        for child in shape.children:
            self._write(shape, child, value, getattr(before, shape.fields[child.attribute]))
        if resource.collection == "ports" and _role(before) != _role(value):
            attach(self._db, value, before)
        self._bumped.add((resource.collection, value.id))
        self._note(resource, value, "update", before)
        return value

    def touch(self, resource: Resource, id: str) -> None:  # noqa: A002  the API's word
        """A part of it changed: its revision is one more (once in a unit), its time of change is now."""
        if (resource.collection, id) in self._bumped:
            return
        self._db.run(shape_of(resource).bump, {"id": id, "now": self.now})
        self._bumped.add((resource.collection, id))
        self._read.pop((resource.collection, id), None)
        self._peeked.pop(resource.collection, None)

    def delete(self, resource: Resource, id: str) -> None:  # noqa: A002  the API's word
        """Forget a resource and what is its own: its addresses are free again, its tags gone.

        Raises:
            NotFound: it is gone already.
            ConstraintError: others refer to it.
        """
        shape = shape_of(resource)
        value = self._known(resource, id)
        for child in shape.children:
            if child.table is not None:
                self._clear(child, value, getattr(value, shape.fields[child.attribute]))
        if resource.collection == "subnets":
            ipam.forget(self._db, id)
        self._db.run(shape.delete, {"id": id})
        self._read.pop((resource.collection, id), None)
        self._note(resource, value, "delete", gone=True)

    def _known(self, resource: Resource, id: str) -> Any:  # noqa: A002  the API's word
        known = self._read.get((resource.collection, id)) or self.get(resource, id)
        if known is None:
            raise not_found(resource.name, id)
        return known

    def _write(self, shape: Shape, child: Child, value: Any, before: tuple[Any, ...] | None) -> None:
        """Bring a child's rows from what they were to what they are; ``None``: the owner is new."""
        after = getattr(value, shape.fields[child.attribute])
        if child.table is None or child.to_row is None or after == (before or ()):
            return
        self._clear(child, value, before or ())
        if after:
            rows = [child.to_row(_mapping(one), value.id, place) for place, one in enumerate(after)]
            self._db.run_many(_insert_of(child), rows)
        if child.attribute == "fixed_ips":
            for one in after:
                if (one.subnet_id, one.ip_address) not in self._taken:
                    ipam.take(self._db, one.subnet_id, int(address_of(one.ip_address)))
        if child.attribute == "allocation_pools":
            if before is None:
                ipam.begin(self._db, value.id, [_range(one) for one in after])
            else:
                ipam.rebuild(self._db, value.id)

    def _clear(self, child: Child, value: Any, before: tuple[Any, ...]) -> None:
        if not before:
            return
        self._db.run(_delete_of(child), {"id": value.id})
        if child.attribute == "fixed_ips":
            for one in before:
                self._taken.discard((one.subnet_id, one.ip_address))
                ipam.give_back_address(self._db, one.subnet_id, int(address_of(one.ip_address)))

    def _note(
        self, resource: Resource, value: Any, kind: Kind, before: Any = None, *, gone: bool = False
    ) -> None:
        self._peeked.pop(resource.collection, None)
        if not gone:
            self._read[resource.collection, value.id] = value
        places = [record.hints(resource.collection, value)]
        if before is not None and (old := record.hints(resource.collection, before)) not in places:
            places.append(old)
        for network, router in places:
            self._revision = self.revision + 1
            self._changes.append(Change(self._revision, resource.collection, value.id, kind, network, router))

    # -- addresses and numbers

    def allocate(
        self, subnet_id: str, address: str | None = None, *, ip_version: int | None = None
    ) -> str | None:
        """Take an address of a subnet's pools: the lowest that is free, or this one.

        The port that has it among its ``fixed_ips`` keeps it; until then it is this unit's.

        Args:
            subnet_id: whose.
            address: the one that is wanted.
            ip_version: the subnet's, from who knows it; else it is looked up.

        Returns:
            The address; ``None``: nothing is free, or this one is not (it is taken, or outside the
            pools, where a port may have it all the same).
        """
        if address is None:
            lowest = ipam.take_lowest(self._db, subnet_id)
            if lowest is None:
                return None
            address = text(lowest, ip_version or self._version(subnet_id))
        elif not ipam.take(self._db, subnet_id, int(address_of(address))):
            return None
        self._taken.add((subnet_id, address))
        return address

    def _version(self, subnet_id: str) -> int:
        row = self._db.first(_VERSION, {"id": subnet_id})
        return 4 if row is None else int(row[0])

    def release(self, subnet_id: str, address: str) -> None:
        """An address that this unit took and no port has is free again."""
        self._taken.discard((subnet_id, address))
        ipam.give_back_address(self._db, subnet_id, int(address_of(address)))

    def holder(self, subnet_id: str, address: str) -> str | None:
        """The port that has an address of a subnet."""
        return ipam.holder(self._db, subnet_id, int(address_of(address)))

    def number(self, pool: str, holder: str, first: int, last: int) -> int | None:
        """The number that ``holder`` has of ``pool``: the lowest free of ``first`` to ``last``, given once.

        ``None``: none is free.  Pools: segment ids, routing tables, the addresses of legs.
        """
        return ipam.number_of(self._db, pool, holder, Range(first, last))

    def numbered(self, pool: str, holders: Collection[str]) -> frozenset[str]:
        """Of these, who has a number of ``pool``."""
        return ipam.numbered(self._db, pool, holders)

    def take_number(self, pool: str, holder: str, number: int, first: int, last: int) -> None:
        """Give ``holder`` this number.

        Raises:
            ConstraintError: another has it, or ``holder`` has one already.
        """
        ipam.take_number(self._db, pool, holder, number, Range(first, last))

    def blocks(self, pool_id: str) -> Blocks:
        """The free blocks of a subnet pool."""
        return Blocks(self._db, pool_id)

    def drop_number(self, pool: str, holder: str) -> None:
        """Take back the number that ``holder`` has of ``pool``, if it has one."""
        ipam.drop_number(self._db, pool, holder)

    # -- quotas and changes

    def quotas(self, project_id: str) -> dict[str, int]:
        """The limits that were set for a project, by the quota's name."""
        return quotas.of(self._db, project_id)

    def all_quotas(self) -> dict[str, dict[str, int]]:
        """Every project's limits that were set."""
        return quotas.all_of(self._db)

    def set_quota(self, project_id: str, name: str, limit: int) -> None:
        """Set a project's limit; -1: none."""
        quotas.put(self._db, project_id, name, limit)

    def clear_quotas(self, project_id: str) -> None:
        """A project has the defaults again."""
        quotas.clear(self._db, project_id)

    def changes(self, since: int, limit: int = 10_000) -> Sequence[Change] | None:
        """What changed after a revision, oldest first; ``None``: the record does not go back so far."""
        return record.since(self._db, since, limit)

    def seal(self) -> int:
        """Write the record of changes: the last thing of a unit that writes.

        Returns:
            The revision that it leads to.
        """
        record.record(self._db, self._changes)
        return self.revision

    @property
    def changed(self) -> tuple[Change, ...]:
        """What this unit has changed so far."""
        return tuple(self._changes)


@lru_cache(maxsize=4)
def _moment(seconds: int) -> str:
    """A time as the API shows it; many units are of the same second."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_MADE: dict[tuple[str, str], Statement] = {}


def _insert_of(child: Child) -> Statement:
    return _made("insert", child, lambda table: insert(table))


def _delete_of(child: Child) -> Statement:
    return _made("delete", child, lambda table: delete(table).where(table.c[child.owner] == bindparam("id")))


def _made(kind: str, child: Child, make: Callable[[Any], Any]) -> Statement:
    if child.table is None:
        raise ConstraintError(child.attribute)
    known = _MADE.get((kind, child.table.name))
    return known or _MADE.setdefault((kind, child.table.name), Statement(make(child.table)))


def _mapping(element: Any) -> Any:
    return msgspec.structs.asdict(element) if isinstance(element, msgspec.Struct) else element


def _range(pool: Any) -> Range:
    return Range(int(address_of(pool.start)), int(address_of(pool.end)))


def _role(port: Any) -> tuple[str, str, Any]:
    return port.device_owner, port.device_id, port.fixed_ips
