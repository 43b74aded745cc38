"""The rules as Bandit plugins, one for each: entry points of the group ``bandit.plugins``.

Bandit asks every plugin about every node and takes one answer; a module is examined once, its
hits are laid on its simple statements, and a plugin answers with the hit of its rule that lies
on the statement it is asked about.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from typing import Final, Protocol

import bandit
from bandit.core import test_properties

from deuteron.review.hit import Hit
from deuteron.review.module import examine
from deuteron.review.rules import RULES, ReviewRule

#: Statements without a body: what a ``# nosec`` on one of their lines is about is clear.
SIMPLE: Final = (
    *("Assign", "AugAssign", "AnnAssign", "Delete", "Expr", "Return", "Raise", "Assert"),
    *("Pass", "Break", "Continue", "Import", "ImportFrom", "Global", "Nonlocal"),
)
_TYPES: Final = tuple(getattr(ast, name) for name in SIMPLE)

#: By rule and the statement's place among all nodes of the module.
Laid = dict[tuple[str, int], Hit]


class Context(Protocol):
    """What Bandit tells a plugin, as far as it is used here."""

    @property
    def node(self) -> ast.AST | None:
        """The node; none where it is about the file as a whole."""
        ...

    _context: dict[str, object]


Plugin = Callable[[Context], "bandit.Issue | None"]


class Last:
    """The module that was examined last: Bandit goes through one after the other."""

    def __init__(self) -> None:
        self._tree: ast.Module | None = None
        self._stream: object = None
        self._laid: Laid = {}
        self._left: list[Hit] = []

    def at(self, rule: str, context: Context) -> Hit | None:
        """The hit that lies on the node; for the file as a whole what found no place."""
        if context.node is None:
            if context._context["file_data"] is not self._stream:  # noqa: SLF001  # there is no other way to it
                text = _text(context)
                self._examine(ast.parse(text), text, context)
            return together([one for one in self._left if one.rule == rule])
        tree = _module(context.node)
        if tree is not None and tree is not self._tree:
            self._examine(tree, _text(context), context)
        return self._laid.get((rule, id(context.node)))

    def _examine(self, tree: ast.Module, text: str, context: Context) -> None:
        self._tree, self._stream = tree, context._context["file_data"]  # noqa: SLF001  # there is no other way
        self._laid, self._left = {}, []
        self._laid, self._left = lay(tree, examine(tree, text))


_last: Final = Last()


def lay(tree: ast.Module, hits: Iterable[Hit]) -> tuple[Laid, list[Hit]]:
    """Each hit on the simple statement that is nearest and has none of this rule yet; and what is left."""
    simple = [node for node in ast.walk(tree) if isinstance(node, _TYPES)]
    laid: Laid = {}
    left: list[Hit] = []
    for hit in hits:
        free = [node for node in simple if (hit.rule, id(node)) not in laid]
        if free:
            laid[hit.rule, id(min(free, key=lambda node: _distance(node, hit.line)))] = hit
        else:
            left.append(hit)
    return laid, left


def together(hits: list[Hit]) -> Hit | None:
    """The first, which says how many more there are; Bandit takes one answer for a file."""
    if len(hits) < 2:
        return hits[0] if hits else None
    more = ", ".join(str(one.line) for one in hits[1:])
    return hits[0]._replace(message=f"{hits[0].message}; so in line {more}")


def _distance(node: ast.stmt, line: int) -> tuple[int, int]:
    end = node.end_lineno or node.lineno
    return max(node.lineno - line, line - end, 0), end - node.lineno


def _module(node: ast.AST) -> ast.Module | None:
    """Bandit leaves each node its parent."""
    while not isinstance(node, ast.Module):
        parent = getattr(node, "_bandit_parent", None)
        if parent is None:
            return None
        node = parent
    return node


def _text(context: Context) -> str:
    """The file's text; Bandit has it open."""
    stream = context._context["file_data"]  # noqa: SLF001  # Bandit has no other way to it
    stream.seek(0)  # type: ignore[attr-defined]  # a binary stream
    found = stream.read()  # type: ignore[attr-defined]  # a binary stream
    return bytes(found).decode("utf-8", "replace")


def _plugin(rule: ReviewRule) -> Plugin:
    def ask(context: Context) -> bandit.Issue | None:
        found = _last.at(rule.id, context)
        return None if found is None else issue(rule, found)

    ask.__name__ = ask.__qualname__ = f"deuteron_{rule.id.lower()}"
    ask.__doc__ = f"{rule.id}: {rule.title}."
    checked: Plugin = test_properties.checks(*SIMPLE, "File")(ask)
    named: Plugin = test_properties.test_id(rule.id)(checked)
    return named


def issue(rule: ReviewRule, hit: Hit) -> bandit.Issue:
    """The hit in Bandit's form."""
    found = bandit.Issue(
        severity=rule.severity,
        confidence=bandit.MEDIUM,
        cwe=rule.cwe,
        text=f"{hit.message}. {rule.mend}",
        ident=hit.message,
        lineno=hit.line,
        test_id=rule.id,
        col_offset=0,
    )
    found.linerange = list(range(hit.line, hit.end + 1))
    return found


PLUGINS: Final = {rule.id: _plugin(rule) for rule in RULES}


def __getattr__(name: str) -> Plugin:
    """``deuteron_r101`` and so on: what the entry points name."""
    found = PLUGINS.get(name.removeprefix("deuteron_").upper())
    if found is None or not name.startswith("deuteron_"):
        raise AttributeError(name)
    return found
