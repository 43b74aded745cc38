"""R301 to R306: shared state beside its lock, a lock that is too narrow, and locks in both orders."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from deuteron.review.guarded import CHANGES, Guarded, Method, Touch, classes, lock_argument, lock_name
from deuteron.review.hit import Hit, hit
from deuteron.review.names import (
    SCOPES,
    Function,
    calls,
    dotted,
    inside,
    last,
    names,
    parameters,
    self_attribute,
    suites,
    text,
    walk,
)
from deuteron.review.source import Source


def check(source: Source) -> Iterator[Hit]:
    """The six rules over a module."""
    for guarded in classes(source):
        yield from _beside(guarded)
        yield from _narrow_in_class(guarded)
        yield from _without_any(guarded)
    yield from _globals(source)
    yield from _both_orders(source)


# --- R301, R303, R304 ------------------------------------------------------------------------


def _beside(guarded: Guarded) -> Iterator[Hit]:
    if not guarded.has_lock:
        return
    looked: set[tuple[str, str]] = set()
    for method, touch in guarded.unguarded():
        lock = guarded.guarded.get(touch.attribute)
        if touch.use in ("assigns", "changes") and lock is not None:
            yield hit(
                "R301", touch.node, f"`self.{touch.attribute}` is changed in `{method.name}` without `{lock}`"
            )
        elif touch.use == "allocates":
            yield hit(
                "R304",
                touch.node,
                f"`self.{touch.attribute}` is changed in `{method.name}` without a lock of its class",
            )
        elif lock is None or (method.name, touch.attribute) in looked:
            continue
        elif touch.use == "reads" and _looked_and_used(method.function, touch):
            looked.add((method.name, touch.attribute))
            yield hit(
                "R303",
                touch.node,
                f"`self.{touch.attribute}` is looked at in `{method.name}` without `{lock}`",
            )


def _looked_and_used(function: Function, touch: Touch) -> bool:
    """``if self.x: ... self.x[...]``, or an item of what may be None by then."""
    for node in inside(function.body):
        if isinstance(node, ast.If) and any(one is touch.node for one in walk(node.test)):
            return any(self_attribute(one) == touch.attribute for one in inside(node.body))
        if isinstance(node, ast.Subscript) and node.value is touch.node and text(node.slice) is not None:
            return True
    return False


# --- R302 ------------------------------------------------------------------------------------


def _narrow_in_class(guarded: Guarded) -> Iterator[Hit]:
    for method in guarded.methods.values():
        for node in inside(method.function.body):
            if not isinstance(node, ast.With | ast.AsyncWith):
                continue
            for item in node.items:
                if isinstance(item.context_expr, ast.Call) and lock_name(item.context_expr):
                    yield from _narrow(guarded, method, node, item.context_expr)


def _narrow(
    guarded: Guarded, method: Method, node: ast.With | ast.AsyncWith, call: ast.Call
) -> Iterator[Hit]:
    name = lock_argument(call)
    if name is None or dotted(call).removeprefix("self.") in guarded.methods:
        return  # an own method that takes the lock is judged where it takes it
    own = _parameters_in(name, method.function)
    if not own:
        return
    changed = _changed_in(node.body, guarded, own)
    if _yields(node.body):
        users = [one for other in guarded.methods.values() for one in _users(other.function, method.name)]
        changed = {attribute for user in users for attribute in _changed_in(user.body, guarded, set())}
    if changed:
        shared = ", ".join(f"`self.{one}`" for one in sorted(changed))
        yield hit("R302", call, f"the lock is one for each `{sorted(own)[0]}`, and {shared} is shared by all")


def _parameters_in(name: ast.expr, function: Function) -> set[str]:
    """The parameters that the lock's name is made of, through local names."""
    found = names(name)
    for node in inside(function.body):
        if isinstance(node, ast.Assign) and any(dotted(target) in found for target in node.targets):
            found = found | names(node.value)
    composed = isinstance(name, ast.JoinedStr | ast.BinOp | ast.Name | ast.Call)
    return (found & parameters(function)) - {"self", "cls"} if composed else set()


def _users(function: Function, manager: str) -> Iterator[ast.With | ast.AsyncWith]:
    for node in inside(function.body):
        if isinstance(node, ast.With | ast.AsyncWith) and any(
            dotted(item.context_expr) == f"self.{manager}" for item in node.items
        ):
            yield node


