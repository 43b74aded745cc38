"""What a namespace of ours lets in at all, takes for itself, says itself, and lets out in the end.

::

    wire -> guard -> (notrack, tracking, nat) -> routing -> input -> the namespace itself
                                                    |                     |
                                                    |                  output
                                                    v                     |
                                     neighbours, limits, forward          |
                                                    v                     v
                                              (source nat) -> leaving -> wire

``guard`` stands before connection tracking, so that what is refused there is never remembered.
Fragments are whole by then: tracking reassembles them (``nf_defrag_ipv4``, ``nf_defrag_ipv6``), drops
those that overlap, and sends them on as they came.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from deuteron.compile.filter_rules import (
    ACCEPT,
    IPV4,
    KNOWN,
    LINK_LOCAL4,
    TRANSLATED,
    among,
    base,
    came,
    goes,
    rule,
    within,
)
from deuteron.compile.policy import Kind, Policy
from deuteron.objects import NftChain, NftRule, NftSet
from deuteron.objects.nft import Limit, Match

#: The addresses at which a namespace may be asked whether it is there; floating IPs are none of them.
OWN4: Final = "own4"
OWN6: Final = "own6"
OWN_SETS: Final = (NftSet(name=OWN4, type=("ipv4_addr",)), NftSet(name=OWN6, type=("ipv6_addr",)))

_PLAIN: Final = Match("ip hdrlength", "5")
_UNROUTED: Final = Match("exthdr rt", "missing")
_LIVES_THERE: Final = Match("fib saddr . iif oif", "0", "!=")
_LIVES_NOWHERE: Final = Match("fib saddr oif", "0")
_NOT_LINK_LOCAL: Final = Match("ip saddr", LINK_LOCAL4, "!=")
_OUR_OWN: Final = Match("fib saddr type", "local")
#: Site-local addresses are no longer anybody's (RFC 3879).
_NOT_SITE_LOCAL: Final = Match("ip6 saddr", "fec0::/10", "!=")
#: Not a ping in a frame for all, which all would answer.
_TO_US_ALONE: Final = Match("meta pkttype", "host")
_THAT_LINK_S: Final = Match("fib daddr . iif type", "local")
_NEAR: Final = Match("ip6 hoplimit", "255")
_SOLICIT: Final = Match("icmpv6 type", "nd-neighbor-solicit")
_ADVERT: Final = Match("icmpv6 type", "nd-neighbor-advert")
_ERRORS4: Final = ("destination-unreachable", "echo-request", "parameter-problem", "time-exceeded")
_ERRORS6: Final = (
    "destination-unreachable",
    "echo-request",
    "mld-listener-done",
    "mld-listener-report",
    "mld2-listener-report",
    "packet-too-big",
    "parameter-problem",
    "time-exceeded",
)

_ITSELF: Final = rule(came("lo"), does=ACCEPT, comment="itself")
_TO_ITSELF: Final = rule(goes("lo"), does=ACCEPT, comment="to itself")
_DETECTS_DUPLICATES: Final = rule(
    Match("ip6 saddr", "::"), _SOLICIT, does=ACCEPT, comment="has no address yet, asks whether it is free"
)


@lru_cache
def router_guard(policy: Policy, *, leg: bool) -> NftChain:
    """No source but those that live where the packet came from, no source routes, no routing headers.

    By a leg come the errors of the fip namespace, which has none but link-local addresses there.
    """
    four = (_PLAIN,) if leg else (_PLAIN, _NOT_LINK_LOCAL)
    return base(
        policy,
        "router",
        "guard",
        _ITSELF,
        rule(*four, _LIVES_THERE, does=ACCEPT, comment="its source lives behind this link"),
        rule(
            _UNROUTED, _NOT_SITE_LOCAL, _LIVES_THERE, does=ACCEPT, comment="its source lives behind this link"
        ),
        _DETECTS_DUPLICATES,
    )


@lru_cache
def fip_guard(policy: Policy) -> NftChain:
    """As in routers; but main has no default route here, so the world at large is what has no route."""
    world = came("fg-*")
    return base(
        policy,
        "fip",
        "guard",
        _ITSELF,
        rule(_PLAIN, _LIVES_THERE, does=ACCEPT, comment="its source lives behind this link"),
        rule(
            world, _PLAIN, _NOT_LINK_LOCAL, _LIVES_NOWHERE, does=ACCEPT, comment="from the external network"
        ),
        rule(
            _UNROUTED, _NOT_SITE_LOCAL, _LIVES_THERE, does=ACCEPT, comment="its source lives behind this link"
        ),
        rule(
            world,
            _UNROUTED,
            _NOT_SITE_LOCAL,
            _LIVES_NOWHERE,
            does=ACCEPT,
            comment="from the external network",
        ),
        _DETECTS_DUPLICATES,
    )


def input_chain(policy: Policy, kind: Kind, inner: str, outer: str) -> NftChain:
    """Ping at its own addresses, answers, and neighbour discovery on links that have neighbours.

    No advertisement of a router, no redirect, no DHCP, no service.  From inside all own addresses
    may be asked, from outside only those of that very link.  A fip namespace tracks nothing, so
    answers to its own pings are known by their type alone.

    ``inner`` are the internal links, ``outer`` is the link to the outside that has neighbours (a leg has
    none); "" for none.
    """
    pings, tracks = within(policy, kind, "pings"), kind == "router"
    links = tuple(sorted(dev for dev in (inner, outer) if dev))
    return base(
        policy,
        kind,
        "input",
        _ITSELF,
        *((rule(KNOWN, does=ACCEPT, comment="replies"),) if tracks else ()),
        *(_pings(pings, came(inner), tracks=tracks) if inner else ()),
        *(_pings(pings, came(outer), _THAT_LINK_S, tracks=tracks) if outer else ()),
        *_discovery(within(policy, kind, "solicitations"), came(*links)),
    )


def _pings(limit: Limit, *which: Match, tracks: bool) -> Iterator[NftRule]:
    types = "echo-request" if tracks else ("echo-reply", "echo-request")
    does = (limit, ACCEPT)
    for what, to in (
        (Match("icmp type", types), among("ip daddr", OWN4)),
        (Match("icmpv6 type", types), among("ip6 daddr", OWN6)),
    ):
        yield rule(*which, _TO_US_ALONE, what, to, does=does, comment="ping, so many a second")


def _discovery(limit: Limit, links: Match) -> Iterator[NftRule]:
    """A bucket each: a flood of questions leaves room for answers."""
    for what, comment in (
        (_SOLICIT, "a neighbour asks, from this very link"),
        (_ADVERT, "a neighbour answers, from this very link"),
    ):
        yield rule(links, what, _NEAR, does=(limit, ACCEPT), comment=comment)


@lru_cache
def output_chain(policy: Policy, kind: Kind) -> NftChain:
    """What a namespace says: answers, errors, pings, and neighbour discovery at a bounded rate."""
    limit, tracks = within(policy, kind, "solicitations"), kind == "router"
    four, six = (_ERRORS4, _ERRORS6) if tracks else (("echo-reply", *_ERRORS4), ("echo-reply", *_ERRORS6))
    return base(
        policy,
        kind,
        "output",
        _TO_ITSELF,
        *((rule(KNOWN, does=ACCEPT, comment="answers"),) if tracks else ()),
        rule(Match("icmp type", tuple(sorted(four))), does=ACCEPT, comment="errors and pings"),
        rule(Match("icmpv6 type", tuple(sorted(six))), does=ACCEPT, comment="errors, pings, groups"),
        rule(_SOLICIT, does=(limit, ACCEPT), comment="asks a neighbour, so often a second"),
        rule(_ADVERT, does=(limit, ACCEPT), comment="answers a neighbour, so often a second"),
    )


def leaving(policy: Policy, inner: str, *outwards: NftRule) -> NftChain:
    """After translation: nothing leaves towards the outside with a source that should have been hidden.

    A second line: were a rule or element of the translation missing, packets would not leak but stop.
    """
    return base(
        policy,
        "router",
        "leaving",
        rule(goes(inner), does=ACCEPT, comment="to an internal network"),
        _TO_ITSELF,
        *outwards,
    )


def translated(dev: str) -> NftRule:
    """Out by ``dev``, of a connection whose addresses are translated."""
    return rule(goes(dev), TRANSLATED, does=ACCEPT, comment="translated")


def own_source(dev: str) -> NftRule:
    """Out by ``dev``, from an address of the namespace: its own answers and errors."""
    return rule(goes(dev), IPV4, _OUR_OWN, does=ACCEPT, comment="from an address of its own")


@lru_cache
def network_chains(policy: Policy) -> tuple[NftChain, ...]:
    """A ``net-`` namespace switches: it takes, says and routes nothing.

    Where the host has br_netfilter, switched frames pass the forward chain too, from the bridge to
    the bridge (``br_nf_forward_ip()``); nothing is routed that way, since there are no routes.
    """
    switched = rule(
        came("br-*"), goes("br-*"), does=ACCEPT, comment="switched, not routed (br_netfilter shows it)"
    )
    return (
        base(policy, "network", "forward", switched),
        base(policy, "network", "input"),
        base(policy, "network", "output"),
    )
