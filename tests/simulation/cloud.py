"""A cloud that changes at random: the seeded model of what its users want of one host.

It is written down as a topology file, so that names, allocations and checks are those of
the program.  Every change leaves a cloud that the program accepts; what a change makes
impossible (a floating IP whose router loses its gateway) is taken along, as Neutron does.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

#: External networks: bridge, IPv4 prefix, IPv6 prefix or "".
EXTERNALS: Final = {
    "ext0": ("br-ex", "203.0.113", ""),
    "ext1": ("br-ex1", "198.51.100", "2001:db8:f1::"),
}

#: Instances' namespaces, which are there whether a port is in them or not.
INSTANCES: Final = tuple(f"vm{number}" for number in range(5))

_NETWORKS: Final = 3
_ROUTERS: Final = 3
_FLOATING: Final = 4


@dataclass
class Net:
    """A tenant network with one subnet ``10.<number>.0.0/24``, and perhaps one of IPv6."""

    number: int
    mtu: int = 1450
    up: bool = True
    v6: bool = False

    @property
    def name(self) -> str:
        return f"net{self.number}"


@dataclass
class Vm:
    """An instance's port; its namespace has its name."""

    name: str
    network: str
    address: str
    up: bool = True


@dataclass
class Gate:
    """A router; ``inside`` are networks, in the order in which they were attached."""

    name: str
    distributed: bool
    external: str = ""
    snat: bool = True
    up: bool = True
    inside: list[str] = field(default_factory=list)
    route: bool = False


@dataclass
class Cloud:
    """All that is wanted.

    Attributes:
        floating: address to instance, or "" where it is only reserved.
        forwarded: address to the instance that its TCP port 80 goes to.
    """

    networks: dict[str, Net] = field(default_factory=dict)
    vms: dict[str, Vm] = field(default_factory=dict)
    routers: dict[str, Gate] = field(default_factory=dict)
    floating: dict[str, str] = field(default_factory=dict)
    forwarded: dict[str, str] = field(default_factory=dict)

    def router_of(self, vm: str) -> Gate | None:
        """The router that an instance's network is attached to."""
        network = self.vms[vm].network
        return next((one for one in self.routers.values() if network in one.inside), None)

    def external_of(self, address: str) -> str:
        """The external network of a floating IP."""
        return next(name for name, spec in EXTERNALS.items() if address.startswith(spec[1] + "."))

    def reaches(self, address: str) -> str:
        """The instance that an echo from outside to ``address`` must reach, or ""."""
        vm = self.floating.get(address, "")
        if not vm:
            return ""
        router, port = self.router_of(vm), self.vms[vm]
        works = router is not None and router.up and port.up and self.networks[port.network].up
        return vm if works else ""

    def tidy(self) -> None:
        """What a change has made impossible goes."""
        self.vms = {name: vm for name, vm in self.vms.items() if vm.network in self.networks}
        for router in self.routers.values():
            router.inside = [name for name in router.inside if name in self.networks]
        for address, vm in self.floating.items():
            if vm and not self._joined(address, vm):
                self.floating[address] = ""
        busy = set(self.floating.values())
        self.forwarded = {
            to: vm for to, vm in self.forwarded.items() if vm not in busy and self._joined(to, vm)
        }

    def _joined(self, address: str, vm: str) -> bool:
        router = self.router_of(vm) if vm in self.vms else None
        return router is not None and router.external == self.external_of(address)

    def text(self) -> str:
        """The topology file: JSON, which is YAML."""
        return json.dumps(self._document(), indent=1)

    def _document(self) -> dict[str, object]:
        return {
            "bridge_mappings": {f"phys-{name}": spec[0] for name, spec in EXTERNALS.items()},
            "networks": [*map(_external_network, EXTERNALS), *map(_network, self.networks.values())],
            "subnets": [
                *(subnet for name in EXTERNALS for subnet in _external_subnets(name)),
                *(subnet for net in self.networks.values() for subnet in _subnets(net)),
            ],
            "routers": [self._router(router) for router in self.routers.values()],
            "ports": [self._port(vm) for vm in self.vms.values()],
            "floatingips": [*self._floating_ips(), *self._forwardings()],
        }

    def _router(self, router: Gate) -> dict[str, object]:
        made: dict[str, object] = {
            "name": router.name,
            "distributed": router.distributed,
            "admin_state_up": router.up,
            "interfaces": [
                f"{name}-v{version}"
                for name in router.inside
                for version in ((4, 6) if self.networks[name].v6 else (4,))
            ],
        }
        if router.external:
            made["external_gateway_info"] = {"network_id": router.external, "enable_snat": router.snat}
        if router.route and router.inside:
            nexthop = f"10.{self.networks[router.inside[0]].number}.0.200"
            made["routes"] = [{"destination": "192.0.2.0/24", "nexthop": nexthop}]
        return made

    def _port(self, vm: Vm) -> dict[str, object]:
        net = self.networks[vm.network]
        fixed = [{"ip_address": vm.address}]
        if net.v6:
            fixed.append({"ip_address": f"2001:db8:{net.number}::{vm.address.rsplit('.', 1)[1]}"})
        return {
            "name": vm.name,
            "network_id": vm.network,
            "admin_state_up": vm.up,
            "fixed_ips": fixed,
            "binding:profile": {"netns": vm.name},
        }

    def _floating_ips(self) -> list[dict[str, object]]:
        made: list[dict[str, object]] = []
        for address, vm in self.floating.items():
            entry: dict[str, object] = {
                "floating_network_id": self.external_of(address),
                "floating_ip_address": address,
            }
            made.append({**entry, "port_id": vm} if vm else entry)
        return made

    def _forwardings(self) -> list[dict[str, object]]:
        return [
            {
                "floating_network_id": self.external_of(address),
                "floating_ip_address": address,
                "port_forwardings": [
                    {
                        "protocol": "tcp",
                        "external_port": 80,
                        "internal_port": 8080,
                        "internal_ip_address": self.vms[vm].address,
                    }
                ],
            }
            for address, vm in self.forwarded.items()
        ]


