"""Checks of addresses, networks, routes and what holds them, with Neutron's sentences."""

from __future__ import annotations

import re
from contextlib import suppress
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv6Address,
    IPv6Interface,
    ip_address,
    ip_interface,
    ip_network,
)
from typing import Any, Final

from msgspec import UNSET

from deuteron.resources.attribute import Invalid
from deuteron.resources.checks import as_dict, boolean, has_keys, list_of, quoted, uuid
from deuteron.resources.refusal import InvalidInput
from deuteron.resources.values import AllocationPool, FixedIp, GatewayInfo, Route

_MAC: Final = (
    re.compile(r"[0-9A-Fa-f]{1,2}(?::[0-9A-Fa-f]{1,2}){5}"),
    re.compile(r"[0-9A-Fa-f]{1,2}(?:-[0-9A-Fa-f]{1,2}){5}"),
    re.compile(r"[0-9A-Fa-f]{1,4}(?:\.[0-9A-Fa-f]{1,4}){2}"),
    re.compile(r"[0-9A-Fa-f]{12}"),
)
_PADDED_V4: Final = re.compile(r"[0-9]{1,16}(?:\.[0-9]{1,16}){3}")
_GROUP_BIT: Final = 0x01


def mac(value: object) -> str:
    """A MAC address of one station, as six lower-case pairs.

    Neutron takes group addresses as well; a port with one is reached by nobody, so it is refused here.
    """
    if isinstance(value, str):
        for form in _MAC:
            if form.fullmatch(value):
                pairs = _pairs(value)
                if int(pairs[0], 16) & _GROUP_BIT == 0 and set(pairs) != {"00"}:
                    return ":".join(pairs)
    raise Invalid(f"'{quoted(value)}' is not a valid MAC address")


def _pairs(written: str) -> list[str]:
    for separator in ":-":
        if separator in written:
            return [one.zfill(2).lower() for one in written.split(separator)]
    digits = "".join(one.zfill(4) for one in written.split(".")) if "." in written else written
    return [digits[at : at + 2].lower() for at in range(0, 12, 2)]


def address(value: object) -> str:
    """An IP address; IPv6 in its short form (RFC 5952).

    Leading zeros of IPv4 are refused, since they read as octal in some places (CVE-2021-29921).
    """
    found = _address(value)
    if found is not None:
        return str(found)
    if isinstance(value, str) and _PADDED_V4.fullmatch(value):
        plain = ".".join(str(int(one)) for one in value.split("."))
        if _address(plain) is not None:
            raise Invalid(f"'{value}' is not an accepted IP address, '{plain}' is recommended")
    raise Invalid(f"'{quoted(value)}' is not a valid IP address")


def _address(value: object) -> IPv4Address | IPv6Address | None:
    if not isinstance(value, str) or "%" in value:
        return None
    try:
        return ip_address(value)
    except ValueError:
        return None


def _interface(value: object) -> IPv4Interface | IPv6Interface | None:
    if not isinstance(value, str) or "%" in value:
        return None
    try:
        return ip_interface(value)
    except ValueError:
        return None


def cidr(value: object) -> str:
    """A network, with the bits of a host taken off as Neutron does."""
    if isinstance(value, str) and "%" not in value:
        with suppress(ValueError):
            return str(ip_network(value, strict=False))
    raise InvalidInput(error_message=f"{quoted(value)} is not in a CIDR format")


def subnet(value: object) -> str:
    """A network that is written as one, with its length."""
    found = _interface(value)
    if found is None or "/" not in str(value) or (found.version == 4 and str(found) != value):
        raise Invalid(f"'{quoted(value)}' is not a valid IP subnet")
    return str(found.network)


def destination(value: object) -> str:
    """The network that a route leads to."""
    found = _interface(value)
    if found is None or "/" not in str(value) or found.ip != found.network.network_address:
        raise Invalid(f"'{quoted(value)}' is not a valid CIDR")
    if found.ip.is_loopback:
        raise Invalid(f"'{quoted(value)}' is not a routable CIDR")
    return str(found.network)


