"""Pseudonyms: a thing's name in a log, the same each time, told by nobody without the key.

``router-7f3k9q2mvd`` is the kind and the first 50 bits of HMAC-SHA256 (RFC 2104) over kind and value,
in the alphabet of base32 (RFC 4648).  Whoever has no key cannot try all addresses of a network,
which for a plain digest is a matter of seconds.
"""

from __future__ import annotations

import hmac
import re
from base64 import b32encode
from functools import lru_cache
from typing import Final, cast

from deuteron.logs.reference import KINDS, Kind, Ref

#: Characters after the kind, five bits each.
LENGTH: Final = 10
#: From the letters of base32 to those that int() reads.
_DIGITS: Final = str.maketrans("abcdefghijklmnopqrstuvwxyz234567", "0123456789abcdefghijklmnopqrstuv")
_OCTETS: Final = -(-LENGTH * 5 // 8)
_SPARE: Final = _OCTETS * 8 - LENGTH * 5
#: How many things are remembered; there is no more to it than the time of one digest.
_REMEMBERED: Final = 1 << 14

_TOKEN: Final = re.compile(rf"({'|'.join(map(re.escape, KINDS))})-[a-z2-7]{{{LENGTH}}}")


class Pseudonyms:
    """What things are called under one key.

    Args:
        key: 32 octets.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._remembered = lru_cache(maxsize=_REMEMBERED)(self._of)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pseudonyms) and hmac.compare_digest(self._key, other._key)

    def __hash__(self) -> int:
        return hash(self.of("name", ""))

    def of(self, kind: Kind, value: str) -> str:
        """The pseudonym of a thing; equal things have equal ones."""
        return self._remembered(kind, value)

    def ref(self, reference: Ref) -> str:
        """The same of a reference."""
        return self._remembered(reference.kind, reference.value)

    def _of(self, kind: Kind, value: str) -> str:
        return self.exact(Ref(kind, value).canonical)

    def exact(self, thing: Ref) -> str:
        """The pseudonym of a reference that is in its one form already."""
        return f"{thing.kind}-{b32encode(self._digest(thing))[:LENGTH].decode().lower()}"

    def bits(self, thing: Ref) -> int:
        """What :func:`bits_of` tells of its pseudonym: quicker, where many are compared."""
        return int.from_bytes(self._digest(thing)[:_OCTETS], "big") >> _SPARE

    def _digest(self, thing: Ref) -> bytes:
        message = f"{thing.kind}\0{thing.value}".encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, message, "sha256")


def kind_of(token: str) -> Kind | None:
    """What kind of thing a pseudonym stands for; ``None`` where it is none."""
    match = _TOKEN.fullmatch(token)
    return cast("Kind", match[1]) if match is not None else None


def bits_of(token: str) -> int:
    """The part of the digest that a pseudonym has, as a number."""
    return int(token[-LENGTH:].translate(_DIGITS), 32)
