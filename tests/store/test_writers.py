"""Many writers: one commit for many, nothing lost that was answered, nothing half, after kill -9."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from deuteron import edge
from deuteron.domain.ipam import number
from deuteron.resources import RESOURCES
from deuteron.store.store import Store, StoreError, Unit
from tests.store.world import NETWORKS, PORTS, ROUTERS, base, listed, network, plug, router, uid, wrote

WRITERS = 16

#: Sixteen writers that tell each answer on standard output, until they are killed.
PROGRAM = """
import asyncio, os, sys
from tests.store.world import ROUTERS, Store, plug, router, uid

store = Store("sqlite:///" + sys.argv[1])

def work(unit, number):
    unit.insert(ROUTERS, router(number, tags=("whole",)))
    plug(unit, number, device_id=uid(4, number), device_owner="network:router_interface")
    if number % 7 == 0:
        raise LookupError("refused")

async def client(which):
    for turn in range(100000):
        number = 1 + which + turn * 16
        try:
            await store.write(lambda unit: work(unit, number))
        except LookupError:
            continue
        os.write(1, b"%d\\n" % number)

async def main():
    await asyncio.gather(*(client(which) for which in range(16)))

asyncio.run(main())
"""


def test_units_that_wait_together_share_a_commit(store: Store) -> None:
    gate = threading.Event()

    async def scene() -> int:
        async def one(n: int) -> None:
            await store.write(lambda unit: unit.insert(NETWORKS, network(n)))

        blocked = asyncio.ensure_future(store.write(lambda _: gate.wait(60)))
        await asyncio.sleep(0)
        before = store.commits
        others = [asyncio.ensure_future(one(n)) for n in range(1, 65)]
        await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(blocked, *others)
        return store.commits - before

    assert asyncio.run(scene()) <= 2
    assert len(listed(store, NETWORKS)) == 64


class _Lost:
    """The disk that fails at the n-th commit."""

    def __init__(self) -> None:
        self.failing = True

    def before(self, verb: str) -> None:
        if verb == "sqlite.commit" and self.failing:
            self.failing = False
            raise OSError(5, "the disk is gone")

    def after(self, verb: str) -> None:
        """Nothing is lost afterwards."""

    def spoiled(self, verb: str, count: int) -> tuple[int, int] | None:
        return None


def test_a_commit_that_fails_is_told_to_every_unit_in_it_and_keeps_none(store: Store) -> None:
    base(store)
    revision = store.revision

    async def scene() -> list[object]:
        works = [store.write(lambda unit, n=n: plug(unit, n)) for n in range(1, 5)]  # type: ignore[misc]  # bound
        return await asyncio.gather(*works, return_exceptions=True)

    guard = _Lost()
    with edge.guarded(guard):
        answers = asyncio.run(scene())

    failed = [one for one in answers if isinstance(one, OSError | StoreError)]
    assert failed
    assert not guard.failing
    kept = {one.id for one in listed(store)}
    assert kept == {one.id for one in answers if not isinstance(one, BaseException)}  # type: ignore[attr-defined]  # ports
    assert store.revision == revision + len(kept)
    wrote(store, lambda unit: plug(unit, 9))


def test_closing_answers_what_is_queued(tmp_path: Path) -> None:
    made = Store(f"sqlite:///{tmp_path / 'api.db'}")

    async def scene() -> None:
        works = [
            asyncio.ensure_future(made.write(lambda unit, n=n: unit.insert(NETWORKS, network(n))))  # type: ignore[misc]  # bound
            for n in range(1, 33)
        ]
        await asyncio.sleep(0)
        await asyncio.to_thread(made.close)
        await asyncio.gather(*works)

    asyncio.run(scene())
    again = Store(f"sqlite:///{tmp_path / 'api.db'}")
    assert len(listed(again, NETWORKS)) == 32
    again.close()


@pytest.mark.parametrize("answers", [1, 60, 300])
def test_what_was_answered_is_there_after_kill_9_and_nothing_half(tmp_path: Path, answers: int) -> None:
    path = tmp_path / "api.db"
    first = Store(f"sqlite:///{path}")
    base(first, "10.0.0.0/16")
    first.close()
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(path)],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": "."},
    ) as child:
        assert child.stdout is not None
        told = [int(child.stdout.readline()) for _ in range(answers)]
        child.send_signal(signal.SIGKILL)
        told += [int(line) for line in child.stdout.read().splitlines(keepends=True) if line.endswith(b"\n")]

    again = Store(f"sqlite:///{path}")
    try:
        routers = {one.id: one for one in listed(again, ROUTERS)}
        ports = listed(again)
        assert {uid(4, n) for n in told} <= set(routers), "answered, and gone"
        assert {one.device_id for one in ports} == set(routers), "half of a unit"
        assert all(one.tags == ("whole",) for one in routers.values())
        assert not any(int(one[-12:], 16) % 7 == 0 for one in routers), "a refused unit was kept"
        _whole(again, len(ports))
        assert again.revision == 2 + 2 * len(ports), "each change has its revision"
        wrote(again, lambda unit: plug(unit, 999_999))
    finally:
        again.close()


def _whole(store: Store, ports: int) -> None:
    """The file is sound, and what is free and what is taken make the pool."""
    db = store._db._raw
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    free = sum(
        number(last) - number(first) + 1 for first, last in db.execute("SELECT first, last FROM free_ranges")
    )
    assert free + ports == (1 << 16) - 2


def test_a_writer_and_readers_do_not_wait_for_each_other(store: Store) -> None:
    base(store)
    gate = threading.Event()

    async def scene() -> int:
        def slow(unit: Unit) -> None:
            unit.insert(ROUTERS, router())
            assert gate.wait(60)

        writing = asyncio.ensure_future(store.write(slow))
        await asyncio.sleep(0)
        seen = await asyncio.wait_for(store.read(lambda unit: len(unit.find(RESOURCES["networks"]))), 30)
        gate.set()
        await writing
        return seen

    assert asyncio.run(scene()) == 1
    assert PORTS.collection == "ports"
