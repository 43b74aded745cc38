"""Tables as the engine makes them, and Hypothesis strategies over the whole language."""

from __future__ import annotations

import ipaddress
from typing import Any, Final

from hypothesis import strategies as st

from deuteron.objects import NftChain, NftElement, NftRule, NftSet, NftTable
from deuteron.objects.nft import (
    Field,
    Limit,
    Lookup,
    Match,
    Nat,
    Notrack,
    Remember,
    SetMark,
    SetRef,
    Statement,
    Verdict,
)
from deuteron.objects.nft_names import (
    CT_STATE,
    CT_STATUS,
    ICMP_TYPE,
    ICMPV6_TYPE,
    NFPROTO,
    PACKET_TYPE,
    PROTOCOLS,
    ROUTE_TYPE,
)

NETNS: Final = "qrouter-1"

_MAPS: Final = (
    NftSet(name="fixed_to_floating", type=("ipv4_addr",), data=("ipv4_addr",)),
    NftSet(name="fixed_with_floating", type=("ipv4_addr",)),
    NftSet(name="floating_to_fixed", type=("ipv4_addr",), data=("ipv4_addr",)),
    NftSet(
        name="forwarded_ports",
        type=("ipv4_addr", "inet_proto", "inet_service"),
        data=("ipv4_addr", "inet_service"),
    ),
    NftSet(name="proxied6", type=("ipv6_addr",)),
)
_TO_FLOATING: Final = Nat("snat", "ip", Lookup(("ip saddr",), "fixed_to_floating"))
_TO_FIXED: Final = Nat("dnat", "ip", Lookup(("ip daddr",), "floating_to_fixed"))
_TO_PORT: Final = Nat("dnat", "ip", Lookup(("ip daddr", "meta l4proto", "th dport"), "forwarded_ports"))


def _rule(*matches: Match, does: Statement, comment: str = "") -> NftRule:
    return NftRule(matches=matches, statements=(does,), comment=comment)


def _chain(name: str, kind: Any, hook: Any, priority: int, *rules: NftRule) -> NftChain:
    policy: Any = "drop" if hook in {"forward", "input"} else "accept"
    return NftChain(name=name, type=kind, hook=hook, priority=priority, policy=policy, rules=rules)


ACCEPT: Final = Verdict("accept")
DROP: Final = Verdict("drop")

CENTRALISED: Final = NftTable(
    netns=NETNS,
    sets=_MAPS,
    chains=(
        _chain(
            "forward",
            "filter",
            "forward",
            0,
            _rule(
                Match("iifname", "qr-*"), Match("oifname", "qr-*"), does=ACCEPT, comment="between networks"
            ),
            _rule(Match("meta nfproto", "ipv4"), Match("ct state", "invalid"), does=DROP),
            _rule(Match("ct state", ("established", "related")), does=ACCEPT, comment="replies"),
            _rule(Match("ct status", "dnat"), does=ACCEPT, comment="a router's floating IP"),
            _rule(Match("ip6 daddr", SetRef("proxied6")), does=ACCEPT),
        ),
        _chain("postrouting", "nat", "postrouting", 100, _rule(Match("oifname", "qg-1"), does=_TO_FLOATING)),
        _chain(
            "prerouting",
            "nat",
            "prerouting",
            -100,
            _rule(does=_TO_FIXED),
            _rule(Match("meta l4proto", ("tcp", "udp")), does=_TO_PORT, comment="forwarded port"),
        ),
    ),
)

SNAT: Final = NftTable(
    netns=NETNS,
    chains=(
        _chain(
            "postrouting",
            "nat",
            "postrouting",
            100,
            _rule(
                Match("oifname", "qg-1"),
                Match("meta nfproto", "ipv4"),
                does=Nat("snat", "ip", "203.0.113.7", fully_random=True),
            ),
            _rule(Match("oifname", "qg-1"), does=Nat("snat", "ip6", "2001:db8::7")),
        ),
    ),
)

DISTRIBUTED: Final = NftTable(
    netns=NETNS,
    sets=tuple(one for one in _MAPS if one.name != "forwarded_ports"),
    chains=(
        _chain(
            "forward",
            "filter",
            "forward",
            0,
            _rule(Match("oifname", "rfp-1"), Match("meta mark", "16"), does=ACCEPT),
            _rule(Match("oifname", "rfp-1"), Match("ct status", "dnat", "!="), does=DROP),
        ),
        _chain(
            "marking",
            "filter",
            "prerouting",
            -150,
            _rule(
                Match("iifname", "qr-*"), Match("ip saddr", SetRef("fixed_with_floating")), does=SetMark(16)
            ),
            _rule(Match("iifname", "qr-*"), Match("ip6 saddr", SetRef("proxied6")), does=SetMark(16)),
        ),
    ),
)

