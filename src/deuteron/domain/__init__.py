"""The resources as frozen values, and the decisions about them."""

from deuteron.domain.floating_ip import FloatingIP, NdpProxy, PortForwarding
from deuteron.domain.host_view import HostView, Leg, RefusedRouter
from deuteron.domain.network import Network
from deuteron.domain.policy import Override
from deuteron.domain.port import Binding, FixedIP, Port
from deuteron.domain.router import ExtraRoute, Gateway, Router
from deuteron.domain.subnet import Subnet
from deuteron.domain.validation import FieldError

__all__ = [
    "Binding",
    "ExtraRoute",
    "FieldError",
    "FixedIP",
    "FloatingIP",
    "Gateway",
    "HostView",
    "Leg",
    "NdpProxy",
    "Network",
    "Override",
    "Port",
    "PortForwarding",
    "RefusedRouter",
    "Router",
    "Subnet",
]
