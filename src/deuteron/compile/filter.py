"""The nftables tables of the routing namespaces.

Every table is default drop for what is forwarded and for what the namespace itself
receives.  What changes with a floating IP is an element of a map or set, never a rule.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

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
    SetRef,
    Statement,
    Verdict,
)

#: Traffic of fixed addresses with a floating IP or an NDP proxy, in a distributed ``qrouter-``.
FLOATING_MARK: Final = 16

FIXED_WITH_FLOATING: Final = "fixed_with_floating"
PROXIED6: Final = "proxied6"

ACCEPT: Final = Verdict("accept")
DROP: Final = Verdict("drop")

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

_IPV4: Final = Match("meta nfproto", "ipv4")
_IPV6: Final = Match("meta nfproto", "ipv6")
_TRANSLATED: Final = Match("ct status", "dnat")
_KNOWN: Final = Match("ct state", ("established", "related"))
_INVALID: Final = Match("ct state", "invalid")
_TO_FIXED: Final = Nat("dnat", "ip", Lookup(("ip daddr",), FLOATING_TO_FIXED))
_TO_FLOATING: Final = Nat("snat", "ip", Lookup(("ip saddr",), FIXED_TO_FLOATING))
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
    netns: str, gate: Gate | None, *, inner: Literal["qr-*", "sg-*"], scopes: Scopes = _NO_SCOPES
) -> NftTable:
    """The table of a centralised ``qrouter-``, or of a ``snat-``.

    ``gate`` is ``None`` for a router without a gateway, or without a leg.  ``inner`` are the internal
    links; between the ``sg-`` of a ``snat-`` only hairpins pass, the rest is ``qrouter-``'s to route.
    """
    if inner == "qr-*":
        inside = _between(scopes)
    else:
        inside = (
            _rule(_in(inner), _out(inner), _TRANSLATED, does=ACCEPT, comment="between internal networks"),
        )
    if gate is None:
        return NftTable(netns=netns, chains=(_filter("forward", *inside), _input()))
    vias = tuple(NftSet(name=via_set(table), type=("ipv4_addr",)) for table in gate.elsewhere)
    more = (*((_PROXIED,) if gate.ndp_proxy else ()), *((_FIXED,) if gate.apart else ()))
    sets = (*_MAPS, _PORTS, *vias, *more)
    return NftTable(
        netns=netns,
        sets=_sorted(sets),
        chains=(
            _filter("forward", *inside, *_outwards(inner, gate), *_inwards(inner, gate)),
            _input(),
            *_elsewhere(inner, gate),
            _nat("postrouting", *_source_nat(inner, gate)),
            _nat("prerouting", *_destination_nat()),
        ),
    )


def via_set(table: int) -> str:
    """The set of fixed addresses whose floating IP leaves by the gateway in ``table``."""
    return f"via_{table:x}"


def _elsewhere(inner: str, gate: Gate) -> tuple[NftChain, ...]:
    """Marks by which a floating IP leaves through its own subnet's gateway, where there are several."""
    rules = tuple(
        _rule(
            _in(inner),
            Match("ip saddr", SetRef(via_set(table))),
            does=SetMark(table),
            comment="its floating IP has another gateway",
        )
        for table in gate.elsewhere
    )
    return (_mark_chain(*rules),) if rules else ()


def _between(scopes: Scopes) -> tuple[NftRule, ...]:
    """Between internal networks, as far as their address scopes allow."""
    if not (scopes.v4.groups or scopes.v6.groups):
        return (_rule(_in("qr-*"), _out("qr-*"), does=ACCEPT, comment="between internal networks"),)
    rules = [_rule(_in("qr-*"), _out("qr-*"), _TRANSLATED, does=ACCEPT, comment="to a floating IP")]
    for family, found in ((_IPV4, scopes.v4), (_IPV6, scopes.v6)):
        rules += [
            _rule(family, _in(*links), _out(*links), does=ACCEPT, comment="within an address scope")
            for links in found.groups or (("qr-*",),)
        ]
    return tuple(rules)


