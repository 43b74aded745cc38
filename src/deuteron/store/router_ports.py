"""Which port serves which router: kept beside the ports, so that the constraint holds whoever writes.

A port whose ``device_owner`` is one of a router's roles belongs to the router that ``device_id`` names,
and that router must exist (OSSA-2014-008: no port is another router's by a free text).
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import bindparam, delete, insert

from deuteron.store.driver import Connection, Statement
from deuteron.store.tables import ROUTER_PORTS

#: The roles, as Neutron's ``device_owner`` names them.
ROLES: Final = frozenset(
    {
        "network:router_interface",
        "network:router_interface_distributed",
        "network:router_gateway",
        "network:router_centralized_snat",
        "network:ha_router_replicated_interface",
    }
)
_DROP: Final = Statement(delete(ROUTER_PORTS).where(ROUTER_PORTS.c.port_id == bindparam("port_id")))
_ADD: Final = Statement(insert(ROUTER_PORTS))


def attach(db: Connection, port: Any, before: Any = None) -> None:
    """Keep whose port this is now.

    Args:
        db: the writer's.
        port: as it is now.
        before: as it was, ``None`` for a new one.

    Raises:
        ConstraintError: there is no such router.
    """
    if before is not None and before.device_owner in ROLES:
        db.run(_DROP, {"port_id": port.id})
    if port.device_owner in ROLES:
        db.run(_ADD, {"port_id": port.id, "router_id": port.device_id, "port_type": port.device_owner})
