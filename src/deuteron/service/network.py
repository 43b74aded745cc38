"""Networks.

A network is ``local`` to the host unless a provider network is asked for, and then ``flat``: those are the
kinds that the data path carries.  ``shared`` and ``router:external`` are RBAC policies for everyone, made
and taken back here.
"""

from __future__ import annotations

from typing import Any, Final

from deuteron.identity.caller import Caller
from deuteron.resources import RESOURCES, refusal
from deuteron.resources.network import Network
from deuteron.service import availability_zone, floatingip, port, sharing, subnet
from deuteron.service.mtu import check_mtu, wanted
from deuteron.service.values import build, change, kept
from deuteron.store.store import Unit

_KINDS: Final = ("local", "flat")
_GATEWAY: Final = "network:router_gateway"
_FIXED: Final = (
    "Plugin does not support updating the following provider network attributes: "
    "provider:network_type, provider:physical_network"
)
_PROVIDER: Final = ("provider:network_type", "provider:physical_network", "provider:segmentation_id")


def create(unit: Unit, caller: Caller, given: dict[str, Any]) -> Network:
    """A new network, active at once: nothing has to be made for it until a port of it is used.

    Raises:
        InvalidInput: a provider network that the data path does not carry, or an MTU that it does not.
        FlatNetworkInUse: the physical network has its flat network already.
        AvailabilityZoneNotFound: a hint names no zone.
    """
    resource = RESOURCES["networks"]
    kind, physical = _segment(unit, given)
    availability_zone.check(unit, "network", given.get("availability_zone_hints", ()))
    network: Network = build(
        resource,
        given,
        mtu=wanted(given.get("mtu", 0)),
        status="ACTIVE",
        provider_network_type=kind,
        provider_physical_network=physical,
        provider_segmentation_id=None,
    )
    made: Network = unit.insert(resource, network)
    if given.get("shared"):
        sharing.share(unit, "network", network, sharing.SHARED)
    if given.get("router:external"):
        sharing.share(unit, "network", network, sharing.EXTERNAL)
    return made


def update(unit: Unit, caller: Caller, value: Network, given: dict[str, Any]) -> Network:
    """A network changed.

    Raises:
        InvalidInput: its segment is to change, or the MTU is too big.
        InvalidSharedSetting: others use what would no longer be shared.
        ExternalNetworkInUse: routers have their gateways on what would no longer be external.
        NetworkMTUSubnetConflict: its subnets need more bytes.
    """
    resource = RESOURCES["networks"]
    if any(
        name in given and given[name] != now for name, now in zip(_PROVIDER, _segment_of(value), strict=True)
    ):
        raise refusal.InvalidInput(error_message=_FIXED)
    if "mtu" in given:
        given = {**given, "mtu": wanted(given["mtu"])}
        _mtu_serves(unit, value, given["mtu"])
    if "shared" in given:
        _set_shared(unit, value, given["shared"])
    if "router:external" in given:
        _set_external(unit, value, given["router:external"])
    unit.update(resource, change(resource, value, given))
    return _again(unit, value)


def delete(unit: Unit, caller: Caller, value: Network) -> None:
    """A network and its subnets, gone; with it the ports that serve it alone, and its idle floating IPs.

    Raises:
        NetworkInUse: ports of others are on it.
    """
    for one in unit.find(RESOURCES["floatingips"], floating_network_id=value.id):
        if one.port_id is None and one.router_id is None:
            floatingip.delete(unit, caller, one)
    ports = unit.find(RESOURCES["ports"], network_id=value.id)
    used = [one.id for one in ports if one.device_owner not in subnet.AUTO_DELETE_OWNERS]
    if used:
        one_or_more = "There are one or more ports still in use on the network"
        ids = f"{one_or_more}, id for these ports is: {','.join(used)}"
        raise refusal.NetworkInUse(net_id=value.id, reason=ids)
    for one in ports:  # nosec R105 # the unit of work takes all of it back
        port.remove(unit, one)
    for one in unit.find(RESOURCES["subnets"], network_id=value.id):  # nosec R105 # the unit of work takes it back
        subnet.remove(unit, one)
    sharing.forget(unit, value.id)
    unit.delete(RESOURCES["networks"], value.id)


def _mtu_serves(unit: Unit, network: Network, mtu: int) -> None:
    smaller = change(RESOURCES["networks"], network, {"mtu": mtu})
    for one in unit.find(RESOURCES["subnets"], network_id=network.id):
        check_mtu(smaller, one.ip_version)


def _segment_of(network: Network) -> tuple[str | None, str | None, int | None]:
    return network.provider_network_type, network.provider_physical_network, network.provider_segmentation_id


def _segment(unit: Unit, given: dict[str, Any]) -> tuple[str, str | None]:
    kind, physical, number = (given.get(name) for name in _PROVIDER)
    if kind is None and physical is None and number is None:
        return "local", None
    if kind is None:
        raise refusal.InvalidInput(error_message="network_type required")
    if kind not in _KINDS:
        raise refusal.InvalidInput(error_message=f"network_type value '{kind}' not supported")
    if kind == "local":
        for name, value in (("physical_network", physical), ("segmentation_id", number)):
            if value is not None:
                raise refusal.InvalidInput(error_message=f"{name} prohibited for local provider network")
        return kind, None
    if physical is None:
        raise refusal.InvalidInput(error_message="physical_network required for flat provider network")
    if number is not None:
        raise refusal.InvalidInput(error_message="segmentation_id prohibited for flat provider network")
    if unit.count_of(RESOURCES["networks"], provider_physical_network=physical):
        raise refusal.FlatNetworkInUse(physical_network=physical)
    return kind, physical


def _set_shared(unit: Unit, network: Network, shared: bool) -> None:
    if shared:
        sharing.share(unit, "network", network, sharing.SHARED)
        return
    for one in sharing.policies(unit, network.id, sharing.SHARED):
        if one.target_tenant != sharing.EVERYONE:
            continue
        if sharing.losers(unit, network, one):
            raise refusal.InvalidSharedSetting(network=network.name)
        unit.delete(RESOURCES["rbac_policies"], one.id)


def _set_external(unit: Unit, network: Network, external: bool) -> None:
    if external == network.router_external:
        return
    if external:
        sharing.share(unit, "network", network, sharing.EXTERNAL)
        return
    if unit.find(RESOURCES["ports"], network_id=network.id, device_owner=[_GATEWAY, "network:floatingip"]):
        raise refusal.ExternalNetworkInUse(net_id=network.id)
    sharing.unshare(unit, network.id, sharing.EXTERNAL)


def _again(unit: Unit, network: Network) -> Network:
    found: Network = kept(unit, RESOURCES["networks"], network.id)
    return found
