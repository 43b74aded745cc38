"""What a class (or a module) changes, and under which lock: the facts that the lock rules judge."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cached_property
from typing import Final, Literal, NamedTuple

from deuteron.review.names import (
    FUNCTIONS,
    SCOPES,
    Function,
    dotted,
    inside,
    keyword,
    last,
    self_attribute,
    word_set,
    words,
)
from deuteron.review.source import Source

LOCK_WORDS: Final = word_set(
    """
    lock rlock locked mutex semaphore sem synchronized synchronised condition
    """
)
#: Methods of collections that change them.
CHANGES: Final = word_set(
    """
    add append appendleft clear difference_update discard extend insert intersection_update pop
    popitem popleft remove setdefault sort update
    """
)
#: Methods of allocators and registries that change them.
GIVES_AWAY: Final = word_set("allocate deallocate reserve claim")
#: Objects that lock for themselves.
SAFE: Final = word_set("queue event condition executor pool_executor lock metrics")

#: Before there is a second thread.
_BEGINS: Final = (("init",), ("initialize",), ("setup",))
ATOMIC: Final = frozenset({"deque", "Queue", "SimpleQueue", "Event", "count", "LifoQueue"})

Use = Literal["assigns", "changes", "allocates", "reads"]


class Touch(NamedTuple):
    """One use of own state.

    Attributes:
        attribute: whose.
        use: how.
        node: where.
        locks: what is held there, as far as this function took it.
    """

    attribute: str
    use: Use
    node: ast.expr | ast.stmt
    locks: tuple[str, ...]


class Inner(NamedTuple):
    """A call of an own method."""

    method: str
    node: ast.Call
    locks: tuple[str, ...]


def lock_name(node: ast.expr) -> str:
    """The lock that a ``with`` takes, "" where it is none."""
    name = dotted(node)
    if name.endswith((".acquire_timeout", ".locked", ".hold", ".write", ".read")):
        name = name.rpartition(".")[0]
    said = words(name.rpartition(".")[2]) or words(name)
    return name if set(said) & LOCK_WORDS and not set(said) & {"unlock", "unlocked"} else ""


class Method:
    """What one method does with its object's state."""

    def __init__(self, function: Function) -> None:
        self.function = function
        self.name = function.name
        self.touches: list[Touch] = []
        self.inner: list[Inner] = []
        decorators = tuple(filter(None, (lock_name(one) for one in function.decorator_list)))
        for statement in function.body:
            self._visit(statement, decorators)

    @cached_property
    def public(self) -> bool:
        """Whether others may call it; of a name that says so the caller holds the lock."""
        return not self.name.startswith("_") and not self.name.endswith(("_locked", "_unlocked", "_no_lock"))

    def _visit(self, node: ast.AST, locks: tuple[str, ...]) -> None:
        if isinstance(node, SCOPES):
            return
        if isinstance(node, ast.With | ast.AsyncWith):
            for item in node.items:
                self._visit(item.context_expr, locks)
                taken = lock_name(item.context_expr)
                locks = (*locks, taken) if taken else locks
            for statement in node.body:
                self._visit(statement, locks)
            return
        self._note(node, locks)
        for child in ast.iter_child_nodes(node):
            self._visit(child, locks)

    def _note(self, node: ast.AST, locks: tuple[str, ...]) -> None:
        match node:
            case ast.Assign(targets=targets) | ast.Delete(targets=targets):
                for target in targets:
                    self._written(target, locks)
            case ast.AugAssign(target=target) | ast.AnnAssign(target=target, value=ast.expr()):
                self._written(target, locks)
            case ast.Call():
                self._called(node, locks)
            case ast.Attribute(ctx=ast.Load()):
                attribute = self_attribute(node)
                if attribute is not None:
                    self.touches.append(Touch(attribute, "reads", node, locks))

    def _written(self, target: ast.expr, locks: tuple[str, ...]) -> None:
        if isinstance(target, ast.Tuple | ast.List):
            for one in target.elts:
                self._written(one, locks)
            return
        attribute = self_attribute(target)
        if attribute is not None:
            self.touches.append(Touch(attribute, "assigns", target, locks))
        elif isinstance(target, ast.Subscript):
            held = self_attribute(target.value)
            if held is not None:
                self.touches.append(Touch(held, "changes", target, locks))

    def _called(self, node: ast.Call, locks: tuple[str, ...]) -> None:
        if not isinstance(node.func, ast.Attribute):
            return
        own = self_attribute(node.func)
        if own is not None:
            self.inner.append(Inner(own, node, locks))
            return
        attribute = self_attribute(node.func.value)
        if attribute is None or set(words(attribute)) & SAFE:
            return
        if node.func.attr in CHANGES:
            self.touches.append(Touch(attribute, "changes", node, locks))
        elif words(node.func.attr)[:1] and words(node.func.attr)[0] in GIVES_AWAY:
            self.touches.append(Touch(attribute, "allocates", node, locks))


