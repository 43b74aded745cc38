"""A packet's walk through the world of a fake kernel.

::

    wire -> prerouting -> routing -> input -> a program here
                             |
                             `----> forward -> postrouting -> neighbour -> wire
    a program here -> routing -> output ----------^
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NoReturn, Protocol

from deuteron.kernel.fake import conntrack, sysctls
from deuteron.kernel.fake.packet import Hop, Packet, Trace, normal
from deuteron.kernel.fake.routing import Way, look_up, source_for
from deuteron.kernel.fake.ruleset import Passing, run_hook
from deuteron.kernel.fake.segment import Answer, find_mac, solicit
from deuteron.kernel.fake.state import Namespace, State

_MAIN_TABLE: Final = 254


class World(Protocol):
    """Whatever holds the state to walk through."""

    state: State


class _End(Exception):  # noqa: N818  # it is the ordinary way to end a walk, not an error
    """The walk is over."""

    def __init__(self, verdict: str, reason: str, rule: str = "") -> None:
        super().__init__(reason)
        self.verdict = verdict
        self.reason = reason
        self.rule = rule


@dataclass
class _Walk:
    """A packet under way: what it is now, where it is, and what it met."""

    state: State
    packet: Packet
    netns: str
    dev: str = ""
    hops: list[Hop] = field(default_factory=list)
    passing: Passing | None = None

    @property
    def namespace(self) -> Namespace:
        return self.state.namespace(self.netns)

    def note(self, what: str) -> None:
        self.hops.append(Hop(netns=self.netns, what=what))


def trace(world: World, packet: Packet) -> Trace:
    """Send ``packet`` and say what becomes of it; the connections it makes are remembered.

    Raises:
        KernelError: its namespace or link does not exist.
    """
    sent = normal(packet)
    walk = _Walk(state=world.state, packet=sent, netns=sent.netns, dev=sent.dev)
    if sent.dev:
        world.state.link(sent.netns, sent.dev)
    try:
        leaving = _arrive(walk) if sent.dev else _originate(walk)
        while True:
            _transmit(walk, leaving)
            leaving = _arrive(walk)
    except _End as end:
        return _result(walk, sent, end)


def _result(walk: _Walk, sent: Packet, end: _End) -> Trace:
    out = walk.packet.replace(netns=walk.netns, dev=walk.dev)
    return Trace(
        verdict=end.verdict,  # type: ignore[arg-type]  # _End is only ever made with one of the three
        reason=end.reason,
        rule=end.rule,
        netns=walk.netns,
        dev=walk.dev,
        address=out.dst,
        sent=sent,
        packet=out,
        hops=tuple(walk.hops),
    )


def reply(world: World, answered: Trace) -> Trace:
    """Send the answer to a packet that was delivered, from where it was.

    Raises:
        ValueError: the packet was not delivered.
    """
    if not answered.delivered:
        raise ValueError("only a packet that was delivered has an answer")
    came = answered.packet
    back = came.replace(dev="", src=came.dst, dst=came.src, mark=0, ttl=64)
    if came.icmp_type:
        return trace(world, back.replace(icmp_type="echo-reply"))
    return trace(world, back.replace(sport=came.dport, dport=came.sport))


def _originate(walk: _Walk) -> Way:
    """A program sends the packet."""
    packet = walk.packet
    way = look_up(walk.namespace, packet.dst, src=packet.src, mark=packet.mark)
    if way is None:
        _unreachable("no-route")
    if not packet.src:
        source = source_for(walk.namespace, way, packet.dst)
        if not source:
            _unreachable("no-source")
        walk.packet = packet.replace(src=source)
    walk.note(f"sent from {walk.packet.src} to {walk.packet.dst}")
    _enter_hook(walk, "output", oif="lo" if way.local else way.dev)
    way = _route(walk, iif="lo")
    if way.local:
        _deliver(walk, "lo")
    return _leave(walk, way)


def _arrive(walk: _Walk) -> Way:
    """The packet comes in by a link; either it goes on, or the walk ends here."""
    namespace, dev = walk.namespace, walk.dev
    if not namespace.links[dev].up:
        _unreachable("link-down")
    if ":" in walk.packet.dst and sysctls.ipv6_disabled(namespace.links[dev]):
        _dropped("ipv6-disabled")
    _enter_hook(walk, "prerouting", iif=dev)
    _check_source(walk, dev)
    way = _route(walk, iif=dev)
    if way.local:
        _deliver(walk, dev)
    family = "ipv6" if ":" in walk.packet.dst else "ipv4"
    # IPv4 asks the link that it came in by, IPv6 the namespace (ip_forward(), ip6_forward()).
    switch = dev if family == "ipv4" else "all"
    if not sysctls.number(namespace, f"net/{family}/conf/{switch}/forwarding"):
        _dropped("not-forwarding")
    if walk.packet.ttl <= 1:
        _dropped("ttl")
    walk.packet = walk.packet.replace(ttl=walk.packet.ttl - 1)
    _hook(walk, "forward", iif=dev, way=way)
    return _leave(walk, way)


def _enter_hook(walk: _Walk, hook: str, *, iif: str = "", oif: str = "") -> None:
    """Prerouting and output: before tracking, tracking, after it, then the destination."""
    at = Passing(walk.namespace, walk.packet, iif, oif)
    run_hook(at, hook, raw=True)
    _settle(walk, at)
    at.track = (
        conntrack.Track("untracked") if at.notrack else conntrack.track(at.namespace.flows, walk.packet)
    )
    walk.passing = at
    run_hook(at, hook, raw=False)
    _settle(walk, at)
    before = walk.packet.dst, walk.packet.dport
    walk.packet = conntrack.translate_destination(at.track, walk.packet)
    if before != (walk.packet.dst, walk.packet.dport):
        walk.note(f"destination becomes {walk.packet.dst}")


def _hook(walk: _Walk, hook: str, *, iif: str = "", way: Way | None = None) -> None:
    """Any other hook: its chains, and no more."""
    if walk.passing is None:
        raise AssertionError("every packet enters by prerouting or output")
    at = walk.passing
    at.packet, at.iif, at.way = walk.packet, iif, way
    at.oif = way.dev if way is not None else ""
    run_hook(at, hook, raw=True)
    if not at.dropped_by:
        run_hook(at, hook, raw=False)
    _settle(walk, at)


def _settle(walk: _Walk, at: Passing) -> None:
    for note in at.notes:
        walk.note(note)
    at.notes.clear()
    walk.packet = at.packet
    if at.dropped_by:
        raise _End("dropped", "filter", at.dropped_by)


def _route(walk: _Walk, *, iif: str) -> Way:
    packet = walk.packet
    way = look_up(walk.namespace, packet.dst, src=packet.src, iif=iif, mark=packet.mark)
    if way is None:
        _unreachable("no-route")
    if not way.local:
        table = "" if way.table == _MAIN_TABLE else f" in table {way.table}"
        via = f" via {way.via}" if way.via else ""
        walk.note(f"route {way.destination}{table}: {way.dev}{via}")
    return way


def _check_source(walk: _Walk, dev: str) -> None:
    """fib_validate_source(): not our own address, and with rp_filter a route back."""
    namespace, src = walk.namespace, walk.packet.src
    if ":" in src:
        return
    way = look_up(namespace, src, src=walk.packet.dst, mark=0)
    if way is not None and way.local:
        _dropped("martian")
    mode = sysctls.either(namespace, "ipv4", dev, "rp_filter")
    if (mode == 1 and (way is None or way.dev != dev)) or (mode == 2 and way is None):
        _dropped("reverse-path")


def _deliver(walk: _Walk, dev: str) -> NoReturn:
    _hook(walk, "input", iif=dev)
    _finish_flow(walk)
    walk.note(f"delivered to {walk.packet.dst}")
    raise _End("delivered", "delivered")


def _leave(walk: _Walk, way: Way) -> Way:
    """The packet has passed the filter and is on its way out."""
    iif = walk.passing.iif if walk.passing is not None else ""
    _hook(walk, "postrouting", iif=iif, way=way)
    _finish_flow(walk)
    return way


def _finish_flow(walk: _Walk) -> None:
    """Translate the source, and remember a connection that got this far."""
    track = walk.passing.track if walk.passing is not None else None
    if track is None or track.flow is None:
        return
    before = walk.packet.src, walk.packet.sport
    walk.packet = conntrack.translate_source(track, walk.packet)
    if before != (walk.packet.src, walk.packet.sport):
        walk.note(f"source becomes {walk.packet.src}")
    if not track.flow.confirmed:
        track.flow.confirmed = True
        walk.namespace.flows.append(track.flow)


def _transmit(walk: _Walk, way: Way) -> None:
    """Out of a link, over the wire, to whoever answers for the next hop."""
    link = walk.namespace.links[way.dev]
    if walk.packet.size > link.mtu:
        _dropped("too-big")
    target = way.via or walk.packet.dst
    answer = _neighbour(walk, way.dev, target)
    walk.note(f"out of {way.dev} to {target} ({answer.how})")
    for netns, dev in answer.path[:-1]:
        walk.hops.append(Hop(netns=netns, what=f"through {dev}"))
    walk.netns, walk.dev = answer.netns, answer.dev
    walk.note(f"in by {answer.dev}")
    # A mark is a note of one namespace's stack; skb_scrub_packet() wipes it between them.
    walk.packet = walk.packet.replace(mark=0)


def _neighbour(walk: _Walk, dev: str, target: str) -> Answer:
    known = walk.namespace.links[dev].neighbours.get(target)
    if known is not None:
        found = find_mac(walk.state, walk.netns, dev, known[0])
        if found is None:
            _unreachable("no-neighbour")
        return found
    sender = source_for(walk.namespace, Way(dev, target, 0, ""), target)
    answers = solicit(walk.state, walk.netns, dev, target, sender)
    heard = [
        answer for answer in answers if ":" not in target or _nd_passes(walk, dev, target, sender, answer)
    ]
    if not heard:
        _unreachable("no-neighbour")
    if len(heard) > 1:
        walk.note(f"{len(heard)} links answer for {target}")
    return heard[0]


def _nd_passes(walk: _Walk, dev: str, target: str, sender: str, answer: Answer) -> bool:
    """Whether both filters let neighbour discovery out and in; ARP does not pass ``inet`` tables."""
    here, there = (walk.netns, dev), (answer.netns, answer.dev)
    return _discovers(walk.state, here, there, "nd-neighbor-solicit", sender, target) and _discovers(
        walk.state, there, here, "nd-neighbor-advert", target, sender
    )


def _discovers(
    state: State, of: tuple[str, str], to: tuple[str, str], icmp_type: str, src: str, dst: str
) -> bool:
    """Whether a message of neighbour discovery gets from one link to another."""
    (netns, dev), (peer_netns, peer) = of, to
    packet = Packet(netns=netns, src=src, dst=dst, proto="icmpv6", icmp_type=icmp_type, ttl=255)
    sent = Passing(state.namespace(netns), packet, oif=dev, track=conntrack.Track("untracked"))
    heard = Passing(state.namespace(peer_netns), packet, iif=peer, track=conntrack.Track("untracked"))
    run_hook(sent, "output", raw=False)
    run_hook(sent, "postrouting", raw=False)
    run_hook(heard, "prerouting", raw=True)
    run_hook(heard, "input", raw=False)
    return not (sent.dropped_by or heard.dropped_by)


def _unreachable(reason: str) -> NoReturn:
    raise _End("unreachable", reason)


def _dropped(reason: str) -> NoReturn:
    raise _End("dropped", reason)
