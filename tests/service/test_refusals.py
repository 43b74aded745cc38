"""Refusals: each is defined once, so that a client and a handler meet one class of a name."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import deuteron


def names() -> Counter[str]:
    """The classes of the API's refusals, by how often the tree defines them."""
    root = Path(deuteron.__file__).parent
    classes = [
        node
        for part in ("resources", "service", "api", "identity", "feed")
        for path in (root / part).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
    ]
    bases = {one.name: {ast.unparse(base).rpartition(".")[2] for base in one.bases} for one in classes}
    refusals = {"Refusal"}
    while more := {name for name, of in bases.items() if of & refusals} - refusals:
        refusals |= more
    return Counter(one.name for one in classes if one.name in refusals)


def test_each_refusal_is_defined_once() -> None:
    found = names()
    assert found["NetworkNotFound"] == found["HTTPMethodNotAllowed"] == 1
    assert {name for name, count in found.items() if count > 1} == set()
