"""The view of the store's rows is that of a topology file with the same resources."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from msgspec.structs import replace

from deuteron.domain import HostView, Port
from deuteron.domain.port import AGENT_GATEWAY, ROUTER_GATEWAY, ROUTER_INTERFACE, ROUTER_SNAT
from deuteron.feed.part import NOTHING, merged
from deuteron.feed.view import host_view
from deuteron.resources import RESOURCES, floatingip, network, port, router, subnet
from deuteron.resources.values import AllocationPool, FixedIp, GatewayInfo, Route
from deuteron.store.store import Store, Unit
from tests.unit.compile.world import World, centralised, distributed

_HOST: Final = "host1"


def _put(unit: Unit, collection: str, value: Any) -> None:
    unit.insert(RESOURCES[collection], value)


def _rows(unit: Unit, view: HostView) -> None:
    """The resources as the services keep them."""
    for net in view.networks:
        row = network.Network(
            id=net.id,
            name=net.name,
            mtu=net.mtu,
            router_external=net.external,
            provider_network_type="flat" if net.bridge else "local",
            provider_physical_network=net.physical_network or None,
        )
        _put(unit, "networks", row)
    for one in view.subnets:
        first, *_ = one.cidr.split("/")
        pool = AllocationPool(start=first, end=first)
        _put(
            unit,
            "subnets",
            subnet.Subnet(
                id=one.id,
                name=one.name,
                network_id=one.network_id,
                ip_version=one.ip_version,
                cidr=one.cidr,
                gateway_ip=one.gateway_ip or None,
                allocation_pools=(pool,),
            ),
        )
    for each in view.routers:
        way = each.gateway
        info = None if way is None else GatewayInfo(way.network_id, (), way.enable_snat)
        routes = tuple(Route(destination=r.destination, nexthop=r.nexthop) for r in each.routes)
        _put(
            unit,
            "routers",
            router.Router(
                id=each.id,
                name=each.name,
                distributed=each.distributed,
                external_gateway_info=info,
                routes=routes,
            ),
        )
    for own in view.ports:
        _put(unit, "ports", _port(view, own))
    for floating in view.floating_ips:
        _put(
            unit,
            "floatingips",
            floatingip.FloatingIp(
                id=floating.id,
                floating_ip_address=floating.floating_ip_address,
                floating_network_id=floating.floating_network_id,
                router_id=floating.router_id or None,
                port_id=floating.port_id or None,
                fixed_ip_address=floating.fixed_ip_address or None,
            ),
        )


def _port(view: HostView, own: Port) -> port.Port:
    owner, device = _owner(view, own)
    binding = own.binding
    profile = (
        {} if binding is None else {k: v for k, v in (("netns", binding.netns), ("tap", binding.tap)) if v}
    )
    return port.Port(
        id=own.id,
        name=own.name,
        network_id=own.network_id,
        mac_address=own.mac_address,
        fixed_ips=tuple(FixedIp(subnet_id=f.subnet_id, ip_address=f.ip_address) for f in own.fixed_ips),
        device_owner=owner,
        device_id=device,
        binding_host_id=_HOST if profile or owner == AGENT_GATEWAY else "",
        binding_profile=profile,
    )


def _owner(view: HostView, own: Port) -> tuple[str, str]:
    if own.id in view.agent_gateways:
        return AGENT_GATEWAY, _HOST
    for each in view.routers:
        if own.id in each.interfaces:
            return ROUTER_INTERFACE, each.id
        if own.id in each.snat_interfaces:
            return ROUTER_SNAT, each.id
        if each.gateway is not None and own.id == each.gateway.port_id:
            return ROUTER_GATEWAY, each.id
    return "", ""


def _comparable(view: HostView) -> HostView:
    """Without what each side is free to choose: numbers of legs, pools, owners, projects."""
    plain = merged(view, NOTHING)
    return replace(
        plain,
        subnets=tuple(replace(one, pools=()) for one in plain.subnets),
        ports=tuple(replace(one, device_owner="") for one in plain.ports),
        legs=tuple(replace(one, index=0) for one in plain.legs[:1]),
        notices=(),
    )


@pytest.mark.parametrize("make", [distributed, centralised])
def test_rows_become_the_view_that_they_were_made_of(make: Callable[[], World], tmp_path: Path) -> None:
    view = make().view()
    store = Store(f"sqlite:///{tmp_path}/store.sqlite")

    async def run() -> HostView:
        await store.write(lambda unit: _rows(unit, view))
        return await store.write(lambda unit: host_view(unit, _HOST, {"physnet1": "br-ex"}))

    try:
        found = asyncio.run(run())
    finally:
        store.close()
    assert _comparable(found) == _comparable(view)
    assert len(found.legs) == len(view.legs)
