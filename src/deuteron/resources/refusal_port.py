"""Refusals about ports and their addresses."""

from __future__ import annotations

from deuteron.resources.refusal_base import BadRequest, Conflict, NotFound


class PortNotFound(NotFound):
    """No such port."""

    sentence = "Port {port_id} could not be found."


class PortInUse(Conflict):
    """The port is another device's."""

    sentence = (
        "Unable to complete operation on port {port_id} for network {net_id}. "
        "Port already has an attached device {device_id}."
    )


class PortBound(Conflict):
    """A bound port keeps its MAC."""

    sentence = (
        "Unable to complete operation on port {port_id}, port is already bound, "
        "port type: {vif_type}, old_mac {old_mac}, new_mac {new_mac}."
    )


class MacAddressInUse(Conflict):
    """The MAC is another port's of the network."""

    sentence = "Unable to complete operation for network {net_id}. The mac address {mac} is in use."


class IpAddressInUse(Conflict):
    """The address is another port's."""

    sentence = "Unable to complete operation for network {net_id}. The IP address {ip_address} is in use."


class IpAddressAlreadyAllocated(Conflict):
    """The address is taken in its subnet."""

    sentence = "IP address {ip} already allocated in subnet {subnet_id}"


class IpAddressGenerationFailure(Conflict):
    """No address is left."""

    sentence = "No more IP addresses available on network {net_id}."


class IpAddressGenerationFailureNoMatchingSubnet(Conflict):
    """No subnet of the network serves this kind of port."""

    sentence = (
        "No valid service subnet for the given device owner, "
        "network {network_id}, service type {service_type}."
    )


class InvalidIpForNetwork(BadRequest):
    """No subnet of the network has the address."""

    sentence = "IP address {ip_address} is not a valid IP for any of the subnets on the specified network."


class InvalidIpForSubnet(BadRequest):
    """The subnet does not have the address."""

    sentence = "IP address {ip_address} is not a valid IP for the specified subnet."


class DeviceIDNotOwnedByTenant(Conflict):
    """A port does not pose as another project's router (OSSA-2014-019)."""

    sentence = (
        "The following device_id {device_id} is not owned by your project or matches another project router."
    )


class UnsupportedPortDeviceOwner(Conflict):
    """What the verb does not do to a port of this owner."""

    sentence = "Operation {op} is not supported for device_owner {device_owner} on port {port_id}."


class ServicePortInUse(Conflict):
    """A port that a service owns is not deleted by hand."""

    sentence = "Port {port_id} cannot be deleted directly via the port API: {reason}."
