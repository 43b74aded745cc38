"""The values of a view by id, with who uses whom; changed in place by parts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from deuteron.compile.presence import all_router_ports, is_of_a_router
from deuteron.domain import (
    FloatingIP,
    HostView,
    Leg,
    NdpProxy,
    Network,
    Override,
    Port,
    RefusedRouter,
    Router,
    Subnet,
)
from deuteron.feed.part import KINDS, Gone, Kind, Part, keyed, sorted_values

Uses = defaultdict[str, set[str]]


class Values:
    """What a view holds.

    Args:
        view: where it begins.

    Attributes:
        ports_on, bound_on, subnets_on, legs_on: by network, ids of ports, of those with a device of an
            instance, of subnets, of routers with a leg.
        owners: by port, the routers that it belongs to.
        floating_of, proxies_of: by router.
    """

    def __init__(self, view: HostView) -> None:
        self.host = view.host
        self.overrides: tuple[Override, ...] = ()
        self.notices: tuple[str, ...] = ()
        self.networks: dict[str, Network] = {}
        self.subnets: dict[str, Subnet] = {}
        self.ports: dict[str, Port] = {}
        self.routers: dict[str, Router] = {}
        self.floating_ips: dict[str, FloatingIP] = {}
        self.ndp_proxies: dict[str, NdpProxy] = {}
        self.agent_gateways: dict[str, str] = {}
        self.legs: dict[str, Leg] = {}
        self.refused: dict[str, RefusedRouter] = {}
        self.ports_on, self.bound_on, self.subnets_on, self.legs_on, self.owners = (
            defaultdict[str, set[str]](set) for _ in "12345"
        )
        self.floating_of, self.proxies_of = (defaultdict[str, set[str]](set) for _ in "12")
        for kind in KINDS:
            for key, value in keyed(kind, view).items():
                self._set(kind, key, value)
        self.overrides, self.notices = view.overrides, view.notices

    def of(self, kind: Kind) -> dict[str, Any]:
        """The values of a kind by id."""
        found: dict[str, Any] = getattr(self, KINDS[kind][0])
        return found

    def head(self) -> HostView:
        """The view without anything that is referred to: who could not be held, and what is said of it."""
        return HostView(
            host=self.host,
            refused=sorted_values("refused", self.refused),
            overrides=self.overrides,
            notices=self.notices,
        )

    def view(self) -> HostView:
        """All of it, sorted by id.

        Raises:
            FieldError: the values do not fit together.
        """
        fields: dict[str, Any] = {
            field: sorted_values(kind, self.of(kind)) for kind, (field, _) in KINDS.items()
        }
        return HostView(host=self.host, **fields, overrides=self.overrides, notices=self.notices)

    def put(self, part: Part) -> Part:
        """Take over a part; the one that leads back."""
        gone: list[Gone] = []
        old: dict[str, list[Any]] = {field: [] for field, _ in KINDS.values()}
        for kind, key, value in _entries(part):
            before = self.of(kind).get(key)
            if before is not None:
                old[KINDS[kind][0]].append(before)
            elif value is not None:
                gone.append(Gone(kind=kind, id=key))
            self._set(kind, key, value)
        overrides, notices = self.overrides, self.notices
        self.overrides = overrides if part.overrides is None else part.overrides
        self.notices = notices if part.notices is None else part.notices
        fields: dict[str, Any] = {field: tuple(values) for field, values in old.items()}
        return Part(**fields, gone=tuple(gone), overrides=overrides, notices=notices)

    def touched(self, part: Part) -> set[str]:
        """The units that are made of what a part names, as things are now."""
        if part.overrides is not None and part.overrides != self.overrides:
            return set(self._all())
        return {unit for kind, key, _ in _entries(part) for unit in self._units_of(kind, key)}

    def devices(self, unit: str) -> tuple[Port, ...]:
        """The network's own ports that a unit holds: a router's, or the gateways of a fip namespace."""
        kind, _, ident = unit.partition("/")
        ids: Iterable[str] = ()
        if kind == "router" and (router := self.routers.get(ident)) is not None:
            ids = all_router_ports(router)
        elif kind == "fip":
            ids = sorted(self.ports_on.get(ident, set()) & self.agent_gateways.keys())
        return tuple(self.ports[one] for one in ids if one in self.ports)

    def holders(self, part: Part) -> set[str]:
        """The units whose :meth:`devices` may be others by a part that was taken over."""
        found = {f"router/{one.id}" for one in part.routers}
        for one in part.ports:
            found |= {f"router/{router}" for router in self.owners.get(one.id, ())}
        gateways = {one.id for one in part.ports} & self.agent_gateways.keys()
        for ident in gateways.union(part.agent_gateways) & self.ports.keys():
            found.add(f"fip/{self.ports[ident].network_id}")
        return found

    # Who uses whom -----------------------------------------------------------------------------

    def _set(self, kind: Kind, key: str, value: Any) -> None:
        values = self.of(kind)
        if (before := values.pop(key, None)) is not None:
            for uses, user in self._links(before):
                uses[user].discard(key)
        if value is not None:
            values[key] = value
            for uses, user in self._links(value):
                uses[user].add(key)

    def _links(self, value: Any) -> Iterator[tuple[Uses, str]]:
        match value:
            case Subnet(network_id=network):
                yield self.subnets_on, network
            case Port(network_id=network, binding=binding):
                yield self.ports_on, network
                if binding is not None:
                    yield self.bound_on, network
            case Router():
                for port in all_router_ports(value):
                    yield self.owners, port
            case FloatingIP(router_id=router):
                yield self.floating_of, router
            case NdpProxy(router_id=router):
                yield self.proxies_of, router
            case Leg(network_id=network):
                yield self.legs_on, network

    def _all(self) -> Iterator[str]:
        yield from (f"network/{one}" for one in self.networks)
        yield from (f"fip/{one}" for one in self.networks)
        yield from (f"router/{one}" for one in self.routers)
        yield from (f"port/{one}" for one in self.ports)

    def _units_of(self, kind: Kind, key: str) -> Iterator[str]:
        match kind, self.of(kind).get(key):
            case "network", _:
                yield from self._on_network(key)
            case "subnet", Subnet(network_id=network):
                yield from self._on_network(network)
            case "port", value:
                yield from self._of_port(key, value)
            case "agent_gateway", _:
                yield from self._of_gateway(key)
            case (("router" | "leg"), _):
                yield from self._of_router(key)
                yield from self._networks_of_router(key)
            case "floatingip", FloatingIP(router_id=router) if router:
                yield f"router/{router}"
            case "ndp_proxy", NdpProxy(router_id=router):
                yield from self._of_router(router)

    def _on_network(self, network: str) -> Iterator[str]:
        yield from (f"network/{network}", f"fip/{network}")
        for port in self.ports_on.get(network, ()):
            yield f"port/{port}"
            yield from (f"router/{router}" for router in self.owners.get(port, ()))
        yield from (f"router/{router}" for router in self.legs_on.get(network, ()))

    def _of_port(self, key: str, port: Port | None) -> Iterator[str]:
        owners = self.owners.get(key, ())
        yield f"port/{key}"
        yield from (f"router/{router}" for router in owners)
        # Any other has no device here.
        if port is not None and (owners or port.binding is not None or is_of_a_router(port)):
            yield f"network/{port.network_id}"
        if key in self.agent_gateways:
            yield from self._of_gateway(key)

    def _of_gateway(self, port: str) -> Iterator[str]:
        if (value := self.ports.get(port)) is not None:
            yield f"fip/{value.network_id}"
            yield from (f"router/{router}" for router in self.legs_on.get(value.network_id, ()))

    def _of_router(self, router: str) -> Iterator[str]:
        yield f"router/{router}"
        if (leg := self.legs.get(router)) is not None:
            yield f"fip/{leg.network_id}"

    def _networks_of_router(self, ident: str) -> Iterator[str]:
        """Those that it may be plugged into; its leg's fip namespace is on that of its gateway."""
        if (router := self.routers.get(ident)) is not None:
            ports = (self.ports.get(port) for port in all_router_ports(router))
            yield from (f"network/{port.network_id}" for port in ports if port is not None)


def _entries(part: Part) -> Iterator[tuple[Kind, str, Any]]:
    for one in part.gone:
        yield one.kind, one.id, None
    for kind in KINDS:
        for key, value in keyed(kind, part).items():
            yield kind, key, value
