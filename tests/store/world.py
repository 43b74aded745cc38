"""Small worlds in a store: ids that read, resources with only what a test needs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from deuteron.domain.ipam import Range, default_pools, text
from deuteron.resources import RESOURCES
from deuteron.resources.floatingip import FloatingIp
from deuteron.resources.network import Network
from deuteron.resources.port import Port
from deuteron.resources.router import Router
from deuteron.resources.subnet import Subnet
from deuteron.resources.values import AllocationPool, FixedIp
from deuteron.store.query import Query
from deuteron.store.store import Store, Unit

T = TypeVar("T")

NETWORKS = RESOURCES["networks"]
SUBNETS = RESOURCES["subnets"]
PORTS = RESOURCES["ports"]
ROUTERS = RESOURCES["routers"]
FLOATINGIPS = RESOURCES["floatingips"]


class Viewer(msgspec.Struct, frozen=True):
    project_id: str = "mine"
    sees_all: bool = False


def uid(kind: int, number: int = 1) -> str:
    return str(UUID(int=(kind << 64) + number))


def network(number: int = 1, **more: Any) -> Network:
    return Network(**{"id": uid(1, number), "project_id": "mine", "name": f"net{number}", **more})


def subnet(number: int = 1, cidr: str = "10.0.0.0/24", **more: Any) -> Subnet:
    version = 6 if ":" in cidr else 4
    pools = more.pop("pools", None) or default_pools(cidr, None)
    return Subnet(
        **{
            "id": uid(2, number),
            "network_id": uid(1),
            "project_id": "mine",
            "ip_version": version,
            "cidr": cidr,
            "allocation_pools": tuple(_pool(one, version) for one in pools),
            **more,
        }
    )


def _pool(one: Range, version: int) -> AllocationPool:
    return AllocationPool(start=text(one.first, version), end=text(one.last, version))


def port(number: int = 1, *addresses: str, **more: Any) -> Port:
    mac = ":".join(f"{byte:02x}" for byte in (0xFA16_0000_0000 + number).to_bytes(6, "big"))
    return Port(
        **{
            "id": uid(3, number),
            "network_id": uid(1),
            "project_id": "mine",
            "mac_address": mac,
            "fixed_ips": tuple(FixedIp(uid(2), one) for one in addresses),
            **more,
        }
    )


def router(number: int = 1, **more: Any) -> Router:
    return Router(**{"id": uid(4, number), "project_id": "mine", **more})


def floatingip(number: int = 1, address: str = "203.0.113.9", **more: Any) -> FloatingIp:
    return FloatingIp(
        **{
            "id": uid(5, number),
            "project_id": "mine",
            "floating_network_id": uid(1),
            "floating_ip_address": address,
            **more,
        }
    )


def wrote(store: Store, work: Callable[[Unit], T]) -> T:
    """One unit, from a test that is not asynchronous."""
    return asyncio.run(store.write(work))


def base(store: Store, cidr: str = "10.0.0.0/24", **more: Any) -> None:
    """A network with a subnet."""

    def work(unit: Unit) -> None:
        unit.insert(NETWORKS, network())
        unit.insert(SUBNETS, subnet(cidr=cidr, **more))

    wrote(store, work)


def plug(unit: Unit, number: int, **more: Any) -> Port:
    """A port with the next address of the first subnet."""
    address = unit.allocate(uid(2))
    assert address is not None
    made: Port = unit.insert(PORTS, port(number, address, **more))
    return made


def listed(store: Store, resource: Any = PORTS, **query: Any) -> list[Any]:
    return store.look(lambda unit: unit.list(Query(resource=resource, **query)))
