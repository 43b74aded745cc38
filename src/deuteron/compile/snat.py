"""The ``snat-`` namespace: where a distributed router has its gateway, on one host.

Packets come from ``qrouter-`` of any host by the network of their subnet to an ``sg-``
port, and replies go straight to the instance; ``qrouter-`` sees one direction only.
"""

from __future__ import annotations

from deuteron.compile import names
from deuteron.compile.draft import Draft
from deuteron.compile.floating_ip import is_central
from deuteron.compile.gateway import add_gateway
from deuteron.compile.index import Index
from deuteron.compile.port import router_port
from deuteron.compile.routes import Door, door
from deuteron.domain import Gateway, Router
from deuteron.objects import Netns


def add_snat(draft: Draft, index: Index, router: Router, gateway: Gateway) -> None:
    """Add the namespace with its ``sg-`` ports, the gateway and the centralised floating IPs."""
    netns = names.snat_netns(router.id)
    draft.add(Netns(name=netns, owner=draft.name), *index.policy.netns_sysctls("router", netns))
    doors: list[Door] = []
    for ident in sorted(router.snat_interfaces):
        port = index.ports[ident]
        doors += door(index, port, router_port(draft, index, port, "sg-", netns))
    here = [fip for fip in index.floating_ips.get(router.id, []) if is_central(router, fip)]
    add_gateway(draft, index, router, gateway, netns, doors, here)