def _external_network(name: str) -> dict[str, object]:
    return {
        "name": name,
        "router:external": True,
        "provider:network_type": "flat",
        "provider:physical_network": f"phys-{name}",
    }


def _external_subnets(name: str) -> list[dict[str, object]]:
    _, v4, v6 = EXTERNALS[name]
    four = {
        "name": f"{name}-v4",
        "network_id": name,
        "cidr": f"{v4}.0/24",
        "gateway_ip": f"{v4}.1",
        # Floating IPs are given by name, so the program chooses from elsewhere.
        "allocation_pools": [{"start": f"{v4}.10", "end": f"{v4}.90"}],
    }
    if not v6:
        return [dict(four)]
    six = {"name": f"{name}-v6", "network_id": name, "cidr": f"{v6}/64", "gateway_ip": f"{v6}1"}
    return [dict(four), dict(six)]


def _network(net: Net) -> dict[str, object]:
    return {"name": net.name, "mtu": net.mtu, "admin_state_up": net.up}


def _subnets(net: Net) -> list[dict[str, object]]:
    four = {"name": f"{net.name}-v4", "network_id": net.name, "cidr": f"10.{net.number}.0.0/24"}
    prefix = f"2001:db8:{net.number}::"
    six = {
        "name": f"{net.name}-v6",
        "network_id": net.name,
        "cidr": f"{prefix}/64",
        "gateway_ip": f"{prefix}1",
    }
    return [dict(four), dict(six)] if net.v6 else [dict(four)]


Chance = random.Random
Mutation = Callable[[Cloud, Chance], str]


def mutate(cloud: Cloud, chance: Chance) -> str:
    """Change one thing (now and then several at once); says what."""
    count = 1 if chance.random() < 0.8 else chance.randint(2, 4)
    told = [_one(cloud, chance) for _ in range(count)]
    cloud.tidy()
    return ", ".join(told)


def _one(cloud: Cloud, chance: Chance) -> str:
    for _ in range(50):
        told = chance.choices(_MUTATIONS, _WEIGHTS)[0](cloud, chance)
        cloud.tidy()
        if told:
            return told
    return "nothing"


def _network_create(cloud: Cloud, chance: Chance) -> str:
    free = [number for number in range(_NETWORKS) if f"net{number}" not in cloud.networks]
    if not free:
        return ""
    net = Net(number=chance.choice(free), v6=chance.random() < 0.3)
    cloud.networks[net.name] = net
    return f"create {net.name}"


def _network_update(cloud: Cloud, chance: Chance) -> str:
    if not cloud.networks:
        return ""
    net = chance.choice(list(cloud.networks.values()))
    if chance.random() < 0.6:
        net.mtu = chance.choice([mtu for mtu in (1400, 1450, 1500) if mtu != net.mtu])
        return f"{net.name} mtu {net.mtu}"
    net.up = not net.up
    return f"{net.name} up={net.up}"


def _network_delete(cloud: Cloud, chance: Chance) -> str:
    if len(cloud.networks) < 2:
        return ""
    name = chance.choice(list(cloud.networks))
    del cloud.networks[name]
    return f"delete {name}"


def _port_create(cloud: Cloud, chance: Chance) -> str:
    free = [name for name in INSTANCES if name not in cloud.vms]
    if not free or not cloud.networks:
        return ""
    vm, net = chance.choice(free), chance.choice(list(cloud.networks.values()))
    cloud.vms[vm] = Vm(name=vm, network=net.name, address=_address(cloud, net, chance))
    return f"create {vm} on {net.name}"


def _address(cloud: Cloud, net: Net, chance: Chance) -> str:
    taken = {vm.address for vm in cloud.vms.values()}
    return chance.choice(
        [text for octet in range(100, 120) if (text := f"10.{net.number}.0.{octet}") not in taken]
    )


