"""nftables: chains evaluated on a packet.

Rates are not kept: every bucket is full and every dynamic set has room, so what passes here is
what passes while no limit is reached.  A dynamic set remembers nothing from packet to packet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Final

from deuteron.kernel.fake import conntrack
from deuteron.kernel.fake.conntrack import Track
from deuteron.kernel.fake.packet import Packet
from deuteron.kernel.fake.routing import Way, local_links, look_up
from deuteron.kernel.fake.state import Namespace
from deuteron.objects import NftChain, NftRule
from deuteron.objects.nft import (
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

#: ``NF_IP_PRI_CONNTRACK`` of linux/netfilter_ipv4.h: chains before it see no connection.
_CONNTRACK_PRIORITY: Final = -200


@dataclass
class Passing:
    """A packet at a hook: what chains look at, and what they may change.

    Attributes:
        way: the route that was chosen, once it is.
        notes: what they did, in words.
        dropped_by: the rule's comment, or the chain whose policy it was; "" while it lives.
    """

    namespace: Namespace
    packet: Packet
    iif: str = ""
    oif: str = ""
    track: Track | None = None
    notrack: bool = False
    way: Way | None = None
    notes: list[str] = field(default_factory=list)
    dropped_by: str = ""


def run_hook(at: Passing, hook: str, *, raw: bool) -> None:
    """Run the chains of a hook before (``raw``) or after connection tracking, until one drops."""
    table = at.namespace.table
    found = [
        chain
        for chain in (table.chains if table is not None else ())
        if chain.hook == hook and (chain.priority < _CONNTRACK_PRIORITY) == raw
    ]
    for chain in sorted(found, key=lambda chain: chain.priority):
        if chain.type == "nat":
            _translate(at, chain)
        else:
            _run_chain(at, chain)
        if at.dropped_by:
            return


def _translate(at: Passing, chain: NftChain) -> None:
    """A nat chain sees the first packet of a connection alone, and decides once for each direction."""
    flow = at.track.flow if at.track is not None else None
    direction = "source" if chain.hook in ("postrouting", "input") else "destination"
    if flow is None or flow.confirmed or direction in flow.settled:
        return
    flow.settled.add(direction)
    _run_chain(at, chain)


def _run_chain(at: Passing, chain: NftChain) -> None:
    for rule in chain.rules:
        if not all(_matches(at, match) for match in rule.matches):
            continue
        match _apply(at, rule):
            case "drop":
                at.dropped_by = rule.comment or f"a rule of chain {chain.name}"
                return
            case "accept":
                return
            case "return":
                break
    if chain.policy == "drop":
        at.dropped_by = f"policy of chain {chain.name}"


def _apply(at: Passing, rule: NftRule) -> str:
    """Run a rule's statements; the verdict, or "" to go on with the next rule."""
    for statement in rule.statements:
        verdict = _statement(at, statement)
        if verdict is None:
            return ""
        if verdict or not isinstance(statement, Verdict | Limit | Remember):
            at.notes.append(rule.comment or _words(statement))
        if verdict:
            return verdict
    return ""


def _statement(at: Passing, statement: Statement) -> str | None:
    """What a statement decides; ``None`` where it found nothing and ends its rule."""
    match statement:
        case Verdict(verdict=verdict):
            return verdict
        case SetMark(mark=mark):
            at.packet = at.packet.replace(mark=mark)
        case Notrack():
            at.notrack = True
        case Remember(key=key) if not _values(at, key):
            return None
        case Nat():
            return _nat(at, statement)
    return ""


def _nat(at: Passing, statement: Nat) -> str | None:
    family = "ip6" if ":" in at.packet.dst else "ip"
    to = _target(at, statement)
    if family != statement.family or not to or at.track is None or at.track.flow is None:
        return None
    if statement.direction == "dnat":
        port = int(to[1]) if len(to) > 1 else None
        conntrack.set_destination(at.track.flow, to[0], port)
    else:
        conntrack.set_source(at.track.flow, at.namespace.flows, to[0])
    return "accept"