def _yields(body: list[ast.stmt]) -> bool:
    return any(isinstance(node, ast.Yield) for node in inside(body))


def _changed_in(body: list[ast.stmt], guarded: Guarded, keyed: set[str]) -> set[str]:
    """Own attributes that the body or the methods it calls change, but for items under the key itself."""
    found: set[str] = set()
    for node in inside(body):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                attribute = self_attribute(target)
                if attribute is not None:
                    found.add(attribute)
                elif isinstance(target, ast.Subscript) and not names(target.slice) & keyed:
                    found |= {one for one in (self_attribute(target.value),) if one}
        elif isinstance(node, ast.AugAssign):
            found |= {one for one in (self_attribute(node.target),) if one}
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            own = self_attribute(node.func)
            if own in guarded.methods:
                found |= _all_changes(guarded, own)
            elif node.func.attr in CHANGES and not _of_key(node, keyed):
                found |= {one for one in (self_attribute(node.func.value),) if one}
    return found


def _of_key(call: ast.Call, keyed: set[str]) -> bool:
    """Whether only the item of that key is changed; what is appended or added is a change of all."""
    return last(call) in ("pop", "setdefault") and bool(call.args) and bool(names(call.args[0]) & keyed)


def _all_changes(guarded: Guarded, name: str) -> set[str]:
    seen: set[str] = set()
    ahead = [name]
    found: set[str] = set()
    while ahead:
        method = guarded.methods.get(ahead.pop())
        if method is None or method.name in seen:
            continue
        seen.add(method.name)
        ahead += [inner.method for inner in method.inner]
        found |= {touch.attribute for touch in method.touches if touch.use in ("assigns", "changes")}
    return found


# --- R305 ------------------------------------------------------------------------------------


def _without_any(guarded: Guarded) -> Iterator[Hit]:
    if any(
        lock_name(item.context_expr)
        for node in ast.walk(guarded.owner)
        if isinstance(node, ast.With)
        for item in node.items
    ):
        return
    if any("lock" in one.lower() for one in _words_of(guarded.owner)):
        return
    if not _writes_own_file(guarded):
        return
    kept = _collections(guarded)
    for method in guarded.methods.values():
        if method.name.startswith("__"):
            continue
        changed = [touch for touch in method.touches if touch.use == "changes" and touch.attribute in kept]
        looked = any(
            isinstance(node, ast.If) and _asks(node.test, kept, guarded)
            for node in inside(method.function.body)
        )
        if changed and looked:
            attribute = changed[0].attribute
            yield hit(
                "R305",
                changed[0].node,
                f"`{method.name}` looks at `self.{attribute}`, changes it and the file, under no lock",
            )


def _words_of(owner: ast.ClassDef) -> set[str]:
    return {dotted(node) for node in ast.walk(owner) if isinstance(node, ast.Attribute | ast.Name)}


def _writes_own_file(guarded: Guarded) -> bool:
    for method in guarded.methods.values():
        for call in (one for one in inside(method.function.body) if isinstance(one, ast.Call)):
            own_path = any(self_attribute(one) for argument in call.args for one in walk(argument))
            writing = len(call.args) > 1 and (text(call.args[1]) or "r")[0] in "wax"
            if last(call) == "open" and own_path and writing:
                return True
            if last(call) in ("write_text", "write_bytes", "replace", "rename") and dotted(call).startswith(
                "self."
            ):
                return True
    return False


def _collections(guarded: Guarded) -> set[str]:
    """Attributes that hold what may be changed in place."""
    return {
        touch.attribute
        for method in guarded.methods.values()
        for touch in method.touches
        if touch.use == "changes"
    }


def _asks(test: ast.expr, kept: set[str], guarded: Guarded) -> bool:
    """Whether the test looks at the collection, itself or through an own method."""
    for node in walk(test):
        attribute = self_attribute(node)
        if attribute in kept or attribute in guarded.methods:
            return True
        if isinstance(node, ast.Name):
            return True  # `entry = self.lookup(key)`, `if entry:`
    return False


# --- R301 for modules ------------------------------------------------------------------------


