"""From changed rows of the store to the part of a view that a host is told: a thing costs what it is made of.

With 1,000 routers all of a view takes a second to read and one floating IP a millisecond.  So a part is
made of the rows that changed and of those that they are shown with: a network with its subnets, a router
with its ports, its floating IPs and its leg.  Where that does not decide, the whole view tells it: a port
of the fip namespace comes or goes, with which every leg does; something does not fit, or did not before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

import msgspec

from deuteron.domain import HostView
from deuteron.feed import rows
from deuteron.feed.part import KINDS, Gone, Kind, Part
from deuteron.feed.view import by_floating, leg_of, legged, legs_pool, may_have_leg
from deuteron.resources import RESOURCES
from deuteron.store.changes import Change
from deuteron.store.store import Unit

#: What does not concern a host at all.
_ELSEWHERE: Final = frozenset({"rbac_policies", "quotas", "agents", "availability_zones", "tags"})
#: What a part can be made of; a change of anything else is told by the whole view.
_KINDS: Final[Mapping[str, Kind]] = {
    "networks": "network",
    "subnets": "subnet",
    "ports": "port",
    "routers": "router",
    "floatingips": "floatingip",
}


class Undecided(Exception):  # noqa: N818 -- not an error: the whole view tells it
    """The changed rows alone do not tell what they mean to a host."""


class Unnumbered(Exception):  # noqa: N818 -- not an error: asked again of a unit that writes
    """A leg is to be given a number, or to give one back."""


class Told(msgspec.Struct, frozen=True):
    """What a host has been told so far, as far as the next part depends on it.

    Attributes:
        host: as in ``binding:host_id``.
        mappings: its bridge of each physical network.
        networks: ids of those that it can serve.
        routers: likewise.
        homes: networks on which its fip namespaces have a port.
        stands: the port that each of its floating IPs stands for, "" where that is none.
    """

    host: str
    mappings: Mapping[str, str]
    networks: frozenset[str]
    routers: frozenset[str]
    homes: frozenset[str]
    stands: Mapping[str, str]

    @classmethod
    def of(cls, view: HostView, mappings: Mapping[str, str]) -> Told:
        """After a whole view."""
        gateways = set(view.agent_gateways)
        return cls(
            host=view.host,
            mappings=mappings,
            networks=frozenset(one.id for one in view.networks),
            routers=frozenset(one.id for one in view.routers),
            homes=frozenset(one.network_id for one in view.ports if one.id in gateways),
            stands={one.id: one.port_id for one in view.floating_ips},
        )

    def after(self, part: Part) -> Told:
        """After a part; the same where it has nothing of what is kept here."""
        gone: defaultdict[str, set[str]] = defaultdict(set)
        for one in part.gone:
            gone[one.kind].add(one.id)
        now = self
        if part.floating_ips or gone["floatingip"]:
            now = msgspec.structs.replace(now, stands=self._stands(part, gone["floatingip"]))
        if not (part.networks or part.routers or gone["network"] or gone["router"]):
            return now
        return msgspec.structs.replace(
            now,
            networks=(self.networks - gone["network"]) | {one.id for one in part.networks},
            routers=(self.routers - gone["router"]) | {one.id for one in part.routers},
        )

    def _stands(self, part: Part, gone: Iterable[str]) -> Mapping[str, str]:
        after = {**self.stands, **{one.id: one.port_id for one in part.floating_ips}}
        for one in gone:
            after.pop(one, None)
        return after


def part_of(unit: Unit, told: Told, changes: Iterable[Change], *, writes: bool) -> Part:
    """What changes of the store mean to a host.

    Args:
        unit: of work.
        told: what the host knows.
        changes: since then.
        writes: whether the unit may.

    Raises:
        Undecided: they do not tell it.
        Unnumbered: the unit may not write, and would have to.
    """
    made = _Made(unit, told)
    try:
        made.take([one for one in changes if one.resource not in _ELSEWHERE])
        made.follow()
    except ValueError as error:
        raise Undecided from error
    made.number_legs(writes=writes)
    return made.part()


class _Made:
    """The values so far, and which rows they come from."""

    def __init__(self, unit: Unit, told: Told) -> None:
        self._unit = unit
        self._told = told
        self._touched: dict[str, set[str]] = {collection: set() for collection in _KINDS}
        self._values: dict[Kind, dict[str, Any]] = {kind: {} for kind in KINDS}
        self._absent: set[str] = set()
        self._created: frozenset[str] = frozenset()
        self._floating: list[Any] = []
        self._elsewhere: dict[str, Any] = {}

    def take(self, changes: Collection[Change]) -> None:
        """Read what changed."""
        self._created = frozenset(one.id for one in changes if one.kind == "create")
        for one in changes:
            if one.resource not in self._touched:
                raise Undecided
            self._touched[one.resource].add(one.id)
        for one in changes:
            if one.resource == "ports" and one.kind == "delete" and one.router_id:
                self._left(one.id, one.router_id)
        self._networks()
        self._subnets()
        self._stood_for()
        self._ports()

    def _left(self, port: str, owner: str) -> None:
        """A port has gone that was of a router or held a floating IP's address, or the fip namespace's."""
        if owner in self._touched["floatingips"]:
            self._touched["ports"].discard(port)  # no host has heard of it
            return
        if owner not in self._told.routers | self._touched["routers"]:
            raise Undecided
        self._touched["routers"].add(owner)

    def _networks(self) -> None:
        for row in self._rows("networks", self._touched["networks"]):
            self._network(row)

    def _network(self, row: Any) -> None:
        known = row.id in self._told.networks
        try:
            value = rows.network(row, self._told.mappings)
        except ValueError:
            if known:
                raise  # and all that is on it goes with it
            self._absent.add(row.id)
            return
        self._values["network"][row.id] = value

    def _serves(self, network: str) -> bool:
        return network in self._values["network"] or (
            network in self._told.networks and network not in self._absent
        )

    def _subnets(self) -> None:
        found = self._rows("subnets", self._touched["subnets"])
        networks = self._rows("networks", {row.network_id for row in found})
        scopes = {
            (row.id, number): scope or ""
            for row in networks
            for number, scope in ((4, row.ipv4_address_scope), (6, row.ipv6_address_scope))
        }
        for row in found:
            if self._serves(row.network_id):
                scope = scopes.get((row.network_id, row.ip_version), "")
                self._values["subnet"][row.id] = rows.subnet(row, scope)

    def _stood_for(self) -> None:
        """A floating IP comes and goes with the port that it stands for, which may be of no other concern."""
        touched = self._touched["floatingips"]
        self._floating = self._rows("floatingips", touched)
        stood = {self._told.stands[one] for one in touched & self._told.stands.keys()}
        self._touched["ports"] |= stood - {""}
        self._touched["ports"] |= {row.port_id for row in self._floating if row.port_id}

    def _ports(self) -> None:
        for row in self._rows("ports", self._touched["ports"]):
            if rows.is_agent_gateway(row, self._told.host):
                raise Undecided
            if row.device_owner in rows.ROUTER_OWNERS:
                self._touched["routers"].add(row.device_id)
            elif rows.concerns(row, self._told.host):
                self._port(row)
            else:
                self._elsewhere[row.id] = row

    def _port(self, row: Any) -> None:
        if self._serves(row.network_id):
            self._values["port"][row.id] = rows.port(row, self._told.host)

    def follow(self) -> None:
        """Read what is shown with that: routers with their ports, and floating IPs."""
        self._first_floating_ips()
        self._routers()
        self._ports_elsewhere()
        self._floating_ips()

    def _first_floating_ips(self) -> None:
        """A router that is here gets its leg with its first floating IP."""
        told = self._told
        ids = {row.router_id for row in self._floating if row.floating_network_id in told.homes}
        known = ids & told.routers - self._touched["routers"]
        first = known - self._unit.numbered(legs_pool(told.host), known) if known else known
        self._touched["routers"] |= {row.id for row in self._rows("routers", first) if row.distributed}

    def _routers(self) -> None:
        touched = self._touched["routers"]
        if not touched:
            return
        of_router: defaultdict[str, list[Any]] = defaultdict(list)
        for row in self._unit.find(RESOURCES["ports"], device_id=sorted(touched)):
            if row.device_owner in rows.ROUTER_OWNERS:
                of_router[row.device_id].append(row)
                self._port(row)
        for row in self._rows("routers", touched):
            value = rows.router(row, of_router[row.id])
            # One that the host does not have, and that is not new, it could not hold before.
            if row.id not in self._told.routers | self._created or not self._has_ports(value):
                raise Undecided
            self._values["router"][row.id] = value

    def _ports_elsewhere(self) -> None:
        """Of the ports of no other concern those that a floating IP here stands for."""
        if not self._elsewhere:
            return
        standing = self._unit.find(RESOURCES["floatingips"], port_id=sorted(self._elsewhere))
        for ident in {one.port_id for one in standing if self._carries(one)}:
            self._port(self._elsewhere[ident])

    def _has_ports(self, router: Any) -> bool:
        return all(one in self._values["port"] for one in rows.ports_of(router))

    def _floating_ips(self) -> None:
        touched = self._touched["floatingips"]
        found = [row for row in self._floating if self._carries(row)]
        if not found:
            return
        rules = by_floating(self._unit.find(RESOURCES["port_forwardings"], floatingip_id=sorted(touched)))
        known = self._rows("routers", {row.router_id for row in found if row.router_id})
        routers = {row.id: row for row in known}
        for row in found:
            router = routers.get(row.router_id or "")
            self._values["floatingip"][row.id] = rows.floating_ip(row, rules[row.id], router)

    def _carries(self, row: Any) -> bool:
        if not row.router_id:
            return False
        if row.router_id not in self._values["router"]:
            return row.router_id in self._told.routers - self._touched["routers"]
        return self._serves(row.floating_network_id)

    def number_legs(self, *, writes: bool) -> None:
        """A leg for each router here that has one, by its number; who has none any more gives it back."""
        told, touched = self._told, self._touched["routers"]
        if not told.homes or not touched:
            return
        routers = [one for one in self._values["router"].values() if may_have_leg(one, told.homes)]
        floating = self._unit.find(RESOURCES["floatingips"], router_id=[one.id for one in routers])
        having = legged(self._unit, told.host, routers, {one.router_id for one in floating})
        left = touched - {one.id for one in having}
        if not writes:
            raise Unnumbered
        for router in having:
            leg = leg_of(self._unit, told.host, router)
            if leg is None:
                raise Undecided
            self._values["leg"][router.id] = leg
        # Only now: what is given back is given to nobody before the host has heard that it is free.
        for one in sorted(left):
            self._unit.drop_number(legs_pool(told.host), one)

    def part(self) -> Part:
        """What is to be told."""
        # What has come since then the host has never heard of.
        gone = [
            Gone(kind=kind, id=ident)
            for collection, kind in _KINDS.items()
            for ident in self._touched[collection] - self._values[kind].keys() - self._created
            if kind != "floatingip" or ident in self._told.stands
        ]
        legs = self._touched["routers"] - self._values["leg"].keys() - self._created
        gone += [Gone(kind="leg", id=one) for one in legs]
        fields: dict[str, Any] = {
            field: tuple(self._values[kind].values()) for kind, (field, _) in KINDS.items()
        }
        return Part(**fields, gone=tuple(sorted(gone)))

    def _rows(self, collection: str, ids: Collection[str]) -> list[Any]:
        return self._unit.find(RESOURCES[collection], id=sorted(ids)) if ids else []
