"""What the verbs of the engine have in common: reading the input, opening the kernel and the state."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from deuteron.agent.change import Changed, change, wanted_before
from deuteron.apply import Prepared, Reporter
from deuteron.apply.result import Silent
from deuteron.cli.records import Records, records_for
from deuteron.cli.settings import check_now, settings, state_path
from deuteron.domain import HostView
from deuteron.errors import HostError
from deuteron.inputs import Loaded, load
from deuteron.inputs.allocate import Allocations
from deuteron.inputs.overrides import read_overrides
from deuteron.kernel.linux import LinuxKernel, probe
from deuteron.kernel.linux.announce import Announcer
from deuteron.kernel.linux.privileged import Privileged
from deuteron.objects import Wanted
from deuteron.state import State
from deuteron.state.host import RUN_DIR, Claim, claim
from deuteron.state.journal import Target

#: Seconds after the first at which a command that is about to end announces an address again:
#: a frame that was lost while the bridge learned its ports is made good, and nobody waits long.
ONE_SHOT_REPEATS: Final = (0.1, 0.3)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """Which input to read, and how."""

    file: Path
    host: str | None = None
    external_bridges: Sequence[str] = ()
    policy: Path | None = None


def read(request: Request, allocations: Allocations) -> Loaded:
    """The input as a view; earlier allocations are kept.

    Raises:
        InputError: the file is not acceptable.
    """
    known = settings()
    policy = request.policy or known.policy
    return load(
        request.file,
        host=request.host or known.host,
        external_bridges=request.external_bridges,
        default_bridges=known.external_bridges,
        allocations=allocations,
        overrides=() if policy is None else read_overrides(policy),
    )


@contextmanager
def real_kernel() -> Iterator[LinuxKernel]:
    """This host's kernel, once it is known to have what we need.

    Raises:
        HostError: a privilege or a feature is missing.
    """
    probe.probe()
    kernel = LinuxKernel()
    try:
        yield kernel
    finally:
        kernel.close()


class Session(NamedTuple):
    """All that a verb needs that writes: the kernel, the state directory and the host held for it.

    Attributes:
        kernels: one for each worker; the first one looks.
        records: tell the log of each change.
    """

    kernels: tuple[LinuxKernel, ...]
    state: State
    claim: Claim
    records: Records

    def change(
        self,
        target: Target,
        wanted: Wanted,
        *,
        reporter: Callable[[Prepared], Reporter] = lambda _prepared: Silent(),
        planned: Callable[[], Prepared] | None = None,
        whole: bool = True,
        confirm: bool = True,
    ) -> Changed:
        """See :func:`deuteron.agent.change.change`.

        The host is this state directory's from the first write, and nobody's when nothing is left.
        """

        def run(reporter: Callable[[Prepared], Reporter]) -> Changed:
            return change(
                self.kernels,
                self.state,
                target,
                wanted,
                reporter=reporter,
                begun=self.claim.hold,
                rulesets=self.kernels[0].rulesets,
                planned=planned,
                whole=whole,
                confirm=confirm,
            )

        changed = self.records.around(target, reporter, run)
        if target.view is None and changed.result.ok and not self.state.intents():
            self.claim.release()
        return changed

    def drain(self) -> None:
        """Wait until every announcement has been repeated."""
        for kernel in self.kernels:
            kernel.drain()


@contextmanager
def opened(
    state_dir: Path | None,
    parallel: int = 1,
    *,
    take_over: bool = False,
    privileged: Privileged | None = None,
) -> Iterator[Session]:
    """The kernel, the state directory held against every other apply, and the host likewise.

    Args:
        state_dir: the one that was named, if any.
        parallel: how many workers.
        take_over: make the host this directory's, whosever it was.
        privileged: does what this process, being confined, may not do.

    Raises:
        HostError: a privilege or a feature is missing, the directory is in use or unusable
            (``state-locked``, ...), or so is the host (``host-locked``, ``host-taken``).
    """
    probe.probe()
    with (
        State(state_path(state_dir)) as state,
        state.locked(),
        claim(RUN_DIR, state.id, state.path, take_over=take_over) as held,
        ExitStack() as stack,
    ):
        check_now(state.path)
        rulesets = state.rulesets()
        kernels: list[LinuxKernel] = []
        for _ in range(parallel):
            announcer = Announcer(repeats=ONE_SHOT_REPEATS)
            kernels.append(LinuxKernel(announcer=announcer, rulesets=rulesets, privileged=privileged))
            stack.callback(kernels[-1].close)
        records = records_for(state.path)
        stack.callback(records.close)
        yield Session(tuple(kernels), state, held, records)


@contextmanager
def known_state(state_dir: Path | None) -> Iterator[State | None]:
    """What earlier applies left, ``None`` where there is nothing; nothing is made.

    Raises:
        HostError: it cannot be read.
    """
    path = state_path(state_dir)
    try:
        there = (path / "state.sqlite").exists()
    except OSError as error:
        message = (
            f"the state directory {path} cannot be read ({error.strerror});"
            " run as its owner, or use another --state-dir"
        )
        raise HostError("state-unusable", message) from error
    if not there:
        yield None
        return
    with State(path) as state:
        yield state


def known_allocations(state_dir: Path | None) -> Allocations:
    """What earlier applies allocated."""
    with known_state(state_dir) as state:
        return Allocations() if state is None else state.allocations()


def committed_view(state_dir: Path | None) -> HostView:
    """What was applied last.

    Raises:
        HostError: ``nothing-applied``.
    """
    with known_state(state_dir) as state:
        view = None if state is None else state.committed()
    if view is None:
        raise nothing_applied(state_path(state_dir))
    return view


def nothing_applied(path: Path) -> HostError:
    """The error where something is asked of a state directory that knows of no apply."""
    return HostError(
        "nothing-applied",
        f"nothing has been applied with the state directory {path}; apply a file first"
        " (deuteron apply FILE), or name another --state-dir",
    )


def earlier_wanted(state: State | None, view: HostView | None = None) -> tuple[Wanted, ...]:
    """What was wanted before, for a look that sees all of it.

    Args:
        state: the state directory, ``None`` where there is none yet.
        view: what is wanted now; where it is what was wanted before there is nothing earlier to see.
    """
    return () if state is None else wanted_before(state, view)
