"""YAML text as a tree in which every value knows its line.

libyaml's events are read one by one, so neither depth nor aliases can exhaust the stack,
and a plain scalar stays the text that was written: ``00:11:22:33:44:55`` is a MAC
address here, not the base-60 number that YAML 1.1 takes it for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NoReturn

import yaml

from deuteron.errors import InputError

#: The C parser where PyYAML has it; it is some ten times as fast.
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

#: No topology is nested deeper than this.
_DEPTH: Final = 32

_NULL: Final = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE: Final = frozenset({"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"})
_FALSE: Final = frozenset({"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"})
_STANDARD: Final = "tag:yaml.org,2002:"
_SCALARS: Final = frozenset(_STANDARD + tag for tag in ("str", "int", "bool", "null", "float"))
_COLLECTIONS: Final = frozenset(_STANDARD + tag for tag in ("map", "seq"))


class Scalar:
    """A single value, as written."""

    __slots__ = ("line", "quoted", "text")

    def __init__(self, line: int, text: str, quoted: bool) -> None:
        self.line, self.text, self.quoted = line, text, quoted

    @property
    def is_null(self) -> bool:
        """Nothing, ``~`` or ``null``."""
        return not self.quoted and self.text in _NULL

    def boolean(self) -> bool | None:
        """As a truth value; ``None`` where it is none."""
        if self.quoted:
            return None
        return True if self.text in _TRUE else False if self.text in _FALSE else None

    def integer(self) -> int | None:
        """As a decimal number; ``None`` where it is none."""
        digits = self.text.removeprefix("-")
        return int(self.text) if digits.isdecimal() and digits.isascii() and len(digits) < 20 else None

    @property
    def plain(self) -> object:
        """As Python's value."""
        if self.is_null:
            return None
        truth = self.boolean()
        if truth is not None:
            return truth
        number = None if self.quoted else self.integer()
        return self.text if number is None else number


class Sequence:
    """A list."""

    __slots__ = ("items", "line")

    def __init__(self, line: int) -> None:
        self.line = line
        self.items: list[Node] = []

    @property
    def plain(self) -> object:
        """As Python's value."""
        return [item.plain for item in self.items]


class Mapping:
    """Keys and values; a key stands once."""

    __slots__ = ("items", "line", "pending")

    def __init__(self, line: int) -> None:
        self.line = line
        self.items: dict[str, Node] = {}
        self.pending: str | None = None

    @property
    def plain(self) -> object:
        """As Python's value."""
        return {key: item.plain for key, item in self.items.items()}


Node = Scalar | Sequence | Mapping


def parse(text: str, file: str) -> Node:
    """The one document of a YAML text.

    Raises:
        InputError: ``not-yaml``, ``duplicate-key``, ``too-deep``, ``empty-file``.
    """
    builder = _Builder(file)
    for event in _events(text, file):
        builder.take(event)
    if builder.root is None:
        raise InputError("empty-file", f"{file}: the file is empty; write {{}} if nothing is to be there")
    return builder.root


def _events(text: str, file: str) -> Iterator[Any]:
    try:
        yield from yaml.parse(text, Loader=_LOADER)
    except (yaml.YAMLError, UnicodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be read"
        raise InputError("not-yaml", f"{file}{line}: this is not YAML: {problem}") from error


class _Builder:
    """Puts events together; a stack in place of recursion."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.root: Node | None = None
        self.stack: list[Sequence | Mapping] = []
        self.anchors: dict[str, Node] = {}

    def take(self, event: yaml.Event) -> None:
        """One event more."""
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.ScalarEvent):
            self._check_tag(event.tag, _SCALARS, line)
            quoted = bool(event.style) or event.tag == _STANDARD + "str"
            self._add(Scalar(line, event.value, quoted), event.anchor, line)
        elif isinstance(event, yaml.AliasEvent):
            self._add(self._alias(str(event.anchor), line), None, line)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._open(event, line)
        elif isinstance(event, yaml.CollectionEndEvent):
            self.stack.pop()
        elif isinstance(event, yaml.DocumentStartEvent) and self.root is not None:
            self._refuse("not-yaml", line, "a second document starts here; one file is one topology")

    def _open(self, event: yaml.CollectionStartEvent, line: int) -> None:
        self._check_tag(event.tag, _COLLECTIONS, line)
        if len(self.stack) >= _DEPTH:
            self._refuse("too-deep", line, f"values are nested deeper than {_DEPTH}")
        node = Mapping(line) if isinstance(event, yaml.MappingStartEvent) else Sequence(line)
        self._add(node, event.anchor, line)
        self.stack.append(node)

    def _alias(self, anchor: str, line: int) -> Node:
        node = self.anchors.get(anchor)
        if node is None:
            self._refuse("not-yaml", line, f"this is not YAML: there is no anchor {anchor!r} above")
        # What holds others is not aliased: it might hold itself, or double at every level.
        if not isinstance(node, Scalar):
            self._refuse(
                "not-yaml", line, "only single values may be repeated by an alias; write the entry out"
            )
        return Scalar(line, node.text, node.quoted)

    def _add(self, node: Node, anchor: str | None, line: int) -> None:
        if anchor is not None:
            self.anchors[anchor] = node
        if not self.stack:
            self.root = node
            return
        parent = self.stack[-1]
        if isinstance(parent, Sequence):
            parent.items.append(node)
        elif parent.pending is not None:
            parent.items[parent.pending] = node
            parent.pending = None
        else:
            parent.pending = self._key(parent, node, line)

    def _key(self, parent: Mapping, node: Node, line: int) -> str:
        if not isinstance(node, Scalar):
            self._refuse("wrong-type", line, "a key is a word, not a list or a mapping")
        if node.text in parent.items:
            self._refuse("duplicate-key", line, f"the key {node.text!r} stands here twice; keep one")
        return node.text

    def _check_tag(self, tag: str | None, known: frozenset[str], line: int) -> None:
        if tag not in known and tag not in {None, "!"}:
            self._refuse("not-yaml", line, f"the tag {tag!r} is not one of a topology; remove it")

    def _refuse(self, code: str, line: int, sentence: str) -> NoReturn:
        raise InputError(code, f"{self.file}:{line}: {sentence}")