def _globals(source: Source) -> Iterator[Hit]:
    """The same for what a module keeps: changed under a lock in one function, without it in another."""
    kept = {
        target.id
        for node in source.tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    uses = [one for function in source.functions for one in _global_changes(function, kept)]
    guarded = {name: lock for name, _, lock in uses if lock}
    for name, node, lock in uses:
        if not lock and name in guarded:
            yield hit("R301", node, f"`{name}` is changed without `{guarded[name]}`")


def _global_changes(function: Function, kept: set[str]) -> Iterator[tuple[str, ast.stmt | ast.expr, str]]:
    declared = {name for node in inside(function.body) if isinstance(node, ast.Global) for name in node.names}
    decorated = next((one for one in map(lock_name, function.decorator_list) if one), "")
    local = parameters(function) | {
        target.id
        for node in inside(function.body)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name) and target.id not in declared
    }

    def visit(node: ast.AST, lock: str) -> Iterator[tuple[str, ast.stmt | ast.expr, str]]:
        if isinstance(node, SCOPES):
            return
        if isinstance(node, ast.With):
            lock = next((one for item in node.items if (one := lock_name(item.context_expr))), lock)
        for name in _changes_name(node, declared):
            if name in kept and name not in local and isinstance(node, ast.stmt | ast.expr):
                yield name, node, lock
        for child in ast.iter_child_nodes(node):
            yield from visit(child, lock)

    for statement in function.body:
        yield from visit(statement, decorated)


def _changes_name(node: ast.AST, declared: set[str]) -> Iterator[str]:
    match node:
        case ast.Assign(targets=targets):
            for target in targets:
                if isinstance(target, ast.Name) and target.id in declared:
                    yield target.id
                elif isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
                    yield target.value.id
        case ast.AugAssign(target=ast.Name(id=name)) if name in declared:
            yield name
        case ast.Delete(targets=[ast.Subscript(value=ast.Name(id=name))]):
            yield name
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=attr)) if attr in CHANGES:
            yield name


# --- R306 ------------------------------------------------------------------------------------


def _both_orders(source: Source) -> Iterator[Hit]:
    first_seen: dict[tuple[str, str], ast.expr] = {}
    for function in source.functions:
        owner = source.class_of.get(function)
        for pair, node in _pairs(function.body, (), owner.name if owner else "", source, frozenset()):
            first_seen.setdefault(pair, node)
    told: set[frozenset[str]] = set()
    for (outer, inner), node in sorted(first_seen.items(), key=lambda one: one[1].lineno):
        other = first_seen.get((inner, outer))
        if (
            other is not None
            and outer != inner
            and other.lineno < node.lineno
            and frozenset((outer, inner)) not in told
        ):
            told.add(frozenset((outer, inner)))
            yield hit(
                "R306",
                node,
                f"`{inner}` is taken under `{outer}` here, and the other way round in line {other.lineno}",
            )


def _pairs(
    body: list[ast.stmt], held: tuple[str, ...], owner: str, source: Source, seen: frozenset[str]
) -> Iterator[tuple[tuple[str, str], ast.expr]]:
    for node in body:
        if isinstance(node, SCOPES):
            continue
        if isinstance(node, ast.With | ast.AsyncWith):
            now = held
            for item in node.items:
                lock = lock_name(item.context_expr)
                if lock:
                    qualified = f"{owner}.{lock[5:]}" if lock.startswith("self.") else lock
                    yield from (((outer, qualified), item.context_expr) for outer in now)
                    now = (*now, qualified)
            yield from _pairs(node.body, now, owner, source, seen)
            continue
        for block in suites(node) if hasattr(node, "body") else ():
            yield from _pairs(block, held, owner, source, seen)
        if held and not hasattr(node, "body"):
            yield from _through_calls(node, held, owner, source, seen)


def _through_calls(
    node: ast.stmt, held: tuple[str, ...], owner: str, source: Source, seen: frozenset[str]
) -> Iterator[tuple[tuple[str, str], ast.expr]]:
    for call in calls(node):
        name = dotted(call)
        if not name.startswith("self.") or name.count(".") != 1 or name in seen or len(seen) > 4:
            continue
        for function in source.by_name.get(name[5:], ()):
            found = source.class_of.get(function)
            if found is not None and found.name == owner:
                for pair, _ in _pairs(function.body, held, owner, source, seen | {name}):
                    yield pair, call
