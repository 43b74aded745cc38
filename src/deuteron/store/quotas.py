"""The limits that an administrator set, by project and resource; what has no row has the default."""

from __future__ import annotations

from typing import Final

from sqlalchemy import bindparam, delete, select
from sqlalchemy.dialects.sqlite import insert

from deuteron.store.driver import Connection, Statement
from deuteron.store.tables import QUOTAS

_Q: Final = QUOTAS.c
_OF: Final = Statement(select(_Q.resource, _Q.limit).where(_Q.project_id == bindparam("project")))
_ALL: Final = Statement(select(_Q.project_id, _Q.resource, _Q.limit).order_by(_Q.project_id, _Q.resource))
_GIVEN: Final = insert(QUOTAS)
_PUT: Final = Statement(
    _GIVEN.on_conflict_do_update(
        index_elements=[_Q.project_id, _Q.resource], set_={"limit": _GIVEN.excluded.limit}
    )
)
_CLEAR: Final = Statement(delete(QUOTAS).where(_Q.project_id == bindparam("project")))


def of(db: Connection, project: str) -> dict[str, int]:
    """A project's limits."""
    return {str(name): int(limit) for name, limit in db.rows(_OF, {"project": project})}


def all_of(db: Connection) -> dict[str, dict[str, int]]:
    """Every project's limits."""
    found: dict[str, dict[str, int]] = {}
    for project, name, limit in db.rows(_ALL, {}):
        found.setdefault(project, {})[name] = limit
    return found


def put(db: Connection, project: str, name: str, limit: int) -> None:
    """Set one."""
    db.run(_PUT, {"project_id": project, "resource": name, "limit": limit})


def clear(db: Connection, project: str) -> None:
    """Take a project's back."""
    db.run(_CLEAR, {"project": project})