def _outwards(inner: str, gate: Gate) -> tuple[NftRule, ...]:
    way, scopes = (_in(inner), _out(gate.dev)), gate.scopes
    untranslated = _rule(*way, _IPV4, _INVALID, does=DROP, comment="would leave untranslated")
    rules = [untranslated] if gate.snat else []
    if not gate.apart and scopes.v6.outside is None:
        return (*rules, _rule(*way, does=ACCEPT, comment="to the external network"))
    if gate.apart:
        floating = Match("ip saddr", SetRef(FIXED_WITH_FLOATING))
        rules += [
            _rule(*way, _KNOWN, does=ACCEPT, comment="replies"),
            _rule(*way, floating, does=ACCEPT, comment="from a fixed address with a floating IP"),
        ]
    for family, links in ((_IPV4, scopes.v4.outside if gate.apart else None), (_IPV6, scopes.v6.outside)):
        rules += _allowed(family, inner, links, gate.dev, inwards=False, comment="to the external network")
    return tuple(rules)


def _inwards(inner: str, gate: Gate) -> tuple[NftRule, ...]:
    way, scopes = (_in(gate.dev), _out(inner)), gate.scopes
    rules = [
        _rule(*way, _KNOWN, does=ACCEPT, comment="replies"),
        _rule(*way, _TRANSLATED, does=ACCEPT, comment="to a floating IP"),
    ]
    six = Match("ip6 daddr", SetRef(PROXIED6)) if gate.ndp_proxy else _IPV6
    comment = "to an NDP proxy" if gate.ndp_proxy else "IPv6 is routed"
    rules += _allowed(six, inner, scopes.v6.outside, gate.dev, inwards=True, comment=comment)
    four: Links | None = scopes.v4.untranslated
    comment = "within the external network's address scope"
    if not gate.snat:
        four, comment = scopes.v4.outside, "SNAT is off: tenant addresses are routed"
    rules += _allowed(_IPV4, inner, four, gate.dev, inwards=True, comment=comment)
    return tuple(rules)


def _allowed(
    what: Match, inner: str, links: Links | None, dev: str, *, inwards: bool, comment: str
) -> list[NftRule]:
    """Accept from or to some internal links: all for ``None``, and no rule for none of them."""
    some = (inner,) if links is None else links
    if not some:
        return []
    way = (_in(dev), _out(*some)) if inwards else (_in(*some), _out(dev))
    return [_rule(*way, what, does=ACCEPT, comment=comment)]


def _destination_nat() -> tuple[NftRule, ...]:
    protocols = Match("meta l4proto", ("tcp", "udp"))
    return (
        _rule(does=_TO_FIXED, comment="floating IP to its fixed address"),
        _rule(
            protocols, does=Nat("dnat", "ip", Lookup(_PORT_KEY, FORWARDED_PORTS)), comment="forwarded port"
        ),
    )


def _source_nat(inner: str, gate: Gate) -> list[NftRule]:
    hairpin = (_in(inner), _out(inner), _TRANSLATED)
    rules = [
        _rule(_out(gate.dev), does=_TO_FLOATING, comment="fixed address to its floating IP"),
        _rule(*hairpin, does=_TO_FLOATING, comment="hairpin from a fixed address with a floating IP"),
    ]
    if gate.address:
        own = Nat("snat", "ip", gate.address)
        rules.append(_rule(*hairpin, _IPV4, does=own, comment="hairpin from one without"))
    if gate.address and gate.snat:
        if gate.scopes.v4.untranslated:
            way = (_in(*gate.scopes.v4.untranslated), _out(gate.dev), _IPV4)
            rules.append(_rule(*way, does=ACCEPT, comment="within the external network's address scope"))
        shared = Nat("snat", "ip", gate.address, fully_random=True)
        rules.append(
            _rule(_out(gate.dev), _IPV4, does=shared, comment="all others share the gateway's address")
        )
    return rules


