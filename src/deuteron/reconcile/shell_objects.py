"""One object as ``ip`` commands: to make it, to change it, to remove it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from deuteron.objects import (
    HOST,
    PROTOCOL,
    Address,
    Bridge,
    Fdb,
    KernelObject,
    LinkUp,
    Neighbour,
    NeighbourProxy,
    Netns,
    Nexthop,
    Route,
    Rule,
    Tap,
    Veth,
)
from deuteron.objects.ownership import mark


def ip(netns: str, *words: str) -> str:
    """An ``ip`` command in a namespace."""
    inside = ("-n", netns) if netns != HOST else ()
    return shlex.join(["ip", *inside, *(word for word in words if word)])


def make(obj: KernelObject) -> list[str]:
    """The commands that create ``obj`` (addresses, sysctls and nftables objects: see ``shell``)."""
    match obj:
        case Netns(name=name):
            set_lo = [
                ip(name, "link", "set", "lo", "alias", mark(obj.owner)),
                ip(name, "link", "set", "lo", "up"),
            ]
            return [ip(HOST, "netns", "add", name), *set_lo]
        case Bridge() | Veth() | Tap():
            return _make_link(obj)
        case LinkUp(netns=netns, dev=dev):
            return [ip(netns, "link", "set", "dev", dev, "up")]
        case Rule():
            return [_rule("add", obj)]
        case Route():
            return [_route("add", obj)]
        case _:
            return [_neighbour("add", obj)]


def _make_link(obj: Bridge | Veth | Tap) -> list[str]:
    shape = ("address", obj.mac, "mtu", str(obj.mtu))
    match obj:
        case Bridge(netns=netns, name=name):
            kind = ("type", "bridge", "stp_state", "0", "forward_delay", "0", "mcast_snooping", "0")
            # The MTU afterwards: given at once it would follow that of the bridge's members.
            made = [ip(netns, "link", "add", "name", name, "address", obj.mac, *kind)]
            made.append(ip(netns, "link", "set", "dev", name, "mtu", str(obj.mtu)))
        case Tap(netns=netns, name=name):
            plugged = ("master", obj.master) if obj.master else ()
            made = [ip(netns, "tuntap", "add", "dev", name, "mode", "tap")]
            made.append(ip(netns, "link", "set", "dev", name, *shape, *plugged))
        case Veth(netns=netns, name=name):
            plugged = ("master", obj.master) if obj.master else ()
            peer = (
                "type",
                "veth",
                "peer",
                "name",
                obj.peer_name,
                "address",
                obj.peer_mac,
                "mtu",
                str(obj.mtu),
            )
            there = ("netns", obj.peer_netns) if obj.peer_netns != obj.netns else ()
            made = [ip(netns, "link", "add", "name", name, *shape, *plugged, *peer, *there)]
    return [*made, *_names(obj)]


def _names(obj: Bridge | Veth | Tap) -> list[str]:
    """The mark as alias and the full id as second name, on each end."""
    ends = [(obj.netns, obj.name, obj.altname)]
    if isinstance(obj, Veth):
        ends.append((obj.peer_netns, obj.peer_name, obj.peer_altname))
    words = [ip(netns, "link", "set", "dev", name, "alias", mark(obj.owner)) for netns, name, _ in ends]
    words += [_altname("add", netns, name, altname) for netns, name, altname in ends if altname]
    return words


def _altname(verb: str, netns: str, name: str, altname: str) -> str:
    return ip(netns, "link", "property", verb, "dev", name, "altname", altname)


def change(old: KernelObject, new: KernelObject) -> list[str]:
    """The commands that make ``new`` of ``old`` in place."""
    match old, new:
        case Netns(), Netns(name=name):
            return [ip(name, "link", "set", "lo", "alias", mark(new.owner))]
        case Bridge() | Tap() | Veth(), Bridge() | Tap() | Veth():
            return _change_link(old, new)
        case _, Route():
            return [_route("replace", new)]
        case _:
            return [_neighbour("replace", new)]


def _change_link(old: Bridge | Veth | Tap, new: Bridge | Veth | Tap) -> list[str]:
    commands = _change_end(
        (new.netns, new.name), (old.mac, old.mtu, old.altname), (new.mac, new.mtu, new.altname)
    )
    if isinstance(old, Veth) and isinstance(new, Veth):
        commands += _change_end(
            (new.peer_netns, new.peer_name),
            (old.peer_mac, old.mtu, old.peer_altname),
            (new.peer_mac, new.mtu, new.peer_altname),
        )
    if isinstance(old, Veth | Tap) and isinstance(new, Veth | Tap) and old.master != new.master:
        plug = ("master", new.master) if new.master else ("nomaster",)
        commands.append(ip(new.netns, "link", "set", "dev", new.name, *plug))
    if isinstance(new, Bridge):
        fixed = ("type", "bridge", "stp_state", "0", "forward_delay", "0", "mcast_snooping", "0")
        commands.append(ip(new.netns, "link", "set", "dev", new.name, *fixed))
    return commands


def _change_end(where: tuple[str, str], old: tuple[str, int, str], new: tuple[str, int, str]) -> list[str]:
    netns, name = where
    words: list[str] = []
    if old[0] != new[0]:
        words += ["address", new[0]]
    if old[1] != new[1]:
        words += ["mtu", str(new[1])]
    commands = [ip(netns, "link", "set", "dev", name, *words)] if words else []
    if old[2] != new[2]:
        commands += [_altname("add", netns, name, new[2])] if new[2] else []
        commands += [_altname("del", netns, name, old[2])] if old[2] else []
    return commands


def remove(obj: KernelObject) -> list[str]:
    """The commands that delete ``obj``; ``drop`` is the script's word for what may be gone already."""
    match obj:
        case Netns(name=name):
            return [ip(HOST, "netns", "delete", name)]
        case Bridge(netns=netns, name=name) | Veth(netns=netns, name=name) | Tap(netns=netns, name=name):
            return [ip(netns, "link", "delete", "dev", name)]
        case LinkUp(netns=netns, dev=dev):
            return [ip(netns, "link", "set", "dev", dev, "down")]
        case Address(netns=netns, dev=dev, address=address):
            return ["drop " + ip(netns, "address", "delete", address, "dev", dev)]
        case Rule():
            return ["drop " + _rule("delete", obj)]
        case Route():
            metric = ("metric", str(obj.metric)) if obj.metric else ()
            words = (_family(obj.destination), "route", "delete", obj.destination, "table", str(obj.table))
            return ["drop " + ip(obj.netns, *words, *metric, "proto", str(PROTOCOL))]
        case Neighbour() | NeighbourProxy() | Fdb():
            return ["drop " + _neighbour("delete", obj)]
        case _:
            return []  # a sysctl keeps its value until its namespace or link goes


