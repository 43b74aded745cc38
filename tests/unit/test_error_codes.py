"""``codes.toml``, ``docs/errors.md`` and the code name the same errors."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from deuteron.codes import codes as listed

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


def test_every_code_that_is_raised_is_documented() -> None:
    assert raised() - set(listed()) == set()


def test_every_documented_code_is_raised() -> None:
    assert set(listed()) - raised() == set()


def test_the_page_is_as_the_codes_are() -> None:
    check = [sys.executable, str(ROOT / "tools" / "errors_page.py"), "--check"]
    assert subprocess.run(check, capture_output=True, text=True, check=False).stderr == ""
    page = (ROOT / "docs" / "errors.md").read_text()
    assert [code for code in listed() if f"| `{code}` |" not in page] == []


def test_every_meaning_and_next_step_can_stand_in_a_log() -> None:
    # No place for a value: what a record says is the same for every tenant.
    assert [
        code for code, one in listed().items() if not (one.meaning and one.next) or "{" in one.meaning
    ] == []
