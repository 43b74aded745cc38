"""Layer 2: which links share a wire, and who on it answers for an address."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from deuteron.kernel.fake import sysctls
from deuteron.kernel.fake.parsed import ip_address, ip_interface
from deuteron.kernel.fake.routing import local_links, look_up
from deuteron.kernel.fake.state import Link, Namespace, State

Port = tuple[str, str]


class Answer(NamedTuple):
    """Who answered, how, and the bridges and wires on the way there."""

    netns: str
    dev: str
    mac: str
    how: str
    path: tuple[Port, ...]


def reach(state: State, netns: str, dev: str) -> Iterator[tuple[Port, tuple[Port, ...]]]:
    """Every link that a broadcast out of ``dev`` gets to, with the links on its way.

    A link plugged in a bridge hands on to the bridge and its other members and sees nothing itself.
    """
    seen: set[Port] = {(netns, dev)}
    queue: deque[tuple[Port, tuple[Port, ...]]] = deque(_leave(state, (netns, dev), ()))
    while queue:
        port, path = queue.popleft()
        if port in seen:
            continue
        seen.add(port)
        link = state.namespaces[port[0]].links[port[1]]
        if not link.up:
            continue
        if link.master:
            seen.add((port[0], link.master))
            bridge = state.namespaces[port[0]].links[link.master]
            if not bridge.up:
                continue
            here = (*path, port, (port[0], link.master))
            yield (port[0], link.master), here
            queue.extend(_members(state, (port[0], link.master), port[1], here))
        else:
            yield port, (*path, port)


def _leave(state: State, port: Port, path: tuple[Port, ...]) -> Iterator[tuple[Port, tuple[Port, ...]]]:
    """Where a frame is after it left by ``port``."""
    link = state.namespaces[port[0]].links[port[1]]
    if not link.up:
        return
    if link.kind == "bridge":
        yield from _members(state, port, "", path)
    elif link.peer is not None:
        yield link.peer, path


def _members(
    state: State, bridge: Port, entered_by: str, path: tuple[Port, ...]
) -> Iterator[tuple[Port, tuple[Port, ...]]]:
    for member in state.namespaces[bridge[0]].links.values():
        if member.master == bridge[1] and member.name != entered_by and member.up:
            yield from _leave(state, (bridge[0], member.name), (*path, (bridge[0], member.name)))


def find_mac(state: State, netns: str, dev: str, mac: str) -> Answer | None:
    """The link on the wire with this MAC address."""
    for (there, name), path in reach(state, netns, dev):
        if state.namespaces[there].links[name].mac == mac:
            return Answer(there, name, mac, "permanent neighbour", path)
    return None


def solicit(state: State, netns: str, dev: str, target: str, sender: str) -> list[Answer]:
    """Everybody on the wire of ``dev`` who answers an ARP or ND request for ``target``."""
    answers = []
    for (there, name), path in reach(state, netns, dev):
        namespace = state.namespaces[there]
        link = namespace.links[name]
        how = (
            _answers6(namespace, link, target)
            if ":" in target
            else _answers4(namespace, link, target, sender)
        )
        if how:
            answers.append(Answer(there, name, link.mac, how, path))
    return answers


def _answers4(namespace: Namespace, link: Link, target: str, sender: str) -> str:
    """How ``link`` comes to answer an ARP request, "" where it does not (arp_process())."""
    holders = local_links(namespace, target)
    if holders:
        level = sysctls.either(namespace, "ipv4", link.name, "arp_ignore")
        return "its own address" if _may_say(link, target, sender, level, holders) else ""
    if not sysctls.number(namespace, f"net/ipv4/conf/{link.name}/forwarding"):
        return ""
    way = look_up(namespace, target, src=sender, iif=link.name)
    if way is None or way.dev == link.name:
        return ""
    if sysctls.either(namespace, "ipv4", link.name, "proxy_arp"):
        return "proxy_arp"
    return "proxy entry" if target in link.proxies else ""


def _may_say(link: Link, target: str, sender: str, level: int, holders: tuple[str, ...]) -> bool:
    """``arp_ignore`` (ip-sysctl.rst): 0 any address, 1 those of the link, 2 also with the sender near."""
    if level == 0:
        return True
    if level >= 8 or link.name not in holders:
        return False
    if level == 1:
        return True
    near = [ip_interface(text) for text in link.addresses if str(ip_interface(text).ip) == target]
    return any(sender and ip_address(sender) in interface.network for interface in near)


def _answers6(namespace: Namespace, link: Link, target: str) -> str:
    """How ``link`` comes to answer a neighbour solicitation (ndisc_recv_ns())."""
    if sysctls.ipv6_disabled(link):
        return ""
    if link.name in local_links(namespace, target):
        return "its own address"
    forwards = sysctls.number(namespace, f"net/ipv6/conf/{link.name}/forwarding")
    if forwards and sysctls.either(namespace, "ipv6", link.name, "proxy_ndp") and target in link.proxies:
        return "proxy entry"
    return ""
