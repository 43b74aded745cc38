"""The nftables tables of our namespaces.

Every filter chain drops what no rule of it accepts: what is forwarded, what the namespace itself
receives and says, what comes in with a source that does not live there, what would leave
untranslated.  What changes with a floating IP is an element of a map or set, never a rule.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from deuteron.compile import limits
from deuteron.compile.filter_local import (
    OWN4,
    OWN6,
    OWN_SETS,
    fip_guard,
    input_chain,
    leaving,
    network_chains,
    output_chain,
    own_source,
    router_guard,
    translated,
)
from deuteron.compile.filter_rules import (
    ACCEPT,
    IPV4,
    IPV6,
    KNOWN,
    LINK_LOCAL4,
    TO_FLOATING_IP,
    VALID,
    among,
    base,
    came,
    goes,
    rule,
)
from deuteron.compile.policy import Policy
from deuteron.compile.scopes import Links, Scopes
from deuteron.objects import NftChain, NftElement, NftRule, NftSet, NftTable
from deuteron.objects.nft import (
    FIXED_TO_FLOATING,
    FLOATING_TO_FIXED,
    FORWARDED_PORTS,
    Field,
    Lookup,
    Match,
    Nat,
    Notrack,
    SetMark,
)

#: Traffic of fixed addresses with a floating IP or an NDP proxy, in a distributed ``qrouter-``.
FLOATING_MARK: Final = 16

FIXED_WITH_FLOATING: Final = "fixed_with_floating"
PROXIED6: Final = "proxied6"

_MAPS: Final = (
    NftSet(name=FIXED_TO_FLOATING, type=("ipv4_addr",), data=("ipv4_addr",)),
    NftSet(name=FLOATING_TO_FIXED, type=("ipv4_addr",), data=("ipv4_addr",)),
)
_PORTS: Final = NftSet(
    name=FORWARDED_PORTS,
    type=("ipv4_addr", "inet_proto", "inet_service"),
    data=("ipv4_addr", "inet_service"),
)
_FIXED: Final = NftSet(name=FIXED_WITH_FLOATING, type=("ipv4_addr",))
_PROXIED: Final = NftSet(name=PROXIED6, type=("ipv6_addr",))

_NO_SCOPES: Final = Scopes()

_TO_FIXED: Final = Nat("dnat", "ip", Lookup(("ip daddr",), FLOATING_TO_FIXED))
_TO_FLOATING: Final = Nat("snat", "ip", Lookup(("ip saddr",), FIXED_TO_FLOATING))
_OUT: Final = "fixed address to its floating IP"
_BACK: Final = "floating IP to its fixed address"
_PORT_KEY: Final[tuple[Field, ...]] = ("ip daddr", "meta l4proto", "th dport")


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """What a table must know of a router's gateway.

    Attributes:
        dev: ``qg-``.
        address: its first IPv4 address, "" where it has none.
        snat: whether tenant addresses are hidden.
        ndp_proxy: whether only proxied IPv6 addresses may be reached from outside.
        elsewhere: the tables of external subnets with another gateway; their numbers are marks too.
        scopes: which internal links may talk to the external network untranslated.
    """

    dev: str
    address: str
    snat: bool
    ndp_proxy: bool
    elsewhere: tuple[int, ...] = ()
    scopes: Scopes = Scopes()

    @property
    def apart(self) -> bool:
        """Whether some internal IPv4 addresses may leave by their floating IP alone."""
        return not self.snat and self.scopes.v4.outside is not None


def router_table(
    policy: Policy,
    netns: str,
    gate: Gate | None,
    *,
    inner: Literal["qr-*", "sg-*"],
    scopes: Scopes = _NO_SCOPES,
) -> NftTable:
    """The table of a centralised ``qrouter-``, or of a ``snat-``.

    ``gate`` is ``None`` for a router without a gateway, or without a leg.  ``inner`` are the internal
    links; between the ``sg-`` of a ``snat-`` only hairpins pass, the rest is ``qrouter-``'s to route.
    """
    if inner == "qr-*":
        inside = _between(scopes)
    else:
        way = (came(inner), goes(inner))
        inside = (rule(*way, TO_FLOATING_IP, does=ACCEPT, comment="between internal networks"),)
    if gate is None:
        chains = _router_chains(policy, inner, "", inside)
        return NftTable(netns=netns, sets=_sets(policy), chains=_by_name(*chains))
    vias = tuple(NftSet(name=via_set(table), type=("ipv4_addr",)) for table in gate.elsewhere)
    more = (*((_PROXIED,) if gate.ndp_proxy else ()), *((_FIXED,) if gate.apart else ()))
    forward = (*inside, *_outwards(inner, gate), *_inwards(inner, gate))
    return NftTable(
        netns=netns,
        sets=_sets(policy, *_MAPS, _PORTS, *vias, *more),
        chains=_by_name(
            *_router_chains(policy, inner, gate.dev, forward),
            leaving(policy, inner, *_hidden(inner, gate)),
            *_elsewhere(policy, inner, gate),
            base(policy, "router", "postrouting", *_source_nat(inner, gate)),
            base(policy, "router", "prerouting", *_destination_nat()),
        ),
    )


def _router_chains(
    policy: Policy, inner: str, outer: str, forward: tuple[NftRule, ...], *, leg: bool = False
) -> tuple[NftChain, ...]:
    """What every routing table has; a leg has no neighbours to discover."""
    return (
        router_guard(policy, leg=leg),
        limits.neighbours(policy, "router"),
        limits.new_connections(policy, inner, outer),
        base(policy, "router", "forward", *forward),
        input_chain(policy, "router", inner, "" if leg else outer),
        output_chain(policy, "router"),
    )


def _sets(policy: Policy, *sets: NftSet) -> tuple[NftSet, ...]:
    limited = (*limits.neighbour_sets(policy, "router"), *limits.pace_sets(policy))
    return tuple(sorted((*sets, *OWN_SETS, *limited), key=lambda item: item.name))


def _by_name(*chains: NftChain) -> tuple[NftChain, ...]:
    return tuple(sorted(chains, key=lambda item: item.name))


def _hidden(inner: str, gate: Gate) -> list[NftRule]:
    """What may leave by the gateway: IPv6 is routed, IPv4 where it is translated, ours, or need not be."""
    out = goes(gate.dev)
    rules = [
        translated(gate.dev),
        own_source(gate.dev),
        rule(out, IPV6, does=ACCEPT, comment="IPv6 is routed"),
    ]
    plain = gate.scopes.v4.untranslated if gate.snat else gate.scopes.v4.outside
    comment = (
        "within the external network's address scope"
        if gate.snat
        else "SNAT is off: tenant addresses are routed"
    )
    return [*rules, *_allowed(IPV4, inner, plain, gate.dev, inwards=False, comment=comment)]


def via_set(table: int) -> str:
    """The set of fixed addresses whose floating IP leaves by the gateway in ``table``."""
    return f"via_{table:x}"


def _elsewhere(policy: Policy, inner: str, gate: Gate) -> tuple[NftChain, ...]:
    """Marks by which a floating IP leaves through its own subnet's gateway, where there are several."""
    rules = tuple(
        rule(
            came(inner),
            among("ip saddr", via_set(table)),
            does=SetMark(table),
            comment="its floating IP has another gateway",
        )
        for table in gate.elsewhere
    )
    return (base(policy, "router", "marking", *rules),) if rules else ()


