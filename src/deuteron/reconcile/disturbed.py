"""What the kernel takes away in passing, on links that stay.

Four changes have such a side effect (Linux 6.18, ``net/ipv4``, ``net/ipv6``, ``net/core/neighbour.c``):

* a link that goes down loses its routes, neighbours, proxies and IPv6 addresses;
* a new MAC address flushes the link's neighbours, permanent ones too;
* the first IPv4 address of a subnet takes its secondaries along (``promote_secondaries`` is 0);
* the last IPv4 address of a link takes its IPv4 routes and neighbours along.

Whatever could be lost so is deleted explicitly first and made again afterwards: the
plan then says what happens, and an undo knows it too.
"""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Callable, Iterable

from deuteron.objects import (
    Address,
    KernelObject,
    Key,
    LinkUp,
    Neighbour,
    NeighbourProxy,
    Route,
    Tap,
    Veth,
)
from deuteron.reconcile.containment import Containment
from deuteron.reconcile.delta import Change, Delta

Dev = tuple[str, str]


def disturbed(delta: Delta, around: Containment, stays: Callable[[KernelObject], bool]) -> set[Key]:
    """Observed objects to be deleted before anything is made, by key.

    Args:
        delta: the raw difference.
        around: containers of the observed objects.
        stays: whether the container of an object survives.
    """
    found: set[Key] = set()
    addresses: defaultdict[Dev, list[Address]] = defaultdict(list)
    for obj in delta.surplus.values():
        if isinstance(obj, LinkUp) and stays(obj):
            found.add(obj.key)
            found.update(o.key for o in around.on_dev(obj.netns, obj.dev) if _lost_when_down(o))
        elif isinstance(obj, Address) and stays(obj):
            addresses[obj.netns, obj.dev].append(obj)
    for dev in changed_macs(delta.update.values()):
        found.update(o.key for o in around.on_dev(*dev) if isinstance(o, Neighbour))
    made = _made_addresses(delta)
    for dev, going in addresses.items():
        found |= _with_addresses(dev, going, made.get(dev, []), around)
    return found


def changed_macs(changes: Iterable[Change]) -> Iterable[Dev]:
    """The ends of links that get another MAC address."""
    for old, new in changes:
        if isinstance(old, Veth | Tap) and isinstance(new, Veth | Tap) and old.mac != new.mac:
            yield new.netns, new.name
        if isinstance(old, Veth) and isinstance(new, Veth) and old.peer_mac != new.peer_mac:
            yield new.peer_netns, new.peer_name


def _lost_when_down(obj: KernelObject) -> bool:
    return isinstance(obj, Route | Neighbour | NeighbourProxy) or (isinstance(obj, Address) and _is_v6(obj))


def _made_addresses(delta: Delta) -> dict[Dev, list[Address]]:
    made: defaultdict[Dev, list[Address]] = defaultdict(list)
    for obj in delta.create.values():
        if isinstance(obj, Address):
            made[obj.netns, obj.dev].append(obj)
    return made


def _with_addresses(dev: Dev, going: list[Address], made: list[Address], around: Containment) -> set[Key]:
    """The keys to clear away where addresses go from a link that stays."""
    new_v6 = {_bare(a) for a in made if _is_v6(a)}
    # An IPv6 address is on a link once, whatever its prefix length.
    first = {a.key for a in going if _is_v6(a) and _bare(a) in new_v6}
    going4 = [a for a in going if not _is_v6(a)]
    if not going4:
        return first
    gone = {a.key for a in going4}
    kept = [o for o in around.on_dev(*dev) if isinstance(o, Address) and not _is_v6(o) and o.key not in gone]
    made4 = [a for a in made if not _is_v6(a)]
    subnets = {_subnet(a) for a in going4}
    shared = subnets.intersection(_subnet(a) for a in (*kept, *made4))
    siblings = [a for a in kept if _subnet(a) in shared]
    first.update(a.key for a in going4 if _subnet(a) in shared)
    first.update(a.key for a in siblings)
    left = len(kept) - len(siblings) + sum(_subnet(a) not in shared for a in made4)
    remaining_now = len(kept) - len(siblings) + sum(a.key not in first for a in going4)
    if not remaining_now or not left:
        first |= gone
        first.update(o.key for o in around.on_dev(*dev) if _needs_ipv4(o))
    return first


def _needs_ipv4(obj: KernelObject) -> bool:
    match obj:
        case Route(destination=text) | Neighbour(address=text) | NeighbourProxy(address=text):
            return ":" not in text
        case _:
            return False


def _is_v6(address: Address) -> bool:
    return ":" in address.address


def _bare(address: Address) -> str:
    return address.address.rpartition("/")[0]


def _subnet(address: Address) -> str:
    return str(ipaddress.ip_interface(address.address).network)
