"""How a project's list of ports is found: by its own ports, by its networks, or along all that there are."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from sqlalchemy import bindparam, select

from deuteron.store import tables as t
from deuteron.store.driver import Statement
from deuteron.store.select import Plan, own_networks

#: Visible ports above which a page is found by walking along its order: of 100,000 ports it then passes
#: ten to find one; below, these are sorted.
MANY: Final = 10_000


def may_walk(plan: Plan) -> bool:
    """Whether an index has all ports in the order that is wanted, of which a project is to see a page."""
    return (
        plan.resource.collection == "ports"
        and plan.narrowed
        and plan.limit
        and not plan.filters
        and (len(plan.sort) == 1 or (plan.sort[0][0] == "name" and plan.sort[0][1] == plan.sort[1][1]))
    )


def on_network(plan: Plan) -> str | None:
    """The parameter with the one network whose ports a project asks for; ``None`` where it does not."""
    if plan.resource.collection != "ports" or not plan.narrowed:
        return None
    asked = [at for at, one in enumerate(plan.filters) if one.name == "network_id"]
    single = len(asked) == 1 and not (plan.filters[asked[0]].many or plan.filters[asked[0]].null)
    return f"f{asked[0]}" if single else None


@lru_cache(maxsize=1)
def own_network_statement() -> Statement:
    """A row where a network is the project's."""
    networks = t.NETWORKS.c
    mine = (networks.id == bindparam("id"), networks.project_id == bindparam("project"))
    return Statement(select(networks.id).where(*mine))


@lru_cache(maxsize=2)
def many_statements() -> tuple[Statement, Statement]:
    """A row each where a project has many ports, or many are on its networks: both count along an index."""
    ports = t.PORTS.c
    begin = select(ports.id).offset(bindparam("many")).limit(1)
    return (
        Statement(begin.where(ports.project_id == bindparam("project"))),
        Statement(begin.where(ports.network_id.in_(own_networks()))),
    )
