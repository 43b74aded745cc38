"""Every crossing of the edge, and every message of every batch, fails once, on the real kernel."""

from __future__ import annotations

import pytest

from tests.faults import on_linux
from tests.faults.cases import case_of
from tests.faults.operations import OPERATIONS, Operation

#: Which questions are refused; another one finds others.
SEED = 0


@pytest.mark.kernel
@pytest.mark.timeout(300)
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_whatever_the_kernel_refuses_every_unit_is_whole_and_the_next_attempt_gets_there(
    operation: Operation,
) -> None:
    row = on_linux.campaign(case_of(operation), seed=SEED)
    assert row.findings == ()
    assert row.injected > 0