FIP: Final = NftTable(
    netns=NETNS,
    chains=(
        _chain(
            "forward",
            "filter",
            "forward",
            0,
            _rule(Match("iifname", "fpr-*"), Match("fib saddr . iif oif", "0"), does=DROP),
            _rule(Match("iifname", ("fg-*", "fpr-*")), Match("oifname", "fpr-*"), does=ACCEPT),
        ),
        _chain("raw_output", "filter", "output", -300, _rule(does=Notrack())),
        _chain(
            "raw_prerouting", "filter", "prerouting", -300, _rule(does=Notrack(), comment="routers track")
        ),
    ),
)

TABLES: Final = {"centralised": CENTRALISED, "snat": SNAT, "distributed": DISTRIBUTED, "fip": FIP}

ELEMENTS: Final = (
    NftElement(netns=NETNS, set="fixed_to_floating", item=("10.0.0.5",), value=("203.0.113.50",)),
    NftElement(netns=NETNS, set="fixed_with_floating", item=("10.0.0.5",)),
    NftElement(netns=NETNS, set="floating_to_fixed", item=("203.0.113.50",), value=("10.0.0.5",)),
    NftElement(
        netns=NETNS, set="forwarded_ports", item=("203.0.113.51", "tcp", "80"), value=("10.0.0.6", "8080")
    ),
    NftElement(
        netns=NETNS, set="forwarded_ports", item=("203.0.113.51", "udp", "53"), value=("10.0.0.6", "53")
    ),
    NftElement(netns=NETNS, set="proxied6", item=("2001:db8::5",)),
)


def floating_elements(count: int) -> list[NftElement]:
    """Elements of ``floating_to_fixed``, from 100.64.0.1 on."""
    first = int(ipaddress.IPv4Address("100.64.0.1"))
    return [
        NftElement(
            netns=NETNS,
            set="floating_to_fixed",
            item=(str(ipaddress.IPv4Address(first + number)),),
            value=(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}",),
        )
        for number in range(count)
    ]


_v4 = st.ip_addresses(v=4).map(str)
# Text of addresses that embed IPv4 differs between Python and inet_ntop(3), which nft uses.
_v6 = st.integers(1, 2**64 - 1).map(lambda low: str(ipaddress.IPv6Address((0x20010DB8 << 96) + low)))
_interface = st.from_regex(r"[a-z][a-z0-9-]{0,12}\*?", fullmatch=True)
_mark = st.integers(0, 2**32 - 1).map(str)
_port = st.integers(0, 65535).map(str)


def _prefix(address: st.SearchStrategy[str], longest: int) -> st.SearchStrategy[str]:
    return st.builds(
        lambda text, length: str(ipaddress.ip_network(f"{text}/{length}", strict=False)),
        address,
        st.integers(1, longest - 1),
    )


def _one_or_more(one: st.SearchStrategy[str]) -> st.SearchStrategy[str | tuple[str, ...]]:
    several = st.lists(one, min_size=2, max_size=4, unique=True).map(lambda values: tuple(sorted(values)))
    return one | several


def _names(names: Any) -> st.SearchStrategy[str]:
    return st.sampled_from(sorted(names.values()))


