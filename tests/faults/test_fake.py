"""Every step of every operation fails once, on the fake kernel."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from deuteron.apply import attempt, undo
from deuteron.kernel.protocol import Kernel
from deuteron.objects import Step
from tests.faults import on_fake
from tests.faults.cases import case_of
from tests.faults.operations import OPERATIONS, Operation

BY_NAME = {operation.name: operation for operation in OPERATIONS}


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_whatever_step_fails_every_unit_is_whole_and_the_next_attempt_gets_there(
    operation: Operation,
) -> None:
    row = on_fake.campaign(case_of(operation))
    assert row.findings == ()
    assert row.injected >= 8 * row.steps > 0


@pytest.mark.parametrize(
    ("name", "broken"),
    [("create port", "inverses"), ("delete port", "inverses"), ("destroy, centralised", "lost answers")],
)
def test_an_undo_that_forgets_something_is_found(
    name: str, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The campaign itself: without the look after an undo, an inverse less or a lost answer is found."""

    def believe(*_args: object, **_options: object) -> tuple[str, ...]:
        return ()

    def all_but_one(kernel: Kernel, done: Sequence[Step]) -> tuple[str, ...]:
        return undo.take_back(kernel, done[1:])

    monkeypatch.setattr(attempt, "restore", believe)
    if broken == "inverses":
        monkeypatch.setattr(attempt, "take_back", all_but_one)
    else:
        monkeypatch.setattr(attempt, "take_back", believe)
    row = on_fake.campaign(case_of(BY_NAME[name]))
    assert row.unequal > 0
