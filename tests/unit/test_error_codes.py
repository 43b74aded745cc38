"""``docs/errors.md`` and the code name the same errors."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
RAISERS = frozenset({"refuse", "_refuse", "InputError", "HostError", "KernelError", "FieldError"})
CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+|interrupted|defect")


def raised() -> set[str]:
    sources = (ROOT / "src").rglob("*.py")
    return {code for path in sources for code in codes(ast.parse(path.read_text(encoding="utf-8")))}


def codes(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        # The code of an error comes first; that of a unit's result is called so.
        places = node.args[:1] if name in RAISERS or name.endswith("Error") else []
        places += node.args[1:2] if name == "report" else []
        places += [keyword.value for keyword in node.keywords if keyword.arg == "code"]
        for one in (found for place in places for found in ast.walk(place)):
            if isinstance(one, ast.Constant) and isinstance(one.value, str) and CODE.fullmatch(one.value):
                yield one.value


def listed() -> list[str]:
    rows = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8").splitlines()
    return [match[1] for row in rows if (match := re.match(r"\| `([a-z0-9-]+)` \|", row))]


def test_every_code_that_is_raised_is_documented() -> None:
    assert raised() - set(listed()) == set()


def test_every_documented_code_is_raised() -> None:
    assert set(listed()) - raised() == set()


def test_a_code_is_documented_once() -> None:
    assert len(listed()) == len(set(listed()))
