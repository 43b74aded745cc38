"""How much others can make a namespace do and remember.

New connections: a bucket per instance address, by source outwards and by destination inwards.
It is a rate, not ``ct count``: that walks the list of an address's connections for each new one
(``nf_conncount``; 133 us at 20,000 connections where all else takes 7), so that who holds many
stops the host.  How many a namespace may hold is counted by the kernel for each namespace alone
against the host's ``nf_conntrack_max`` (``__nf_conntrack_alloc()``).

Next hops: a tenant who sends to many addresses makes us ask for each by ARP or neighbour
discovery, and the neighbour table is one for all namespaces of the host (``gc_thresh3``).  So a
new next hop passes at a bounded rate per link, and is remembered for a while.  A set that is full
lets no new one pass.  The cost of a packet is the same for one connection as for a million.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from deuteron.compile.filter_rules import ACCEPT, among, base, came, goes, rule, within
from deuteron.compile.policy import Kind, Policy
from deuteron.objects import NftChain, NftRule, NftSet
from deuteron.objects.nft import Field, Match, Remember

NEIGHBOURS4: Final = "neighbours4"
NEIGHBOURS6: Final = "neighbours6"
PACES4: Final = "paces4"
PACES6: Final = "paces6"
LINKS: Final = "links"

#: Seconds that a next hop is remembered; as long as the kernel holds a stale neighbour at least.
_NEIGHBOUR_TIME: Final = 60
#: Seconds after which an unused bucket is forgotten; it is full by then.
_PACE_TIME: Final = 10
_MOST_LINKS: Final = 4096

_COUNTED: Final = rule(
    Match("ct status", "confirmed"), does=ACCEPT, comment="of a connection that was let in when it began"
)
_STRAY: Final = rule(
    Match("ct state", "invalid"), does=ACCEPT, comment="of no connection: remembered by nobody"
)
_TO_LEGS: Final = rule(goes("fpr-*"), does=ACCEPT, comment="its neighbour is written down")

_FAMILIES: Final[tuple[tuple[Field, str], ...]] = (
    ("rt ip nexthop", NEIGHBOURS4),
    ("rt ip6 nexthop", NEIGHBOURS6),
)


@lru_cache
def neighbour_sets(policy: Policy, kind: Kind) -> tuple[NftSet, ...]:
    """The sets of :func:`neighbours`."""
    size = policy.limit(kind, "neighbours")
    return (
        NftSet(name=LINKS, type=("ifname",), size=_MOST_LINKS, timeout=_PACE_TIME),
        NftSet(name=NEIGHBOURS4, type=("ipv4_addr",), size=size, timeout=_NEIGHBOUR_TIME),
        NftSet(name=NEIGHBOURS6, type=("ipv6_addr",), size=size, timeout=_NEIGHBOUR_TIME),
    )


@lru_cache
def pace_sets(policy: Policy) -> tuple[NftSet, ...]:
    """The sets of :func:`new_connections`."""
    size = policy.limit("router", "sources")
    return (
        NftSet(name=PACES4, type=("ipv4_addr",), size=size, timeout=_PACE_TIME),
        NftSet(name=PACES6, type=("ipv6_addr",), size=size, timeout=_PACE_TIME),
    )


@lru_cache
def neighbours(policy: Policy, kind: Kind) -> NftChain:
    """Whom we would have to ask for: known next hops pass, new ones at a rate for each link they come by."""
    first = _TO_LEGS if kind == "fip" else _COUNTED
    pace = Remember(LINKS, "iifname", within(policy, kind, "new_neighbours"))
    return base(policy, kind, "neighbours", first, *_next_hops(pace))


def _next_hops(pace: Remember) -> Iterator[NftRule]:
    for field, name in _FAMILIES:
        keep = Remember(name, field)
        yield rule(among(field, name), does=(keep, ACCEPT), comment="to a next hop that is known")
    for field, name in _FAMILIES:
        # The next hop comes first: a packet of the other family must not empty the bucket.
        ours = Match("meta nfproto", "ipv4" if name == NEIGHBOURS4 else "ipv6")
        keep = Remember(name, field)
        yield rule(ours, does=(pace, keep, ACCEPT), comment="to a new one, so many a second for each link")


def new_connections(policy: Policy, inner: str, outer: str = "") -> NftChain:
    """New connections, so many a second for each instance; ``outer`` is the link to the outside."""
    pace = within(policy, "router", "new_connections")
    rules = [_COUNTED, _STRAY]
    ways: list[tuple[str, tuple[Field, Field], str]] = [
        (inner, ("ip saddr", "ip6 saddr"), "so many a second from each address")
    ]
    if outer:
        ways.append((outer, ("ip daddr", "ip6 daddr"), "so many a second to each address"))
    for dev, (four, six), comment in ways:
        rules += [
            rule(came(dev), does=(Remember(PACES4, four, pace), ACCEPT), comment=comment),
            rule(came(dev), does=(Remember(PACES6, six, pace), ACCEPT), comment=comment),
        ]
    return base(policy, "router", "limits", *rules)
