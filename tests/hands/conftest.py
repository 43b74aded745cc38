"""The scene of these tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.hands.grounds import Grounds, Scene


@pytest.fixture(scope="module")
def grounds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grounds]:
    made = Grounds(tmp_path_factory.mktemp("grounds"))
    yield made
    made.close()


@pytest.fixture
def scene(grounds: Grounds) -> Iterator[Scene]:
    """As it should be at the beginning of a test and, if that passes, at its end."""
    taken = grounds.take()
    yield taken
    grounds.give_back(taken)
