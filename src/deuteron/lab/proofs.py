"""The proofs that should hold for a host, each by real packets.

:func:`prove` knows nothing of rules and routes: it takes a view and says what a user of these
routers and floating IPs would see.
"""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from deuteron.domain import FloatingIP, HostView, PortForwarding, Router
from deuteron.lab import probe
from deuteron.lab.probe import Servers
from deuteron.lab.scene import INTERNET, Attachment, Guest, Index, Scene, first_host, overlap, within

#: The port that echo servers listen on.
ECHO_PORT: Final = 7007

#: Seconds to wait for what must not come.
SILENCE: Final = 0.15


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was tried with packets.

    Attributes:
        what: the claim, for people.
        ok: whether it held.
        ms: how long the answer took.
        detail: what was seen instead, where it did not hold.
    """

    what: str
    ok: bool
    ms: float = 0.0
    detail: str = ""


def prove(view: HostView, scene: Scene) -> Iterator[Proof]:
    """All proofs for a host whose scene stands and whose plan is applied, as they are made."""
    index = Index(view)
    everywhere = {each.netns: "" for each in scene.guests if _has(each, 4)}
    with (
        Servers(everywhere, ECHO_PORT) as guests,
        Servers({INTERNET: scene.host4}, ECHO_PORT, udp=True) as internet,
    ):
        for router in index.live_routers():
            yield from _floating_ips(index, scene, router, guests, internet)
            yield from _without_floating_ip(index, scene, router, internet)
            yield from _forwardings(index, scene, router)
            yield from _between_subnets(index, scene, router)
            yield from _extra_routes(index, scene, router)
            yield from _routed6(index, scene, router)
    yield from _isolation(index, scene)


def served_here(index: Index, router: Router, floating: FloatingIP) -> bool:
    """Whether this host answers for a floating IP of ``router``."""
    if not router.distributed:
        return True
    if floating.centralised:
        return router.snat_here
    return any(
        each.router_id == router.id and each.network_id == floating.floating_network_id
        for each in index.view.legs
    )


def owner(index: Index, scene: Scene, router: Router, address: str) -> Guest | None:
    """The guest behind ``router`` that has ``address`` and uses this router."""
    attachment = index.attachment(router, address)
    guest = scene.guest(attachment.port.network_id, address) if attachment is not None else None
    return guest if guest is not None and guest.up and guest.router_id == router.id else None


def _floating_ips(
    index: Index, scene: Scene, router: Router, guests: Servers, internet: Servers
) -> Iterator[Proof]:
    served: list[tuple[str, Guest, FloatingIP]] = []
    for each in index.view.floating_ips:
        if each.router_id == router.id and each.fixed_ip_address and served_here(index, router, each):
            guest = owner(index, scene, router, each.fixed_ip_address)
            if guest is not None:
                served.append((each.floating_ip_address, guest, each))
    for address, guest, floating in served:
        yield inbound(address, guest.netns, guests)
        yield leaves_as(guest.netns, scene.host4, address, internet, floating.fixed_ip_address)
        yield answers_from(guest.netns, scene.host4, floating.fixed_ip_address)
    for position, (address, guest, _) in enumerate(served):
        yield hairpin(guest.netns, address, guest.netns, guests)
        if len(served) > 1:
            target, neighbour, _ = served[position - 1]
            yield hairpin(guest.netns, target, neighbour.netns, guests)


def inbound(address: str, netns: str, guests: Servers, source: str = INTERNET) -> Proof:
    """A connection from the internet to ``address`` ends in ``netns``."""
    seen = probe.tcp(source, address, guests.port, guests)
    return _proof(f"{source} -> {address} reaches {netns}", seen, seen.reached == netns)


def leaves_as(netns: str, host: str, address: str, internet: Servers, source: str = "") -> Proof:
    """What ``netns`` sends to the internet arrives there from ``address``, and is answered."""
    seen = probe.udp(netns, host, internet.port, internet, source=source)
    return _proof(f"{netns} -> internet leaves as {address}", seen, seen.source == address)


def answers_from(netns: str, host: str, source: str) -> Proof:
    """An echo from ``netns`` to an internet host is answered."""
    echo = probe.ping(netns, host, source=source)
    return Proof(
        what=f"{netns} -> {host} echo", ok=echo.ok, ms=echo.ms, detail="" if echo.ok else "no answer"
    )


def hairpin(netns: str, address: str, target: str, guests: Servers) -> Proof:
    """A connection from an instance to a floating IP (its own or a neighbour's) ends at ``target``."""
    seen = probe.tcp(netns, address, guests.port, guests)
    return _proof(f"{netns} -> {address} turns round to {target}", seen, seen.reached == target)


def _proof(what: str, seen: probe.Exchange, right: bool) -> Proof:
    ok = seen.ok and right
    detail = (
        "" if ok else (f"reached {seen.reached or 'nobody'} as {seen.source or '-'} {seen.error}".strip())
    )
    return Proof(what=what, ok=ok, ms=seen.ms, detail=detail)


def _without_floating_ip(index: Index, scene: Scene, router: Router, internet: Servers) -> Iterator[Proof]:
    """Who has no floating IP leaves by the router's own address, or as he is, or not at all.

    As he is: where SNAT is off, or his address scope is the external network's.
    """
    if router.gateway is None or not index.gateway_here(router):
        return
    external = next((each for each in index.gateway_addresses(router) if ":" not in each), "")
    for each in filter(index.leads_out, index.attachments(router)):
        guest = _plain_guest(index, scene, each)
        if guest is None or each.subnet.ip_version != 4 or not external:
            continue
        address = guest.plain[0]
        if not index.leaves_untranslated(each):
            if router.gateway.enable_snat:
                yield leaves_as(guest.netns, scene.host4, external, internet)
            else:
                yield from _kept_apart(guest.netns, scene.host4, address)
        elif (each.subnet.cidr, external) in scene.returns:
            yield leaves_as(guest.netns, scene.host4, address, internet)
            yield reaches(INTERNET, address)


def _kept_apart(netns: str, host: str, address: str) -> Iterator[Proof]:
    """Neither does an instance reach the internet, nor the internet the instance."""
    for source, target in ((netns, host), (INTERNET, address)):
        yield silent(source, target, patience=10 * SILENCE)  # the first IPv6 packet may wait for its address


def _plain_guest(index: Index, scene: Scene, attachment: Attachment) -> Guest | None:
    """A guest of the router without any floating IP."""
    floating = {
        each.fixed_ip_address for each in index.view.floating_ips if each.router_id == attachment.router.id
    }
    candidates = (
        each
        for each in scene.guests
        if each.up
        and each.network_id == attachment.port.network_id
        and each.router_id == attachment.router.id
        and any(within(a, attachment.subnet.cidr) for a in each.plain)
        and not floating.intersection(each.plain)
    )
    return next(candidates, None)


def reaches(netns: str, address: str) -> Proof:
    """An echo from ``netns`` to ``address`` is answered."""
    echo = probe.ping(netns, address)
    return Proof(what=f"{netns} -> {address}", ok=echo.ok, ms=echo.ms, detail="" if echo.ok else "no answer")


def silent(netns: str, address: str, *, patience: float = SILENCE) -> Proof:
    """An echo from ``netns`` to ``address`` is not answered."""
    echo = probe.ping(netns, address, patience=patience)
    return Proof(
        what=f"{netns} does not reach {address}",
        ok=not echo.ok,
        ms=echo.ms,
        detail="answered" if echo.ok else "",
    )


def _forwardings(index: Index, scene: Scene, router: Router) -> Iterator[Proof]:
    for each in index.view.floating_ips:
        if each.router_id == router.id and (index.gateway_here(router) or served_here(index, router, each)):
            for rule in each.port_forwardings:
                guest = owner(index, scene, router, rule.internal_ip_address)
                if guest is not None:
                    yield forwarded(each.floating_ip_address, rule, guest.netns)


def forwarded(address: str, rule: PortForwarding, netns: str) -> Proof:
    """The forwarded port of ``address`` ends at the right port of ``netns``."""
    ask: Callable[[str, str, int, Servers], probe.Exchange] = (
        probe.udp if rule.protocol == "udp" else probe.tcp
    )
    at = {netns: rule.internal_ip_address}
    with Servers(at, rule.internal_port, udp=rule.protocol == "udp") as servers:
        seen = ask(INTERNET, address, rule.external_port, servers)
    what = f"internet -> {address} {rule.protocol} {rule.external_port} reaches {netns} {rule.internal_port}"
    return _proof(what, seen, seen.reached == netns)


def _between_subnets(index: Index, scene: Scene, router: Router) -> Iterator[Proof]:
    """East-west: from a guest in each subnet to one in the next of the same family and address scope."""
    for number in (4, 6):
        ends = [each for each in index.attachments(router) if each.subnet.ip_version == number]
        guests = [(each, _plain_guest(index, scene, each)) for each in ends]
        for (here, one), (there, other) in itertools.pairwise(guests):
            if one is not None and other is not None and one is not other:
                address = next(a for a in other.plain if within(a, there.subnet.cidr))
                kin = here.subnet.address_scope == there.subnet.address_scope
                yield reaches(one.netns, address) if kin else silent(one.netns, address)
        for attachment, guest in guests:
            if guest is not None:
                yield reaches(guest.netns, attachment.address)


def _extra_routes(index: Index, scene: Scene, router: Router) -> Iterator[Proof]:
    for route in router.routes:
        nexthop = owner(index, scene, router, route.nexthop)
        if nexthop is None or first_host(route.destination) not in nexthop.behind:
            continue
        others = (_plain_guest(index, scene, each) for each in index.attachments(router))
        four = ":" not in route.destination
        sender = next(
            (g for g in others if g is not None and g is not nexthop and _has(g, 4 if four else 6)), None
        )
        if sender is not None:
            yield reaches(sender.netns, first_host(route.destination))


def _routed6(index: Index, scene: Scene, router: Router) -> Iterator[Proof]:
    """IPv6 is routed as it is, both ways; where NDP proxies rule, only for the proxied inwards."""
    if router.gateway is None or router.enable_ndp_proxy or not index.gateway_here(router):
        return
    external = next((each for each in index.gateway_addresses(router) if ":" in each), "")
    for each in index.attachments(router):
        guest = _plain_guest(index, scene, each)
        if guest is None or each.subnet.ip_version != 6:
            continue
        address = next(a for a in guest.plain if within(a, each.subnet.cidr))
        if (each.subnet.cidr, external) not in scene.returns:
            continue
        if not index.shares_scope(each):
            yield from _kept_apart(guest.netns, scene.host6, address)
            continue
        yield reaches(guest.netns, scene.host6)
        yield reaches(INTERNET, address)


def _isolation(index: Index, scene: Scene) -> Iterator[Proof]:
    """A guest of one router does not reach the fixed address of another router's guest."""
    routers = list(index.live_routers())[:4]
    for one, other in zip(routers, [*routers[1:], *routers[:1]], strict=True):
        sender = next((g for g in scene.guests if g.up and g.router_id == one.id), None)
        target = next((g for g in scene.guests if g.up and g.router_id == other.id), None)
        if one is other or sender is None or target is None or sender.network_id == target.network_id:
            continue
        address = target.plain[0]
        if not _knows(index, scene, one, address):
            yield silent(sender.netns, address)


def _knows(index: Index, scene: Scene, router: Router, address: str) -> bool:
    """Whether ``router`` or the internet has a way to ``address`` that a proof must not deny."""
    host = ipaddress.ip_network(address)
    known = [each.subnet.cidr for each in index.attachments(router)]
    known += [route.destination for route in router.routes]
    known += [prefix for prefix, _ in scene.returns]
    return any(overlap(host, ipaddress.ip_network(each)) for each in known)


def _has(guest: Guest, number: int) -> bool:
    return any((":" in each) == (number == 6) for each in guest.plain)
