"""One fork server for all tests of a worker, a furnished host for each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.place import Place
from tests.crash.process import Program
from tests.support.sandbox import Host


@pytest.fixture(scope="session")
def program() -> Iterator[Program]:
    with Program() as running:
        yield running


@pytest.fixture
def place(host: Host, program: Program, tmp_path: Path) -> Place:
    """A host with a provider bridge and instances, where nothing has been applied."""
    made = Place(host, program, tmp_path)
    made.furnish()
    return made
