"""Allocations out of the kernel: what a lost state directory had chosen, read where it was used.

A leg's index is in the address of its outer end; a port's MAC address and addresses are on
its wire, which bears the port's id; a floating IP is in the translation of its router.  The
file says who may have chosen values at all, so most of it needs the file.  A value that is
nowhere in the kernel (the address of a virtual machine behind a tap, say) is chosen anew:
nothing in the kernel can differ for it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Final

import msgspec

from deuteron.compile import compile_host, names
from deuteron.compile.filter import PROXIED6
from deuteron.compile.leg import FIRST_ADDRESS
from deuteron.domain import FloatingIP, HostView, Port, Subnet
from deuteron.domain.host_view import LEGS
from deuteron.inputs import Loaded
from deuteron.inputs.allocate import ADDRESS, LEG, MAC, Allocation, Allocations
from deuteron.objects import Address, NftElement, Observed, Tap, Veth, Wanted
from deuteron.objects.nft import FLOATING_TO_FIXED, FORWARDED_PORTS

#: A port's address decides which floating IP is its own, so what is read from the kernel is
#: read again with what it led to.  Addresses, then floating IPs, then nothing new.
_ROUNDS: Final = 4

#: Scope and owner of a choice.
_Place = tuple[str, str]


class Adopted(msgspec.Struct, frozen=True, kw_only=True):
    """What a file stands for on this host.

    Attributes:
        loaded: the file, read with what the kernel holds.
        unseen: the choices that the kernel says nothing about, made anew.
    """

    loaded: Loaded
    unseen: tuple[Allocation, ...] = ()


def adopt(read: Callable[[Allocations], Loaded], look: Callable[[Wanted], Observed]) -> Adopted:
    """Read a file so that it means what the kernel has.

    Args:
        read: reads the file with the given allocations.
        look: looks at the kernel; asked once.

    Raises:
        InputError: the file is not acceptable.
        KernelError: the look was refused.
    """
    loaded = read(Allocations())
    traces = Traces(look(compile_host(loaded.view)))
    found = traces.of(loaded)
    for _ in range(_ROUNDS):
        loaded = read(found)
        again = traces.of(loaded)
        if again == found:
            break
        found = again
    known = {(one.kind, one.scope, one.key) for one in found.entries}
    entries = loaded.allocations.entries
    unseen = tuple(one for one in entries if (one.kind, one.scope, one.key) not in known)
    return Adopted(loaded=loaded, unseen=unseen)


def without_file(observed: Observed) -> Allocations:
    """What the kernel tells by itself: legs, and MAC addresses on networks of ours.

    Whether they were chosen or given only a file tells; one who did not ask for a value gets none.
    """
    traces = Traces(observed)
    entries = [
        Allocation(kind=LEG, scope=fip, key=router, value=str(index))
        for (fip, router), index in traces.legs.items()
    ]
    entries += [
        Allocation(kind=MAC, scope=thing.netns.removeprefix("net-"), key=port, value=_mac(thing))
        for port, thing in traces.wires.items()
        if thing.netns.startswith("net-")
    ]
    return _unique(entries)


class Traces:
    """What a look shows of choices, found by id."""

    def __init__(self, observed: Observed) -> None:
        self.wires: dict[str, Veth | Tap] = {}
        self.legs: dict[_Place, int] = {}
        self._addresses: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        self._elements: defaultdict[tuple[str, str], list[NftElement]] = defaultdict(list)
        self._fixed: dict[tuple[str, str], str] = {}
        self._floating: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        for thing in observed.objects.values():
            if isinstance(thing, Address):
                self._addresses[thing.netns, thing.dev].append(thing.address)
            elif isinstance(thing, NftElement):
                self._element(thing)
        for thing in observed.objects.values():
            if isinstance(thing, Veth | Tap):
                self._wire(thing)

    def _element(self, thing: NftElement) -> None:
        self._elements[thing.netns, thing.set].append(thing)
        if thing.set == FLOATING_TO_FIXED:
            floating, fixed = thing.item[0], thing.value[0]
            self._fixed[thing.netns, floating] = fixed
            self._floating[thing.netns, fixed].append(floating)

    def _wire(self, thing: Veth | Tap) -> None:
        kind, ident = thing.altname[:3], thing.altname[4:]
        if kind == "tap":
            self.wires[ident] = thing
        elif kind == "fpr" and thing.netns.startswith("fip-"):
            for address in self._addresses[thing.netns, thing.name]:
                index = _leg_index(address)
                if index is not None:
                    self.legs[thing.netns.removeprefix("fip-"), ident] = index

    def of(self, loaded: Loaded) -> Allocations:
        """The choices that ``loaded`` made, with the kernel's values; those without a trace are left out."""
        asked = loaded.allocations.entries
        found = [*self._legs(asked), *self._macs(asked), *_Chosen(self, loaded).entries()]
        return _unique(found)

    def _legs(self, asked: Iterable[Allocation]) -> Iterator[Allocation]:
        for one in asked:
            index = self.legs.get((one.scope, one.key)) if one.kind == LEG else None
            if index is not None:
                yield msgspec.structs.replace(one, value=str(index))

    def _macs(self, asked: Iterable[Allocation]) -> Iterator[Allocation]:
        for one in asked:
            thing = self.wires.get(one.key) if one.kind == MAC else None
            if thing is not None:
                yield msgspec.structs.replace(one, value=_mac(thing))

    def addresses(self, port: str, subnet: Subnet) -> list[str] | None:
        """The port's addresses of a subnet, sorted; ``None`` where it has no end of ours to bear them."""
        thing = self.wires.get(port)
        if not isinstance(thing, Veth):
            return None
        length = f"/{subnet.prefixlen}"
        ends = self._addresses[thing.peer_netns, thing.peer_name]
        bare = (address.partition("/")[0] for address in ends if address.endswith(length))
        return sorted((one for one in bare if _within(subnet, one)), key=ip_address)

    def elements(self, router: str, name: str) -> list[NftElement]:
        """The elements of a map or set, of both namespaces that a router may have."""
        return [one for netns in _namespaces(router) for one in self._elements.get((netns, name), ())]

    def fixed_of(self, router: str, floating: str) -> list[str]:
        """Where a floating address leads."""
        found = (self._fixed.get((netns, floating), "") for netns in _namespaces(router))
        return [fixed for fixed in found if fixed]

    def floating_of(self, router: str, fixed: str) -> list[str]:
        """The floating addresses that lead to a fixed one."""
        return [one for netns in _namespaces(router) for one in self._floating.get((netns, fixed), ())]


