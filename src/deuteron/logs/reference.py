"""Typed references: how a thing is named to a log, so that it can be told from a word.

A reference is brought into one form before anything is made of it: what is one thing has one
form, however it was written.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final, Literal, get_args
from uuid import UUID

import msgspec

Kind = Literal[
    "router",
    "network",
    "subnet",
    "port",
    "floating-ip",
    "address",
    "mac",
    "prefix",
    "device",
    "namespace",
    "name",
    "project",
    "unit",
    "path",
    "host",
]

#: Every kind of thing; stable, each is the beginning of its pseudonyms.
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

#: Nothing that is written so is written in another way: an IPv4 address, a link-local one without zeroes.
_PLAIN: Final = re.compile(
    r"(?:(?:0|[1-9][0-9]{0,2})\.){3}(?:0|[1-9][0-9]{0,2})"
    r"|fe80::(?:[1-9a-f][0-9a-f]{0,3}:){3}[1-9a-f][0-9a-f]{0,3}"
)

#: What a unit or a namespace is about, by the beginning of its name.
_UNITS: Final[dict[str, Kind]] = {"router": "router", "network": "network", "fip": "network", "port": "port"}
_NAMESPACES: Final[dict[str, Kind]] = {
    "qrouter-": "router",
    "snat-": "router",
    "fip-": "network",
    "net-": "network",
}


class Ref(msgspec.Struct, frozen=True, order=True):
    """A thing that a log may speak of by its pseudonym only.

    Attributes:
        kind: what it is.
        value: its id, name, address; never printed.
    """

    kind: Kind
    value: str

    def __repr__(self) -> str:
        """Of a forgotten reference nothing but its kind gets out."""
        return f"<{self.kind}>"

    def __str__(self) -> str:
        return repr(self)

    @property
    def canonical(self) -> Ref:
        """The same thing in the one form that it is known by.

        ``qrouter-<id>``, the unit ``router/<id>`` and the id are the same router.
        """
        if self.kind == "unit":
            return _of_unit(self.value)
        if self.kind == "namespace":
            return _of_namespace(self.value)
        form = _FORMS.get(self.kind)
        if form is not None:
            return form(self.value)
        return Ref(self.kind, _identifier(self.value)) if self.kind in _IDENTIFIED else self


def unit(name: str) -> Ref:
    """A unit of work, ``router/<id>`` and so on."""
    return Ref("unit", name)


def _of_unit(name: str) -> Ref:
    word, slash, ident = name.partition("/")
    kind = _UNITS.get(word)
    return Ref(kind, _identifier(ident)) if slash and kind is not None else Ref("unit", name)


def _of_namespace(name: str) -> Ref:
    for prefix, kind in _NAMESPACES.items():
        if name.startswith(prefix):
            return Ref(kind, _identifier(name.removeprefix(prefix)))
    return Ref("namespace", name)


def _identifier(text: str) -> str:
    """A UUID with dashes and in lower case (RFC 9562); any other id as it is."""
    if _UUID.fullmatch(text):
        return text
    try:
        return str(UUID(text))
    except ValueError:
        return text


def _address(text: str) -> Ref:
    """RFC 5952, without zone and length; an IPv4 address mapped into IPv6 is that IPv4 address."""
    bare = text.partition("/")[0].partition("%")[0]
    if _PLAIN.fullmatch(bare):
        return Ref("address", bare)
    try:
        found = ip_address(bare)
    except ValueError:
        return Ref("address", text)
    return Ref("address", str(_unmapped(found)))


def _unmapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped if mapped is not None else address


def _prefix(text: str) -> Ref:
    """Without host bits; of one address it is that address."""
    try:
        found = ip_network(text, strict=False)
    except ValueError:
        return Ref("prefix", text)
    if found.prefixlen == found.max_prefixlen:
        return _address(str(found.network_address))
    return Ref("prefix", str(found))


def _mac(text: str) -> Ref:
    digits = "".join(one for one in text.lower() if one not in ":-.")
    if len(digits) != 12 or not set(digits) <= set("0123456789abcdef"):
        return Ref("mac", text)
    return Ref("mac", ":".join(digits[at : at + 2] for at in range(0, 12, 2)))


_FORMS: Final[dict[str, Callable[[str], Ref]]] = {"address": _address, "prefix": _prefix, "mac": _mac}
_IDENTIFIED: Final = frozenset({"router", "network", "subnet", "port", "floating-ip", "project"})