def _between(scopes: Scopes) -> tuple[NftRule, ...]:
    """Between internal networks, as far as their address scopes allow."""
    if not (scopes.v4.groups or scopes.v6.groups):
        return (rule(came("qr-*"), goes("qr-*"), does=ACCEPT, comment="between internal networks"),)
    rules = [rule(came("qr-*"), goes("qr-*"), TO_FLOATING_IP, does=ACCEPT, comment="to a floating IP")]
    for family, found in ((IPV4, scopes.v4), (IPV6, scopes.v6)):
        rules += [
            rule(family, came(*links), goes(*links), does=ACCEPT, comment="within an address scope")
            for links in found.groups or (("qr-*",),)
        ]
    return tuple(rules)


def _outwards(inner: str, gate: Gate) -> tuple[NftRule, ...]:
    """What belongs to no connection would leave untranslated, so where SNAT is on it does not leave."""
    way, scopes = (came(inner), goes(gate.dev)), gate.scopes
    comment = "to the external network"
    if gate.snat:
        rules = [rule(*way, IPV4, VALID, does=ACCEPT, comment=comment)]
    elif gate.apart:
        floating = among("ip saddr", FIXED_WITH_FLOATING)
        rules = [
            rule(*way, KNOWN, does=ACCEPT, comment="replies"),
            rule(*way, floating, does=ACCEPT, comment="from a fixed address with a floating IP"),
            *_allowed(IPV4, inner, scopes.v4.outside, gate.dev, inwards=False, comment=comment),
        ]
    else:
        rules = [rule(*way, IPV4, does=ACCEPT, comment=comment)]
    return (*rules, *_allowed(IPV6, inner, scopes.v6.outside, gate.dev, inwards=False, comment=comment))


