"""All rules over one module."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Final

from deuteron.review import commands, disclosure, files_care, locking, open_work, resources, undo
from deuteron.review.hit import Hit
from deuteron.review.source import Source

CHECKS: Final[tuple[Callable[[Source], Iterator[Hit]], ...]] = (
    resources.check,
    undo.check,
    commands.check,
    locking.check,
    disclosure.check,
    open_work.check,
    files_care.check,
)


def examine(tree: ast.Module, text: str) -> tuple[Hit, ...]:
    """Every hit in a parsed module, by line; one for each rule and line."""
    source = Source(tree, text)
    found: dict[tuple[str, int], Hit] = {}
    for check in CHECKS:
        for hit in check(source):
            found.setdefault((hit.rule, hit.line), hit)
    return tuple(sorted(found.values(), key=lambda hit: (hit.line, hit.rule)))


def examine_text(text: str) -> tuple[Hit, ...]:
    """The same of a text.

    Raises:
        SyntaxError: it is no Python.
    """
    return examine(ast.parse(text), text)
