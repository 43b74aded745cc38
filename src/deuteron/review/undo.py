"""R103, R104, R105: what is left when a step of several fails."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final, NamedTuple

from deuteron.review.hit import Hit, hit
from deuteron.review.names import (
    SCOPES,
    Function,
    calls,
    dotted,
    inside,
    is_constant,
    last,
    parameters,
    receiver,
    self_attribute,
    suites,
    word_set,
    words,
)
from deuteron.review.source import Source
from deuteron.review.verbs import kind, of_host, undone_by

#: A context manager of this name takes back what was done within.
TAKES_BACK: Final = word_set(
    """
    exitstack rollback transaction undo atomic savepoint journal nested cleanup
    """
)
#: A call with one of these words writes down the way back.
REGISTERS: Final = word_set(
    """
    callback defer undo rollback journal compensate unwind addcleanup finalize enter
    """
)
#: A flag that says a thing is done.
SAYS_DONE: Final = word_set(
    """
    destroyed created deleted configured initialized initialised plugged ready installed removed
    registered mounted connected attached done complete completed applied provisioned exists up
    released
    """
)
#: What is done to a system and may be refused.
ACTS: Final = frozenset(
    {"execute", "run", "check_call", "check_output", "call", "apply", "commit", "send", "request"}
)


_LEAVES: Final = (ast.Return, ast.Raise, ast.Continue, ast.Break)


#: The branches that something is in: which statement, and which side of it.
Branches = tuple[tuple[int, str], ...]


class Step(NamedTuple):
    """A call that does something to the host.

    Attributes:
        call: it.
        guarded: a failure in it is answered by taking something back.
        branches: the branches it is in: (the if, which side).
    """

    call: ast.Call
    guarded: bool
    branches: Branches


def check(source: Source) -> Iterator[Hit]:
    """The three rules over a module."""
    sites = _sites(source)
    known = frozenset(source.by_name) | {last(node) for node in source.nodes if isinstance(node, ast.Call)}
    for function in source.functions:
        owner = source.class_of.get(function)
        yield from _left_behind(function, owner, sites, known)
        yield from _said_before(function, owner)
        yield from _ended_clean_up(function, owner)


# --- R103 ------------------------------------------------------------------------------------


def _left_behind(
    function: Function, owner: ast.ClassDef | None, sites: dict[str, list[bool]], known: frozenset[str]
) -> Iterator[Hit]:
    if _keeps_a_way_back(function) or _guarded_by_callers(function, sites):
        return
    steps = [step for step in _steps(function.body) if of_host(step.call, owner)]
    made = [step for step in steps if kind(step.call) == "makes"]
    for position, first in enumerate(steps):
        if first not in made:
            continue
        later = [one for one in steps[position + 1 :] if _follows(first, one) and not one.guarded]
        more = [one for one in later if kind(one.call) == "makes"]
        acts = [one for one in later if kind(one.call) in ("makes", "sets")]
        if (len(more) >= 2 and len(acts) >= 2) or (acts and more and undone_by(first.call, known)):
            then = more[0].call
            where = f"`{dotted(then)}` in line {then.lineno}"
            yield hit(
                "R103",
                first.call,
                f"`{dotted(first.call)}` stays where {where} fails, or a later step",
            )
            return


def _follows(first: Step, then: Step) -> bool:
    """Whether one run of the function may do both."""
    sides = dict(first.branches)
    if any(sides.get(branch, side) != side for branch, side in then.branches):
        return False
    return dotted(first.call) != dotted(then.call) or not set(first.branches) ^ set(then.branches)


def _steps(body: list[ast.stmt], guarded: bool = False, at: Branches = ()) -> Iterator[Step]:
    for node in body:
        if isinstance(node, SCOPES):
            continue
        if isinstance(node, ast.Try):
            yield from _steps(node.body, guarded or _takes_back(node), at)
            yield from _steps(node.orelse, guarded, at)
        elif isinstance(node, ast.If | ast.Match):
            yield from _either(node, guarded, at)
            if isinstance(node, ast.If) and isinstance(node.body[-1], _LEAVES):
                at = (*at, (id(node), "1"))
        elif isinstance(node, ast.With | ast.AsyncWith):
            yield from _within(node, guarded, at)
        elif isinstance(node, ast.For | ast.While | ast.AsyncFor):
            yield from _own(node.iter if not isinstance(node, ast.While) else node.test, guarded, at)
            yield from _steps(node.body, guarded, at)
        else:
            yield from _own(node, guarded, at)


def _within(node: ast.With | ast.AsyncWith, guarded: bool, at: Branches) -> Iterator[Step]:
    for item in node.items:
        yield from _own(item.context_expr, guarded, at)
    inner = guarded or any(_undoing_manager(item.context_expr) for item in node.items)
    yield from _steps(node.body, inner, at)


def _either(node: ast.If | ast.Match, guarded: bool, at: Branches) -> Iterator[Step]:
    if isinstance(node, ast.If):
        head, sides = node.test, [node.body, node.orelse]
    else:
        head, sides = node.subject, [case.body for case in node.cases]
    yield from _own(head, guarded, at)
    for number, side in enumerate(sides):
        yield from _steps(side, guarded, (*at, (id(node), str(number))))


def _own(node: ast.AST, guarded: bool, at: Branches) -> Iterator[Step]:
    found = sorted(calls(node), key=lambda call: (call.end_lineno or 0, call.end_col_offset or 0))
    return (Step(call, guarded, at) for call in found)


def _takes_back(node: ast.Try) -> bool:
    answers = [*(one for handler in node.handlers for one in handler.body), *node.finalbody]
    return any(kind(call) == "removes" for call in _calls(answers))


def _calls(body: list[ast.stmt]) -> list[ast.Call]:
    return [one for one in inside(body) if isinstance(one, ast.Call)]


def _undoing_manager(expression: ast.expr) -> bool:
    said = {word for call in [expression, *calls(expression)] for word in words(dotted(call))}
    joined = dotted(expression).replace("_", "").replace(".", "").lower()
    return bool(said & TAKES_BACK) or any(word in joined for word in ("exitstack", "rollback"))


def _keeps_a_way_back(function: Function) -> bool:
    found = [set(words(last(call))) | set(words(receiver(call))) for call in _calls(function.body)]
    return any(said & REGISTERS for said in found)


def _sites(source: Source) -> dict[str, list[bool]]:
    """For each name that is called in this module: whether a failure is answered there."""
    found: dict[str, list[bool]] = {}
    for function in source.functions:
        for step in _steps(function.body):
            found.setdefault(last(step.call), []).append(step.guarded)
    return found


def _guarded_by_callers(function: Function, sites: dict[str, list[bool]]) -> bool:
    """Whether it is private, and every call of it in this module is answered by taking something back."""
    called = sites.get(function.name.lstrip("_"), [])
    return function.name.startswith("_") and bool(called) and all(called)


# --- R104 ------------------------------------------------------------------------------------


def _said_before(function: Function, owner: ast.ClassDef | None) -> Iterator[Hit]:
    if owner is None or function.name in ("__init__", "__enter__", "__exit__", "__post_init__"):
        return
    for suite in suites(function):
        for position, node in enumerate(suite):
            if not isinstance(node, ast.Assign) or len(node.targets) != 1:
                continue
            attribute = self_attribute(node.targets[0])
            if attribute is None or not _is_claim(attribute, node.value, function):
                continue
            act = _act_after(suite[position + 1 :], attribute, owner, claims=is_constant(node.value, True))
            if act is not None and not _resets_around(function, node, attribute):
                yield hit(
                    "R104",
                    node,
                    f"`self.{attribute}` is set before `{dotted(act)}` in line {act.lineno}, which may fail",
                )


def _is_claim(attribute: str, value: ast.expr, function: Function) -> bool:
    if is_constant(value, True):
        return bool(set(words(attribute)) & SAYS_DONE)
    # The desired object itself is remembered as if it were already so.
    return (
        isinstance(value, ast.Name)
        and value.id in parameters(function)
        and kind_of_name(function.name) != "other"
    )


def kind_of_name(name: str) -> str:
    """What a function does by its own name."""
    return kind(ast.Call(func=ast.Name(id=name.lstrip("_")), args=[], keywords=[]))


def _act_after(rest: list[ast.stmt], attribute: str, owner: ast.ClassDef, *, claims: bool) -> ast.Call | None:
    for node in rest:
        if isinstance(node, ast.Try) and _resets(node, attribute):
            return None
        for call in calls(node) if not isinstance(node, SCOPES) else ():
            acts = last(call) in ACTS and bool(receiver(call))
            if acts or (
                kind(call) != "other" and (of_host(call, owner) or (claims and receiver(call) == "self"))
            ):
                return call
    return None


def _resets(node: ast.Try, attribute: str) -> bool:
    answers = [*(one for handler in node.handlers for one in handler.body), *node.finalbody]
    return any(
        isinstance(one, ast.Assign) and any(self_attribute(target) == attribute for target in one.targets)
        for one in inside(answers)
    )


def _resets_around(function: Function, node: ast.Assign, attribute: str) -> bool:
    tries = [one for one in inside(function.body) if isinstance(one, ast.Try)]
    return any(_resets(one, attribute) and any(node is below for below in inside(one.body)) for one in tries)


# --- R105 ------------------------------------------------------------------------------------


def _ended_clean_up(function: Function, owner: ast.ClassDef | None) -> Iterator[Hit]:
    removing = kind_of_name(function.name) == "removes"
    for suite in suites(function):
        for position, node in enumerate(suite):
            if not isinstance(node, ast.For):
                continue
            first = next((step.call for step in _steps(node.body) if _unanswered(step, node, owner)), None)
            if first is None:
                continue
            after = [call for one in suite[position + 1 :] for call in calls(one) if kind(call) == "removes"]
            if after:
                yield hit(
                    "R105",
                    node,
                    f"where `{dotted(first)}` raises, the others and `{dotted(after[0])}` are left",
                )
            elif removing:
                yield hit("R105", node, f"where `{dotted(first)}` raises, the others are left")


def _unanswered(step: Step, loop: ast.For, owner: ast.ClassDef | None) -> bool:
    if kind(step.call) != "removes" or not of_host(step.call, owner):
        return False
    tried = {
        id(call)
        for node in inside(loop.body)
        if isinstance(node, ast.Try) and node.handlers
        for call in _calls(node.body)
    }
    suppressed = {
        id(call)
        for node in inside(loop.body)
        if isinstance(node, ast.With) and any("suppress" in dotted(item.context_expr) for item in node.items)
        for call in _calls(node.body)
    }
    return id(step.call) not in tried | suppressed
