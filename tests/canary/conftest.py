from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.canary.room import Room
from tests.support.sandbox import Host


@pytest.fixture
def room(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    """A host and a folder with a file to apply in it, nothing applied."""
    folder = tmp_path / "room"
    folder.mkdir(mode=0o700)
    made = Room(host, folder, monkeypatch)
    made.write()
    yield made
    made.kernel.close()
