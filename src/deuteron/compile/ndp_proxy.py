"""NDP proxies: a tenant's IPv6 address that the external network takes for one of its own."""

from __future__ import annotations

from deuteron.compile import names
from deuteron.compile.draft import Draft
from deuteron.compile.filter import PROXIED6, element
from deuteron.compile.index import Index
from deuteron.compile.routes import route
from deuteron.domain import NdpProxy, Port, Router
from deuteron.objects import Announce, NeighbourProxy, Nexthop


def proxies(index: Index, router: Router) -> list[NdpProxy]:
    """The router's proxies, none where it does not honour them."""
    return index.ndp_proxies.get(router.id, []) if router.enable_ndp_proxy else []


def add_central(draft: Draft, index: Index, router: Router, gateway: Port, netns: str, dev: str) -> None:
    """In a centralised router ``qg-`` answers for them."""
    announced = index.is_up(gateway)
    for proxy in proxies(index, router):
        entry = NeighbourProxy(netns=netns, dev=dev, address=proxy.ip_address)
        draft.add(entry, element(netns, PROXIED6, proxy.ip_address))
        if announced:
            draft.announce(entry, Announce(netns=netns, dev=dev, address=proxy.ip_address))


def add_distributed(
    draft: Draft, index: Index, router: Router, external: Port, via: Nexthop, netns: str
) -> None:
    """In a distributed one they are routes of the fip namespace to the leg, as floating IPs are."""
    fip_netns, fg = names.fip_netns(external.network_id), names.device("fg-", external.id)
    announced = index.is_up(external)
    for proxy in proxies(index, router):
        way = route(fip_netns, f"{proxy.ip_address}/128", via)
        draft.add(way, element(netns, PROXIED6, proxy.ip_address))
        if announced:
            draft.announce(way, Announce(netns=fip_netns, dev=fg, address=proxy.ip_address))


def add_entries(draft: Draft, index: Index, router: Router, netns: str, fg: str) -> None:
    """The entries on ``fg-``, which belong to the fip namespace's unit since ``fg-`` does."""
    draft.add(
        *(NeighbourProxy(netns=netns, dev=fg, address=proxy.ip_address) for proxy in proxies(index, router))
    )
