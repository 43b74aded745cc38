"""Refusals about networks, subnets and their pools."""

from __future__ import annotations

from deuteron.resources.refusal_base import BadRequest, Conflict, InvalidInput, NotFound, Unavailable


class NetworkNotFound(NotFound):
    """No such network."""

    sentence = "Network {net_id} could not be found."


class NetworkInUse(Conflict):
    """A network with ports or subnets in use is not deleted."""

    sentence = "Unable to complete operation on network {net_id}. {reason}."

    def __init__(self, detail: str = "", **facts: object) -> None:
        reason = "There are one or more ports still in use on the network"
        super().__init__(detail, **{"reason": reason, **facts})


class NoNetworkAvailable(Unavailable):
    """Every segment is taken."""

    sentence = "Unable to create the network. No project network is available for allocation."


class FlatNetworkInUse(Conflict):
    """A physical network carries one flat network."""

    sentence = "Unable to create the flat network. Physical network {physical_network} is in use."


class VlanIdInUse(Conflict):
    """The VLAN is another network's."""

    sentence = (
        "Unable to create the network. The VLAN {vlan_id} on physical network {physical_network} is in use."
    )


class TunnelIdInUse(Conflict):
    """The tunnel id is another network's."""

    sentence = "Unable to create the network. The tunnel ID {tunnel_id} is in use."


class NetworkMTUSubnetConflict(Conflict):
    """A subnet of the network needs a larger MTU (IPv6: 1280, RFC 8200)."""

    sentence = "MTU of {net_id} is not valid, subnet requires a minimum of {mtu}"


class InvalidSharedSetting(Conflict):
    """Others use what would no longer be shared."""

    sentence = "Unable to reconfigure sharing settings for network {network}. Multiple projects are using it."


class ExternalNetworkInUse(Conflict):
    """Routers or floating IPs live on it."""

    sentence = (
        "External network {net_id} cannot be updated to be made non-external, "
        "since it has existing gateway ports."
    )


class SubnetNotFound(NotFound):
    """No such subnet."""

    sentence = "Subnet {subnet_id} could not be found."


class SubnetInUse(Conflict):
    """A subnet with addresses in use is not deleted."""

    sentence = "Unable to complete operation on subnet {subnet_id}: {reason}."

    def __init__(self, detail: str = "", **facts: object) -> None:
        reason = "One or more ports have an IP allocation from this subnet"
        super().__init__(detail, **{"reason": reason, **facts})


class SubnetMismatchForPort(BadRequest):
    """The port has no address on the subnet named beside it."""

    sentence = "Subnet on port {port_id} does not match the requested subnet {subnet_id}."


class InvalidAllocationPool(BadRequest):
    """The pool ends before it begins, or mixes families."""

    sentence = "The allocation pool {pool} is not valid."


class OutOfBoundsAllocationPool(BadRequest):
    """The pool leaves the subnet."""

    sentence = "The allocation pool {pool} spans beyond the subnet cidr {subnet_cidr}."


class OverlappingAllocationPools(Conflict):
    """Two pools share addresses."""

    sentence = "Found overlapping allocation pools: {pool_1} {pool_2} for subnet {subnet_cidr}."


class GatewayConflictWithAllocationPools(Conflict):
    """The gateway's address would be given to a port."""

    sentence = "Gateway ip {ip_address} conflicts with allocation pool {pool}."


class GatewayIpInUse(Conflict):
    """A router's port has the present gateway."""

    sentence = "Current gateway ip {ip_address} already in use by port {port_id}. Unable to update."


class DNSNameServersExhausted(BadRequest):
    """More name servers than a subnet may have."""

    sentence = (
        "Unable to complete operation for {subnet_id}. "
        "The number of DNS nameservers exceeds the limit {quota}."
    )


class HostRoutesExhausted(BadRequest):
    """More host routes than a subnet may have."""

    sentence = (
        "Unable to complete operation for {subnet_id}. The number of host routes exceeds the limit {quota}."
    )


