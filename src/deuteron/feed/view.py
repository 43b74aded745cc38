"""From the rows of the store to what one host has to know.

One host, for now: network node and compute node at once, as with a topology file.  So a host knows
every network, subnet and router, the floating IPs that a router has, and of the ports those that it
needs for them: the routers' own, those bound here by ``binding:host_id``, and those that a floating IP
stands for.  Each are found by an index, so that what is used nowhere costs nothing.

What a host cannot hold is left out alone, so that one tenant's resource never stops another's: a
router stands among ``refused`` with its reason, what refers to something left out goes with it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from deuteron.domain import FieldError, HostView, Leg, RefusedRouter, Router
from deuteron.domain.host_view import LEGS
from deuteron.feed import rows
from deuteron.feed.part import KINDS, Kind, sorted_values
from deuteron.resources import RESOURCES
from deuteron.store.store import Unit


def host_view(unit: Unit, host: str, mappings: Mapping[str, str]) -> HostView:
    """All that a host has to know.

    Args:
        unit: of a write: a router that comes to this host is given the number of its leg.
        host: as in ``binding:host_id``.
        mappings: the host's bridge of each physical network.
    """
    found = _Found(host)
    scopes = found.networks(unit.find(RESOURCES["networks"]), mappings)
    for row in unit.find(RESOURCES["subnets"]):
        found.make(
            "subnet",
            row.id,
            rows.subnet,
            row,
            scopes.get((row.network_id, row.ip_version), ""),
        )
    of_router: defaultdict[str, list[Any]] = defaultdict(list)
    known = unit.find(RESOURCES["routers"])
    floating = unit.find(RESOURCES["floatingips"], router_id=[one.id for one in known])
    for row in _ports(unit, host, known, floating):
        if row.device_owner in rows.ROUTER_OWNERS:
            of_router[row.device_id].append(row)
        if rows.is_agent_gateway(row, host):
            found.values["agent_gateway"][row.id] = row.id
        if rows.concerns(row, host):
            found.here.add(row.id)
        found.make("port", row.id, rows.port, row, host)
    for row in known:
        found.names[row.id] = row.name
        found.make("router", row.id, rows.router, row, of_router[row.id])
    rules = by_floating(unit.find(RESOURCES["port_forwardings"]))
    routers = found.values["router"]
    for row in floating:
        router = routers.get(row.router_id or "")
        found.make("floatingip", row.id, rows.floating_ip, row, rules[row.id], router)
    _legs(unit, found)
    return found.view()


def _ports(unit: Unit, host: str, routers: Collection[Any], floating: Iterable[Any]) -> Iterable[Any]:
    """The rows of the ports that a host has to know."""
    ports = RESOURCES["ports"]
    here = [
        row
        for found in (
            unit.find(ports, device_id=[one.id for one in routers]),
            unit.find(ports, binding_host_id=host),
        )
        for row in found
        if rows.concerns(row, host)
    ]
    stood_for = unit.find(ports, id=[one.port_id for one in floating if one.port_id])
    return {row.id: row for row in (*here, *stood_for)}.values()


def by_floating(found: Iterable[Any]) -> defaultdict[str, list[Any]]:
    """Port forwardings by their floating IP."""
    rules: defaultdict[str, list[Any]] = defaultdict(list)
    for one in found:
        rules[one.floatingip_id].append(one)
    return rules


def legs_pool(host: str) -> str:
    """The pool that a host's legs have their numbers of."""
    return f"leg/{host}"


def may_have_leg(router: Router, homes: Collection[str]) -> bool:
    """Whether there is a fip namespace for a router to have a leg into.

    Args:
        router: that is here.
        homes: networks on which this host's fip namespaces have a port.
    """
    return router.distributed and router.gateway is not None and router.gateway.network_id in homes


def legged(unit: Unit, host: str, routers: Iterable[Router], floating: Collection[str]) -> list[Router]:
    """Which of the routers that may have a leg have one: with their first floating IP they get it.

    They keep it with its number, so that floating IPs may come and go, and one that comes to a host of
    a thousand routers costs one wire and not a thousand.

    Args:
        unit: of work.
        host: as in ``binding:host_id``.
        routers: those.
        floating: ids of routers with a floating IP.
    """
    known = list(routers)
    numbered = unit.numbered(legs_pool(host), [one.id for one in known])
    return [one for one in known if one.id in numbered or one.id in floating]


def leg_of(unit: Unit, host: str, router: Router) -> Leg | None:
    """The leg of a router that has one; ``None``: no number is left.

    A number is a row under a constraint: it is given once, and kept as long as the router has a leg.

    Args:
        unit: of a write.
        host: as in ``binding:host_id``.
        router: whose.
    """
    index = unit.number(legs_pool(host), router.id, 0, LEGS - 1)
    if index is None or router.gateway is None:
        return None
    return Leg(router_id=router.id, network_id=router.gateway.network_id, index=index)


