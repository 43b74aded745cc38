"""The order in which the tests are run."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.cli.command import ROOT
from tests.support.spread import LONG, spread


@given(st.lists(st.sampled_from([None, 0, 1, 2])), st.integers(1, 9))
def test_none_is_lost_and_each_worker_begins_with_its_share_of_the_long_ones(
    turns: list[int | None], workers: int
) -> None:
    items = list(enumerate(turns))
    found = spread(items, workers, lambda item: item[1])
    assert sorted(found, key=lambda item: item[0]) == items
    parts, at = [], 0
    for worker in range(workers):  # as xdist cuts them
        size = (len(items) - at) // (workers - worker)
        parts.append(found[at : at + size])
        at += size
    long = [sum(turn is not None for _, turn in part) for part in parts]
    room = min(map(len, parts))
    assert max(long) - min(long) <= 1 or min(long) >= room
    for part in parts:
        kinds = [turn is None for _, turn in part]
        assert kinds == sorted(kinds), "the long ones come first"


def test_the_files_of_the_long_tests_are_there() -> None:
    assert [path for path in LONG if not (ROOT / path).exists()] == []
