"""Where a thing that was taken may still be held: a walk over every path of a function.

The states are ``TAKEN`` and its absence; the ways out of a statement are falling through to the next
one, raising, returning, breaking and continuing.  A call may raise, an assignment of names may
not.  A handler is taken to catch whatever comes: the walk errs on the side of silence.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

from deuteron.review.names import SCOPES, calls, walk, word_set

Way = Literal["falls", "raises", "returns", "breaks", "continues"]
#: What a statement does to the thing.
Effect = Literal["takes", "gives", "none"]


class Out(NamedTuple):
    """A way out, with the thing held or not, and the line where it began."""

    way: Way
    held: bool
    line: int


class Subject(NamedTuple):
    """The thing that is followed.

    Attributes:
        effect: what a simple statement, or the head of a compound one, does to it.
        mentions: whether a test asks about it.
    """

    effect: Callable[[ast.AST], Effect]
    mentions: Callable[[ast.AST], bool]


#: Calls that do not raise in practice, or where it does not matter.
QUIET = word_set(
    """
    fileno len isinstance append debug info warning error exception str int bool id repr format keys
    values items time monotonic perf_counter startswith setblocking settimeout
    """
)


def outcomes(body: list[ast.stmt], subject: Subject) -> set[Out]:
    """The ways out of a body that is entered without the thing."""
    return _block(body, {False}, subject)


def _block(body: Iterable[ast.stmt], held: set[bool], subject: Subject) -> set[Out]:
    out: set[Out] = set()
    for statement in body:
        if not held:
            break
        after: set[Out] = set()
        for state in held:
            after |= _statement(statement, state, subject)
        held = {one.held for one in after if one.way == "falls"}
        out |= {one for one in after if one.way != "falls"}
    return out | {Out("falls", state, 0) for state in held}


def _statement(node: ast.stmt, held: bool, subject: Subject) -> set[Out]:
    match node:
        case ast.If():
            return _if(node, held, subject)
        case ast.For() | ast.AsyncFor() | ast.While():
            return _loop(node, held, subject)
        case ast.Try() | ast.TryStar():
            return _try(node, held, subject)
        case ast.With() | ast.AsyncWith():
            return _with(node, held, subject)
        case ast.Match():
            return _match(node, held, subject)
    return _simple(node, held, subject)


def _simple(node: ast.stmt, held: bool, subject: Subject) -> set[Out]:
    effect: Effect = _captured(node, subject) if isinstance(node, SCOPES) else subject.effect(node)
    line = node.lineno
    if effect == "takes":
        # What is replaced while it is held is a matter of its own; here the new one counts.
        return {Out("raises", held, line), Out("falls", True, line)}
    after = False if effect == "gives" else held
    match node:
        case ast.Return():
            raising = {Out("raises", after, line)} if can_raise(node) else set()
            return raising | {Out("returns", after, line)}
        case ast.Raise():
            return {Out("raises", after, line)}
        case ast.Break():
            return {Out("breaks", held, line)}
        case ast.Continue():
            return {Out("continues", held, line)}
    falls = {Out("falls", after, line)}
    return falls | {Out("raises", after, line)} if can_raise(node) else falls


def _captured(node: ast.AST, subject: Subject) -> Effect:
    """A function within that uses the thing has it from then on."""
    return "gives" if subject.mentions(node) else "none"


def can_raise(node: ast.AST) -> bool:
    """Whether something in it is likely to raise: a call, an await, a yield, an assertion."""
    if isinstance(node, SCOPES):
        return False
    for one in walk(node):
        if isinstance(one, ast.Await | ast.Yield | ast.YieldFrom | ast.Assert):
            return True
        if isinstance(one, ast.Call) and _name(one) not in QUIET:
            return True
    return False


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _if(node: ast.If, held: bool, subject: Subject) -> set[Out]:
    head = _head(node.test, held, subject, node.lineno)
    out = {one for one in head if one.way == "raises"}
    if subject.effect(node.test) == "takes":
        refused = isinstance(node.test, ast.UnaryOp)  # `if not lock.acquire(timeout=1): raise ...`
        yes = _block(node.body, {not refused}, subject)
        return out | yes | _block(node.orelse, {refused}, subject)
    for state in {one.held for one in head if one.way == "falls"}:
        yes = _block(node.body, {state}, subject)
        no = _block(node.orelse, {state}, subject)
        if state and subject.mentions(node.test):
            # `if fd is not None: close(fd)`: while it is held the test is what it asks for.
            yes, no = _asked(node.test, yes, no)
        out |= yes | no
    return out


def _asked(test: ast.expr, yes: set[Out], no: set[Out]) -> tuple[set[Out], set[Out]]:
    match test:
        case ast.UnaryOp(op=ast.Not()) | ast.Compare(ops=[ast.Is()]):
            return set(), no
        case ast.Name() | ast.Compare(ops=[ast.IsNot()]):
            return yes, set()
    if any(not one.held for one in yes):
        return yes, set()
    if any(not one.held for one in no):
        return set(), no
    return yes, no


def _head(expression: ast.expr, held: bool, subject: Subject, line: int) -> set[Out]:
    effect = subject.effect(expression)
    after = held if effect == "none" else effect == "takes"
    falls = {Out("falls", after, line)}
    return falls | {Out("raises", held and effect != "gives", line)} if can_raise(expression) else falls


def _loop(node: ast.For | ast.AsyncFor | ast.While, held: bool, subject: Subject) -> set[Out]:
    head = node.test if isinstance(node, ast.While) else node.iter
    out: set[Out] = set()
    states = {held}
    for _ in range(2):  # two rounds reach every state there is
        before = _head(head, held, subject, node.lineno)
        out |= {one for one in before if one.way == "raises"}
        states |= {one.held for one in before if one.way == "falls"}
        round_ = _block(node.body, states, subject)
        out |= {one for one in round_ if one.way in ("raises", "returns")}
        states |= {one.held for one in round_ if one.way in ("falls", "continues")}
        out |= {Out("falls", one.held, one.line) for one in round_ if one.way == "breaks"}
    if _gives_each_time(node, held, subject):
        states.discard(True)
    endless = isinstance(node, ast.While) and isinstance(node.test, ast.Constant) and bool(node.test.value)
    if endless:
        return out
    return out | _block(node.orelse, states, subject)


def _gives_each_time(node: ast.For | ast.AsyncFor | ast.While, held: bool, subject: Subject) -> bool:
    """``for fd in (a, b): close(fd)``: the thing is among what is gone through."""
    return held and not isinstance(node, ast.While) and subject.mentions(node.iter)


def _try(node: ast.Try | ast.TryStar, held: bool, subject: Subject) -> set[Out]:
    out = _block(node.body, {held}, subject)
    raised = {one for one in out if one.way == "raises"}
    rest = {one for one in out if one.way != "raises"}
    if node.handlers:
        for handler in node.handlers:
            rest |= _block(handler.body, {one.held for one in raised}, subject)
    else:
        rest |= raised
    if node.orelse:
        falls = {one.held for one in out if one.way == "falls"}
        rest = {one for one in rest if one not in out or one.way != "falls"} | _block(
            node.orelse, falls, subject
        )
    return _finally(node.finalbody, rest, subject)


def _finally(body: list[ast.stmt], before: set[Out], subject: Subject) -> set[Out]:
    if not body:
        return before
    out: set[Out] = set()
    for one in before:
        for last in _block(body, {one.held}, subject):
            out.add(one._replace(held=last.held) if last.way == "falls" else last)
    return out


def _with(node: ast.With | ast.AsyncWith, held: bool, subject: Subject) -> set[Out]:
    out: set[Out] = set()
    states = {held}
    for item in node.items:
        after: set[Out] = set()
        for state in states:
            after |= _head(item.context_expr, state, subject, node.lineno)
        out |= {one for one in after if one.way == "raises"}
        states = {one.held for one in after if one.way == "falls"}
    body = _block(node.body, states, subject)
    if any("suppress" in _name(call) for item in node.items for call in calls(item.context_expr)):
        body = {Out("falls", one.held, one.line) if one.way == "raises" else one for one in body}
    return out | body


def _match(node: ast.Match, held: bool, subject: Subject) -> set[Out]:
    out = {one for one in _head(node.subject, held, subject, node.lineno) if one.way == "raises"}
    out.add(Out("falls", held, 0))
    for case in node.cases:
        out |= _block(case.body, {held}, subject)
    return out
