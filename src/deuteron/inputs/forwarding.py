"""Port forwardings as the API writes them: single ports, or ranges of ports."""

from __future__ import annotations

import msgspec

from deuteron.domain.floating_ip import PortForwarding
from deuteron.domain.validation import FieldError


class Fields(msgspec.Struct, frozen=True, kw_only=True):
    """One rule as read: ports are ``80`` or ``8000:8010``."""

    protocol: str
    address: str
    external: str
    internal: str


def expand(fields: Fields) -> list[PortForwarding]:
    """One value for each external port.

    A range is forwarded to a range of the same length, or all of it to one port.

    Raises:
        FieldError: a port or range is none, or the two differ in length.
    """
    if fields.protocol not in {"tcp", "udp"}:
        raise FieldError("not-honoured", "protocol", "port forwarding knows tcp and udp")
    outer, inner = _ports("external_port", fields.external), _ports("internal_port", fields.internal)
    if len(inner) not in {1, len(outer)}:
        raise FieldError("bad-value", "internal_port_range", "is as long as external_port_range, or one port")
    return [
        PortForwarding(
            protocol="tcp" if fields.protocol == "tcp" else "udp",
            external_port=port,
            internal_ip_address=fields.address,
            internal_port=inner[index] if len(inner) > 1 else inner[0],
        )
        for index, port in enumerate(outer)
    ]


def _ports(field: str, text: str) -> range:
    first, _, last = text.partition(":")
    numbers = [number for number in (first, last or first) if number.isascii() and number.isdecimal()]
    if len(numbers) < 2 or max(map(len, numbers)) > 5:
        raise FieldError("bad-value", field, f"{text!r} is neither a port nor a range like 8000:8010")
    low, high = map(int, numbers)
    if not 1 <= low <= high <= 65535:
        raise FieldError("bad-value", field, f"{text!r} does not lie between 1 and 65535")
    return range(low, high + 1)