class _Chosen:
    """The addresses that were chosen for one file's ports and floating IPs."""

    def __init__(self, traces: Traces, loaded: Loaded) -> None:
        self._traces = traces
        self._view: HostView = loaded.view
        self._subnets = {subnet.id: subnet for subnet in self._view.subnets}
        self._ports = {port.id: port for port in self._view.ports}
        self._floating = {fip.id: fip for fip in self._view.floating_ips}
        chosen = [one for one in loaded.allocations.entries if one.kind == ADDRESS]
        self._asked = {(one.scope, one.key): one for one in chosen}
        self._used: set[_Place] = set()  # subnet and value
        self._open = {key for _, key in self._asked}
        floating_ips = self._view.floating_ips
        self._given = {fip.floating_ip_address for fip in floating_ips if fip.id not in self._open}
        visible = (port for port in self._view.ports if isinstance(traces.wires.get(port.id), Veth))
        self._known = {fixed.ip_address for port in visible for fixed in port.fixed_ips}
        self._of_port: defaultdict[str, list[FloatingIP]] = defaultdict(list)
        self._forwarding_to: defaultdict[str, list[FloatingIP]] = defaultdict(list)
        for fip in floating_ips:
            self._of_port[fip.port_id].append(fip)
            for address in {rule.internal_ip_address for rule in fip.port_forwardings}:
                self._forwarding_to[address].append(fip)

    def entries(self) -> Iterator[Allocation]:
        """All that have a trace."""
        by_port: defaultdict[_Place, list[Allocation]] = defaultdict(list)
        for (scope, key), one in self._asked.items():
            if key not in self._floating:
                by_port[scope, key.partition("#")[0]].append(one)
        taps: list[tuple[Port, Allocation]] = []
        for (scope, owner), several in by_port.items():
            port = self._ports[owner]
            there = self._traces.addresses(owner, self._subnets[scope])
            if there is None:
                taps += [(port, one) for one in several]
                continue
            given = {fixed.ip_address for fixed in port.fixed_ips if fixed.subnet_id == scope} - {
                one.value for one in several
            }
            yield from self._assign(several, [each for each in there if each not in given])
        for port, one in taps:
            yield from self._assign([one], self._told_of(port, one))
        for place, one in self._asked.items():
            if place[1] in self._floating:
                yield from self._assign([one], self._outside(self._floating[place[1]], one))

    def _assign(self, several: list[Allocation], values: Iterable[str]) -> Iterator[Allocation]:
        """Give the values away: first to who has chosen one of them by itself, then in order."""
        free = [value for value in values if (several[0].scope, value) not in self._used]
        mine = [one for one in several if one.value in free]
        left = [value for value in free if value not in {one.value for one in mine}]
        rest = sorted((one for one in several if one not in mine), key=lambda one: _nth(one.key))
        given = [*mine, *(msgspec.structs.replace(one, value=v) for one, v in zip(rest, left, strict=False))]
        self._used.update((one.scope, one.value) for one in given)
        yield from given

    def _told_of(self, port: Port, one: Allocation) -> Iterator[str]:
        """Addresses that a port without an end of ours may have: those that others lead to."""
        subnet = self._subnets[one.scope]
        for fip in self._of_port[port.id]:
            yield from (value for value in self._inside(fip) if _within(subnet, value))
        for fip in self._forwarding_to[one.value]:
            yield from self._forwarded(fip, one.value)
        for proxy in self._view.ndp_proxies:
            if proxy.port_id == port.id:
                elements = self._traces.elements(proxy.router_id, PROXIED6)
                yield from (each.item[0] for each in elements if _within(subnet, each.item[0]))

    def _inside(self, fip: FloatingIP) -> list[str]:
        """What its floating IP leads to; of a chosen floating IP, what nobody else's leads to."""
        if fip.id not in self._open:
            return self._traces.fixed_of(fip.router_id, fip.floating_ip_address)
        pairs = (
            (one.item[0], one.value[0]) for one in self._traces.elements(fip.router_id, FLOATING_TO_FIXED)
        )
        return [
            fixed for floating, fixed in pairs if floating not in self._given and fixed not in self._known
        ]

    def _forwarded(self, fip: FloatingIP, address: str) -> Iterator[str]:
        """Where the ports go that the file has going to ``address``."""
        wanted = {
            (fip.floating_ip_address, rule.protocol, str(rule.external_port))
            for rule in fip.port_forwardings
            if rule.internal_ip_address == address
        }
        elements = self._traces.elements(fip.router_id, FORWARDED_PORTS)
        return (each.value[0] for each in elements if each.item in wanted)

    def _outside(self, fip: FloatingIP, one: Allocation) -> Iterator[str]:
        """The floating addresses that lead where this one does."""
        subnet = self._subnets[one.scope]
        if fip.fixed_ip_address:
            found = self._traces.floating_of(fip.router_id, fip.fixed_ip_address)
        else:
            found = self._forwarding_as(fip)
        return (value for value in found if _within(subnet, value) and value not in self._given)

    def _forwarding_as(self, fip: FloatingIP) -> list[str]:
        """The floating addresses that forward all ports that this one does, to the same places."""
        forwarded: defaultdict[str, set[tuple[str, ...]]] = defaultdict(set)
        for one in self._traces.elements(fip.router_id, FORWARDED_PORTS):
            forwarded[one.item[0]].add((*one.item[1:], *one.value))
        wanted = {
            (rule.protocol, str(rule.external_port), rule.internal_ip_address, str(rule.internal_port))
            for rule in fip.port_forwardings
        }
        return sorted(
            (each for each, rules in forwarded.items() if wanted and wanted <= rules), key=ip_address
        )