def _inwards(inner: str, gate: Gate) -> tuple[NftRule, ...]:
    way, scopes = (came(gate.dev), goes(inner)), gate.scopes
    rules = [
        rule(*way, KNOWN, does=ACCEPT, comment="replies"),
        rule(*way, TO_FLOATING_IP, does=ACCEPT, comment="to a floating IP"),
    ]
    six = among("ip6 daddr", PROXIED6) if gate.ndp_proxy else IPV6
    comment = "to an NDP proxy" if gate.ndp_proxy else "IPv6 is routed"
    rules += _allowed(six, inner, scopes.v6.outside, gate.dev, inwards=True, comment=comment)
    four: Links | None = scopes.v4.untranslated
    comment = "within the external network's address scope"
    if not gate.snat:
        four, comment = scopes.v4.outside, "SNAT is off: tenant addresses are routed"
    rules += _allowed(IPV4, inner, four, gate.dev, inwards=True, comment=comment)
    return tuple(rules)


def _allowed(
    what: Match, inner: str, links: Links | None, dev: str, *, inwards: bool, comment: str
) -> list[NftRule]:
    """Accept from or to some internal links: all for ``None``, and no rule for none of them."""
    some = (inner,) if links is None else links
    if not some:
        return []
    way = (came(dev), goes(*some)) if inwards else (came(*some), goes(dev))
    return [rule(*way, what, does=ACCEPT, comment=comment)]


def _destination_nat() -> tuple[NftRule, ...]:
    protocols = Match("meta l4proto", ("tcp", "udp"))
    return (
        rule(does=_TO_FIXED, comment=_BACK),
        rule(protocols, does=Nat("dnat", "ip", Lookup(_PORT_KEY, FORWARDED_PORTS)), comment="forwarded port"),
    )


def _source_nat(inner: str, gate: Gate) -> list[NftRule]:
    hairpin = (came(inner), goes(inner), TO_FLOATING_IP)
    rules = [
        rule(goes(gate.dev), does=_TO_FLOATING, comment=_OUT),
        rule(*hairpin, does=_TO_FLOATING, comment="hairpin from a fixed address with a floating IP"),
    ]
    if gate.address:
        own = Nat("snat", "ip", gate.address)
        rules.append(rule(*hairpin, IPV4, does=own, comment="hairpin from one without"))
    if gate.address and gate.snat:
        if gate.scopes.v4.untranslated:
            way = (came(*gate.scopes.v4.untranslated), goes(gate.dev), IPV4)
            rules.append(rule(*way, does=ACCEPT, comment="within the external network's address scope"))
        shared = Nat("snat", "ip", gate.address, fully_random=True)
        rules.append(
            rule(goes(gate.dev), IPV4, does=shared, comment="all others share the gateway's address")
        )
    return rules


