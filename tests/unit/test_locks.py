"""One order of all locks, deadlines, and the checker that fails a session in which it is not kept."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from deuteron import locks
from deuteron.locks import Lock, LockTimeoutError, Namespaces, Rank
from tests.support.lock_order import LockOrder, find_cycle

ROOT = Path(__file__).parents[2]


def seen_while(*taken: Lock) -> LockOrder:
    order = LockOrder()
    with locks.observed(order):
        for lock in taken:
            lock.acquire()
        for lock in reversed(taken):
            lock.release()
    return order


def test_locks_in_their_order_are_fine() -> None:
    a, b = Lock(Rank.NAMESPACE, "a"), Lock(Rank.NAMESPACE, "b")
    assert seen_while(Lock(Rank.STATE, "x"), a, b, Lock(Rank.LIBRARY)).problems() == []


def test_a_lower_rank_under_a_higher_is_a_violation() -> None:
    (problem,) = seen_while(Lock(Rank.LIBRARY), Lock(Rank.NAMESPACE, "a")).problems()
    assert "NAMESPACE a was taken while LIBRARY was held" in problem


def test_two_of_one_rank_against_their_names_are_a_violation() -> None:
    (problem,) = seen_while(Lock(Rank.NAMESPACE, "b"), Lock(Rank.NAMESPACE, "a")).problems()
    assert "NAMESPACE a was taken while NAMESPACE b was held" in problem


def test_opposite_orders_in_two_tests_are_a_cycle_also_where_two_processes_saw_them() -> None:
    a, b = Lock(Rank.NAMESPACE, "a"), Lock(Rank.NAMESPACE, "b")
    one, other = seen_while(a, b), seen_while(b, a)
    assert not any("cycle" in problem for problem in one.problems() + other.problems())
    one.merge(other.part())
    assert any("a cycle" in problem for problem in one.problems())


def test_a_long_cycle_is_found_and_a_diamond_is_none() -> None:
    a, b, c, d = ((Rank.NAMESPACE, name) for name in "abcd")
    assert find_cycle({a: [b, c], b: [d], c: [d]}) is None
    assert find_cycle({a: [b], b: [c, d], c: [], d: [a]}) == [a, b, d, a]


def test_a_lock_that_is_not_given_back_is_given_up_after_its_deadline() -> None:
    lock = Lock(Rank.NAMESPACE, "net-x", deadline=0.05)
    lock.acquire()
    refused: list[str] = []

    def second() -> None:
        try:
            lock.acquire()
        except LockTimeoutError as error:
            refused.append(f"{error.code} {error.message}")

    thread = threading.Thread(target=second)
    thread.start()
    thread.join(10)
    lock.release()
    (sentence,) = refused
    assert sentence.startswith("lock-timeout the lock of namespace net-x was not free within 0.05 s")
    assert lock.acquire(timeout=0)
    assert not lock.acquire(blocking=False)
    lock.release()


def test_a_write_by_who_does_not_own_the_namespace_is_a_violation() -> None:
    order, owners = LockOrder(), Namespaces(["net-a", "net-b"])
    with locks.observed(order):
        locks.wrote(lambda: ["net-a"])  # by nobody who said that he owns anything
        with owners.owned(["net-a"]):
            locks.wrote(lambda: ["net-a", ""])
        assert order.problems() == []
        with owners.owned(["net-a"]):
            locks.wrote(lambda: ["net-b"])
    (problem,) = order.problems()
    assert "the namespace net-b was written to by who does not own it" in problem


def test_what_a_thread_does_for_another_counts_as_done_under_what_that_one_holds() -> None:
    order, library = LockOrder(), Lock(Rank.LIBRARY)

    def take() -> None:
        with Lock(Rank.NAMESPACE, "a"):
            pass

    with locks.observed(order), library:
        thread = threading.Thread(target=locks.on_behalf(take))
        thread.start()
        thread.join(10)
    assert any("NAMESPACE a was taken while LIBRARY was held" in problem for problem in order.problems())


CONFTEST = """
from tests.support import lock_order

def pytest_configure(config):
    config.pluginmanager.register(lock_order.Plugin())
"""
INVERTED = """
from deuteron.locks import Lock, Rank

def test_inverted():
    with Lock(Rank.{first}), Lock(Rank.{second}):
        pass
"""


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "xdist"])
@pytest.mark.parametrize(("first", "second", "status"), [("MEMORY", "LIBRARY", 0), ("LIBRARY", "MEMORY", 1)])
def test_a_session_with_an_inversion_fails_although_all_its_tests_pass(
    tmp_path: Path, workers: tuple[str, ...], first: str, second: str, status: int
) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_it.py").write_text(INVERTED.format(first=first, second=second))
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-c", "/dev/null", "--rootdir", str(tmp_path)),
            *("--basetemp", str(tmp_path / "base"), *workers, str(tmp_path)),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'src'}", "PATH": "/usr/bin:/bin"},
    )
    assert "1 passed" in done.stdout, done.stdout + done.stderr
    assert done.returncode == status, done.stdout
    assert ("lock order: " in done.stdout) == bool(status)