_VALUES: Final[dict[Field, st.SearchStrategy[Any]]] = {
    "iifname": _interface | st.just(("eth0", "qg-*")),
    "oifname": _interface | st.just(("eth0", "qg-*")),
    "ip saddr": _one_or_more(_v4) | _prefix(_v4, 32) | st.just(SetRef("v4_set")),
    "ip daddr": _one_or_more(_v4) | st.just(("10.0.0.0/24", "10.0.2.0/24")) | st.just(SetRef("v4_set")),
    "ip6 saddr": _one_or_more(_v6) | _prefix(_v6, 128) | st.just(SetRef("v6_set")),
    "ip6 daddr": _one_or_more(_v6) | st.just(SetRef("v6_set")),
    "meta l4proto": _one_or_more(_names(PROTOCOLS)),
    "meta nfproto": _names(NFPROTO),
    "meta mark": _one_or_more(_mark),
    "ct state": _one_or_more(_names(CT_STATE)),
    "ct status": _one_or_more(_names(CT_STATUS)),
    "icmp type": _one_or_more(_names(ICMP_TYPE)),
    "icmpv6 type": _one_or_more(_names(ICMPV6_TYPE)),
    "th dport": _one_or_more(_port),
    "fib saddr . iif oif": st.just("0"),
    "fib saddr oif": st.just("0"),
    "fib saddr type": _names(ROUTE_TYPE),
    "fib daddr . iif type": _names(ROUTE_TYPE),
    "meta pkttype": _names(PACKET_TYPE),
    "ip hdrlength": st.integers(5, 15).map(str),
    "ip6 hoplimit": st.integers(0, 255).map(str),
    "exthdr rt": st.just("missing"),
    "rt ip nexthop": _v4 | st.just(SetRef("v4_set")),
    "rt ip6 nexthop": _v6 | st.just(SetRef("v6_set")),
}
_matches = st.sampled_from(sorted(_VALUES)).flatmap(
    lambda field: st.builds(Match, st.just(field), _VALUES[field], st.sampled_from(("==", "!=")))
)
_verdicts = st.sampled_from([(Verdict("accept"),), (Verdict("drop"),), (Verdict("return"),)])
_marks = st.integers(0, 2**32 - 1).map(lambda mark: (SetMark(mark),))
_rates = st.builds(Limit, st.integers(1, 1_000_000), st.integers(1, 1_000_000))
_remembered = st.builds(
    Remember, st.just("v4_dynamic"), st.sampled_from(("ip saddr", "ip daddr")), st.none() | _rates
) | st.builds(Remember, st.just("links"), st.just("iifname"), st.none() | _rates)
_limited = st.tuples(_rates | _remembered, _verdicts).map(lambda two: (two[0], *two[1]))
_filter_statements: st.SearchStrategy[Any] = (
    _verdicts | _limited | _marks | st.tuples(_marks, _verdicts).map(lambda two: (*two[0], *two[1]))
)
_destinations: st.SearchStrategy[Any] = st.one_of(
    st.builds(Nat, st.just("dnat"), st.just("ip"), _v4),
    st.builds(Nat, st.just("dnat"), st.just("ip"), st.just(Lookup(("ip daddr",), "v4_map"))),
    st.builds(
        Nat,
        st.just("dnat"),
        st.just("ip"),
        st.just(Lookup(("ip daddr", "meta l4proto", "th dport"), "port_map")),
    ),
    st.builds(Nat, st.just("dnat"), st.just("ip6"), _v6),
).map(lambda nat: (nat,))
_comments = st.just("") | st.text("abc XYZ'09 .,:;()<>@/-", min_size=1, max_size=127)
_SETS: Final = (
    NftSet(name="links", type=("ifname",), size=16, timeout=10),
    NftSet(
        name="port_map",
        type=("ipv4_addr", "inet_proto", "inet_service"),
        data=("ipv4_addr", "inet_service"),
    ),
    NftSet(name="v4_dynamic", type=("ipv4_addr",), size=1024),
    NftSet(name="v4_map", type=("ipv4_addr",), data=("ipv4_addr",)),
    NftSet(name="v4_set", type=("ipv4_addr",)),
    NftSet(name="v6_set", type=("ipv6_addr",)),
)


def _rules(statements: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    rule = st.builds(
        NftRule,
        matches=st.lists(_matches, max_size=3).map(tuple),
        statements=statements,
        comment=_comments,
    )
    return st.lists(rule, max_size=3).map(tuple)


def _chains() -> st.SearchStrategy[Any]:
    return st.tuples(
        st.builds(
            NftChain,
            name=st.just("chain_a"),
            type=st.just("filter"),
            hook=st.sampled_from(("prerouting", "input", "forward")),  # the hooks where fib knows an iif
            priority=st.integers(-400, 400),
            policy=st.sampled_from(("accept", "drop")),
            rules=_rules(_filter_statements),
        ),
        st.builds(
            NftChain,
            name=st.just("chain_b"),
            type=st.just("nat"),
            hook=st.just("prerouting"),
            priority=st.integers(-150, 150),
            policy=st.just("accept"),
            rules=_rules(_destinations),
        ),
    )


tables = st.builds(NftTable, netns=st.just(NETNS), sets=st.just(_SETS), chains=_chains())

_element_lists = st.one_of(
    st.builds(lambda key: ("v4_set", (key,), ()), _v4),
    st.builds(lambda key: ("v6_set", (key,), ()), _v6),
    st.builds(lambda key, value: ("v4_map", (key,), (value,)), _v4, _v4),
    st.builds(
        lambda key, protocol, port, value, inner: ("port_map", (key, protocol, port), (value, inner)),
        _v4,
        _names(PROTOCOLS),
        _port,
        _v4,
        _port,
    ),
)
elements = st.lists(_element_lists, max_size=8, unique_by=lambda one: one[:2]).map(
    lambda found: tuple(
        NftElement(netns=NETNS, set=name, item=item, value=value) for name, item, value in found
    )
)
