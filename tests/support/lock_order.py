"""The order of locks, recorded while the tests run; the session fails where it is not kept.

Three things are looked for, on every thread of every test:

* a lock taken while one that comes later in the order is held;
* a cycle in the graph of what is taken while what is held, over the whole session: two tests
  that take two locks in different order are one deadlock that has not happened yet;
* a kernel write by an owner to a namespace whose lock it does not hold.

pytest-xdist's workers hand what they have seen to the controller, which judges all of it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any

import pytest

from deuteron import locks
from deuteron.locks import Place, Rank

#: Where a worker of pytest-xdist leaves its part.
KEY = "deuteron-lock-order"

_MOST_TOLD = 20


class LockOrder:
    """An observer of :mod:`deuteron.locks`."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        #: For each lock, those taken while it was held, with the test that did it first.
        self.edges: dict[Place, dict[Place, str]] = {}
        self.violations: list[str] = []
        self.test = ""

    def acquired(self, place: Place, held: tuple[Place, ...]) -> None:
        for earlier in held:
            if earlier >= place:
                self._violation(f"{_name(place)} was taken while {_name(earlier)} was held")
            if place not in self.edges.get(earlier, {}):
                with self._guard:
                    self.edges.setdefault(earlier, {}).setdefault(place, self.test)

    def released(self, place: Place) -> None:
        pass

    def wrote(self, namespaces: frozenset[str], held: tuple[Place, ...]) -> None:
        owned = {name for rank, name in held if rank is Rank.NAMESPACE}
        for name in sorted(namespaces - owned - {""}):
            self._violation(f"the namespace {name} was written to by who does not own it")

    def _violation(self, what: str) -> None:
        sentence = f"{self.test}: {what}"
        with self._guard:
            if sentence not in self.violations:
                self.violations.append(sentence)

    def part(self) -> dict[str, Any]:
        """What was seen, in plain values for the way between processes."""
        edges = [
            [[int(a[0]), a[1]], [int(b[0]), b[1]], test]
            for a, later in self.edges.items()
            for b, test in later.items()
        ]
        return {"edges": edges, "violations": list(self.violations)}

    def merge(self, part: Mapping[str, Any]) -> None:
        """Add what another process has seen."""
        for (rank, name), (later_rank, later), test in part["edges"]:
            self.edges.setdefault((Rank(rank), name), {}).setdefault((Rank(later_rank), later), test)
        self.violations += [one for one in part["violations"] if one not in self.violations]

    def problems(self) -> list[str]:
        """What is wrong, a line each."""
        found = self.violations[:_MOST_TOLD]
        if (cycle := find_cycle({place: on.keys() for place, on in self.edges.items()})) is not None:
            ways = [f"{_name(b)} under {_name(a)} in {self.edges[a][b]}" for a, b in pairwise(cycle)]
            found.append(f"a cycle: {'; '.join(ways)}")
        return found


def find_cycle(graph: Mapping[Place, Iterable[Place]]) -> list[Place] | None:
    """A way that ends where it began, or ``None``; one visit to each node."""
    finished: set[Place] = set()
    for root in graph:
        path: list[Place] = []
        stack: list[tuple[Place, bool]] = [(root, True)]
        while stack:
            place, entering = stack.pop()
            if not entering:
                finished.add(path.pop())
            elif place in path:
                return [*path[path.index(place) :], place]
            elif place not in finished:
                path.append(place)
                stack.append((place, False))
                stack += [(after, True) for after in graph.get(place, ())]
    return None


def _name(place: Place) -> str:
    rank, name = place
    return f"{rank.name} {name}".rstrip()


class Plugin:
    """Watches every lock from the first test to the last, and judges at the end."""

    def __init__(self) -> None:
        self.order = LockOrder()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Iterator[None]:
        with locks.observed(self.order):
            return (yield)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> None:
        self.order.test = item.nodeid

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """A worker of pytest-xdist is done: take over what it has seen."""
        part = getattr(node, "workeroutput", {}).get(KEY)
        if part is not None:
            self.order.merge(part)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        output = getattr(session.config, "workeroutput", None)
        if output is not None:  # in a worker of pytest-xdist: the controller judges
            output[KEY] = self.order.part()
        elif self.order.problems():
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for problem in self.order.problems():
            terminalreporter.write_line(f"lock order: {problem}", red=True)
