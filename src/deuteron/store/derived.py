"""What is made of other rows when a resource is read: ``shared`` and ``router:external``.

One statement for a page, whatever its length.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import bindparam, or_, select

from deuteron.store.children import among
from deuteron.store.driver import Connection, Statement
from deuteron.store.tables import NETWORKS, RBAC_POLICIES

_R: Final = RBAC_POLICIES.c
_SHARED: Final = Statement(
    select(_R.object_id).where(
        among(_R.object_id, "ids"),
        _R.action == "access_as_shared",
        or_(_R.target_tenant == "*", _R.target_tenant == bindparam("project")),
    )
)
_EXTERNAL: Final = Statement(
    select(NETWORKS.c.id).where(among(NETWORKS.c.id, "ids"), NETWORKS.c.router_external.is_(True))
)
#: Collections whose ``shared`` is their own RBAC policies'.
_OWN: Final = frozenset({"networks", "subnetpools", "address_scopes"})


def fill(db: Connection, collection: str, values: list[Any], project: str | None) -> list[Any]:
    """The values with what is derived of others.

    Args:
        db: where to look.
        collection: what they are.
        values: a page of them.
        project: whose eyes; ``None``: nobody's, so that ``shared`` says whether it is everybody's.
    """
    if not values:
        return values
    if collection in _OWN:
        shared = _ids(db, _SHARED, [one.id for one in values], project)
        return [msgspec.structs.replace(one, shared=True) if one.id in shared else one for one in values]
    if collection == "subnets":
        return _subnets(db, values, project)
    return values


def _subnets(db: Connection, values: list[Any], project: str | None) -> list[Any]:
    networks = sorted({one.network_id for one in values})
    shared = _ids(db, _SHARED, networks, project)
    external = _ids(db, _EXTERNAL, networks, project)
    concerned = shared | external
    return [
        msgspec.structs.replace(
            one, shared=one.network_id in shared, router_external=one.network_id in external
        )
        if one.network_id in concerned
        else one
        for one in values
    ]


def _ids(db: Connection, statement: Statement, ids: Sequence[str], project: str | None) -> frozenset[str]:
    wanted = {"ids": msgspec.json.encode(ids).decode(), "project": project}
    return frozenset(row[0] for row in db.rows(statement, wanted))
