"""Values that exist nowhere else, every form in which one could come out, and the search for them."""

from __future__ import annotations

import base64
import random
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from ipaddress import IPv4Address, IPv6Address
from typing import Final, Literal
from uuid import UUID

import msgspec

Kind = Literal["name", "id", "mac", "ipv4", "ipv6", "prefix4", "prefix6", "file"]

#: How much of the place of a find is shown.
_AROUND: Final = 60


class Canary(msgspec.Struct, frozen=True, order=True):
    """One value."""

    kind: Kind
    value: str


class Hit(msgspec.Struct, frozen=True):
    """A canary that was found.

    Attributes:
        form: in which form.
        around: the bytes before and after it.
    """

    canary: Canary
    form: str
    around: str

    def __str__(self) -> str:
        return f"{self.canary.kind} {self.canary.value} ({self.form}) in …{self.around}…"


class Canaries:
    """Makes them, by a seed, and knows all that were made."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._random = random.Random(seed)
        self.all: set[Canary] = set()

    def name(self, about: str = "name") -> str:
        """A name, description, tag or token; its last twelve characters are what is unique."""
        return self._new("name", f"{about}-{self._random.getrandbits(48):012x}")

    def file(self) -> str:
        """The same, of a file's name."""
        return self._new("file", f"cloud-{self._random.getrandbits(48):012x}.yaml")

    def netns(self) -> str:
        """A name that a namespace or a device can have: at most 15 characters."""
        return self._new("name", f"vm{self._random.getrandbits(48):012x}")

    def uuid(self) -> str:
        return self._new("id", str(UUID(int=self._random.getrandbits(128), version=4)))

    def token(self) -> str:
        """A project's id: a UUID without dashes."""
        return self._new("name", f"{self._random.getrandbits(128):032x}")

    def mac(self) -> str:
        octets = self._random.getrandbits(24).to_bytes(3)
        return self._new("mac", ":".join(f"{one:02x}" for one in b"\xfa\x16\x3e" + octets))

    def net4(self) -> str:
        """The first three octets of an IPv4 prefix, with the dot that follows."""
        while (value := f"10.{self._random.randrange(100, 250)}.{self._random.randrange(100, 250)}.") in {
            one.value for one in self.all
        }:
            continue
        return self._new("prefix4", value)

    def net6(self) -> str:
        """The first three words of an IPv6 prefix, with the colon that follows."""
        return self._new("prefix6", f"2001:db8:{self._random.randrange(0x1000, 0xFFFF):x}:")

    def note(self, kind: Kind, value: str) -> str:
        """A value that follows from others, such as an address in a prefix."""
        self.all.add(Canary(kind, value))
        return value

    def _new(self, kind: Kind, value: str) -> str:
        return self.note(kind, value)

    def find(self, content: bytes, *, without: Iterable[str] = ()) -> list[Hit]:
        """All that are in there.

        Args:
            content: any bytes.
            without: kinds and forms that may be there.
        """
        return list(find(self.all, content, frozenset(without)))


def find(canaries: Iterable[Canary], content: bytes, without: frozenset[str] = frozenset()) -> Iterator[Hit]:
    """Every canary that is in ``content``, once for each form."""
    lowered = content.lower()
    for canary in canaries:
        if canary.kind in without:
            continue
        for form, needle in needles(canary):
            at = -1 if form in without else lowered.find(needle)
            if at >= 0:
                around = content[max(0, at - _AROUND) : at + len(needle) + _AROUND]
                yield Hit(canary, form, around.decode("utf-8", "backslashreplace"))


@cache
def needles(canary: Canary) -> tuple[tuple[str, bytes], ...]:
    """What to look for, in lower case."""
    return tuple({needle.lower(): (form, needle.lower()) for form, needle in _needles(canary)}.values())


def _needles(canary: Canary) -> Iterator[tuple[str, bytes]]:
    match canary.kind:
        case "ipv4":
            yield from _ipv4(IPv4Address(canary.value))
        case "ipv6":
            yield from _ipv6(IPv6Address(canary.value))
        case "mac":
            yield from _mac(bytes.fromhex(canary.value.replace(":", "")))
        case "id":
            yield from _uuid(UUID(canary.value))
        case "prefix4" | "prefix6":
            yield "text", canary.value.encode()
        case "name" | "file":
            unique = canary.value.removesuffix(".yaml")[-12:]
            yield "text", unique.encode()
            yield from _encoded(unique.encode())


def _ipv4(address: IPv4Address) -> Iterator[tuple[str, bytes]]:
    yield "text", str(address).encode()
    yield "dashed", str(address).replace(".", "-").encode()
    yield "reverse", ".".join(reversed(str(address).split("."))).encode()
    yield "number", str(int(address)).encode()
    yield "hex", address.packed.hex().encode()
    yield "hex, little end first", address.packed[::-1].hex().encode()
    yield from _encoded(str(address).encode())


def _ipv6(address: IPv6Address) -> Iterator[tuple[str, bytes]]:
    yield "text", str(address).encode()
    yield "exploded", address.exploded.encode()
    yield "dashed", str(address).replace(":", "-").encode()
    yield "hex", address.packed.hex().encode()
    yield "raw", address.packed
    yield from _encoded(str(address).encode())


def _mac(octets: bytes) -> Iterator[tuple[str, bytes]]:
    for form, separator in (("text", ":"), ("dashed", "-"), ("hex", "")):
        yield form, octets.hex(separator).encode() if separator else octets.hex().encode()
    yield "dotted", octets.hex(".", 2).encode()
    # RFC 4291, appendix A: the address that an interface gives itself, as text and as it is made.
    low = octets.hex()
    yield "eui-64", f"{low[4:6]}ff:fe{low[6:8]}:{low[8:].lstrip('0')}".encode()
    yield "raw", octets


def _uuid(value: UUID) -> Iterator[tuple[str, bytes]]:
    yield "text", str(value).encode()
    yield "hex", value.hex.encode()
    # As Neutron names devices: qr-, qg-, tap and the first eleven characters.
    yield "device", str(value)[:11].encode()
    yield "raw", value.bytes
    yield from _encoded(str(value).encode())


def _encoded(text: bytes) -> Iterator[tuple[str, bytes]]:
    yield "hex of the text", text.hex().encode()
    for shift in range(3):
        # Whatever stands before it, one of three alignments is that of the text within.
        whole = base64.b64encode(b"\0" * shift + text)
        begin = (shift * 8 + 5) // 6
        yield f"base64 at {shift}", whole[begin : (shift + len(text)) * 8 // 6]


def kind_of(text: str) -> Kind | None:
    """What a text of the model is, if it is something that tells of a tenant."""
    with suppress(ValueError):
        UUID(text)
        return "id"
    with suppress(ValueError):
        # Whatever every host has, such as 0.0.0.0 and ::1, tells of nobody.
        return "ipv4" if int(IPv4Address(text)) > 1 << 24 and text != "127.0.0.1" else None
    with suppress(ValueError):
        return "ipv6" if int(IPv6Address(text)) >> 64 else None
    return "mac" if re.fullmatch(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}", text) else None