def _port_update(cloud: Cloud, chance: Chance) -> str:
    if not cloud.vms:
        return ""
    vm = chance.choice(list(cloud.vms.values()))
    if chance.random() < 0.5:
        vm.up = not vm.up
        return f"{vm.name} up={vm.up}"
    vm.address = _address(cloud, cloud.networks[vm.network], chance)
    return f"{vm.name} address {vm.address}"


def _port_delete(cloud: Cloud, chance: Chance) -> str:
    if not cloud.vms:
        return ""
    name = chance.choice(list(cloud.vms))
    del cloud.vms[name]
    return f"delete {name}"


def _router_create(cloud: Cloud, chance: Chance) -> str:
    free = [name for number in range(_ROUTERS) if (name := f"r{number}") not in cloud.routers]
    if not free:
        return ""
    router = Gate(name=chance.choice(free), distributed=chance.random() < 0.5)
    router.external = chance.choice([*EXTERNALS, ""])
    unattached = _unattached(cloud)
    router.inside = chance.sample(unattached, min(len(unattached), chance.randint(0, 2)))
    cloud.routers[router.name] = router
    kind = "distributed" if router.distributed else "centralised"
    return f"create {kind} {router.name} {router.external} {router.inside}"


def _unattached(cloud: Cloud) -> list[str]:
    attached = {name for router in cloud.routers.values() for name in router.inside}
    return [name for name in cloud.networks if name not in attached]


def _router_update(cloud: Cloud, chance: Chance) -> str:
    if not cloud.routers:
        return ""
    router = chance.choice(list(cloud.routers.values()))
    what = chance.choice(["up", "snat", "distributed", "route"])
    setattr(router, what, not getattr(router, what))
    return f"{router.name} {what}={getattr(router, what)}"


def _router_delete(cloud: Cloud, chance: Chance) -> str:
    if not cloud.routers:
        return ""
    name = chance.choice(list(cloud.routers))
    del cloud.routers[name]
    return f"delete {name}"


def _gateway(cloud: Cloud, chance: Chance) -> str:
    if not cloud.routers:
        return ""
    router = chance.choice(list(cloud.routers.values()))
    router.external = chance.choice([name for name in (*EXTERNALS, "") if name != router.external])
    return f"{router.name} gateway {router.external or 'none'}"


def _interface(cloud: Cloud, chance: Chance) -> str:
    if not cloud.routers:
        return ""
    router, unattached = chance.choice(list(cloud.routers.values())), _unattached(cloud)
    if unattached and chance.random() < 0.7:
        name = chance.choice(unattached)
        router.inside.append(name)
        return f"{router.name} interface on {name}"
    if not router.inside:
        return ""
    name = chance.choice(router.inside)
    router.inside.remove(name)
    return f"{router.name} no interface on {name}"


def _floating_associate(cloud: Cloud, chance: Chance) -> str:
    """Associate a new or reserved one, or move one that is in use."""
    able = [name for name in cloud.vms if (router := cloud.router_of(name)) and router.external]
    busy = set(cloud.floating.values())
    able = [name for name in able if name not in busy]
    if not able:
        return ""
    vm = chance.choice(able)
    router = cloud.router_of(vm)
    prefix = EXTERNALS[router.external if router else ""][1]
    address = chance.choice([f"{prefix}.{100 + number}" for number in range(_FLOATING)])
    if address in cloud.forwarded:
        return ""
    was = cloud.floating.get(address)
    cloud.floating[address] = vm
    return f"{'move' if was else 'associate'} {address} {vm}"


def _floating_release(cloud: Cloud, chance: Chance) -> str:
    if not cloud.floating:
        return ""
    address = chance.choice(list(cloud.floating))
    if cloud.floating[address] and chance.random() < 0.6:
        cloud.floating[address] = ""
        return f"disassociate {address}"
    del cloud.floating[address]
    return f"release {address}"


def _forward(cloud: Cloud, chance: Chance) -> str:
    if cloud.forwarded and chance.random() < 0.5:
        address = chance.choice(list(cloud.forwarded))
        del cloud.forwarded[address]
        return f"forward {address} no more"
    able = [name for name in cloud.vms if (router := cloud.router_of(name)) and router.external]
    if not able:
        return ""
    vm = chance.choice(able)
    router = cloud.router_of(vm)
    address = f"{EXTERNALS[router.external if router else ''][1]}.150"
    if address in cloud.forwarded:
        return ""
    cloud.forwarded[address] = vm
    return f"forward {address} to {vm}"


_TABLE: Final[tuple[tuple[Mutation, float], ...]] = (
    (_network_create, 3),
    (_network_update, 1),
    (_network_delete, 0.5),
    (_port_create, 5),
    (_port_update, 1.5),
    (_port_delete, 1),
    (_router_create, 3),
    (_router_update, 1.5),
    (_router_delete, 0.5),
    (_gateway, 1),
    (_interface, 3),
    (_floating_associate, 6),
    (_floating_release, 2),
    (_forward, 1),
)
_MUTATIONS: Final = [mutation for mutation, _ in _TABLE]
_WEIGHTS: Final = [weight for _, weight in _TABLE]
