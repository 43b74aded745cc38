"""One module as the checks see it: its tree, its comments, and what its imported names stand for."""

from __future__ import annotations

import ast
import io
import tokenize
from functools import cached_property

from deuteron.review.names import FUNCTIONS, Function, dotted


class Source:
    """A parsed module.

    Args:
        tree: the module.
        text: what it was parsed from.
    """

    def __init__(self, tree: ast.Module, text: str) -> None:
        self.tree = tree
        self.text = text

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """Every node."""
        return tuple(ast.walk(self.tree))

    @cached_property
    def functions(self) -> list[Function]:
        """Every function and method."""
        return [node for node in self.nodes if isinstance(node, FUNCTIONS)]

    @cached_property
    def classes(self) -> list[ast.ClassDef]:
        """Every class."""
        return [node for node in self.nodes if isinstance(node, ast.ClassDef)]

    @cached_property
    def class_of(self) -> dict[Function, ast.ClassDef]:
        """The class of each method, also for a function within a method."""
        return {
            function: owner
            for owner in self.classes
            for function in ast.walk(owner)
            if isinstance(function, FUNCTIONS)
        }

    @cached_property
    def by_name(self) -> dict[str, list[Function]]:
        """Functions and methods of this module by their plain name."""
        found: dict[str, list[Function]] = {}
        for function in self.functions:
            found.setdefault(function.name, []).append(function)
        return found

    @cached_property
    def aliases(self) -> dict[str, str]:
        """What an imported name stands for: ``run`` -> ``subprocess.run``."""
        found: dict[str, str] = {}
        for node in self.nodes:
            if isinstance(node, ast.Import):
                found.update({one.asname: one.name for one in node.names if one.asname})
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.update({one.asname or one.name: f"{node.module}.{one.name}" for one in node.names})
        return found

    @cached_property
    def comments(self) -> list[tuple[int, str]]:
        """Line and text of each comment."""
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        return [(one.start[0], one.string) for one in tokens if one.type == tokenize.COMMENT]

    def called(self, call: ast.Call) -> str:
        """The full name of what is called, through the imports."""
        name = dotted(call.func)
        first, dot, rest = name.partition(".")
        return f"{self.aliases.get(first, first)}{dot}{rest}"
