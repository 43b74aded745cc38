"""The second line: text is searched for whatever could tell of a tenant, and that is taken out.

It errs on the side of silence: a run of hexadecimal digits goes, whether or not it was an id.  In a
record no free text is allowed at all; this is for text that is written elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

#: Stands where something was taken out.
REDACTED: Final = "[redacted]"

_HEX: Final = "[0-9A-Fa-f]"
#: What may stand behind an address: a zone (RFC 4007), maybe behind a bracket; a length.
_TAIL: Final = r"(?:\]?%[\w.:@-]+)?(?:/\d{1,3}(?:\.\d{1,3}){3}|/\d{1,3})?"

#: What stays, although it looks like something else: a log is of no use without times.
_TIME: Final = r"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)?)"

# None of them asks for a boundary before it: text may have been put together without a space.
_PATTERNS: Final = (
    # Namespaces and devices of ours, with whatever follows.
    r"(?:qrouter|snat|fip|net)-[\w.-]+",
    r"(?:qr|qg|sg|fg|rfp|fpr|tap|br)[-.][\w.-]+",
    r"tap[0-9A-Fa-f-]{4,}",
    # IPv6 in every spelling has two colons; so has a MAC address with colons.
    rf"(?:{_HEX}{{0,4}}:){{2,}}(?:\d{{1,3}}(?:\.\d{{1,3}}){{3}}|{_HEX}{{0,4}}){_TAIL}",
    # IPv4, octets of any length of digits.
    rf"\d{{1,3}}(?:\.\d{{1,3}}){{3}}{_TAIL}",
    r"0[xX][0-9A-Fa-f]{4,}",
    # UUIDs and MAC addresses with dashes or dots, EUI-64 too; a key is longer, and nothing of it stays.
    rf"{_HEX}{{8}}-?{_HEX}{{4}}-?{_HEX}{{4}}-?{_HEX}{{4}}-?{_HEX}{{12,}}",
    rf"{_HEX}{{1,2}}(?:-{_HEX}{{1,2}}){{5,7}}",
    rf"{_HEX}{{4}}(?:[.-]{_HEX}{{4}}){{2,3}}",
    # Hexadecimal ids, whole or cut; numbers that may be addresses.
    rf"{_HEX}{{8,}}",
    # Tokens and keys.
    r"[A-Za-z0-9_+/=-]{24,}",
    # Paths.
    r"(?<![\w.])(?:/[^\s/:'\"]+){2,}/?",
)
_SENSITIVE: Final = re.compile("|".join((_TIME, *_PATTERNS)))


def redact(text: str, names: Iterable[str] = ()) -> tuple[str, int]:
    """Text without addresses, prefixes, MAC addresses, ids, tokens, paths and names of ours.

    Args:
        text: anything.
        names: of a view, which no pattern can tell.

    Returns:
        The rest, and how much was taken out.
    """
    known = _any_of(frozenset(names))
    without, count = known.subn(REDACTED, text) if known is not None else (text, 0)
    # Again, as long as there is anything: what stands behind a part that was taken out may only now be
    # told (a path after a name), and each time there is less.
    while True:
        parts = [_cleaned(part) for part in without.split(REDACTED)]
        found = sum(taken for _, taken in parts)
        without = REDACTED.join(part for part, _ in parts)
        count += found
        if not found:
            return without, count


def _cleaned(text: str) -> tuple[str, int]:
    count = 0

    def taken(found: re.Match[str]) -> str:
        nonlocal count
        if found["time"] is not None:
            return found[0]
        count += 1
        return REDACTED

    return _SENSITIVE.sub(taken, text), count


def holds(text: str, names: Iterable[str] = ()) -> bool:
    """Whether there is anything to take out."""
    return redact(text, names)[1] > 0


@lru_cache(maxsize=8)
def _any_of(names: frozenset[str]) -> re.Pattern[str] | None:
    longest_first = sorted((name for name in names if name), key=lambda name: (-len(name), name))
    return re.compile("|".join(map(re.escape, longest_first))) if longest_first else None