def _family(text: str) -> str:
    return "-6" if ":" in text else "-4"


def _rule(verb: str, rule: Rule) -> str:
    words = ["priority", str(rule.priority)]
    words += ["from", rule.source] if rule.source else []
    words += ["fwmark", str(rule.fwmark)] if rule.fwmark else []
    words += ["iif", rule.iif] if rule.iif else []
    words += ["lookup", str(rule.table), "protocol", str(PROTOCOL)]
    return ip(rule.netns, f"-{rule.family}", "rule", verb, *words)


def _route(verb: str, route: Route) -> str:
    words = ["table", str(route.table), "proto", str(PROTOCOL)]
    words += ["metric", str(route.metric)] if route.metric else []
    if len(route.nexthops) == 1:
        words += _hop(route, route.nexthops[0])
    else:
        words += [word for hop in route.nexthops for word in ("nexthop", *_hop(route, hop))]
    return ip(route.netns, _family(route.destination), "route", verb, route.destination, *words)


def _hop(route: Route, hop: Nexthop) -> Iterable[str]:
    via: tuple[str, ...] = ()
    if hop.via:
        foreign = _family(hop.via) != _family(route.destination)
        via = ("via", "inet6", hop.via) if foreign else ("via", hop.via)
    return [*via, "dev", hop.dev, *(["onlink"] if hop.onlink else [])]


def _neighbour(verb: str, obj: KernelObject) -> str:
    ours = ("protocol", str(PROTOCOL)) if verb != "delete" else ()
    match obj:
        case Neighbour(netns=netns, dev=dev, address=address, mac=mac):
            state = ("lladdr", mac, "nud", "permanent") if ours else ()
            return ip(netns, "neighbour", verb, address, *state, "dev", dev, *ours)
        case NeighbourProxy(netns=netns, dev=dev, address=address):
            return ip(netns, "neighbour", verb, "proxy", address, "dev", dev, *ours)
        case Fdb(netns=netns, dev=dev, mac=mac):
            inside = ("-n", netns) if netns != HOST else ()
            return shlex.join(["bridge", *inside, "fdb", verb, mac, "dev", dev, "master", "static"])
        case _:
            raise TypeError(f"no command for {type(obj).__name__}")