def distributed_table(policy: Policy, netns: str, leg: str, scopes: Scopes = _NO_SCOPES) -> NftTable:
    """The table of a distributed ``qrouter-`` with a leg.

    Between internal links it keeps no state, since only one direction of a flow by way
    of ``snat-`` or of another host passes here.
    """
    inner = "qr-*"
    forward = (*_between(scopes), *_by_leg(inner, leg))
    proxied = among("ip6 saddr", PROXIED6)
    by_proxy = rule(goes(leg), proxied, does=ACCEPT, comment="from an address with an NDP proxy")
    out, back = (
        rule(goes(leg), does=_TO_FLOATING, comment=_OUT),
        rule(came(leg), does=_TO_FIXED, comment=_BACK),
    )
    fixed, mark = among("ip saddr", FIXED_WITH_FLOATING), SetMark(FLOATING_MARK)
    return NftTable(
        netns=netns,
        sets=_sets(policy, *_MAPS, _FIXED, _PROXIED),
        chains=_by_name(
            *_router_chains(policy, inner, leg, forward, leg=True),
            leaving(policy, inner, translated(leg), by_proxy),
            base(
                policy,
                "router",
                "marking",
                rule(came(inner), fixed, does=mark, comment="its way out is the leg"),
                rule(came(inner), proxied, does=mark, comment="its way out is the leg"),
            ),
            base(policy, "router", "postrouting", out),
            base(policy, "router", "prerouting", back),
        ),
    )


def _by_leg(inner: str, leg: str) -> tuple[NftRule, ...]:
    """Out with the mark of a floating IP or proxy; in as an answer, or to one of these."""
    to_leg, from_leg = (came(inner), goes(leg)), (came(leg), goes(inner))
    marked = Match("meta mark", str(FLOATING_MARK))
    return (
        rule(*to_leg, marked, VALID, does=ACCEPT, comment="from a fixed address with a floating IP"),
        rule(*from_leg, KNOWN, does=ACCEPT, comment="replies"),
        rule(*from_leg, TO_FLOATING_IP, does=ACCEPT, comment="to a floating IP"),
        rule(*from_leg, among("ip6 daddr", PROXIED6), does=ACCEPT, comment="to an NDP proxy"),
    )


def fip_table(policy: Policy, netns: str) -> NftTable:
    """The table of a ``fip-`` namespace: stateless, shared by the routers of an external network.

    What is link-local lives on a leg alone: neither to another tenant's leg nor outside.
    """
    untracked = rule(does=Notrack(), comment="the routers track")
    not_legs = (Match("ip saddr", LINK_LOCAL4, "!="), Match("ip daddr", LINK_LOCAL4, "!="))
    ways = (
        ("fpr-*", "fg-*", "to the external network"),
        ("fpr-*", "fpr-*", "to a floating IP on this host"),
        ("fg-*", "fpr-*", "to a floating IP"),
    )
    forward = [
        rule(came(there), goes(here), *which, does=ACCEPT, comment=comment)
        for there, here, comment in ways
        for which in (not_legs, (IPV6,))
    ]
    return NftTable(
        netns=netns,
        sets=tuple(sorted((*OWN_SETS, *limits.neighbour_sets(policy, "fip")), key=lambda item: item.name)),
        chains=_by_name(
            fip_guard(policy),
            limits.neighbours(policy, "fip"),
            base(policy, "fip", "forward", *forward),
            input_chain(policy, "fip", "", "fg-*"),
            output_chain(policy, "fip"),
            _raw(policy, "output", untracked),
            _raw(policy, "prerouting", untracked),
        ),
    )


def network_table(policy: Policy, netns: str) -> NftTable:
    """The table of a ``net-`` namespace."""
    return NftTable(netns=netns, chains=network_chains(policy))


def own_address(netns: str, address: str) -> NftElement:
    """The element that lets a namespace answer pings at an address of its own."""
    return element(netns, OWN6 if ":" in address else OWN4, address)


def element(netns: str, name: str, *item: str, value: tuple[str, ...] = ()) -> NftElement:
    """An element of a set or map."""
    return NftElement(netns=netns, set=name, item=item, value=value)


def _raw(policy: Policy, hook: Literal["prerouting", "output"], untracked: NftRule) -> NftChain:
    return base(policy, "fip", f"raw_{hook}", untracked)
