"""Names and numbers that follow from ids: namespaces, devices, MAC addresses, routing tables.

The same id gives the same name on every host and in every run; nothing is allocated.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from ipaddress import IPv6Address
from typing import Final

from deuteron.errors import InputError
from deuteron.objects import HOST, Bridge, Key, Tap, Unit, Veth, link_key

#: Characters of a device name; the kernel takes 15 (IFNAMSIZ less its NUL), Neutron uses 14.
DEVICE_NAME_LENGTH: Final = 14

#: First of the 2**28 routing tables that are numbered by an id; below it are the kernel's and the mark's.
FIRST_TABLE: Final = 0x10000000

#: Name of an instance's device in its own namespace.
INSTANCE_DEVICE: Final = "eth0"


def device(prefix: str, ident: str) -> str:
    """The name of a device: prefix and first characters of the id."""
    return (prefix + ident)[:DEVICE_NAME_LENGTH]


def altname(prefix: str, ident: str) -> str:
    """The second name of a device, which holds the full id (at most 127 characters, ALTIFNAMSIZ).

    Where the device's name is short enough to hold it too, the two must still differ.
    """
    full = f"{prefix}-{ident}"
    return full if len(full) > DEVICE_NAME_LENGTH else f"{prefix}.{ident}"


def router_netns(router_id: str) -> str:
    """Where a router routes."""
    return "qrouter-" + router_id


def snat_netns(router_id: str) -> str:
    """Where a distributed router has its gateway."""
    return "snat-" + router_id


def fip_netns(network_id: str) -> str:
    """Where the floating IPs of an external network come in on this host."""
    return "fip-" + network_id


def network_netns(network_id: str) -> str:
    """Where the bridge of a tenant network is."""
    return "net-" + network_id


def outer_mac(mac: str) -> str:
    """The MAC address of the end that is on the bridge: never that of the port itself."""
    return "fe" + mac[2:]


def derived_mac(name: str) -> str:
    """A locally administered MAC address made from an altname."""
    digest = hashlib.sha256(name.encode()).digest()
    return f"fa:16:3f:{digest[0]:02x}:{digest[1]:02x}:{digest[2]:02x}"


def link_local(mac: str) -> str:
    """The IPv6 link-local address of a MAC address (RFC 4291 appendix A, modified EUI-64), with prefix."""
    octets = [int(part, 16) for part in mac.split(":")]
    ident = bytes([octets[0] ^ 2, *octets[1:3], 0xFF, 0xFE, *octets[3:]])
    address = IPv6Address(b"\xfe\x80" + bytes(6) + ident)
    return f"{address}/64"


def table_number(ident: str) -> int:
    """The routing table of a port, a subnet or a router: the first 28 bits of its id."""
    digits = ident.replace("-", "")[:7].lower()
    if len(digits) < 7 or not set(digits) <= set("0123456789abcdef"):
        digits = hashlib.sha256(ident.encode()).hexdigest()[:7]
    return FIRST_TABLE + int(digits, 16)


def refuse_clashes(units: Iterable[Unit]) -> None:
    """Refuse a host on which two devices of one namespace would have one name.

    Raises:
        InputError: ``device-name-clash``.
    """
    seen: dict[Key, str] = {}
    for unit in units:
        for item in unit.objects:
            for end in link_ends(item):
                if end in seen:
                    raise device_clash(end, seen[end], unit.title)
                seen[end] = unit.title


def link_ends(item: object) -> tuple[Key, ...]:
    """The keys of all links that an object makes: two for a veth pair, none for what is no link."""
    match item:
        case Veth():
            return (item.key, link_key(item.peer_netns, item.peer_name))
        case Bridge() | Tap():
            return (item.key,)
        case _:
            return ()


def device_clash(end: Key, first: str, second: str) -> InputError:
    """The error for two devices of one name."""
    where = f"namespace {end[1]}" if end[1] != HOST else "the host's namespace"
    return InputError(
        "device-name-clash",
        f"{first} and {second} both need a device {end[2]} in {where}; "
        "give one of them another id (device names hold only its first characters) or another namespace.",
    )


def table_clash(first: str, second: str) -> InputError:
    """The error for two ids with one routing table number."""
    return InputError(
        "table-number-clash",
        f"{first} and {second} begin with the same 28 bits and would share a routing table; "
        "give one of them another id.",
    )
