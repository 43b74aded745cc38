"""Refusals about routers, floating IPs and port forwardings."""

from __future__ import annotations

from deuteron.resources.refusal_base import BadRequest, Conflict, InvalidInput, NotFound


class RouterNotFound(NotFound):
    """No such router."""

    sentence = "Router {router_id} could not be found"


class RouterInUse(Conflict):
    """A router with ports is not deleted."""

    sentence = "Router {router_id} {reason}"

    def __init__(self, detail: str = "", **facts: object) -> None:
        super().__init__(detail, **{"reason": "still has ports", **facts})


class RouterInterfaceNotFound(NotFound):
    """The port is no interface of the router."""

    sentence = "Router {router_id} does not have an interface with id {port_id}"


class RouterInterfaceNotFoundForSubnet(NotFound):
    """The router has no interface on the subnet."""

    sentence = "Router {router_id} has no interface on subnet {subnet_id}"


class RouterInterfaceInUseByFloatingIP(Conflict):
    """Floating IPs need the interface."""

    sentence = (
        "Router interface for subnet {subnet_id} on router {router_id} cannot be deleted, "
        "as it is required by one or more floating IPs."
    )


class RouterInterfaceInUseByRoute(Conflict):
    """Routes need the interface."""

    sentence = (
        "Router interface for subnet {subnet_id} on router {router_id} cannot be deleted, "
        "as it is required by one or more routes."
    )


class RouterInterfaceAttachmentConflict(Conflict):
    """Two requests attached at once."""

    sentence = "Error {reason} while attempting the operation."


class RouterExternalGatewayInUseByFloatingIp(Conflict):
    """Floating IPs need the gateway."""

    sentence = (
        "Gateway cannot be updated for router {router_id}, since a gateway to external network {net_id} "
        "is required by one or more floating IPs."
    )


class InvalidRoutes(InvalidInput):
    """Routes that the router cannot have."""

    sentence = "Invalid format for routes: {routes}, {reason}"


class RoutesExhausted(BadRequest):
    """More routes than a router may have."""

    sentence = (
        "Unable to complete operation for {router_id}. The number of routes exceeds the maximum {quota}."
    )


class FloatingIPNotFound(NotFound):
    """No such floating IP."""

    sentence = "Floating IP {floatingip_id} could not be found"


class FloatingIPPortAlreadyAssociated(Conflict):
    """The fixed address has a floating IP there already."""

    sentence = (
        "Cannot associate floating IP {floating_ip_address} ({fip_id}) with port {port_id} using fixed IP "
        "{fixed_ip}, as that fixed IP already has a floating IP on external network {net_id}."
    )


class FipAssociated(Conflict):
    """The port has another project's floating IP, which its owner does not take."""

    sentence = (
        "Unable to complete the operation on port {port_id} "
        "because the port still has an associated floating IP."
    )


class ExternalGatewayForFloatingIPNotFound(NotFound):
    """No router joins the port's subnet and the floating IP's network."""

    sentence = (
        "External network {external_network_id} is not reachable from subnet {subnet_id}.  "
        "Therefore, cannot associate Port {port_id} with a Floating IP."
    )


class ExternalIpAddressExhausted(BadRequest):
    """The external network has no address left."""

    sentence = "Unable to find any IP address on external network {net_id}."


class PortForwardingNotFound(NotFound):
    """No such port forwarding."""

    sentence = "Port Forwarding {id} could not be found."


class PortForwardingNotSupportFilterField(BadRequest):
    """A filter that port forwardings do not have."""

    sentence = "Port Forwarding filter {filter} is not supported."


class FipInUseByPortForwarding(Conflict):
    """A floating IP that forwards ports is not also a port's."""

    sentence = "Floating IP {id} in use by Port Forwarding resources."


class PortHasPortForwarding(BadRequest):
    """A port that is forwarded to has no floating IP of its own."""

    sentence = (
        "Cannot associate floating IP to port {port_id} because it already has a Port Forwarding binding."
    )


class PortHasBindingFloatingIP(Conflict):
    """A port with a floating IP of its own is not forwarded to."""

    sentence = (
        "Cannot create port forwarding to floating IP {floating_ip_address} ({fip_id}) with port {port_id} "
        "using fixed IP {fixed_ip}, as that port already has a binding floating IP."
    )
