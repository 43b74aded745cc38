"""R101, R102: what is opened or entered, and not closed or left on every path."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from deuteron.review.flow import Effect, Out, Subject, outcomes
from deuteron.review.hit import Hit, hit
from deuteron.review.names import (
    Function,
    calls,
    dotted,
    inside,
    keyword,
    last,
    names,
    receiver,
    walk,
    word_set,
)
from deuteron.review.source import Source

#: Calls that answer with something that has to be closed.
OPENS: Final = word_set(
    """
    open io.open os.open os.fdopen os.pipe os.pipe2 os.memfd_create os.pidfd_open os.eventfd
    os.dup os.openpty socket.socket socket.create_connection socket.socketpair
    socket.create_server tempfile.mkstemp tempfile.TemporaryFile tempfile.NamedTemporaryFile
    subprocess.Popen sqlite3.connect mmap.mmap select.epoll select.kqueue
    selectors.DefaultSelector IPRoute NetNS pyroute2.IPRoute pyroute2.NetNS pyroute2.IPDB
    ssl.wrap_socket
    """
)
#: Of these only the first of two answers is to be closed.
FIRST_ONLY: Final = frozenset({"tempfile.mkstemp", "mkstemp"})
CLOSES: Final = word_set(
    """
    close terminate kill communicate wait __exit__ detach release shutdown aclose
    """
)
#: Functions that only borrow what they are given.
BORROWS: Final = (
    "os.",
    "fcntl.",
    "json.",
    "pickle.",
    "struct.",
    "select.",
    "termios.",
    "csv.",
    "shutil.",
    "yaml.",
)
BORROWING: Final = frozenset(
    {"print", "len", "isinstance", "iter", "next", "list", "sorted", "enumerate", "tuple"}
)
#: ... and those that take it over, although their module borrows.
TAKES_OVER: Final = frozenset({"os.close", "os.fdopen", "os.closerange"})
#: Reads all of a file that nobody has a name for.
WHOLE: Final = word_set("read readlines readline write writelines")
LOADS: Final = word_set("load safe_load full_load reader DictReader dump literal_eval parse")
LOCK_WORDS: Final = ("lock", "mutex", "sem", "semaphore", "cond", "rlock")


def check(source: Source) -> Iterator[Hit]:
    """Both rules over a module."""
    for function in source.functions:
        yield from _opened(function, source)
        yield from _unnamed(function, source)
        yield from _entered(function, source)


def _opened(function: Function, source: Source) -> Iterator[Hit]:
    for node in inside(function.body):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            called = source.called(node.value)
            if called in OPENS or (last(node.value) == "accept" and "." in called):
                for name in _targets(node.targets[0], called):
                    yield from _followed(function, source, node, name)


def _targets(target: ast.expr, called: str) -> list[str]:
    if isinstance(target, ast.Name):
        return [target.id]
    if isinstance(target, ast.Tuple):
        found = [one.id for one in target.elts if isinstance(one, ast.Name)]
        return found[:1] if called in FIRST_ONLY or called.endswith(".accept") else found
    return []


def _followed(function: Function, source: Source, taken: ast.Assign, name: str) -> Iterator[Hit]:
    if any(
        isinstance(node, ast.Global | ast.Nonlocal) and name in node.names for node in inside(function.body)
    ):
        return
    handed = _is_context_manager(function)

    def effect(node: ast.AST) -> Effect:
        if node is taken:
            return "takes"
        return "gives" if gives(node, name, source, yields_are_uses=handed) else "none"

    subject = Subject(effect, lambda test: name in names(test))
    kept = sorted((one for one in outcomes(function.body, subject) if one.held), key=lambda one: one.line)
    if kept:
        yield hit("R101", taken, f"`{name}` {_told(kept)}")


def _told(kept: list[Out]) -> str:
    plain = [one for one in kept if one.way in ("returns", "falls")]
    if plain:
        where = plain[0].line
        return f"is not closed where line {where} leaves the function" if where else "is never closed"
    return f"stays open where line {kept[0].line} raises"


def _is_context_manager(function: Function) -> bool:
    return any("contextmanager" in dotted(one) for one in function.decorator_list)


def gives(node: ast.AST, name: str, source: Source, *, yields_are_uses: bool = False) -> bool:
    """Whether a statement or expression closes what ``name`` is, or hands it on to another owner."""
    if isinstance(node, ast.expr) and bare(node, name):
        return True  # `with sock:`, `for fd in (a, b)`
    if isinstance(node, ast.Return) and bare(node.value, name):
        return True
    if isinstance(node, ast.Assign) and bare(node.value, name):
        return True
    for one in walk(node):
        if isinstance(one, ast.Yield) and bare(one.value, name) and not yields_are_uses:
            return True
        if isinstance(one, ast.Call) and _call_gives(one, name, source):
            return True
    return False


def _call_gives(call: ast.Call, name: str, source: Source) -> bool:
    if receiver(call) == name:
        return last(call) in CLOSES
    arguments = [*call.args, *(one.value for one in call.keywords)]
    if any(
        isinstance(one, ast.Attribute) and dotted(one.value) == name and one.attr in CLOSES
        for one in arguments
    ):
        return True  # `stack.callback(sock.close)`
    if not any(bare(one, name) for one in arguments):
        return False
    called = source.called(call)
    if called in TAKES_OVER or bare(keyword(call, "fileno"), name):
        return True
    if called.startswith(BORROWS) or called in BORROWING or receiver(call).endswith(("sock", "socket")):
        return False
    local = source.by_name.get(last(call)) or source.by_name.get("_" + last(call))
    if local and not _constructor(called):
        return any(_closes_a_parameter(one) for one in local)
    return True  # somebody else's function: it may well keep it


def _constructor(called: str) -> bool:
    return called.rpartition(".")[2].lstrip("_")[:1].isupper()


def _closes_a_parameter(function: Function) -> bool:
    given = {one.arg for one in function.args.args}
    for node in inside(function.body):
        if isinstance(node, ast.Call):
            if last(node) in CLOSES | {"fdopen"} and (
                receiver(node) in given or any(dotted(a) in given for a in node.args)
            ):
                return True
        elif (isinstance(node, ast.Return | ast.Assign) and any(bare(node.value, one) for one in given)) or (
            isinstance(node, ast.With)
            and any(bare(item.context_expr, one) for item in node.items for one in given)
        ):
            return True
    return False


def bare(node: ast.AST | None, name: str) -> bool:
    """Whether the thing itself is in the value, not only something that was asked of it."""
    match node:
        case ast.Name(id=found):
            return found == name
        case ast.Tuple(elts=elements) | ast.List(elts=elements) | ast.Set(elts=elements):
            return any(bare(one, name) for one in elements)
        case ast.Dict(values=values):
            return any(bare(one, name) for one in values)
        case ast.Starred(value=value) | ast.Await(value=value) | ast.NamedExpr(value=value):
            return bare(value, name)
        case ast.IfExp(body=body, orelse=orelse):
            return bare(body, name) or bare(orelse, name)
        case ast.BoolOp(values=values):
            return any(bare(one, name) for one in values)
    return False


def _unnamed(function: Function, source: Source) -> Iterator[Hit]:
    """``open(path).read()``: nobody can close it."""
    for node in inside(function.body):
        if not isinstance(node, ast.Call):
            continue
        opened: ast.AST | None = None
        if isinstance(node.func, ast.Attribute) and node.func.attr in WHOLE:
            opened = node.func.value
        elif last(node) in LOADS and node.args:
            opened = node.args[0]
        if isinstance(opened, ast.Call) and source.called(opened) in {"open", "io.open", "socket.socket"}:
            yield hit("R101", node, "what is opened here has no name, so nobody closes it")


def _entered(function: Function, source: Source) -> Iterator[Hit]:
    if function.name.strip("_") in ("acquire", "enter", "lock", "take", "start", "aenter", "pushns"):
        return
    for call in [one for one in inside(function.body) if isinstance(one, ast.Call)]:
        held = _entry(call)
        if held is None or _left_elsewhere(function, held, source):
            continue
        kept = sorted((one for one in _paths(function, call, held) if one.held), key=lambda one: one.line)
        if kept:
            where = kept[0].line
            yield hit(
                "R102",
                call,
                f"`{held[0]}` is kept where line {where or function.end_lineno} leaves the function",
            )


def _entry(call: ast.Call) -> tuple[str, str] | None:
    """What is entered, and the call that leaves it."""
    on = receiver(call)
    if last(call) == "acquire" and on and any(word in on.lower() for word in LOCK_WORDS):
        return on, f"{on}.release"
    if last(call) == "pushns":
        return dotted(call), f"{on}.popns" if on else "popns"
    return None


def _left_elsewhere(function: Function, held: tuple[str, str], source: Source) -> bool:
    """Whether another function leaves it: then a pair of functions is meant."""
    if any(dotted(call) == held[1] for node in function.body for call in calls(node)):
        return False
    others = (one for one in source.functions if one is not function)
    return any(dotted(call) == held[1] for one in others for node in one.body for call in calls(node))


def _paths(function: Function, entry: ast.Call, held: tuple[str, str]) -> set[Out]:
    given = {
        one.id
        for node in inside(function.body)
        if isinstance(node, ast.Assign) and entry in calls(node)
        for one in node.targets
        if isinstance(one, ast.Name)
    }

    def effect(node: ast.AST) -> Effect:
        found = calls(node)
        if entry in found:
            return "takes"
        return "gives" if any(dotted(one) == held[1] for one in found) else "none"

    return outcomes(function.body, Subject(effect, lambda test: bool(given & names(test))))