def _unique(entries: Iterable[Allocation]) -> Allocations:
    """The first of each owner and of each value: what somebody spoiled by hand is chosen anew."""
    owners: set[tuple[str, str, str]] = set()
    values: set[tuple[str, str, str]] = set()
    kept: list[Allocation] = []
    for one in entries:
        owner, value = (one.kind, one.scope, one.key), (one.kind, one.scope, one.value)
        if owner not in owners and value not in values:
            owners.add(owner)
            values.add(value)
            kept.append(one)
    return Allocations(entries=tuple(sorted(kept)))


def _namespaces(router: str) -> tuple[str, str]:
    return names.router_netns(router), names.snat_netns(router)


def _mac(thing: Veth | Tap) -> str:
    """The port's MAC address; of a tap only the outer one is here, and chosen ones begin with ``fa``."""
    return thing.peer_mac if isinstance(thing, Veth) else "fa" + thing.mac[2:]


def _leg_index(address: str) -> int | None:
    bare, _, length = address.partition("/")
    if length != "31" or ":" in bare:
        return None
    offset = int(IPv4Address(bare)) - int(FIRST_ADDRESS)
    return offset // 2 if 0 <= offset < 2 * LEGS else None


def _within(subnet: Subnet, address: str) -> bool:
    return ip_address(address) in ip_network(subnet.cidr)


def _nth(key: str) -> int:
    number = key.partition("#")[2]
    return int(number) if number.isdecimal() else 0
