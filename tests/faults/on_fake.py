"""Every fault of every step on the fake kernel."""

from __future__ import annotations

import errno
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copytree, rmtree
from typing import Final

from deuteron.kernel.fake import FakeKernel
from deuteron.state.directory import State
from tests.faults.campaign import Row, Tally, scratch
from tests.faults.cases import DESTROY, Case, differs
from tests.faults.checks import Reference, honest, marked, settled, whole
from tests.faults.faults import ERRNOS, Fault
from tests.faults.operations import BRIDGE, INSTANCES
from tests.faults.road import attempt, open_state, steps_to

_EVER: Final = 1 << 30


def host() -> FakeKernel:
    """A host with the external bridge and the namespaces of the instances."""
    kernel = FakeKernel()
    kernel.add_host_bridge(BRIDGE)
    for name in INSTANCES:
        kernel.add_instance_netns(name)
    return kernel


class FakeCampaign:
    """One operation on the fake.

    Args:
        folder: for state directories, better not on a disk.
    """

    def __init__(self, case: Case, folder: Path) -> None:
        self._case = case
        self._folder = folder
        self._number = 0
        kernel = host()
        with open_state(folder / "prepared") as state:
            made = attempt(kernel, state, case.before)
            assert made.ok, made.told
        self._prepared = pickle.dumps(kernel)
        before = kernel.observe(case.look)
        steps = steps_to(kernel, case.after)
        with self._state() as state:
            made = attempt(kernel, state, case.after)
            assert made.ok, made.told
            assert not list(settled(state, case))
        self._reference = Reference(before=before, after=kernel.observe(case.look))
        self._tally = Tally(case.operation.name, "fake", steps)
        self._futures: dict[bytes, list[str]] = {}

    def run(self, *, undo: bool = True) -> Row:
        """Everything that can be refused or lost, once each.

        Args:
            undo: also with all further steps refused while it is taken back.
        """
        for fault in self._faults(undo=undo):
            self._inject(fault)
        return self._tally.row

    def _faults(self, *, undo: bool) -> Iterator[Fault]:
        for at in range(self._tally.row.steps):
            for number in ERRNOS:
                yield Fault(at=at, errno=number)
            yield Fault(at=at, errno=errno.ETIMEDOUT, lost=True)
            if undo:
                yield Fault(at=at, errno=ERRNOS[at % len(ERRNOS)], then=at % 3)

    def _kernel(self) -> FakeKernel:
        kernel: FakeKernel = pickle.loads(self._prepared)
        return kernel

    @contextmanager
    def _state(self) -> Iterator[State]:
        """A state directory that knows what is there."""
        path = self._folder / str(self._number)
        self._number += 1
        copytree(self._folder / "prepared", path)
        with open_state(path) as state:
            yield state
        rmtree(path)

    def _inject(self, fault: Fault) -> None:
        kernel = self._kernel()
        kernel.fail(fault.at, fault.errno, effect=fault.lost)
        if fault.then is not None:
            kernel.fail(fault.at + 1 + fault.then, fault.errno, times=_EVER)
        with self._state() as state:
            came = attempt(kernel, state, self._case.after)
            kernel.forgive()
            now = kernel.observe(self._case.look)
            leaks = list(marked(self._reference, now, came))
            unequal = [*whole(self._reference, now, came), *honest(came, state)]
            if came.ok:
                unequal.append("success is told, whatever was wrong")
            unequal += self._future(kernel, state)
        self._tally.note(fault, leaks=leaks, unequal=unequal)

    def _future(self, kernel: FakeKernel, state: State) -> list[str]:
        """Trying again gets there, once more writes nothing, and a destroy leaves nothing.

        Equal states have equal futures: each is tried once.
        """
        journal = state.pending(), state.intents(), state.committed()
        now = pickle.dumps((kernel.state, journal))
        if now not in self._futures:
            self._futures[now] = [*self._mended(kernel, state), *self._destroyed(kernel, state)]
        return self._futures[now]

    def _mended(self, kernel: FakeKernel, state: State) -> Iterator[str]:
        again = attempt(kernel, state, self._case.after)
        if not again.ok:
            yield f"trying again: {again.told}"
        now = kernel.observe(self._case.look)
        yield from differs("after trying again", now.objects, self._reference.after.objects)
        yield from marked(self._reference, now, again)
        yield from settled(state, self._case)
        written = len(kernel.log)
        once_more = attempt(kernel, state, self._case.after)
        if not once_more.ok or len(kernel.log) != written:
            yield f"once more runs {kernel.log[written:]} {once_more.told}"

    def _destroyed(self, kernel: FakeKernel, state: State) -> Iterator[str]:
        gone = attempt(kernel, state, DESTROY)
        if not gone.ok:
            yield f"destroy: {gone.told}"
        yield from differs("after destroy", kernel.snapshot(), host().snapshot())
        if state.committed() is not None or state.pending() is not None:
            yield "after destroy something is still wanted"


def campaign(case: Case) -> Row:
    """One operation, in a folder of its own."""
    with scratch() as folder:
        return FakeCampaign(case, folder).run()
