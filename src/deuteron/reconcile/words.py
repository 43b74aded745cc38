"""Kernel objects and changes in words that people know."""

from __future__ import annotations

import msgspec

from deuteron.objects import (
    HOST,
    MAIN_TABLE,
    Address,
    Announce,
    Bridge,
    Fdb,
    FlushFlows,
    KernelObject,
    LinkUp,
    Neighbour,
    NeighbourProxy,
    Netns,
    Nexthop,
    NftElement,
    NftTable,
    Route,
    Rule,
    Sysctl,
    Tap,
    Veth,
)
from deuteron.objects.nft import FIXED_TO_FLOATING, FLOATING_TO_FIXED, FORWARDED_PORTS

_DEFAULTS = ("0.0.0.0/0", "::/0")


def place(netns: str) -> str:
    """Where, as the end of a line."""
    return "on the host" if netns == HOST else f"in {netns}"


def plain(text: str) -> str:
    """``text`` on one line: names come from users, and a line break in one would forge a line."""
    return "".join(char if char.isprintable() else "?" for char in text)


def describe(obj: KernelObject) -> str:
    """What an object is, in one line."""
    match obj:
        case Netns(name=name):
            return f"namespace {name}"
        case Sysctl(path=path, value=value):
            return f"kernel parameter {path} = {value} {place(obj.netns)}"
        case Bridge() | Tap() | Veth():
            return _link(obj)
        case LinkUp(dev=dev):
            return f"{dev} up {place(obj.netns)}"
        case Address(dev=dev, address=address):
            return f"address {address} on {dev} {place(obj.netns)}"
        case NftTable(chains=chains):
            rules = sum(len(chain.rules) for chain in chains)
            return f"filter and translation rules ({rules} in {len(chains)} chains) {place(obj.netns)}"
        case NftElement():
            return f"{_element(obj)} {place(obj.netns)}"
        case Rule() | Route():
            return f"{_routing(obj)} {place(obj.netns)}"
        case _:
            return _neighbour(obj)


def _link(obj: Bridge | Tap | Veth) -> str:
    match obj:
        case Bridge(name=name):
            return f"bridge {name} {place(obj.netns)}, MTU {obj.mtu}"
        case Tap(name=name, master=master):
            return f"tap {name} {place(obj.netns)} on {master}, MTU {obj.mtu}"
        case Veth():
            plugged = f" on {obj.master}" if obj.master else ""
            return (
                f"link {obj.peer_name} {place(obj.peer_netns)} to {obj.name} {place(obj.netns)}{plugged},"
                f" MTU {obj.mtu}"
            )


def _element(obj: NftElement) -> str:
    key, value = obj.item, obj.value
    if obj.set == FLOATING_TO_FIXED:
        return f"translation of destination {key[0]} to {value[0]}"
    if obj.set == FIXED_TO_FLOATING:
        return f"translation of source {key[0]} to {value[0]}"
    if obj.set == FORWARDED_PORTS:
        return f"forwarding of {key[0]} {key[1]} port {key[2]} to {value[0]} port {value[1]}"
    entry = " ".join(key) + (f": {' '.join(value)}" if value else "")
    return f"{entry} in {obj.set}"


def _routing(obj: Rule | Route) -> str:
    if isinstance(obj, Rule):
        matches = [
            f"from {obj.source}" if obj.source else "",
            f"mark {obj.fwmark}" if obj.fwmark else "",
            f"in by {obj.iif}" if obj.iif else "",
        ]
        what = ", ".join(match for match in matches if match) or "all"
        return f"routing rule IPv{obj.family} {obj.priority}: {what}: table {obj.table}"
    target = "default route" if obj.destination in _DEFAULTS else f"route {obj.destination}"
    table = "" if obj.table == MAIN_TABLE else f" in table {obj.table}"
    return f"{target} {' and '.join(_hop(hop) for hop in obj.nexthops)}{table}"


def _hop(hop: Nexthop) -> str:
    return (f"via {hop.via} " if hop.via else "") + f"by {hop.dev}"


def _neighbour(obj: KernelObject) -> str:
    match obj:
        case Neighbour():
            return f"neighbour {obj.address} is {obj.mac} on {obj.dev} {place(obj.netns)}"
        case NeighbourProxy():
            return f"answers for {obj.address} on {obj.dev} {place(obj.netns)}"
        case Fdb():
            return f"MAC {obj.mac} is behind {obj.dev} {place(obj.netns)}"
        case _:
            return str(obj)


def describe_change(old: KernelObject, new: KernelObject) -> str:
    """What changes, in one line: the object and its fields before and after."""
    if isinstance(new, NftTable | Rule | Route | NftElement):
        if isinstance(new, NftTable):
            return describe(new)
        before = describe(old).removesuffix(f" {place(new.netns)}")
        return f"{describe(new)} (was: {before})"
    was, now = msgspec.to_builtins(old), msgspec.to_builtins(new)
    fields = [f"{name} {was[name]} -> {now[name]}" for name in now if was.get(name) != now[name]]
    return f"{_short(new)}: {', '.join(fields)}"


def _short(obj: KernelObject) -> str:
    match obj:
        case Bridge() | Tap() | Veth():
            return f"{type(obj).__name__.lower()} {obj.name} {place(obj.netns)}"
        case Sysctl():
            return f"kernel parameter {obj.path} {place(obj.netns)}"
        case _:
            return describe(obj)


def describe_action(action: Announce | FlushFlows) -> str:
    """An action in one line."""
    if isinstance(action, Announce):
        return f"announce {action.address} on {action.dev} {place(action.netns)}"
    return f"end the flows of {action.address} {place(action.netns)}"
