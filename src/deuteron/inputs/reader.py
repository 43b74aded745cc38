"""Typed reading of a parsed entry; every refusal names file, line, entry and field."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import NoReturn

from deuteron.domain.validation import canonical_address, canonical_mac, canonical_prefix
from deuteron.errors import InputError
from deuteron.inputs.attributes import Schema
from deuteron.inputs.document import Mapping, Node, Scalar, Sequence


def nearest(word: str, known: Iterable[str]) -> str:
    """``; did you mean 'x'?`` where a known word is near, else nothing."""
    matches = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean {matches[0]!r}?" if matches else ""


class Entry:
    """One mapping of the file, with its path for messages, for instance ``routers[2]``."""

    __slots__ = ("file", "items", "line", "path")

    def __init__(self, file: str, path: str, node: Node) -> None:
        self.file, self.path, self.line = file, path, node.line
        if not isinstance(node, Mapping):
            self.refuse("wrong-type", "", "must be a mapping, like {name: web}")
        self.items = node.items

    def refuse(self, code: str, field: str, sentence: str) -> NoReturn:
        """Raise the refusal of a field, or of the entry where ``field`` is empty."""
        node = self.items.get(field) if field and hasattr(self, "items") else None
        line = node.line if node else self.line
        place = ".".join(part for part in (self.path, field) if part)
        raise InputError(code, f"{self.file}:{line}: {place}: {sentence}")

    def check_keys(self, schema: Schema) -> None:
        """Refuse what the schema does not know, and what it knows but cannot honour."""
        for key, node in self.items.items():
            if key in schema.read or key in schema.descriptive:
                continue
            harmless = schema.harmless.get(key)
            if harmless is None:
                self._unknown(key, schema)
            elif not any(_same(node.plain, value) for value in harmless.values):
                self.refuse("not-honoured", key, harmless.why)

    def _unknown(self, key: str, schema: Schema) -> NoReturn:
        if key in schema.read_only:
            self.refuse("unknown-key", key, "is an answer of the API, not part of a request; remove it")
        hint = nearest(key, schema.known) or f"; known are {', '.join(sorted(schema.read))}"
        self.refuse("unknown-key", key, f"a {schema.kind} has no such key{hint}")

    def has(self, key: str) -> bool:
        """Whether the key is there with a value other than null."""
        node = self.items.get(key)
        return node is not None and not (isinstance(node, Scalar) and node.is_null)

    def text(self, key: str, default: str | None = None) -> str:
        """A word, as written; without a default it must be there."""
        node = self.items.get(key)
        if node is None or (isinstance(node, Scalar) and node.is_null):
            if default is None:
                self.refuse("missing-key", key, "must be there")
            return default
        if not isinstance(node, Scalar):
            self.refuse("wrong-type", key, "must be a single value")
        return node.text

    def boolean(self, key: str, default: bool) -> bool:
        """True or false."""
        node = self.items.get(key)
        if node is None:
            return default
        truth = node.boolean() if isinstance(node, Scalar) else None
        if truth is None:
            self.refuse("wrong-type", key, "must be true or false")
        return truth

    def integer(self, key: str, default: int | None = None) -> int:
        """A decimal number."""
        if not self.has(key) and default is not None:
            return default
        node = self.items.get(key)
        number = node.integer() if isinstance(node, Scalar) else None
        if number is None:
            self.refuse("wrong-type" if self.has(key) else "missing-key", key, "must be a number")
        return number

    def address(self, key: str) -> str:
        """A canonical address, or "" where there is none."""
        text = self.text(key, "")
        if not text:
            return ""
        try:
            return canonical_address(text)
        except ValueError:
            self.refuse("bad-value", key, f"{text!r} is not an IP address")

    def prefix(self, key: str) -> str:
        """A canonical prefix; what is none is left for the value to refuse."""
        text = self.text(key)
        try:
            return canonical_prefix(text)
        except ValueError:
            return text

    def mac(self, key: str) -> str:
        """A canonical MAC address, or "" where there is none."""
        text = self.text(key, "")
        try:
            return canonical_mac(text) if text else ""
        except ValueError:
            self.refuse("bad-value", key, f"{text!r} is not a MAC address like fa:16:3e:00:00:01")

    def entries(self, key: str) -> Iterator[Entry]:
        """The mappings of a list."""
        for index, node in enumerate(self.nodes(key)):
            yield Entry(self.file, f"{self.path}.{key}[{index}]".lstrip("."), node)

    def nodes(self, key: str) -> list[Node]:
        """The values of a list; an absent or null one is empty."""
        node = self.items.get(key)
        if node is None or (isinstance(node, Scalar) and node.is_null):
            return []
        if not isinstance(node, Sequence):
            self.refuse("wrong-type", key, "must be a list")
        return node.items

    def entry(self, key: str) -> Entry | None:
        """A mapping; ``None`` where it is absent, null or empty."""
        node = self.items.get(key)
        if node is None or (isinstance(node, Scalar) and node.is_null):
            return None
        if isinstance(node, Mapping) and not node.items:
            return None
        return Entry(self.file, f"{self.path}.{key}".lstrip("."), node)


def _same(value: object, harmless: object) -> bool:
    """Equality in which false is not zero, and an empty list or mapping is ``()``."""
    if harmless == ():
        return value in ([], {})
    return value is harmless or (isinstance(value, str) and value == harmless)