class NetworkSubnetPoolAffinityError(BadRequest):
    """Subnets of one family on a network come of one pool."""

    sentence = "Subnets hosted on the same network must be allocated from the same subnet pool."


class InvalidSubnetServiceType(InvalidInput):
    """No device owner begins so."""

    sentence = "Subnet service type {service_type} does not correspond to a valid device owner."


class InvalidInputSubnetServiceType(InvalidInput):
    """A service type that is no word."""

    sentence = "Subnet service type {service_type} is not a string."


class SubnetPoolNotFound(NotFound):
    """No such subnet pool."""

    sentence = "Subnet pool {subnetpool_id} could not be found."


class SubnetAllocationError(Conflict):
    """The pool gives no such subnet."""

    sentence = "Failed to allocate subnet: {reason}."


class SubnetPoolQuotaExceeded(Conflict):
    """The project has its share of the pool."""

    sentence = "Per-project subnet pool prefix quota exceeded."


class SubnetPoolInUse(Conflict):
    """Subnets live of the pool."""

    sentence = "Unable to complete operation on subnet pool {subnet_pool_id}. {reason}."


class SubnetPoolDeleteError(BadRequest):
    """Subnets live of the pool."""

    sentence = "Unable to delete subnet pool: {reason}."


class EmptySubnetPoolPrefixList(BadRequest):
    """A pool of nothing."""

    sentence = "Empty subnet pool prefix list."


class PrefixVersionMismatch(BadRequest):
    """A pool is of one family."""

    sentence = "Cannot mix IPv4 and IPv6 prefixes in a subnet pool."


class UnsupportedMinSubnetPoolPrefix(BadRequest):
    """No subnet is so small."""

    sentence = "Prefix '{prefix}' not supported in IPv{version} pool."


class IllegalSubnetPoolPrefixBounds(BadRequest):
    """The three lengths contradict each other."""

    sentence = "Illegal prefix bounds: {prefix_type}={prefixlen}, {base_prefix_type}={base_prefixlen}."


class IllegalSubnetPoolPrefixUpdate(BadRequest):
    """Prefixes are added, never taken away."""

    sentence = "Illegal update to prefixes: {msg}."


class MinPrefixSubnetAllocationError(BadRequest):
    """Larger than the pool gives."""

    sentence = (
        "Unable to allocate subnet with prefix length {prefixlen}, minimum allowed prefix is {min_prefixlen}."
    )


class MaxPrefixSubnetAllocationError(BadRequest):
    """Smaller than the pool gives."""

    sentence = (
        "Unable to allocate subnet with prefix length {prefixlen}, maximum allowed prefix is {max_prefixlen}."
    )


class AddressScopeNotFound(NotFound):
    """No such address scope."""

    sentence = "Address scope {address_scope_id} could not be found."


class AddressScopeInUse(Conflict):
    """Subnet pools are in the scope."""

    sentence = (
        "Unable to complete operation on address scope {address_scope_id}. "
        "There are one or more subnet pools in use on the address scope."
    )


class AddressScopeUpdateError(BadRequest):
    """A shared scope stays shared."""

    sentence = "Unable to update address scope {address_scope_id} : {reason}."


class AddressScopePrefixConflict(Conflict):
    """Two pools of a scope overlap."""

    sentence = (
        "Failed to associate address scope: subnetpools within an address scope must have unique prefixes."
    )


class IllegalSubnetPoolAssociationToAddressScope(BadRequest):
    """The scope is not the pool owner's."""

    sentence = (
        "Illegal subnetpool association: subnetpool {subnetpool_id} cannot be associated with "
        "address scope {address_scope_id}."
    )


class IllegalSubnetPoolIpVersionAssociationToAddressScope(BadRequest):
    """The scope is of the other family."""

    sentence = (
        "Illegal subnetpool association: subnetpool {subnetpool_id} cannot associate with "
        "address scope {address_scope_id} because subnetpool ip_version is not {ip_version}."
    )


class NetworkAddressScopeAffinityError(BadRequest):
    """Subnets of a network share a scope."""

    sentence = (
        "Subnets of the same address family hosted on the same network "
        "must all participate in the same address scope."
    )