def distributed_table(netns: str, leg: str, scopes: Scopes = _NO_SCOPES) -> NftTable:
    """The table of a distributed ``qrouter-`` with a leg.

    Between internal links it keeps no state, since only one direction of a flow by way
    of ``snat-`` or of another host passes here.
    """
    inner, to_leg, from_leg = _in("qr-*"), (_in("qr-*"), _out(leg)), (_in(leg), _out("qr-*"))
    marked = Match("meta mark", str(FLOATING_MARK))
    proxied = Match("ip6 daddr", SetRef(PROXIED6))
    fixed = Match("ip saddr", SetRef(FIXED_WITH_FLOATING))
    proxied_source = Match("ip6 saddr", SetRef(PROXIED6))
    mark = SetMark(FLOATING_MARK)
    forward = (
        *_between(scopes),
        _rule(*to_leg, _IPV4, _INVALID, does=DROP, comment="would leave untranslated"),
        _rule(*to_leg, marked, does=ACCEPT, comment="from a fixed address with a floating IP"),
        _rule(*from_leg, _KNOWN, does=ACCEPT, comment="replies"),
        _rule(*from_leg, _TRANSLATED, does=ACCEPT, comment="to a floating IP"),
        _rule(*from_leg, proxied, does=ACCEPT, comment="to an NDP proxy"),
    )
    return NftTable(
        netns=netns,
        sets=_sorted((*_MAPS, _FIXED, _PROXIED)),
        chains=(
            _filter("forward", *forward),
            _input(),
            _mark_chain(
                _rule(inner, fixed, does=mark, comment="its way out is the leg"),
                _rule(inner, proxied_source, does=mark, comment="its way out is the leg"),
            ),
            _nat(
                "postrouting", _rule(_out(leg), does=_TO_FLOATING, comment="fixed address to its floating IP")
            ),
            _nat("prerouting", _rule(_in(leg), does=_TO_FIXED, comment="floating IP to its fixed address")),
        ),
    )


def _mark_chain(*rules: NftRule) -> NftChain:
    return NftChain(
        name="marking", type="filter", hook="prerouting", priority=-150, policy="accept", rules=rules
    )


def fip_table(netns: str) -> NftTable:
    """The table of a ``fip-`` namespace: stateless, and no source may enter that does not live there."""
    spoofed = Match("fib saddr . iif oif", "0")
    forward = (
        _rule(_in("fpr-*"), spoofed, does=DROP, comment="a source that does not live behind this leg"),
        _rule(_in("fpr-*"), _out("fg-*"), does=ACCEPT, comment="to the external network"),
        _rule(_in("fpr-*"), _out("fpr-*"), does=ACCEPT, comment="to a floating IP on this host"),
        _rule(_in("fg-*"), _out("fpr-*"), does=ACCEPT, comment="to a floating IP"),
    )
    untracked = _rule(does=Notrack(), comment="the routers track")
    return NftTable(
        netns=netns,
        chains=(
            _filter("forward", *forward),
            _input(),
            _raw("output", untracked),
            _raw("prerouting", untracked),
        ),
    )


def element(netns: str, name: str, *item: str, value: tuple[str, ...] = ()) -> NftElement:
    """An element of a set or map."""
    return NftElement(netns=netns, set=name, item=item, value=value)


def _input() -> NftChain:
    return _filter(
        "input",
        _rule(_in("lo"), does=ACCEPT, comment="itself"),
        _rule(_KNOWN, does=ACCEPT, comment="replies"),
        _rule(Match("icmp type", ("echo-reply", "echo-request")), does=ACCEPT, comment="ping"),
        _rule(
            Match("icmpv6 type", ("echo-reply", "echo-request", "nd-neighbor-advert", "nd-neighbor-solicit")),
            does=ACCEPT,
            comment="ping and neighbour discovery",
        ),
    )


def _filter(hook: Literal["forward", "input"], *rules: NftRule) -> NftChain:
    return NftChain(name=hook, type="filter", hook=hook, priority=0, policy="drop", rules=rules)


def _nat(hook: Literal["prerouting", "postrouting"], *rules: NftRule) -> NftChain:
    priority = -100 if hook == "prerouting" else 100
    return NftChain(name=hook, type="nat", hook=hook, priority=priority, policy="accept", rules=rules)


def _raw(hook: Literal["prerouting", "output"], rule: NftRule) -> NftChain:
    name = f"raw_{hook}"
    return NftChain(name=name, type="filter", hook=hook, priority=-300, policy="accept", rules=(rule,))


def _rule(*matches: Match, does: Statement, comment: str) -> NftRule:
    return NftRule(matches=matches, statements=(does,), comment=comment)


def _in(*devs: str) -> Match:
    return Match("iifname", devs if len(devs) > 1 else devs[0])


def _out(*devs: str) -> Match:
    return Match("oifname", devs if len(devs) > 1 else devs[0])


def _sorted(sets: tuple[NftSet, ...]) -> tuple[NftSet, ...]:
    return tuple(sorted(sets, key=lambda item: item.name))
