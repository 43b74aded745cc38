"""Floating IPs and port forwardings, in a centralised router, in ``snat-``, and distributed.

How a packet of ``A`` (fixed ``a``, floating ``A'``) reaches its neighbour ``B`` by ``B'``
(hairpin), and itself by ``A'``, for which read ``B = A``:

Centralised: one pass through one namespace. ::

    A --a>B'--> qr-  dnat to b  forward qr- > qr-  snat to A'  qr- --A'>b--> B
    A <-B'>a--  qr-           the same connection          qr- <-b>A'--  B

Without the snat B would answer ``a`` on their common wire, with an address ``a`` never
asked.  Distributed: two connections of ``qrouter-``, one out and one in, since the map
that leads inwards holds only for what comes in from the leg. ::

                   qrouter-                          fip-
    A --a>B'--> qr-  mark 16, table 16   rfp- --A'>B'--> fpr-   route B' is that leg
                  (1) snat to A'                            |   source A' lives there
    B <-A'>b--  qr-  (2) dnat to b       rfp- <--A'>B'--- fpr-  (untracked)

    B --b>A'--> qr-  mark 16, table 16   rfp- --B'>A'--> fpr-
                  reply of (2)                              |
    A <-B'>a--  qr-  reply of (1)        rfp- <--B'>A'--- fpr-

An ``A`` without a floating IP goes by ``snat-`` and the external wire instead; in a
centralised router its hairpin bears the gateway's address.
"""

from __future__ import annotations

from collections.abc import Iterable

from deuteron.compile import names
from deuteron.compile.draft import Draft
from deuteron.compile.filter import FIXED_WITH_FLOATING, element
from deuteron.compile.index import Index
from deuteron.compile.port import announce
from deuteron.compile.routes import route
from deuteron.domain import FloatingIP, Port, Router
from deuteron.objects import Address, Announce, Nexthop
from deuteron.objects.nft import FIXED_TO_FLOATING, FLOATING_TO_FIXED, FORWARDED_PORTS


def is_central(router: Router, fip: FloatingIP) -> bool:
    """Whether it is served where the router's gateway is.

    Port forwardings always are: one address, several instances on several hosts.
    """
    return not router.distributed or fip.centralised or bool(fip.port_forwardings)


def add_central(
    draft: Draft, index: Index, gateway: Port, netns: str, dev: str, fips: Iterable[FloatingIP]
) -> None:
    """Floating IPs as addresses of ``qg-``."""
    announced = index.is_up(gateway)
    for fip in fips:
        address = Address(netns=netns, dev=dev, address=f"{fip.floating_ip_address}/32")
        draft.add(address)
        if announced:
            announce(draft, address)
        _translate(draft, netns, fip)
        _forward_ports(draft, netns, fip)


def add_distributed(
    draft: Draft, index: Index, router: Router, external: Port, via: Nexthop, netns: str
) -> None:
    """Floating IPs as routes of the fip namespace to the router's leg.

    ``external`` is the ``fg-`` port, which answers ARP for them; ``via`` the leg as the
    fip namespace sees it; ``netns`` the router's.
    """
    fip_netns, fg = names.fip_netns(external.network_id), names.device("fg-", external.id)
    announced = index.is_up(external)
    for fip in index.floating_ips.get(router.id, []):
        if is_central(router, fip):
            continue
        way = route(fip_netns, f"{fip.floating_ip_address}/32", via)
        draft.add(way, element(netns, FIXED_WITH_FLOATING, fip.fixed_ip_address))
        if announced:
            draft.announce(way, Announce(netns=fip_netns, dev=fg, address=fip.floating_ip_address))
        _translate(draft, netns, fip)


def _translate(draft: Draft, netns: str, fip: FloatingIP) -> None:
    if fip.fixed_ip_address:
        floating, fixed = fip.floating_ip_address, fip.fixed_ip_address
        draft.add(
            element(netns, FLOATING_TO_FIXED, floating, value=(fixed,)),
            element(netns, FIXED_TO_FLOATING, fixed, value=(floating,)),
        )


def _forward_ports(draft: Draft, netns: str, fip: FloatingIP) -> None:
    for rule in fip.port_forwardings:
        item = (fip.floating_ip_address, rule.protocol, str(rule.external_port))
        inside = (rule.internal_ip_address, str(rule.internal_port))
        draft.add(element(netns, FORWARDED_PORTS, *item, value=inside))
