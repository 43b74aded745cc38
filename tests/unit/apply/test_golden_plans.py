"""Plans as people read them: every folder of tests/golden_plans is a case.

``current.yaml`` is applied to an empty host (it may be missing), then the plan to
``desired.yaml`` (nothing where it is missing) must read as ``plan.txt``, as a script as
``plan.sh``, and its undo as ``undo.txt``.  ``DEUTERON_WRITE_GOLDEN=1`` writes them anew.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deuteron.apply.engine import apply_plan, prepare, verify
from deuteron.apply.undo import undo_steps
from deuteron.compile import compile_host
from deuteron.inputs import load
from deuteron.objects import Wanted
from deuteron.reconcile import Plan
from deuteron.reconcile.render import line, render_text
from deuteron.reconcile.shell import render_shell
from tests.unit.apply.hosts import fake_host

FOLDERS = sorted(path for path in (Path(__file__).parents[2] / "golden_plans").iterdir() if path.is_dir())


def wanted_in(file: Path) -> Wanted:
    if not file.exists():
        return Wanted(units=())
    return compile_host(load(file).view)


def render_undo(plan: Plan) -> str:
    blocks = [[unit.title, *map(line, undo_steps(unit.steps))] for unit in plan.units]
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_plan_reads_as_written(folder: Path) -> None:
    current, desired = wanted_in(folder / "current.yaml"), wanted_in(folder / "desired.yaml")
    kernel = fake_host()
    apply_plan(kernel, prepare(kernel, current))
    assert verify(kernel, current).none
    prepared = prepare(kernel, desired, current)
    assert not prepared.refused
    plan = prepared.plan
    texts = {"plan.txt": render_text(plan), "plan.sh": render_shell(plan), "undo.txt": render_undo(plan)}
    for name, text in texts.items():
        if os.environ.get("DEUTERON_WRITE_GOLDEN"):
            (folder / name).write_text(text)
        assert text == (folder / name).read_text(), f"{folder.name}/{name}"
    assert apply_plan(kernel, prepared).ok
    assert verify(kernel, desired).none
