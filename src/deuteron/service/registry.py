"""Which service functions each collection has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from deuteron.service import (
    address_scope,
    agent,
    floatingip,
    network,
    port_forwarding,
    port_verbs,
    rbac_policy,
    router,
    subnet,
    subnetpool,
)
from deuteron.service.call import Member, Operations

#: By collection; what is not here is only looked at, or has verbs of its own.
OPERATIONS: Final[Mapping[str, Operations]] = {
    "networks": Operations(create=network.create, update=network.update, delete=network.delete),
    "subnets": Operations(create=subnet.create, update=subnet.update, delete=subnet.delete),
    "subnetpools": Operations(
        create=subnetpool.create,
        update=subnetpool.update,
        delete=subnetpool.delete,
        members={
            "add_prefixes": Member(run=subnetpool.add_prefixes),
            "remove_prefixes": Member(run=subnetpool.remove_prefixes),
        },
    ),
    "address_scopes": Operations(
        create=address_scope.create, update=address_scope.update, delete=address_scope.delete
    ),
    "ports": Operations(create=port_verbs.create, update=port_verbs.update, delete=port_verbs.delete),
    "routers": router.OPERATIONS,
    "floatingips": floatingip.OPERATIONS,
    "port_forwardings": port_forwarding.OPERATIONS,
    "rbac_policies": Operations(
        create=rbac_policy.create, update=rbac_policy.update, delete=rbac_policy.delete
    ),
    "agents": Operations(update=agent.update, delete=agent.delete),
}