def _target(at: Passing, statement: Nat) -> tuple[str, ...]:
    match statement.to:
        case Lookup(key=key, map=name):
            wanted = tuple(_value(at, part) for part in key)
            return at.namespace.elements.get(name, {}).get(wanted, ())
        case literal:
            return (literal,)


def _matches(at: Passing, match: Match) -> bool:
    """Whether a match holds; one on a header that the packet does not have never does."""
    if match.field in ("fib saddr . iif oif", "fib saddr oif"):
        by = at.iif if match.field == "fib saddr . iif oif" else ""
        leads_back = look_up(at.namespace, at.packet.src, oif=by) is not None
        return leads_back == (match.op == "!=")
    have = _values(at, match.field)
    if not have:
        return False
    found = any(_among(at, match, value) for value in have)
    return found == (match.op == "==")


def _among(at: Passing, match: Match, have: str) -> bool:
    match match.value:
        case SetRef(name=name):
            return any(_equal(item[0], have) for item in at.namespace.elements.get(name, {}))
        case tuple() as several:
            return any(_equal(one, have) for one in several)
        case one:
            return _equal(one, have)


def _equal(wanted: str, have: str) -> bool:
    if wanted.endswith("*"):
        return have.startswith(wanted[:-1])
    if "/" in wanted:
        network, address = ip_network(wanted), ip_address(have)
        return address.version == network.version and address in network
    return wanted == have


def _value(at: Passing, name: str) -> str:
    values = _values(at, name)
    return values[0] if values else ""


def _values(at: Passing, name: str) -> Sequence[str]:
    """What the packet has in a field; several where flags are asked, none where it has no such header."""
    packet = at.packet
    family6 = ":" in packet.dst
    ports = packet.proto in ("tcp", "udp")
    table: dict[str, Sequence[str]] = {
        "iifname": (at.iif,) if at.iif else (),
        "oifname": (at.oif,) if at.oif else (),
        "ip saddr": () if family6 else (packet.src,),
        "ip daddr": () if family6 else (packet.dst,),
        "ip6 saddr": (packet.src,) if family6 else (),
        "ip6 daddr": (packet.dst,) if family6 else (),
        "ip hdrlength": () if family6 else ("5",),
        "ip6 hoplimit": (str(packet.ttl),) if family6 else (),
        "exthdr rt": ("missing",) if family6 else (),
        "rt ip nexthop": () if family6 else _next_hop(at),
        "rt ip6 nexthop": _next_hop(at) if family6 else (),
        "meta pkttype": ("host",),
        "fib daddr . iif type": ("local" if at.iif in local_links(at.namespace, packet.dst) else "unicast",),
        "fib saddr type": ("local" if local_links(at.namespace, packet.src) else "unicast",),
        "meta l4proto": ("ipv6-icmp" if packet.proto == "icmpv6" else packet.proto,),
        "meta nfproto": ("ipv6" if family6 else "ipv4",),
        "meta mark": (str(packet.mark),),
        "ct state": _state(at),
        "ct status": _status(at),
        "icmp type": (packet.icmp_type,) if packet.proto == "icmp" else (),
        "icmpv6 type": (packet.icmp_type,) if packet.proto == "icmpv6" else (),
        "th dport": (str(packet.dport),) if ports else (),
    }
    return table[name]


def _next_hop(at: Passing) -> Sequence[str]:
    return (at.way.via or at.packet.dst,) if at.way is not None else ()


def _state(at: Passing) -> Sequence[str]:
    return (at.track.state,) if at.track is not None else ()


def _status(at: Passing) -> Sequence[str]:
    flow = at.track.flow if at.track is not None else None
    return sorted(flow.status) or ("none",) if flow is not None else ()


def _words(statement: Statement) -> str:
    match statement:
        case Verdict(verdict=verdict):
            return verdict
        case SetMark(mark=mark):
            return f"mark {mark}"
        case Notrack():
            return "not tracked"
        case Limit():
            return "within the limit"
        case Remember():
            return "remembered"
        case Nat(direction=direction):
            return direction
