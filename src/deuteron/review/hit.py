"""What the analysis hands on."""

from __future__ import annotations

import ast
from typing import NamedTuple


class Hit(NamedTuple):
    """One rule at one place.

    Attributes:
        rule: its id.
        line: counted from 1.
        end: the last line that it is about.
        message: what is the matter here, with the names of the source.
    """

    rule: str
    line: int
    end: int
    message: str


def hit(rule: str, node: ast.stmt | ast.expr | ast.ExceptHandler, message: str) -> Hit:
    """A hit on a node; of a compound statement only its first line."""
    compound = isinstance(node, ast.stmt) and hasattr(node, "body")
    end = node.lineno if compound or node.end_lineno is None else node.end_lineno
    return Hit(rule, node.lineno, end, message)
