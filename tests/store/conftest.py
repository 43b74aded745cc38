from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from deuteron.store.store import Store

#: 2026-11-23T12:00:00Z
NOW = 1795435200.0


@pytest.fixture(scope="session")
def new_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with nothing in it, made once: the steps of the schema take longer than most tests."""
    path = tmp_path_factory.mktemp("store") / "new.db"
    Store(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def store(tmp_path: Path, new_file: Path) -> Iterator[Store]:
    """A store of the test's own, on the disk."""
    shutil.copy(new_file, tmp_path / "api.db")
    made = Store(f"sqlite:///{tmp_path / 'api.db'}", clock=lambda: NOW)
    yield made
    made.close()