class Guarded:
    """A class and its locks.

    Args:
        owner: the class.
    """

    def __init__(self, owner: ast.ClassDef) -> None:
        self.owner = owner
        self.methods = {node.name: Method(node) for node in owner.body if isinstance(node, FUNCTIONS)}
        self.open_ways, self.locked_ways = self._ways()

    def _ways(self) -> tuple[set[str], set[str]]:
        """The methods that are entered without a lock, and those that are entered under one."""
        called = {inner.method for method in self.methods.values() for inner in method.inner}
        open_ways = {
            name
            for name, method in self.methods.items()
            if method.public or (name not in called and not _dunder(name))
        }
        open_ways = {name for name in open_ways if not name.endswith(("_locked", "_no_lock"))}
        locked: set[str] = set()
        for _ in self.methods:
            before = len(open_ways) + len(locked)
            for name, method in self.methods.items():
                for inner in method.inner:
                    if inner.method not in self.methods:
                        continue
                    if inner.locks or (name in locked):
                        locked.add(inner.method)
                    if not inner.locks and name in open_ways:
                        open_ways.add(inner.method)
            if len(open_ways) + len(locked) == before:
                break
        return open_ways, locked

    @cached_property
    def has_lock(self) -> bool:
        """Whether any method takes one around own state."""
        return bool(self.guarded)

    @cached_property
    def guarded(self) -> dict[str, str]:
        """Attributes that are changed under a lock somewhere, and under which."""
        found: dict[str, str] = {}
        for name, method in self.methods.items():
            if name == "__init__":
                continue
            for touch in method.touches:
                if touch.use in ("assigns", "changes") and (touch.locks or name in self.locked_ways):
                    found.setdefault(
                        touch.attribute, touch.locks[-1] if touch.locks else self._lock_into(name)
                    )
        return found

    def _lock_into(self, name: str, seen: frozenset[str] = frozenset()) -> str:
        """The lock that a caller of this method holds, or a caller's caller."""
        before = seen | {name}
        callers = [
            (method.name, inner.locks)
            for method in self.methods.values()
            for inner in method.inner
            if inner.method == name
        ]
        held = next((locks[-1] for _, locks in callers if locks), "")
        if held:
            return held
        seen = seen | {name, *(caller for caller, _ in callers)}
        ahead = {caller for caller, _ in callers} - before
        return next((one for one in (self._lock_into(caller, seen) for caller in sorted(ahead)) if one), "")

    @cached_property
    def atomic(self) -> set[str]:
        """Attributes whose single changes need no lock: deques, queues, events."""
        return {
            attribute
            for method in self.methods.values()
            for node in inside(method.function.body)
            if isinstance(node, ast.Assign | ast.AnnAssign) and last(node.value) in ATOMIC
            for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
            if (attribute := self_attribute(target)) is not None
        }

    def unguarded(self) -> Iterator[tuple[Method, Touch]]:
        """Every use of own state that a thread may come to without a lock."""
        for name, method in self.methods.items():
            if name in self.open_ways and not _dunder(name) and words(name)[:1] not in _BEGINS:
                yield from ((method, one) for one in method.touches if not one.locks and not self._safe(one))

    def _safe(self, touch: Touch) -> bool:
        return touch.use != "assigns" and touch.attribute in self.atomic


def _dunder(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def classes(source: Source) -> list[Guarded]:
    """Every class with what it guards."""
    return [Guarded(owner) for owner in source.classes]


def lock_argument(call: ast.Call) -> ast.expr | None:
    """What names the lock: the first argument of ``lock(name)``."""
    if call.args:
        return call.args[0]
    return keyword(call, "name")
