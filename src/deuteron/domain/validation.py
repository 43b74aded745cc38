"""What a single field may hold, checked where a value is made.

Domain values hold canonical text only: ``10.0.0.1`` and never ``10.0.0.01``, lower
case MAC addresses, prefixes without host bits.  The inputs bring what they read into
that form with ``canonical_address``, ``canonical_prefix`` and ``canonical_mac``.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import Final

#: Smallest MTU of an IPv4 link (RFC 791) and of an IPv6 one (RFC 8200), and the largest packet.
MTU_MIN_IPV4, MTU_MIN_IPV6, MTU_MAX = 68, 1280, 65535

#: IFNAMSIZ of linux/if.h is 16 octets with the closing NUL.
DEVICE_NAME_MAX = 15

# An id becomes part of a namespace's file name and of an altname (ALTIFNAMSIZ, 128 octets).
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_DEVICE = re.compile(r"[^\s/:\x00-\x1f\x7f]{1,15}")
_NETNS = re.compile(r"[^\s/\x00-\x1f\x7f]{1,255}")


#: How the namespaces that we make begin (``objects.ownership``): never an instance's.
RESERVED_NETNS: Final = ("qrouter-", "snat-", "fip-", "net-")


class FieldError(ValueError):
    """A field of a value holds what it must not.

    Args:
        code: stable word of ``docs/errors.md``.
        field: name of the field, as in the value.
        sentence: what is wrong with it, without the place.
        kind: ``network``, ``subnet``, ``port``, ``router``, ``floatingip``, ``ndp_proxy``;
            "" where the value itself does not know.
        entry: id of the resource at fault, where it is known.
    """

    def __init__(self, code: str, field: str, sentence: str, *, kind: str = "", entry: str = "") -> None:
        super().__init__(f"{field}: {sentence}")
        self.code = code
        self.field = field
        self.sentence = sentence
        self.kind = kind
        self.entry = entry


@lru_cache(maxsize=1 << 16)
def address_number(text: str) -> tuple[int, int]:
    """An address as ``(4 or 6, its number)``.

    Raises:
        ValueError: not an address, or one with a zone.
    """
    if "%" in text:
        raise ValueError(text)
    address = ipaddress.ip_address(text)
    return address.version, int(address)


@lru_cache(maxsize=1 << 16)
def canonical_address(text: str) -> str:
    """The one way to write an address (RFC 5952 for IPv6).

    Raises:
        ValueError: not an address, or one with a zone.
    """
    if "%" in text:
        raise ValueError(text)
    return str(ipaddress.ip_address(text))


@lru_cache(maxsize=1 << 14)
def prefix_range(text: str) -> tuple[int, int, int]:
    """A prefix as ``(4 or 6, first number, last number)``.

    Raises:
        ValueError: not a prefix, or one with host bits.
    """
    if "%" in text or "/" not in text:
        raise ValueError(text)
    network = ipaddress.ip_network(text)
    return network.version, int(network.network_address), int(network.broadcast_address)


def canonical_prefix(text: str) -> str:
    """The one way to write a prefix.

    Raises:
        ValueError: not a prefix, or one with host bits.
    """
    prefix_range(text)
    return str(ipaddress.ip_network(text))


def canonical_mac(text: str) -> str:
    """The one way to write an Ethernet address: lower case, colons.

    Raises:
        ValueError: not an Ethernet address.
    """
    mac = text.lower().replace("-", ":")
    if not _MAC.fullmatch(mac):
        raise ValueError(text)
    return mac


def in_prefix(address: str, prefix: str) -> bool:
    """Whether the address lies in the prefix."""
    version, first, last = prefix_range(prefix)
    family, number = address_number(address)
    return version == family and first <= number <= last


def overlap(one: str, other: str) -> bool:
    """Whether two prefixes have an address in common."""
    version, first, last = prefix_range(one)
    family, low, high = prefix_range(other)
    return version == family and first <= high and low <= last


def check_id(field: str, value: str) -> None:
    """An id: letters, digits, ``.``, ``_`` and ``-``, at most 64."""
    if not _ID.fullmatch(value):
        raise FieldError(
            "bad-value", field, "an id has letters, digits, '.', '_' and '-' only, and at most 64 of them"
        )


def check_name(field: str, value: str) -> None:
    """A name for people: printable, at most 255 characters."""
    if len(value) > 255 or not value.isprintable():
        raise FieldError("bad-value", field, "a name has printable characters only, and at most 255 of them")


def check_address(field: str, value: str) -> None:
    """A canonical address."""
    try:
        canonical = canonical_address(value)
    except ValueError:
        raise FieldError("bad-value", field, f"{value!r} is not an IP address") from None
    if canonical != value:
        raise FieldError("bad-value", field, f"write {value!r} as {canonical!r}")


def check_prefix(field: str, value: str) -> None:
    """A canonical prefix."""
    try:
        canonical = canonical_prefix(value)
    except ValueError:
        raise FieldError("bad-value", field, f"{value!r} is not a prefix; {_prefix_hint(value)}") from None
    if canonical != value:
        raise FieldError("bad-value", field, f"write {value!r} as {canonical!r}")


def _prefix_hint(value: str) -> str:
    try:
        return f"did you mean {ipaddress.ip_network(value, strict=False)}?"
    except ValueError:
        return "one reads like 10.0.0.0/24"


def check_mac(field: str, value: str) -> None:
    """A canonical Ethernet address of one station."""
    if not _MAC.fullmatch(value):
        raise FieldError("bad-value", field, f"{value!r} is not a MAC address like fa:16:3e:00:00:01")
    if int(value[:2], 16) & 1 or value == "00:00:00:00:00:00":
        raise FieldError("bad-value", field, f"{value!r} is not the MAC address of a single station")


def check_mtu(field: str, value: int) -> None:
    """An MTU in octets."""
    if not MTU_MIN_IPV4 <= value <= MTU_MAX:
        raise FieldError("bad-value", field, f"an MTU lies between {MTU_MIN_IPV4} and {MTU_MAX}")


def check_device_name(field: str, value: str) -> None:
    """A name the kernel takes for a link (``dev_valid_name`` in net/core/dev.c)."""
    if not _DEVICE.fullmatch(value) or value in {".", ".."}:
        raise FieldError(
            "bad-value",
            field,
            f"{value!r} is no device name: at most {DEVICE_NAME_MAX} characters, "
            "without '/', ':' and white space",
        )


def check_netns_name(field: str, value: str) -> None:
    """A name of a network namespace: the name of one file."""
    if not _NETNS.fullmatch(value) or value in {".", ".."}:
        raise FieldError(
            "bad-value",
            field,
            f"{value!r} is no name of a namespace: one file name without '/' or white space",
        )
    if value.startswith(RESERVED_NETNS):
        raise FieldError(
            "bad-value",
            field,
            f"{value!r} begins like a namespace of deuteron's own ({', '.join(RESERVED_NETNS)});"
            " give the instance's another name",
        )


def check_port_number(field: str, value: int) -> None:
    """A TCP or UDP port."""
    if not 1 <= value <= 65535:
        raise FieldError("bad-value", field, "a port number lies between 1 and 65535")
