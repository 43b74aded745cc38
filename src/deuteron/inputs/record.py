"""Typed reading of decoded JSON; every refusal names the file and the path within it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NoReturn, TypeVar

from deuteron.domain.validation import FieldError, canonical_address, canonical_mac, canonical_prefix
from deuteron.errors import InputError

_V = TypeVar("_V")


class EntryError(InputError):
    """An object of the answer is not acceptable.

    Args:
        path: of that object, for instance ``sync_routers[0].gw_port``.
    """

    def __init__(self, code: str, message: str, path: str) -> None:
        super().__init__(code, message)
        self.path = path


class Record:
    """One JSON object, with its path for messages, for instance ``sync_routers[0].gw_port``.

    An absent key and one that is null are the same here, as they are for an agent.
    """

    __slots__ = ("data", "file", "path")

    def __init__(self, file: str, path: str, data: object) -> None:
        self.file, self.path = file, path
        if not isinstance(data, dict):
            self.refuse("wrong-type", "", "must be an object")
        self.data: dict[str, object] = data

    def refuse(self, code: str, key: str, sentence: str) -> NoReturn:
        """Raise the refusal of a value."""
        place = ".".join(part for part in (self.path, key) if part)
        where = f"{self.file}: {place}" if place else self.file
        raise EntryError(code, f"{where}: {sentence}", self.path)

    def make(self, error: FieldError) -> NoReturn:
        """Turn the refusal of a value made from this object into one with a place."""
        self.refuse(error.code, error.field, error.sentence)

    def has(self, key: str) -> bool:
        """Whether there is a value other than null."""
        return self.data.get(key) is not None

    def text(self, key: str, default: str | None = None) -> str:
        """A string; without a default it must be there."""
        value = self.data.get(key)
        if value is None and default is not None:
            return default
        if not isinstance(value, str):
            self.refuse("missing-key" if value is None else "wrong-type", key, "must be a string")
        return value

    def boolean(self, key: str, default: bool) -> bool:
        """True or false."""
        value = self.data.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.refuse("wrong-type", key, "must be true or false")
        return value

    def integer(self, key: str, default: int) -> int:
        """A number."""
        value = self.data.get(key)
        if value is None:
            return default
        if not isinstance(value, int) or isinstance(value, bool):
            self.refuse("wrong-type", key, "must be a number")
        return value

    def address(self, key: str) -> str:
        """A canonical address, or "" where there is none."""
        text = self.text(key, "")
        try:
            return canonical_address(text) if text else ""
        except ValueError:
            self.refuse("bad-value", key, f"{text!r} is not an IP address")

    def prefix(self, key: str) -> str:
        """A canonical prefix."""
        text = self.text(key)
        try:
            return canonical_prefix(text)
        except ValueError:
            self.refuse("bad-value", key, f"{text!r} is not a prefix")

    def mac(self, key: str) -> str:
        """A canonical MAC address, or "" where there is none."""
        text = self.text(key, "")
        try:
            return canonical_mac(text) if text else ""
        except ValueError:
            self.refuse("bad-value", key, f"{text!r} is not a MAC address")

    def items(self, key: str) -> list[object]:
        """The values of a list."""
        value = self.data.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            self.refuse("wrong-type", key, "must be a list")
        return value

    def records(self, key: str) -> Iterator[Record]:
        """The objects of a list."""
        for index, value in enumerate(self.items(key)):
            yield self.element(key, index, value)

    def element(self, key: str, index: int, value: object) -> Record:
        """One object of a list."""
        return Record(self.file, f"{self.path}.{key}[{index}]".lstrip("."), value)

    def record(self, key: str) -> Record | None:
        """An object; ``None`` where it is absent, null or empty."""
        value = self.data.get(key)
        if value is None or value == {}:
            return None
        return Record(self.file, f"{self.path}.{key}".lstrip("."), value)


def printable(name: str) -> str:
    """A name of Neutron's, which may hold anything, as a name of ours."""
    return "".join(char if char.isprintable() else "?" for char in name)[:255]
