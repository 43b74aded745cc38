from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.canary.room import Room, own_directories
from tests.support.sandbox import Host


@pytest.fixture
def room(host: Host, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    """A host and a folder with a file to apply in it, nothing applied."""
    with own_directories(), monkeypatch.context() as environment:
        made = Room(host, environment)
        made.write()
        yield made
        made.kernel.close()
