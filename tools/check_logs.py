"""The third line in front of the logs: what the source hands to one, and what could get past one.

A record is written with an event and fields of the catalogue; nothing handed over is put together from
text, and nothing is an error's sentence or a thing's name.  Nobody prints but the command line, which
answers a person; nobody uses Python's logging, warnings or tracebacks, whose words are not chosen.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from deuteron.logs.events import EVENTS, FIELDS, Event, Form

ROOT: Final = Path(__file__).resolve().parent.parent
SOURCE: Final = ROOT / "src" / "deuteron"

#: Who may do what nobody else may.
MAY: Final = {
    "logging": ("logs/setup.py", "review/run.py"),  # the latter has Bandit be quiet
    "structlog": ("logs/setup.py", "logs/record.py"),
    "warnings": ("logs/setup.py",),
    "traceback": ("logs/record.py", "cli/defect.py"),
    "click.echo": ("cli/", "lab/"),
}
#: What chooses its own words.
MODULES: Final = ("logging", "structlog", "warnings", "traceback", "faulthandler")
#: What is a sentence or a name, whatever it belongs to.
TELLING: Final = frozenset(
    {"message", "sentence", "title", "name", "strerror", "args", "filename", "description", "value"}
)
#: How a log is called where it is used, and what else could be called on one.
LOGS: Final = frozenset({"log", "_log", "logger", "_logger"})
OTHER_METHODS: Final = frozenset(
    {"debug", "info", "warning", "warn", "error", "critical", "exception", "msg"}
)
#: What makes text of anything.
MAKERS: Final = frozenset({"str", "repr", "format", "ascii", "bytes", "join", "encode", "decode", "hex"})
#: What gives fields at once, and is looked at where it is made.
SPREADABLE: Final = frozenset({"named", "common", "fields", "lost"})


def findings(source: str, name: str) -> list[str]:
    """What is wrong with one file, a line each.

    Args:
        source: its text.
        name: its path below the package.
    """
    return [f"{name}:{line}: {problem}" for line, problem in sorted(_problems(ast.parse(source), name))]


def _problems(tree: ast.AST, name: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from _imported(node, name)
        elif isinstance(node, ast.Call):
            yield from _printed(node, name)
            yield from _logged(node)


def _imported(node: ast.Import | ast.ImportFrom, name: str) -> Iterator[tuple[int, str]]:
    modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else [one.name for one in node.names]
    for module in (one.partition(".")[0] for one in modules):
        if module in MODULES and not name.startswith(MAY.get(module, ("-",))):
            yield node.lineno, f"{module} chooses its own words; write a record (deuteron.logs)"


def _printed(node: ast.Call, name: str) -> Iterator[tuple[int, str]]:
    called = ast.unparse(node.func)
    if called in ("print", "sys.stdout.write", "sys.stderr.write"):
        yield node.lineno, f"{called}: only the command line prints, with click.echo"
    if called.startswith("click.echo") and not name.startswith(MAY["click.echo"]):
        yield node.lineno, "only the command line prints; write a record (deuteron.logs)"


def _logged(node: ast.Call) -> Iterator[tuple[int, str]]:
    if not isinstance(node.func, ast.Attribute):
        return
    if node.func.attr in OTHER_METHODS and _called(node.func.value) in LOGS:
        yield node.lineno, f"a log has one method, write; not {node.func.attr}"
    if node.func.attr != "write" or not (node.args and _is_event(node.args[0])):
        if node.func.attr == "write" and _called(node.func.value) in LOGS and not _names_event(node):
            yield node.lineno, "a record begins with an event of the catalogue"
        return
    event = Event.__members__.get(ast.unparse(node.args[0]).removeprefix("Event."))
    if event is None:
        yield node.lineno, f"{ast.unparse(node.args[0])} is not in the catalogue"
        return
    if len(node.args) > 1:
        yield node.lineno, "a record has an event and fields by name, nothing else"
    for keyword in node.keywords:
        yield from _given(keyword, event)


def _given(keyword: ast.keyword, event: Event) -> Iterator[tuple[int, str]]:
    line = keyword.value.lineno
    if keyword.arg is None:
        if _called(keyword.value) not in SPREADABLE:
            yield line, f"fields come by name, or from one of: {', '.join(sorted(SPREADABLE))}"
        return
    if keyword.arg not in EVENTS[event].fields:
        yield line, f"{event} has no field {keyword.arg}"
        return
    form = FIELDS[keyword.arg].form
    for node in ast.walk(keyword.value):
        problem = _makes_text(node)
        if problem and not (form is Form.REF and _within_reference(keyword.value, node)):
            yield line, f"{keyword.arg}: {problem}"


def _makes_text(node: ast.AST) -> str:
    """Why an expression may not be handed over; "" where it may."""
    if isinstance(node, ast.JoinedStr):
        return "an f-string; hand over a reference, a word or a number"
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod | ast.Add) and _has_text(node):
        return "text put together; hand over a reference, a word or a number"
    if isinstance(node, ast.Call) and _called(node.func) in MAKERS:
        return f"{_called(node.func)}() makes text of anything; hand over a reference, a word or a number"
    if isinstance(node, ast.Attribute) and node.attr in TELLING:
        return f".{node.attr} is a sentence or a name; hand over a reference"
    return ""


def _has_text(node: ast.BinOp) -> bool:
    sides = (node.left, node.right)
    return any(isinstance(one, ast.JoinedStr) or _is_text(one) for one in sides)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _within_reference(value: ast.AST, node: ast.AST) -> bool:
    """Whether an expression is an argument of ``Ref(...)`` or ``unit(...)``, which print nothing."""
    references = [
        one for one in ast.walk(value) if isinstance(one, ast.Call) and _called(one.func) in ("Ref", "unit")
    ]
    return any(node is inner for one in references for inner in ast.walk(one))


def _called(node: ast.AST) -> str:
    """The last word of a dotted name, or of what is called."""
    if isinstance(node, ast.Call):
        return _called(node.func)
    return ast.unparse(node).rpartition(".")[2]


def _is_event(node: ast.AST) -> bool:
    return ast.unparse(node).startswith("Event.")


def _names_event(node: ast.Call) -> bool:
    """Whether the event is in a variable of that name: one of several was chosen before."""
    return bool(node.args) and ast.unparse(node.args[0]) == "event"


def main() -> None:
    """Print the findings; status 1 where there are any."""
    files = sorted(SOURCE.rglob("*.py"))
    found = [
        one
        for file in files
        for one in findings(file.read_text(encoding="utf-8"), str(file.relative_to(SOURCE)))
    ]
    for one in found:
        print(one)
    if found:
        sys.exit(1)
    print(f"logs: {len(files)} files, nothing but events, words, numbers and references")


if __name__ == "__main__":
    main()
