"""Every call to the database, to a file or a lock fails once; the kernel is the fake."""

from __future__ import annotations

import errno
import pickle
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from shutil import copytree, rmtree
from typing import Final

from deuteron import edge
from deuteron.errors import DeuteronError
from deuteron.kernel.fake import FakeKernel
from deuteron.state.host import claim
from tests.faults.campaign import Row, Tally, scratch
from tests.faults.cases import Case, differs
from tests.faults.checks import settled
from tests.faults.faults import Fault, NthCrossing
from tests.faults.on_fake import host
from tests.faults.road import Attempt, attempt, open_state, steps_to

#: What a disk and its file system answer.
_ERRNOS: Final = (errno.EIO, errno.ENOSPC, errno.EROFS, errno.EACCES)

#: No operation has so many calls.
_MOST: Final = 1000


def _of_disk(verb: str) -> bool:
    return verb.startswith(("sqlite.", "file.", "lock."))


class DiskCampaign:
    """One operation, with a disk that fails.

    Args:
        folder: for state directories and what is below ``/run``.
    """

    def __init__(self, case: Case, folder: Path) -> None:
        self._case = case
        self._folder = folder
        kernel = host()
        made = self._process(folder / "prepared", kernel, case, back=True)
        assert made.ok, made.told
        self._prepared = pickle.dumps(kernel)
        self._before = kernel.snapshot()
        self._tally = Tally(case.operation.name, "disk", steps_to(kernel, case.after))
        made = self._process(self._fresh(-1), kernel, case)
        assert made.ok, made.told
        self._after = kernel.snapshot()

    def run(self) -> Row:
        """The n-th call refused, and done with its answer lost, until the operation ends untouched."""
        for at in count():
            assert at < _MOST, "it never ends"
            struck = self._inject(Fault(at=at, errno=_ERRNOS[at % len(_ERRNOS)]))
            if not struck:
                return self._tally.row
            self._inject(Fault(at=at, errno=errno.ETIMEDOUT, lost=True))
        raise AssertionError

    def _fresh(self, number: int) -> Path:
        """State directory and ``/run`` as they were before the operation."""
        path = self._folder / str(number)
        rmtree(path, ignore_errors=True)
        copytree(self._folder / "prepared", path)
        return path

    @staticmethod
    def _process(folder: Path, kernel: FakeKernel, case: Case, *, back: bool = False) -> Attempt:
        """What a command does, from its start to its end."""
        with (
            open_state(folder / "state") as state,
            state.locked(),
            claim(folder / "run", state.id, state.path),
        ):
            return attempt(kernel, state, case.before if back else case.after)

    def _inject(self, fault: Fault) -> str:
        kernel: FakeKernel = pickle.loads(self._prepared)
        written = len(kernel.log)
        folder = self._fresh(fault.at)
        guard = NthCrossing(fault, _of_disk)
        error: DeuteronError | None
        with edge.guarded(guard):
            try:
                came = self._process(folder, kernel, self._case)
            except DeuteronError as raised:
                error = raised
            else:
                error = came.error
        if guard.struck:
            wrong = [*self._between(kernel, error, untouched=len(kernel.log) == written)]
            wrong += self._mended(folder, kernel)
            self._tally.note(f"{fault} at {guard.struck}", leaks=[], unequal=wrong)
        rmtree(folder)
        return guard.struck

    def _between(self, kernel: FakeKernel, error: DeuteronError | None, *, untouched: bool) -> Iterator[str]:
        """All of it is done, and recorded or told to be not; or none of it, and not a step was run."""
        now = kernel.snapshot()
        if untouched:
            yield from differs("untouched, and yet", now, self._before)
            if error is None and self._before != self._after:
                yield "nothing was done, and no error told"
        else:
            yield from differs("done, and yet", now, self._after)

    def _mended(self, folder: Path, kernel: FakeKernel) -> Iterator[str]:
        try:
            again = self._process(folder, kernel, self._case)
        except DeuteronError as error:
            yield f"trying again: {error.code}, {error.message}"
            return
        if not again.ok:
            yield f"trying again: {again.told}"
        yield from differs("after trying again", kernel.snapshot(), self._after)
        with open_state(folder / "state") as state:
            yield from settled(state, self._case)


def campaign(case: Case) -> Row:
    """One operation, in a folder of its own."""
    with scratch() as folder:
        return DiskCampaign(case, folder).run()
