"""Rules between values that no input can break by itself; the rest is in ``inputs/test_bad_input.py``."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec
import pytest

from deuteron.domain import (
    FieldError,
    FixedIP,
    FloatingIP,
    Gateway,
    HostView,
    Leg,
    Network,
    Port,
    Router,
    Subnet,
)
from tests.support.calls import calls, seconds


def mac(number: int) -> str:
    return "fa:16:3e:" + number.to_bytes(3, "big").hex(":")


def port(port_id: str, network: str, subnet: str, address: str, number: int) -> Port:
    fixed = (FixedIP(subnet_id=subnet, ip_address=address),)
    return Port(id=port_id, name="", network_id=network, mac_address=mac(number), fixed_ips=fixed)


ROUTER = Router(
    id="r",
    name="r",
    distributed=True,
    gateway=Gateway(network_id="ext", port_id="gw"),
    interfaces=("if",),
    snat_interfaces=("sg",),
    snat_here=True,
)
FLOATING = FloatingIP(
    id="f",
    floating_ip_address="203.0.113.50",
    floating_network_id="ext",
    router_id="r",
    port_id="vm",
    fixed_ip_address="10.0.0.5",
)
VIEW = HostView(
    host="h",
    networks=(Network(id="ext", name="", external=True), Network(id="in", name="")),
    subnets=(
        Subnet(id="e", name="", network_id="ext", cidr="203.0.113.0/24", gateway_ip="203.0.113.1"),
        Subnet(id="i", name="", network_id="in", cidr="10.0.0.0/24"),
    ),
    ports=(
        port("gw", "ext", "e", "203.0.113.10", 1),
        port("fg", "ext", "e", "203.0.113.11", 2),
        port("if", "in", "i", "10.0.0.1", 3),
        port("sg", "in", "i", "10.0.0.2", 4),
        port("vm", "in", "i", "10.0.0.5", 5),
    ),
    routers=(ROUTER,),
    floating_ips=(FLOATING,),
    agent_gateways=("fg",),
    legs=(Leg(router_id="r", network_id="ext", index=0),),
)


def changed(value: Any, **fields: object) -> Any:
    return msgspec.structs.replace(value, **fields)


CASES: dict[str, tuple[dict[str, Any], str]] = {
    "network of a subnet": ({"networks": VIEW.networks[:1]}, "no-such-name"),
    "subnet of a port": ({"subnets": VIEW.subnets[:1]}, "no-such-name"),
    "port of a router": ({"ports": VIEW.ports[:2] + VIEW.ports[3:]}, "no-such-name"),
    "gateway port": ({"ports": VIEW.ports[1:]}, "no-such-name"),
    "port of a floating IP": ({"ports": VIEW.ports[:4]}, "no-such-name"),
    "router of a floating IP": ({"routers": (), "legs": ()}, "no-such-name"),
    "agent gateway": ({"agent_gateways": ("none",)}, "no-such-name"),
    "second agent gateway": ({"agent_gateways": ("fg", "fg")}, "port-in-use"),
    "agent gateway inside": ({"agent_gateways": ("vm",)}, "gateway-not-external"),
    "leg without agent gateway": ({"agent_gateways": ()}, "bad-value"),
    "leg twice": ({"legs": VIEW.legs * 2}, "bad-value"),
    "network not external": (
        {"networks": (Network(id="ext", name=""), VIEW.networks[1])},
        "gateway-not-external",
    ),
    "two routers with one port": ({"routers": (ROUTER, changed(ROUTER, id="r2"))}, "port-in-use"),
    "router twice": ({"routers": (ROUTER, ROUTER)}, "duplicate-id"),
    "interface without an address": (
        {"ports": (*VIEW.ports[:2], changed(VIEW.ports[2], fixed_ips=()), *VIEW.ports[3:])},
        "no-address",
    ),
    "fixed address on a subnet that the router is not on": (
        {"routers": (changed(ROUTER, interfaces=(), snat_interfaces=()),)},
        "foreign-floating-ip",
    ),
    "floating IP of the router's own gateway port": (
        {"floating_ips": (changed(FLOATING, floating_ip_address="203.0.113.10"),)},
        "duplicate-floating-ip",
    ),
}


@pytest.mark.parametrize(("change", "code"), CASES.values(), ids=CASES.keys())
def test_a_view_that_does_not_hold_together_is_refused(change: dict[str, Any], code: str) -> None:
    with pytest.raises(FieldError) as caught:
        changed(VIEW, **change)
    assert caught.value.code == code
    assert caught.value.entry


def test_ten_times_the_view_is_ten_times_the_work() -> None:
    small, large = partial(_checked, 1_000), partial(_checked, 10_000)
    large()  # texts that are remembered are read now
    assert calls(large) < 11 * calls(small)
    # What is looked for in a list one by one calls nothing; it would be a hundred times as much.
    assert seconds(large) < 30 * seconds(small)


def _checked(count: int) -> None:
    """A view with so many instances, each with a floating IP, is put together."""
    addresses = [f"10.0.{100 + number // 250}.{number % 250 + 1}" for number in range(count)]
    vms = tuple(port(f"vm{n}", "in", "i", address, 100 + n) for n, address in enumerate(addresses))
    floating = tuple(
        changed(
            FLOATING,
            id=f"f{n}",
            port_id=f"vm{n}",
            fixed_ip_address=address,
            floating_ip_address=address.replace("10.0.", "172.16."),
        )
        for n, address in enumerate(addresses)
    )
    subnets = (
        Subnet(id="e", name="", network_id="ext", cidr="203.0.113.0/24"),
        Subnet(id="e2", name="", network_id="ext", cidr="172.16.0.0/16"),
        Subnet(id="i", name="", network_id="in", cidr="10.0.0.0/16"),
    )
    changed(VIEW, subnets=subnets, ports=VIEW.ports + vms, floating_ips=floating)