def fixed_ips(value: object) -> tuple[FixedIp, ...]:
    """Addresses that a port shall have: by subnet, by address, by both."""
    if not isinstance(value, list):
        raise Invalid(f"Invalid data format for fixed IP: '{quoted(value)}'")
    seen: set[str] = set()
    return tuple(_fixed_ip(one, seen) for one in value)


def _fixed_ip(value: object, seen: set[str]) -> FixedIp:
    if not isinstance(value, dict):
        raise Invalid(f"Invalid data format for fixed IP: '{quoted(value)}'")
    chosen = subnet_id = ""
    if "ip_address" in value:
        chosen = address(value["ip_address"])
        if chosen in seen:
            raise Invalid(f"Duplicate IP address '{chosen}'")
        seen.add(chosen)
    if "subnet_id" in value:
        subnet_id = uuid(value["subnet_id"])
    return FixedIp(subnet_id, chosen)


def pools(value: object) -> tuple[AllocationPool, ...]:
    """Allocation pools; their order and bounds are the service's matter, which knows the subnet."""
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise InvalidInput(error_message="Invalid data format for allocation pools")
    return tuple(_pool(one) for one in value)


def _pool(value: object) -> AllocationPool:
    ends = has_keys(value, ("start", "end"))
    return AllocationPool(address(ends["start"]), address(ends["end"]))


def nameservers(value: object) -> tuple[str, ...]:
    """Different addresses of name servers, in their order."""
    if value is None:
        return ()
    if not isinstance(value, list):
        raise Invalid(f"Invalid data format for nameserver: '{quoted(value)}'")
    found: dict[str, None] = {}
    for one in value:
        server = _nameserver(one)
        if server in found:
            raise Invalid(f"Duplicate nameserver '{server}'")
        found[server] = None
    return tuple(found)


def _nameserver(value: object) -> str:
    try:
        return address(value)
    except Invalid as refused:
        raise Invalid(f"'{quoted(value)}' is not a valid nameserver. {refused.sentence}") from None


def routes(value: object) -> tuple[Route, ...]:
    """Different routes, each of a destination and a next hop."""
    if value is None:
        return ()
    if not isinstance(value, list):
        raise Invalid(f"Invalid data format for hostroute: '{quoted(value)}'")
    found: dict[Route, None] = {}
    for one in value:
        given = has_keys(one, ("destination", "nexthop"))
        route = Route(destination(given["destination"]), address(given["nexthop"]))
        if route in found:
            raise Invalid(f"Duplicate hostroute '{quoted(one)}'")
        found[route] = None
    return tuple(found)


_GATEWAY_KEYS: Final = ("network_id", "external_fixed_ips", "enable_snat")


def gateway(value: Any) -> GatewayInfo | None:
    """A router's external gateway; null or {} takes it away."""
    if not value:
        return None
    given = as_dict(value)
    if "network_id" not in given:
        provided = "{" + ", ".join(f"'{quoted(one)}'" for one in given) + "}"
        raise Invalid(
            "Validation of dictionary's keys failed. "
            f"Expected keys: {{'network_id'}} Provided keys: {provided}"
        )
    unknown = [one for one in given if one not in _GATEWAY_KEYS]
    if unknown:
        raise Invalid(f"Unexpected keys supplied: {', '.join(map(quoted, unknown))}")
    return GatewayInfo(
        uuid(given["network_id"]),
        fixed_ips(given["external_fixed_ips"]) if "external_fixed_ips" in given else UNSET,
        boolean(given["enable_snat"]) if "enable_snat" in given else UNSET,
    )


def prefixes(value: object) -> tuple[str, ...]:
    """Different networks of a pool; that they are of one family is the service's matter."""
    return list_of(subnet)(value)
