"""Every call to the database, to a file or a lock fails once."""

from __future__ import annotations

import pytest

from tests.faults import on_disk
from tests.faults.cases import case_of
from tests.faults.operations import OPERATIONS, Operation


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_whatever_the_disk_refuses_the_kernel_is_untouched_or_done(operation: Operation) -> None:
    row = on_disk.campaign(case_of(operation))
    assert row.findings == ()
    assert row.injected > 20
