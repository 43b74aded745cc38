"""Small topologies, and a random walk among them."""

from __future__ import annotations

import random
from typing import Any, Final

import msgspec

from tests.netns.site import floating, instance, merge, public, router, tenant

Topology = dict[str, Any]

_TENANTS: Final = {"web": "10.0.0.0/24", "db": "10.0.1.0/24"}
_FLOATING: Final = ("203.0.113.50", "203.0.113.51", "203.0.113.52")
_FIXED: Final = {
    "vm1": ("web", "10.0.0.5"),
    "vm2": ("web", "10.0.0.6"),
    "vm3": ("db", "10.0.1.5"),
    "vm4": ("db", "10.0.1.6"),
}
_ROUTERS: Final = {"r1": "203.0.113.10", "r2": "203.0.113.20"}


def distributed(address: str = "203.0.113.50", port: str | None = "vm1") -> Topology:
    """A distributed router with two instances and a floating IP."""
    return _one_router(floating(address, port), distributed=True)


def centralised(address: str = "203.0.113.50", port: str | None = "vm1", **more: Any) -> Topology:
    """The same with a centralised router."""
    return _one_router(floating(address, port), **more)


def _one_router(*floating_ips: dict[str, Any], **more: Any) -> Topology:
    return merge(
        public(),
        tenant(),
        {"routers": [router("r1", "web-v4", **more)]},
        {"ports": [instance("vm1", "10.0.0.5"), instance("vm2", "10.0.0.6")]},
        {"floatingips": list(floating_ips)},
    )


class Cloud(msgspec.Struct, frozen=True, kw_only=True):
    """What a random topology consists of.

    Attributes:
        routers: name to whether it is distributed.
        interfaces: network to the router that it is behind.
        gateways: routers with a gateway.
        routes: routers with an extra route.
        ports: instances that are plugged.
        floating: floating IP to its instance.
        mtu: of the tenants' networks.
    """

    routers: dict[str, bool]
    interfaces: dict[str, str]
    gateways: frozenset[str]
    routes: frozenset[str]
    ports: frozenset[str]
    floating: dict[str, str]
    mtu: int = 1450

    def topology(self) -> Topology:
        """As a file has it."""
        return merge(
            public(),
            *({"networks": [{"name": name, "mtu": self.mtu}]} for name in _TENANTS),
            {"subnets": [_subnet(name, cidr) for name, cidr in _TENANTS.items()]},
            {"routers": [self._router(name) for name in sorted(self.routers)]},
            {"ports": [instance(name, _FIXED[name][1], _FIXED[name][0]) for name in sorted(self.ports)]},
            {"floatingips": [floating(each, port) for each, port in sorted(self._served().items())]},
        )

    def _router(self, name: str) -> dict[str, Any]:
        behind = [network for network, owner in sorted(self.interfaces.items()) if owner == name]
        made = router(
            name,
            *(f"{network}-v4" for network in behind),
            address=_ROUTERS[name],
            distributed=self.routers[name],
        )
        if behind and name in self.routes:
            via = _TENANTS[behind[0]].replace(".0/24", ".250")
            made["routes"] = [{"destination": "192.0.2.0/24", "nexthop": via}]
        if name not in self.gateways:
            del made["external_gateway_info"]
        return made

    def _served(self) -> dict[str, str]:
        """Floating IPs whose instance is plugged, behind a router with a gateway."""

        def reachable(port: str) -> bool:
            owner = self.interfaces.get(_FIXED[port][0])
            return port in self.ports and owner in self.routers and owner in self.gateways

        return {address: port for address, port in self.floating.items() if reachable(port)}


def _subnet(name: str, cidr: str) -> dict[str, Any]:
    return {"name": f"{name}-v4", "network_id": name, "cidr": cidr}


def random_cloud(chance: random.Random) -> Cloud:
    """Any of them."""
    return Cloud(
        routers={name: chance.random() < 0.6 for name in _ROUTERS if chance.random() < 0.8},
        interfaces={name: chance.choice(sorted(_ROUTERS)) for name in _TENANTS if chance.random() < 0.9},
        gateways=_some(chance, _ROUTERS, 0.85),
        routes=_some(chance, _ROUTERS, 0.3),
        ports=_some(chance, _FIXED, 0.7),
        floating=_one_each(chance),
        mtu=chance.choice((1450, 1450, 1400)),
    )


def next_cloud(chance: random.Random, cloud: Cloud) -> Cloud:
    """One or a few things are other than in ``cloud``."""
    if chance.random() < 0.1:
        return random_cloud(chance)
    other = random_cloud(chance)
    names = chance.sample(sorted(cloud.__struct_fields__), chance.choice((1, 1, 2, 3)))
    return msgspec.structs.replace(cloud, **{name: getattr(other, name) for name in names})


def _some(chance: random.Random, names: dict[str, Any], share: float) -> frozenset[str]:
    return frozenset(name for name in names if chance.random() < share)


def _one_each(chance: random.Random) -> dict[str, str]:
    """Floating IPs for instances, at most one for each."""
    instances = chance.sample(sorted(_FIXED), len(_FLOATING))
    return {
        address: name for address, name in zip(_FLOATING, instances, strict=True) if chance.random() < 0.7
    }