def _legs(unit: Unit, found: _Found) -> None:
    """Number the legs of the distributed routers whose external network has an agent's gateway port here."""
    ports = found.values["port"]
    homes = {ports[one].network_id for one in found.values["agent_gateway"] if one in ports}
    routers = [one for one in found.values["router"].values() if may_have_leg(one, homes)]
    floating = {one.router_id for one in found.values["floatingip"].values()}
    for router in legged(unit, found.host, routers, floating):
        leg = leg_of(unit, found.host, router)
        if leg is None:
            found.refuse(router.id, "no-leg-left", f"{LEGS} distributed routers are on this host; delete one")
        else:
            found.values["leg"][router.id] = leg


class _Found:
    """The values so far, and the routers that cannot be held."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.values: dict[Kind, dict[str, Any]] = {kind: {} for kind in KINDS}
        self.names: dict[str, str] = {}
        #: Ports that are known for their own sake, and not only for that of a floating IP.
        self.here: set[str] = set()

    def networks(self, found: Iterable[Any], mappings: Mapping[str, str]) -> dict[tuple[str, int], str]:
        """Take the networks over; the address scope of each by family."""
        scopes: dict[tuple[str, int], str] = {}
        for row in found:
            self.make("network", row.id, rows.network, row, mappings)
            scopes[row.id, 4] = row.ipv4_address_scope or ""
            scopes[row.id, 6] = row.ipv6_address_scope or ""
        return scopes

    def make(self, kind: Kind, ident: str, build: Callable[..., Any], *given: Any) -> None:
        """Take a value over, or note that it cannot be held."""
        try:
            self.values[kind][ident] = build(*given)
        except FieldError as error:
            self._leave_out(kind, ident, error)
        except ValueError as error:
            self._leave_out(kind, ident, FieldError("bad-value", kind, str(error)))

    def refuse(self, router: str, code: str, sentence: str) -> None:
        """A router that cannot be held: what this host has of it stays as it is."""
        self.values["router"].pop(router, None)
        self.values["leg"].pop(router, None)
        self.values["refused"][router] = RefusedRouter(
            id=router, name=self.names.get(router, ""), code=code, sentence=sentence
        )

    def _leave_out(self, kind: str, ident: str, error: FieldError) -> None:
        if kind == "router":
            self.refuse(ident, error.code, f"{error} (router {ident}); mend it by the API")
        elif kind in self.values:
            self.values[kind].pop(ident, None)

    def view(self) -> HostView:
        """The view; what does not fit is left out, one thing after the other."""
        for _ in range(sum(map(len, self.values.values())) + 1):
            self._follow()
            try:
                return self._whole()
            except FieldError as error:
                if not self._drop(error):
                    raise
        raise RuntimeError("each round leaves one thing out")

    def _drop(self, error: FieldError) -> bool:
        before = sum(map(len, self.values.values())) + len(self.values["refused"])
        kind = "floatingip" if error.kind == "" else error.kind
        if kind == "port" and error.field == "agent_gateways":
            self.values["agent_gateway"].pop(error.entry, None)
        self._leave_out(kind, error.entry, error)
        return sum(map(len, self.values.values())) + len(self.values["refused"]) != before

    def _follow(self) -> None:
        """Leave out what refers to something that is left out."""
        values = self.values
        _keep(values["subnet"], lambda one: one.network_id in values["network"])
        _keep(
            values["port"],
            lambda one: (
                one.network_id in values["network"]
                and all(fixed.subnet_id in values["subnet"] for fixed in one.fixed_ips)
            ),
        )
        _keep(values["agent_gateway"], lambda one: one in values["port"])
        for router in list(values["router"].values()):
            if missing := [one for one in rows.ports_of(router) if one not in values["port"]]:
                sentence = (
                    f"port {missing[0]} cannot be served on this host; see its network's physical_network"
                )
                self.refuse(router.id, "no-bridge-mapping", sentence)
        _keep(
            values["floatingip"],
            lambda one: (
                one.floating_network_id in values["network"]
                and one.router_id in values["router"]
                and (not one.port_id or one.port_id in values["port"])
            ),
        )
        stood_for = {one.port_id for one in values["floatingip"].values()}
        _keep(values["port"], lambda one: one.id in self.here or one.id in stood_for)
        homes = {values["port"][one].network_id for one in values["agent_gateway"]}
        _keep(values["leg"], lambda one: one.router_id in values["router"] and one.network_id in homes)

    def _whole(self) -> HostView:
        fields = {field: sorted_values(kind, self.values[kind]) for kind, (field, _) in KINDS.items()}
        return HostView(host=self.host, **fields)


def _keep(values: dict[str, Any], wanted: Callable[[Any], bool]) -> None:
    for ident in [ident for ident, value in values.items() if not wanted(value)]:
        del values[ident]
