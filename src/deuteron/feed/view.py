"""From the rows of the store to what one host has to know.

One host, for now: network node and compute node at once, as with a topology file.  So a host knows
every network, subnet, router and floating IP, and of the ports all but those that only hold a
floating IP's address; an instance's port is bound here where its ``binding:host_id`` says so.

What a host cannot hold is left out alone, so that one tenant's resource never stops another's: a
router stands among ``refused`` with its reason, what refers to something left out goes with it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from deuteron.domain import FieldError, HostView, Leg, RefusedRouter
from deuteron.domain.host_view import LEGS
from deuteron.feed import rows
from deuteron.feed.part import KINDS, Gone, Kind, Part, sorted_values
from deuteron.resources import RESOURCES
from deuteron.store.changes import Change
from deuteron.store.store import Unit

#: What does not concern a host at all.
_ELSEWHERE: Final = frozenset({"rbac_policies", "quotas", "agents", "availability_zones", "tags"})
#: What a part can be made of; a change of anything else is told by the whole view.
_PARTS: Final[Mapping[str, Kind]] = {"ports": "port", "floatingips": "floatingip"}


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
    for row in unit.find(RESOURCES["ports"]):
        if row.device_owner in rows.ROUTER_OWNERS:
            of_router[row.device_id].append(row)
        if rows.is_agent_gateway(row, host):
            found.values["agent_gateway"][row.id] = row.id
        if rows.concerns(row, host):
            found.make("port", row.id, rows.port, row, host)
    for row in unit.find(RESOURCES["routers"]):
        found.names[row.id] = row.name
        found.make("router", row.id, rows.router, row, of_router[row.id])
    rules = _by_floating(unit.find(RESOURCES["port_forwardings"]))
    routers = found.values["router"]
    for row in unit.find(RESOURCES["floatingips"]):
        router = routers.get(row.router_id or "")
        found.make("floatingip", row.id, rows.floating_ip, row, rules[row.id], router)
    _legs(unit, found)
    return found.view()


def part(unit: Unit, host: str, changes: Iterable[Change]) -> Part | None:
    """What changes of the store mean to a host.

    Returns:
        ``None`` where the changed rows alone do not tell it: more than instances' ports and floating
        IPs has changed, or one of these does not fit; the whole view tells it then.
    """
    touched: dict[str, set[str]] = {collection: set() for collection in _PARTS}
    known = [one for one in changes if one.resource not in _ELSEWHERE]
    for one in known:
        if one.resource not in touched:
            return None
        touched[one.resource].add(one.id)
    if any(_left_router(one, touched["floatingips"]) for one in known):
        return None
    made = _Found(host)
    try:
        for row in _rows(unit, "ports", touched["ports"]):
            if row.device_owner in rows.ROUTER_OWNERS or rows.is_agent_gateway(row, host):
                return None
            if rows.concerns(row, host):
                made.values["port"][row.id] = rows.port(row, host)
        _floating_ips(unit, made, touched["floatingips"])
    except ValueError:
        return None
    gone = (
        Gone(kind=kind, id=ident)
        for collection, kind in _PARTS.items()
        for ident in touched[collection] - made.values[kind].keys()
    )
    ports, floating = made.values["port"], made.values["floatingip"]
    return Part(ports=tuple(ports.values()), floating_ips=tuple(floating.values()), gone=tuple(sorted(gone)))


def _left_router(change: Change, floating: set[str]) -> bool:
    """Whether a port has gone that was a router's: a floating IP's own names that."""
    hint = change.router_id
    return (
        change.resource == "ports" and change.kind == "delete" and hint is not None and hint not in floating
    )


def _floating_ips(unit: Unit, made: _Found, ids: set[str]) -> None:
    floating = _rows(unit, "floatingips", ids)
    if not floating:
        return
    rules = _by_floating(unit.find(RESOURCES["port_forwardings"], floatingip_id=sorted(ids)))
    known = _rows(unit, "routers", {row.router_id for row in floating if row.router_id})
    routers = {row.id: row for row in known}
    for row in floating:
        router = routers.get(row.router_id or "")
        made.values["floatingip"][row.id] = rows.floating_ip(row, rules[row.id], router)


def _rows(unit: Unit, collection: str, ids: set[str]) -> list[Any]:
    return unit.find(RESOURCES[collection], id=sorted(ids)) if ids else []


def _by_floating(found: Iterable[Any]) -> defaultdict[str, list[Any]]:
    rules: defaultdict[str, list[Any]] = defaultdict(list)
    for one in found:
        rules[one.floatingip_id].append(one)
    return rules


def _legs(unit: Unit, found: _Found) -> None:
    """Number the legs of the distributed routers whose external network has an agent's gateway port here.

    A number is a row under a constraint: it is given once, and kept as long as the router is there.
    """
    ports = found.values["port"]
    networks = {ports[one].network_id for one in found.values["agent_gateway"] if one in ports}
    for router in list(found.values["router"].values()):
        if not (router.distributed and router.gateway and router.gateway.network_id in networks):
            continue
        index = unit.number(f"leg/{found.host}", router.id, 0, LEGS - 1)
        if index is None:
            found.refuse(router.id, "no-leg-left", f"{LEGS} distributed routers are on this host; delete one")
        else:
            network = router.gateway.network_id
            found.values["leg"][router.id] = Leg(router_id=router.id, network_id=network, index=index)


class _Found:
    """The values so far, and the routers that cannot be held."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.values: dict[Kind, dict[str, Any]] = {kind: {} for kind in KINDS}
        self.names: dict[str, str] = {}

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
                and (not one.router_id or one.router_id in values["router"])
                and (not one.port_id or one.port_id in values["port"])
            ),
        )
        homes = {values["port"][one].network_id for one in values["agent_gateway"]}
        _keep(values["leg"], lambda one: one.router_id in values["router"] and one.network_id in homes)

    def _whole(self) -> HostView:
        fields = {field: sorted_values(kind, self.values[kind]) for kind, (field, _) in KINDS.items()}
        return HostView(host=self.host, **fields)


def _keep(values: dict[str, Any], wanted: Callable[[Any], bool]) -> None:
    for ident in [ident for ident, value in values.items() if not wanted(value)]:
        del values[ident]
