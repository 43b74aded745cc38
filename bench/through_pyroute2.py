"""A second peer: the same objects through pyroute2, nftables through the same library."""

from __future__ import annotations

import ipaddress
import os
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from pyroute2 import IPRoute, NetNS, netns

from bench import views
from bench.arena import Arena, quiet, settle
from deuteron.compile import compile_host
from deuteron.kernel.linux.libc import setns
from deuteron.kernel.linux.nft import Nftables
from deuteron.objects import (
    HOST,
    PROTOCOL,
    Address,
    Bridge,
    Create,
    KernelObject,
    LinkUp,
    Neighbour,
    Netns,
    NftElement,
    NftTable,
    Route,
    Rule,
    Sysctl,
    Veth,
)
from deuteron.objects.nft_text import add_elements, create_table
from deuteron.reconcile.plan import Plan

_DIRECTORY = Path("/run/netns")
_FAMILY = {4: 2, 6: 10}


class Maker:
    """Makes one object after the other, with one open socket per namespace."""

    def __init__(self) -> None:
        self._wires: dict[str, Any] = {HOST: IPRoute()}
        self._nftables = Nftables()
        self._home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)

    def close(self) -> None:
        for wire in self._wires.values():
            wire.close()
        os.close(self._home)

    def make(self, plan: Plan) -> None:
        for unit in plan.units:
            elements: defaultdict[str, list[NftElement]] = defaultdict(list)
            for step in unit.steps:
                if not isinstance(step, Create):
                    raise TypeError("only for a host with nothing on it")
                if isinstance(step.object, NftElement):
                    elements[step.object.netns].append(step.object)
                    continue
                for where in list(elements):
                    self._nft(where, add_elements(elements.pop(where)))
                self._create(step.object)
            for where, several in elements.items():
                self._nft(where, add_elements(several))

    def _create(self, thing: KernelObject) -> None:
        match thing:
            case Netns(name=name, owner=owner):
                netns.create(name)
                self._wires[name] = NetNS(name)
                self._wires[name].link("set", index=1, state="up", ifalias=f"bench {owner}")
            case Sysctl(netns=where, path=path, value=value):
                self._inside(where, lambda: Path("/proc/sys", path).write_text(value))
            case NftTable(netns=where):
                self._nft(where, create_table(thing))
            case Bridge(netns=where, name=name, mac=mac, mtu=mtu):
                self._wires[where].link("add", ifname=name, kind="bridge", address=mac, mtu=mtu)
            case Veth():
                self._veth(thing)
            case LinkUp(netns=where, dev=dev):
                self._wires[where].link("set", index=self._index(where, dev), state="up")
            case _:
                self._address_or_route(thing)

    def _veth(self, pair: Veth) -> None:
        wire = self._wires[pair.netns]
        peer = {"ifname": pair.peer_name, "address": pair.peer_mac, "mtu": pair.mtu}
        if pair.peer_netns != pair.netns:
            peer["net_ns_fd"] = pair.peer_netns
        wire.link("add", ifname=pair.name, kind="veth", address=pair.mac, mtu=pair.mtu, peer=peer)
        index = self._index(pair.netns, pair.name)
        if pair.master:
            wire.link("set", index=index, master=self._index(pair.netns, pair.master))
        wire.link("set", index=index, ifalias=f"bench {pair.owner}")

    def _address_or_route(self, thing: KernelObject) -> None:
        match thing:
            case Address(netns=where, dev=dev, address=address):
                host, _, length = address.partition("/")
                index = self._index(where, dev)
                self._wires[where].addr(
                    "add", index=index, address=host, prefixlen=int(length), proto=PROTOCOL
                )
            case Neighbour(netns=where, dev=dev, address=address, mac=mac):
                index = self._index(where, dev)
                self._wires[where].neigh("add", dst=address, lladdr=mac, ifindex=index, state="permanent")
            case Rule():
                self._rule(thing)
            case Route():
                self._route(thing)
            case _:
                raise TypeError(f"not on a bench's host: {thing.key[0]}")

    def _rule(self, rule: Rule) -> None:
        match = {"iifname": rule.iif} if rule.iif else {}
        if rule.fwmark:
            match["fwmark"] = rule.fwmark  # type: ignore[assignment]  # keywords of several types
        if rule.source:
            match["src"] = rule.source
        family = _FAMILY[rule.family]
        self._wires[rule.netns].rule(
            "add", family=family, table=rule.table, priority=rule.priority, protocol=PROTOCOL, **match
        )

    def _route(self, route: Route) -> None:
        (hop,) = route.nexthops
        gateway = {"gateway": hop.via} if hop.via else {"scope": 253}
        self._wires[route.netns].route(
            "add",
            dst=route.destination if ipaddress.ip_network(route.destination).prefixlen else "default",
            table=route.table,
            oif=self._index(route.netns, hop.dev),
            proto=PROTOCOL,
            **gateway,
        )

    def _index(self, where: str, dev: str) -> int:
        (index,) = self._wires[where].link_lookup(ifname=dev)
        return int(index)

    def _nft(self, where: str, text: str) -> None:
        self._inside(where, lambda: self._nftables.run(text))

    def _inside(self, where: str, work: Any) -> None:
        with (_DIRECTORY / where).open("rb") as place:
            setns(place.fileno())
        try:
            work()
        finally:
            setns(self._home)


def measure(count: int) -> float:
    """Seconds for ``count`` routers on a host of their own."""
    with Arena() as host:
        plan = quiet(host.plan(compile_host(views.many_routers(count)))).plan

        def work() -> float:
            begun = time.perf_counter()
            maker = Maker()
            try:
                maker.make(plan)
                return time.perf_counter() - begun
            finally:
                maker.close()

        seconds = host.call(work)
    settle()
    return seconds
