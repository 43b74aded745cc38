"""Port forwardings of a floating IP."""

from __future__ import annotations

from typing import Annotated, Final

from deuteron.resources import addresses, checks
from deuteron.resources.attribute import Attr
from deuteron.resources.resource import Resource, declare
from deuteron.resources.standard import Kept

_ALIAS: Final = "floating-ip-port-forwarding"
_RANGES: Final = "floating-ip-port-forwarding-port-ranges"
PROTOCOLS: Final = ("dccp", "icmp", "ipv6-icmp", "sctp", "tcp", "udp")


class PortForwarding(Kept, frozen=True, kw_only=True):
    """One port, or a range of ports, of a floating IP that leads to a port's address.

    A range is written ``80:89``; of a single port both the number and the range are kept and shown, of a
    real range the number is null.
    """

    project_id: Annotated[
        str, Attr(post=True, visible=False, filter=False, check=checks.text(255), extension=_ALIAS)
    ] = ""
    floatingip_id: Annotated[str, Attr(visible=False, filter=False)]
    external_port: Annotated[
        int | None,
        Attr(
            post=True,
            put=True,
            sort=True,
            check=checks.or_none(checks.between(1, 65535)),
            extension=_ALIAS,
        ),
    ] = None
    internal_port: Annotated[
        int | None,
        Attr(
            post=True,
            put=True,
            filter=False,
            check=checks.or_none(checks.between(1, 65535)),
            extension=_ALIAS,
        ),
    ] = None
    internal_ip_address: Annotated[
        str,
        Attr(post=True, put=True, filter=False, required=True, check=addresses.address, extension=_ALIAS),
    ]
    protocol: Annotated[
        str,
        Attr(
            post=True, put=True, sort=True, required=True, check=checks.protocol(*PROTOCOLS), extension=_ALIAS
        ),
    ]
    internal_port_id: Annotated[
        str, Attr(post=True, put=True, sort=True, required=True, check=checks.uuid, extension=_ALIAS)
    ]
    external_port_range: Annotated[
        str | None, Attr(post=True, put=True, sort=True, check=checks.port_range, extension=_RANGES)
    ] = None
    internal_port_range: Annotated[
        str | None, Attr(post=True, put=True, filter=False, check=checks.port_range, extension=_RANGES)
    ] = None
    description: Annotated[
        str,
        Attr(
            post=True,
            put=True,
            check=checks.text(1024),
            extension="floating-ip-port-forwarding-description",
        ),
    ] = ""


PORT_FORWARDING: Final[Resource] = declare(
    PortForwarding,
    name="port_forwarding",
    collection="port_forwardings",
    parent="floatingip",
    extension=_ALIAS,
)
