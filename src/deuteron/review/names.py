"""Names in an abstract syntax tree: dotted names, their words, and what those say."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain

#: A function of either kind.
Function = ast.FunctionDef | ast.AsyncFunctionDef
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
#: What has a body of its own; a walk through a function does not enter it.
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)

_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")


def word_set(listed: str) -> frozenset[str]:
    """The words of a list that is written with blanks."""
    return frozenset(listed.split())


def dotted(node: ast.AST | None) -> str:
    """``self.driver.plug`` of an attribute, a name, a call of one or an item of one; "" otherwise."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=attr):
            before = dotted(value)
            return f"{before}.{attr}" if before else attr
        case ast.Call(func=func):
            return dotted(func)
        case ast.Subscript(value=value):
            return dotted(value)
        case ast.Await(value=value):
            return dotted(value)
    return ""


def last(node: ast.AST | None) -> str:
    """The last part of the dotted name, without leading underscores."""
    return dotted(node).rpartition(".")[2].lstrip("_")


def receiver(call: ast.Call) -> str:
    """What the method is called on, "" for a plain function."""
    return dotted(call.func.value) if isinstance(call.func, ast.Attribute) else ""


def words(name: str) -> tuple[str, ...]:
    """``rtr_2_fipDev`` -> rtr, 2, fip, dev."""
    return tuple(word.lower() for word in _WORD.findall(name))


def text(node: ast.AST | None) -> str | None:
    """The value of a string constant."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    """The value of a keyword argument."""
    return next((one.value for one in call.keywords if one.arg == name), None)


def is_constant(node: ast.AST | None, value: object) -> bool:
    """Whether it is just this ``True``, ``False`` or ``None``."""
    return isinstance(node, ast.Constant) and node.value is value


def self_attribute(node: ast.AST | None) -> str | None:
    """``x`` of ``self.x`` or ``cls.x``."""
    if (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in ("self", "cls")
    ):
        return node.attr
    return None


@lru_cache(maxsize=1 << 15)
def walk(node: ast.AST) -> tuple[ast.AST, ...]:
    """A node and all below it in the order of the text, without entering other scopes."""
    found: list[ast.AST] = []
    ahead = [node]
    while ahead:
        one = ahead.pop()
        found.append(one)
        below = [child for child in ast.iter_child_nodes(one) if not isinstance(child, SCOPES)]
        ahead.extend(reversed(below))
    return tuple(found)


def inside(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """All nodes of a body, without entering other scopes."""
    return chain.from_iterable(walk(one) for one in body if not isinstance(one, SCOPES))


@lru_cache(maxsize=1 << 15)
def calls(node: ast.AST) -> tuple[ast.Call, ...]:
    """The calls in a node, in the order of the text."""
    return tuple(one for one in walk(node) if isinstance(one, ast.Call))


def strings(node: ast.AST) -> list[str]:
    """Every string constant in it, the parts of f-strings too."""
    return [
        one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)
    ]


def names(node: ast.AST) -> set[str]:
    """Every plain name that is read in it."""
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def parameters(function: Function) -> set[str]:
    """Its parameters' names."""
    a = function.args
    every = [*a.posonlyargs, *a.args, *a.kwonlyargs, *(one for one in (a.vararg, a.kwarg) if one)]
    return {one.arg for one in every}


def suites(node: ast.AST) -> Iterator[list[ast.stmt]]:
    """Each list of statements in it, its own too, without entering other scopes."""
    for field in ("body", "orelse", "finalbody"):
        block = getattr(node, field, None)
        if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
            yield block
            for statement in block:
                if not isinstance(statement, SCOPES):
                    yield from suites(statement)
    for handler in getattr(node, "handlers", ()):
        yield from suites(handler)
    for case in getattr(node, "cases", ()):
        yield from suites(case)
