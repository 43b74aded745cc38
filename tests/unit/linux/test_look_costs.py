"""What a look at thousands of namespaces must not cost."""

from __future__ import annotations

import os
import weakref
from pathlib import Path
from typing import Any, Final

import pytest

from deuteron.kernel.linux.nft import NftListing, pack, unpack
from deuteron.kernel.linux.sysctl import Parameters
from deuteron.kernel.linux.worker import Worker
from deuteron.objects import NftElement, NftTable
from tests.unit.apply.hosts import wanted_of
from tests.unit.compile.world import distributed


class Answer:
    """Something large."""


def test_the_worker_keeps_nothing_of_what_it_has_answered() -> None:
    worker = Worker()
    try:
        answer = worker.call(Answer)
        kept = weakref.ref(answer)
        del answer
        worker.call(lambda: None)  # the first is over by then
        assert kept() is None
        last = weakref.ref(worker.call(Answer))
        for _ in range(1000):
            if last() is None:
                break
            os.sched_yield()
        assert last() is None, "it is kept until the next job"
    finally:
        worker.close()


def test_a_directory_of_parameters_is_looked_up_once_for_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    real = os.open

    def counting(path: Any, *rest: Any, **more: Any) -> int:
        opened.append(str(path))
        return real(path, *rest, **more)

    parameters = Parameters()
    parameters.enter("")
    monkeypatch.setattr(os, "open", counting)
    try:
        paths = [f"net/ipv4/conf/{which}/{name}" for which in ("all", "default") for name in _NAMES]
        assert all(parameters.read(path) is not None for path in paths)
        assert [path for path in opened if path.startswith("net")] == ["net/ipv4"]
        before = _open()
        parameters.enter("", 1)
        assert _open() == before - 1, "it is closed with the visit"
        assert parameters.read("net/ipv4/no_such_thing") is None
        assert parameters.read("net/no_such_directory/at_all") is None
    finally:
        parameters.close()


def _open() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


_NAMES: Final = (
    "forwarding",
    "rp_filter",
    "arp_announce",
    "arp_ignore",
    "accept_redirects",
    "send_redirects",
)


def test_a_packed_listing_is_the_same_and_small() -> None:
    things = [thing for unit in wanted_of(distributed()).units for thing in unit.objects]
    tables = [one for one in things if isinstance(one, NftTable)]
    elements = tuple(one for one in things if isinstance(one, NftElement))
    for table in tables:
        listing = NftListing(table=table, elements=elements, foreign=("ip nat",))
        assert unpack(pack(listing)) == listing
        assert len(pack(listing)) < len(repr(listing)) / 3
    assert tables
