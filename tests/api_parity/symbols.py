"""What no two runs have alike, by symbols: ids, MACs, chosen addresses, times, the server's own place.

A recording says ``<id-3>`` where the peer said a UUID: the same symbol wherever it said the same UUID.
Beside an answer of ours each symbol is bound to what stands in its place the first time, and must stand
there ever after; so answers are equal up to renaming, and requests are repeated with our own names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

_UUID: Final = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_MAC: Final = r"fa:16:3e(?::[0-9a-f]{2}){3}"
_TIME: Final = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
_CLOCK: Final = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?"
#: Of each kind of symbol what may stand in its place.
FORMS: Final[Mapping[str, str]] = {
    "id": _UUID,
    "mac": _MAC,
    "address": r"[0-9a-f.:]+",
    "time": _TIME,
    "clock": _CLOCK,
    "request": rf"req-{_UUID}",
}
_FOUND: Final = re.compile(
    rf"(?P<request>req-{_UUID})|(?P<id>\b{_UUID}\b)|(?P<mac>\b{_MAC}\b)|(?P<time>{_TIME})|(?P<clock>{_CLOCK})"
)
_SYMBOL: Final = re.compile(r"<(id|mac|address)-(\d+)>|<(time|clock|request)>")
#: Attributes whose address the server has chosen, where the client did not.
_CHOSEN: Final = frozenset(
    {"ip_address", "floating_ip_address", "fixed_ip_address", "internal_ip_address", "ip_version"}
)


class Symbols:
    """Gives symbols to what a peer says, in the order in which it is first said.

    Args:
        base: the peer's own URL, ``<url>`` from now on.
    """

    def __init__(self, base: str) -> None:
        self._base = base
        self._known: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        self._said: set[str] = set()

    def asked(self, value: Any) -> None:
        """What a client says is no choice of the server's: it stays as it is."""
        for one in strings(value):
            self._said.add(one)
            self._said.update(found[0] for found in _FOUND.finditer(one))

    def request(self, value: Any) -> Any:
        """What a client says, with the symbols of what the peer had said before."""
        if isinstance(value, dict):
            return {name: self.request(one) for name, one in value.items()}
        if isinstance(value, list):
            return [self.request(one) for one in value]
        if not isinstance(value, str):
            return value
        for said, symbol in self._known.items():
            if said in value and not symbol.startswith("<address"):
                value = value.replace(said, symbol)
            elif said in value:
                value = re.sub(rf"(?<![\w.:]){re.escape(said)}(?![\w:]|\.\d)", symbol, value)
        return value

    def of(self, value: Any, key: str = "") -> Any:
        """A value of JSON with its symbols."""
        if isinstance(value, dict):
            return {name: self.of(one, name) for name, one in value.items()}
        if isinstance(value, list):
            return [self.of(one, key) for one in value]
        if not isinstance(value, str):
            return value
        if key in _CHOSEN and value and value not in self._said:
            return self._known.get(value) or self._new("address", value)
        return self.text(value)

    def text(self, text: str) -> str:
        """Any text with its symbols."""
        for value, symbol in self._known.items():
            if symbol.startswith("<address") and value in text:
                text = re.sub(rf"(?<![\w.:]){re.escape(value)}(?![\w:]|\.\d)", symbol, text)
        return _FOUND.sub(self._one, text.replace(self._base, "<url>"))

    def _one(self, found: re.Match[str]) -> str:
        kind, value = str(found.lastgroup), found[0]
        if kind in {"time", "clock", "request"}:
            return f"<{kind}>"
        if value in self._known:
            return self._known[value]
        return value if value in self._said else self._new(kind, value)

    def _new(self, kind: str, value: str) -> str:
        self._counts[kind] = self._counts.get(kind, 0) + 1
        self._known[value] = f"<{kind}-{self._counts[kind]}>"
        return self._known[value]


def strings(value: Any) -> list[str]:
    """Every string in a value of JSON, keys aside."""
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [found for one in inner for found in strings(one)]


class UnboundError(LookupError):
    """A request speaks of something that the other server never answered."""


class Bindings(msgspec.Struct):
    """What stands for each symbol at the other server."""

    base: str
    values: dict[str, str] = {}
    #: Of a resource by its id's symbol: how far its revision number is from the peer's.
    apart: dict[str, int] = {}

    def copy(self) -> Bindings:
        """The same, to try something with."""
        return Bindings(self.base, dict(self.values), dict(self.apart))

    def revised(self, recorded: Mapping[str, Any], ours: Mapping[str, Any]) -> None:
        """Take note of a resource's revision number: what only compares it goes on by ours."""
        of, one, other = recorded.get("id"), recorded.get("revision_number"), ours.get("revision_number")
        if isinstance(of, str) and isinstance(one, int) and isinstance(other, int):
            self.apart[of] = other - one

    def matching(self, header: str, path: str) -> str:
        """``If-Match`` with our revision number of what the path names."""
        apart = next((self.apart[found[0]] for found in _SYMBOL.finditer(path) if found[0] in self.apart), 0)
        return re.sub(r"(?<=revision_number=)\d+", lambda found: str(int(found[0]) + apart), header)

    def request(self, text: str) -> str:
        """A request's text as it is said to the other server.

        Raises:
            UnboundError: it has not said that yet.
        """

        def put(found: re.Match[str]) -> str:
            if found[0] not in self.values:
                raise UnboundError(found[0])
            return self.values[found[0]]

        return _SYMBOL.sub(put, text.replace("<url>", self.base))

    def equal(self, recorded: str, ours: str) -> bool:
        """Whether a text of ours says the same; its symbols are bound by the way."""
        if "<" not in recorded:
            return recorded == ours
        fresh: list[str] = []

        def form(found: re.Match[str]) -> str:
            symbol = found[0]
            if symbol in self.values:
                return re.escape(self.values[symbol])
            if found[3]:
                return FORMS[found[3]]
            if symbol in fresh:
                return rf"(?P=s{fresh.index(symbol)})"
            fresh.append(symbol)
            return f"(?P<s{len(fresh) - 1}>{FORMS[found[1]]})"

        parts: list[str] = []
        end = 0
        for found in _SYMBOL.finditer(recorded):
            parts += [self._plain(recorded[end : found.start()]), form(found)]
            end = found.end()
        match = re.fullmatch("".join([*parts, self._plain(recorded[end:])]), ours, re.DOTALL)
        if match is None:
            return False
        self.values.update({symbol: match[f"s{number}"] for number, symbol in enumerate(fresh)})
        return True

    def _plain(self, text: str) -> str:
        return re.escape(text.replace("<url>", self.base))
