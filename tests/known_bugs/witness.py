"""A plugin of pytest that writes down what was tested and why tests were red, for the process outside."""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

#: Names the file to write to.
VARIABLE = "DEUTERON_TEST_WITNESS"

_seen: dict[str, Any] = {"passed": [], "red": []}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed and call.excinfo is not None:
        kinds = [kind.__name__ for kind in call.excinfo.type.__mro__]
        _seen["red"].append({"test": item.nodeid, "kinds": kinds, "what": str(call.excinfo.value)[:2000]})
    elif report.passed and report.when == "call":
        _seen["passed"].append(item.nodeid)
    return report


def pytest_unconfigure() -> None:
    import deuteron

    _seen["package"] = deuteron.__file__
    Path(os.environ[VARIABLE]).write_text(json.dumps(_seen))
