"""The record of what changed: one row for each resource that a unit touched, written in its transaction.

The agent asks for what came after the revision that it has.  Hints say which network and router a
change concerns, so that it need not look at the rest.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec
from sqlalchemy import bindparam, delete, func, insert, select

from deuteron.store.driver import Connection, Statement
from deuteron.store.tables import CHANGES

Kind = Literal["create", "update", "delete"]

#: Rows that are kept; who is further behind takes everything anew.
KEPT: Final = 100_000

_C: Final = CHANGES.c
_ADD: Final = Statement(insert(CHANGES))
# Two statements: SQLite finds one end of an index at once, and reads all of it for both.
_LAST: Final = Statement(select(func.max(_C.revision)))
_OLDEST: Final = Statement(select(func.min(_C.revision)))
_SINCE: Final = Statement(
    select(_C.revision, _C.resource, _C.id, _C.kind, _C.network_id, _C.router_id)
    .where(_C.revision > bindparam("since"))
    .order_by(_C.revision)
    .limit(bindparam("limit"))
)
_TRIM: Final = Statement(delete(CHANGES).where(_C.revision <= bindparam("upto")))


class Change(msgspec.Struct, frozen=True):
    """A resource that changed.

    Attributes:
        revision: the store's, one more with every change.
        resource: its collection, ``ports``.
        id: its id.
        kind: what happened.
        network_id: the network concerned.
        router_id: the router concerned.
    """

    revision: int
    resource: str
    id: str
    kind: Kind
    network_id: str | None = None
    router_id: str | None = None


def last(db: Connection) -> int:
    """The latest revision; 0 for a new store."""
    found = db.first(_LAST, {})
    return 0 if found is None or found[0] is None else int(found[0])


def since(db: Connection, revision: int, limit: int) -> list[Change] | None:
    """What changed after a revision, oldest first; ``None`` when the record does not go back so far."""
    newest = last(db)
    oldest = db.first(_OLDEST, {})
    if revision > newest:
        return None
    if newest and oldest is not None and oldest[0] > revision + 1:
        return None
    return [Change(*row) for row in db.rows(_SINCE, {"since": revision, "limit": limit})]


def record(db: Connection, changes: list[Change]) -> None:
    """Write what a unit changed."""
    if changes:
        db.run_many(_ADD, [msgspec.structs.asdict(one) for one in changes])


def trim(db: Connection, newest: int) -> None:
    """Forget what is older than the last ``KEPT`` changes."""
    db.run(_TRIM, {"upto": newest - KEPT})


def hints(collection: str, value: Any) -> tuple[str | None, str | None]:
    """The network and the router that a resource concerns."""
    match collection:
        case "networks":
            return value.id, None
        case "subnets":
            return value.network_id, None
        case "ports":
            routed = value.device_owner.startswith("network:") and value.device_id
            return value.network_id, value.device_id if routed else None
        case "routers":
            return None, value.id
        case "floatingips":
            return value.floating_network_id, value.router_id
        case _:
            return None, None
