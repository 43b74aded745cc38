"""What the services accept, the data path accepts: no tenant's request makes the view of a host unusable.

Random requests, most of them sensible; after each one the whole store becomes a ``HostView``, whose making
looks at every rule of ``domain.consistency``.  OSSA-2014-014, OSSA-2014-019, OSSA-2015-012 are of this kind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from deuteron.domain import floating_ip, host_view, network, port, router, subnet
from deuteron.resources import RESOURCES
from deuteron.resources.refusal import Refusal
from deuteron.store.store import Unit
from tests.service.router_world import ADMIN, Cloud, cloud

INSIDE = ("10.0.0.0/29", "10.0.0.0/28", "10.0.1.0/28", "10.0.2.0/28", "169.254.64.0/28", "2001:db8:1::/64")
OUTSIDE = ("203.0.113.0/28", "10.0.1.0/24")
REQUESTS = 90
_OWN = "network:router_interface"


def view(unit: Unit) -> host_view.HostView:
    """The store as one host sees it that has everything.

    Raises:
        FieldError: the data path would refuse it.
    """
    ports = [one for one in unit.find(RESOURCES["ports"]) if one.device_owner != "network:floatingip"]
    return host_view.HostView(
        host="here",
        networks=tuple(
            network.Network(id=one.id, name=one.name, mtu=one.mtu, external=one.router_external)
            for one in unit.find(RESOURCES["networks"])
        ),
        subnets=tuple(
            subnet.Subnet(
                id=one.id,
                name=one.name,
                network_id=one.network_id,
                cidr=one.cidr,
                gateway_ip=one.gateway_ip or "",
                pools=tuple((pool.start, pool.end) for pool in one.allocation_pools),
            )
            for one in unit.find(RESOURCES["subnets"])
        ),
        ports=tuple(_port(one) for one in ports),
        routers=tuple(_router(one, ports) for one in unit.find(RESOURCES["routers"])),
        floating_ips=tuple(_floating(one) for one in unit.find(RESOURCES["floatingips"])),
        agent_gateways=tuple(one.id for one in ports if "agent_gateway" in one.device_owner),
    )


def _port(one: Any) -> port.Port:
    return port.Port(
        id=one.id,
        name=one.name,
        network_id=one.network_id,
        mac_address=one.mac_address,
        device_owner=one.device_owner,
        fixed_ips=tuple(
            port.FixedIP(subnet_id=fixed.subnet_id, ip_address=fixed.ip_address) for fixed in one.fixed_ips
        ),
    )


def _router(one: Any, ports: list[Any]) -> router.Router:
    own = [each for each in ports if each.device_id == one.id]
    outer = next((each for each in own if each.device_owner == "network:router_gateway"), None)
    info = one.external_gateway_info
    assert (outer is None) == (info is None)
    assert outer is None or info.external_fixed_ips == outer.fixed_ips
    return router.Router(
        id=one.id,
        name=one.name,
        distributed=one.distributed,
        gateway=outer and router.Gateway(network_id=outer.network_id, port_id=outer.id),
        interfaces=tuple(each.id for each in own if each.device_owner.startswith(_OWN)),
        snat_interfaces=tuple(
            each.id for each in own if each.device_owner == "network:router_centralized_snat"
        ),
        routes=tuple(
            router.ExtraRoute(destination=route.destination, nexthop=route.nexthop) for route in one.routes
        ),
    )


def _floating(one: Any) -> floating_ip.FloatingIP:
    return floating_ip.FloatingIP(
        id=one.id,
        floating_ip_address=one.floating_ip_address,
        floating_network_id=one.floating_network_id,
        router_id=one.router_id or "",
        port_id=one.port_id or "",
        fixed_ip_address=one.fixed_ip_address or "",
        port_forwardings=tuple(
            floating_ip.PortForwarding(
                protocol=rule["protocol"],
                external_port=rule["external_port"],
                internal_ip_address=rule["internal_ip_address"],
                internal_port=rule["internal_port"],
            )
            for rule in one.port_forwardings
        ),
    )


def _looks(one: Any) -> str:
    """What tells two things apart that were made at once: not their ids."""
    addresses = [fixed.ip_address for fixed in getattr(one, "fixed_ips", ())]
    return " ".join([str(getattr(one, "device_owner", "")), *addresses])


class Tenant:
    """Somebody who asks for things at random."""

    def __init__(self, world: Cloud, random: Random) -> None:
        self.world, self.random = world, random
        self.order: dict[str, int] = {}
        self.outside = [world.outside(cidr) for cidr in OUTSIDE]
        world.router(self.outside[0], ADMIN, distributed=True)

    def any(self, collection: str, **equal: Any) -> Any:
        found = self.world.find(collection, **equal)
        # Ids are drawn by the services; the order in which things were first met is the seed's.
        for one in sorted((one for one in found if one.id not in self.order), key=_looks):
            self.order[one.id] = len(self.order)
        return self.random.choice(sorted(found, key=lambda one: self.order[one.id]))

    def port(self) -> Any:
        return self.any("ports", device_owner="")

    def address(self) -> str:
        """One that may be in use, or free, or nowhere."""
        known: list[str] = sorted(
            {fixed.ip_address for one in self.world.find("ports") for fixed in one.fixed_ips}
        )
        return self.random.choice([*known, *(f"10.0.{self.random.randrange(3)}.{n}" for n in range(8))])

    # ---- the requests

    def subnet(self) -> None:
        one = self.world.inside(self.random.choice(INSIDE))
        self.world.instance(one)

    def instance(self) -> None:
        home = {"binding__host_id": "here"} if self.random.random() < 0.5 else {}
        self.world.instance(self.any("subnets"), ADMIN, **home)

    def router(self) -> None:
        self.world.router(
            self.random.choice([None, *self.outside]), ADMIN, distributed=self.random.random() < 0.6
        )

    def join(self) -> None:
        self.world.joined(self.any("routers"), self.any("subnets"), ADMIN)

    def join_by_port(self) -> None:
        self.world.act("add_router_interface", self.any("routers"), ADMIN, port_id=self.port().id)

    def leave(self) -> None:
        self.world.act(
            "remove_router_interface", self.any("routers"), ADMIN, subnet_id=self.any("subnets").id
        )

    def gateway(self) -> None:
        wanted: Any = self.random.choice([None, *({"network_id": one.id} for one in self.outside)])
        if wanted and self.random.random() < 0.3:
            wanted = {
                **wanted,
                "external_fixed_ips": [{"ip_address": f"203.0.113.{self.random.randrange(16)}"}],
            }
        self.world.update("routers", self.any("routers"), ADMIN, external_gateway_info=wanted)

    def routes(self) -> None:
        wanted = [{"destination": f"192.0.{n}.0/24", "nexthop": self.address()} for n in range(2)]
        self.world.update("routers", self.any("routers"), ADMIN, routes=wanted[: self.random.randrange(3)])

    def mode(self) -> None:
        one = self.any("routers")
        self.world.update("routers", one, ADMIN, admin_state_up=False)
        self.world.update("routers", one, ADMIN, distributed=self.random.random() < 0.6)

    def floating(self) -> None:
        given: dict[str, Any] = {"floating_network_id": self.random.choice(self.outside).id}
        if self.random.random() < 0.7:
            given["port_id"] = self.port().id
        if self.random.random() < 0.2:
            given["floating_ip_address"] = f"203.0.113.{self.random.randrange(16)}"
        self.world.create("floatingips", ADMIN, **given)

    def associate(self) -> None:
        wanted = self.random.choice([None, self.port().id, self.port().id])
        self.world.update("floatingips", self.any("floatingips"), ADMIN, port_id=wanted)

    def forward(self) -> None:
        to = self.port()
        self.world.create(
            "port_forwardings",
            ADMIN,
            parent=self.any("floatingips").id,
            protocol=self.random.choice(["tcp", "udp"]),
            external_port=self.random.randrange(1, 4),
            internal_port=self.random.randrange(1, 4),
            internal_port_id=to.id,
            internal_ip_address=to.fixed_ips[0].ip_address if to.fixed_ips else "10.0.0.2",
        )

    def forward_elsewhere(self) -> None:
        to = self.port()
        given = {"internal_port_id": to.id, "external_port": self.random.randrange(1, 4)}
        self.world.update("port_forwardings", self.any("port_forwardings"), ADMIN, **given)

    def readdress(self) -> None:
        self.world.update("ports", self.any("ports"), ADMIN, fixed_ips=[{"ip_address": self.address()}])

    def regate(self) -> None:
        self.world.update("subnets", self.any("subnets"), ADMIN, gateway_ip=self.address())

    def internal(self) -> None:
        self.world.update("networks", self.random.choice(self.outside), ADMIN, router__external=False)

    def delete(self) -> None:
        kind = self.random.choice(["ports", "routers", "floatingips", "port_forwardings", "subnets"])
        self.world.delete(kind, self.any(kind), ADMIN)

    def requests(self) -> list[tuple[str, Callable[[], None]]]:
        """Them, by name; the constructive ones more often."""
        often = [
            "subnet",
            "instance",
            "router",
            "join",
            "join",
            "gateway",
            "floating",
            "associate",
            "forward",
        ]
        once = [
            "join_by_port",
            "leave",
            "routes",
            "mode",
            "forward_elsewhere",
            "readdress",
            "regate",
            "internal",
        ]
        return [(name, getattr(self, name)) for name in (*often, *often, *once, "delete")]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Cloud]:
    yield from cloud(tmp_path)


@pytest.mark.parametrize("seed", range(4))
def test_no_accepted_request_makes_the_view_of_a_host_unusable(world: Cloud, seed: int) -> None:
    tenant = Tenant(world, Random(seed))
    done: Counter[str] = Counter()
    trail: list[str] = []
    for name in ("subnet", "subnet", "router", "floating", *("",) * REQUESTS):
        told, ask = (name, getattr(tenant, name)) if name else tenant.random.choice(tenant.requests())
        try:
            ask()
            done[told] += 1
            trail.append(told)
        except (Refusal, IndexError):  # IndexError: there is none of what it would be about
            trail.append(f"({told})")
        try:
            world.do(view)
        except ValueError as error:
            pytest.fail(f"seed {seed}: the data path refuses what {told} left: {error}\n{' '.join(trail)}")
    assert len(done) > 6, f"seed {seed}: hardly anything was accepted: {done}"
